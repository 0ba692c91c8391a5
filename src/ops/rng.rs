//! The counter-based generator of the kernels: the same (seed, stream, step, index) gives the same 32 bits on every
//! device, in any order and on any number of threads. `shaders/common/rng.wgsl` is the WGSL twin.
//!
//! The hash is PCG-RXS-M-XS-32 (Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020), nested over
//! the four words.

/// One round of the hash.
#[inline(always)]
pub const fn pcg_hash(x: u32) -> u32 {
    let state = x.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let word = ((state >> ((state >> 28) + 4)) ^ state).wrapping_mul(277_803_737);
    (word >> 22) ^ word
}

/// 32 bits for one place: `stream` tells layers apart, `step` steps, `index` elements.
#[inline(always)]
pub const fn counter_bits(seed: u32, stream: u32, step: u32, index: u32) -> u32 {
    pcg_hash(index ^ pcg_hash(step ^ pcg_hash(stream ^ pcg_hash(seed))))
}

#[cfg(test)]
mod tests {
    use super::counter_bits;

    #[test]
    fn e7_counter_bits_are_fair_and_streams_differ() {
        let n = 100_000;
        for (stream, step) in [(0, 0), (0, 1), (1, 0), (7, 123)] {
            let mean = (0..n).map(|i| f64::from(counter_bits(42, stream, step, i))).sum::<f64>() / f64::from(n);
            let expected = f64::from(u32::MAX) / 2.0;
            assert!((mean / expected - 1.0).abs() < 0.01, "stream {stream}, step {step}: mean {mean}");
        }
        let same = (0..n).filter(|&i| counter_bits(1, 0, 0, i) >> 31 == counter_bits(1, 1, 0, i) >> 31).count();
        assert!((same as f64 / f64::from(n) - 0.5).abs() < 0.01, "streams agree on {same} of {n} leading bits");
    }
}
