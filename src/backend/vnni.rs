//! AVX-512 VNNI: products of bytes, four to a lane and instruction.

/// Whether this machine has what searches by bytes are compiled for.
#[cfg(target_arch = "x86_64")]
pub fn present() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("fma")
}

/// Whether this machine has what searches by bytes are compiled for.
#[cfg(not(target_arch = "x86_64"))]
pub fn present() -> bool {
    false
}
