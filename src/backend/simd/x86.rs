//! The AVX-512 and AVX2 forms of a register.

use std::arch::x86_64::{
    __m256, __m256i, __m512, __mmask16, _CMP_LT_OQ, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_min_ps, _mm_min_ss,
    _mm_movehl_ps, _mm_shuffle_ps, _mm256_add_epi32, _mm256_add_ps, _mm256_andnot_ps, _mm256_blendv_ps,
    _mm256_castpd_ps, _mm256_castps_pd, _mm256_castps_si256, _mm256_castps256_ps128, _mm256_castsi256_ps,
    _mm256_cmp_ps, _mm256_cmpeq_epi32, _mm256_cmpgt_epi32, _mm256_div_ps, _mm256_extractf128_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_max_ps, _mm256_min_ps, _mm256_movemask_ps,
    _mm256_mul_ps, _mm256_permute2f128_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_slli_epi32,
    _mm256_sqrt_ps, _mm256_storeu_ps, _mm256_sub_ps, _mm256_unpackhi_pd, _mm256_unpackhi_ps, _mm256_unpacklo_pd,
    _mm256_unpacklo_ps, _mm512_abs_ps, _mm512_add_epi32, _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd,
    _mm512_castps_si512, _mm512_castps512_ps256, _mm512_castsi512_ps, _mm512_cmp_ps_mask, _mm512_cmpeq_epi32_mask,
    _mm512_div_ps, _mm512_extractf64x4_pd, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_blend_ps,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_shuffle_f32x4, _mm512_slli_epi32, _mm512_sqrt_ps, _mm512_storeu_ps, _mm512_sub_ps,
    _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::{Simd, Vector};

/// # Safety
/// The machine has AVX-512 F, AVX-512 VL and FMA.
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
pub(super) unsafe fn run_avx512<W: Simd>(work: W) -> W::Out {
    work.run::<__m512>()
}

/// # Safety
/// The machine has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run_avx2<W: Simd>(work: W) -> W::Out {
    work.run::<__m256>()
}

/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn if_less_256(a: __m256, b: __m256, yes: __m256, no: __m256) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b)) }
}

/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn if_less_512(a: __m512, b: __m512, yes: __m512, no: __m512) -> __m512 {
    // SAFETY: as the caller promises.
    unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), no, yes) }
}

/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn if_same_256(a: __m256, b: __m256, yes: __m256, no: __m256) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe {
        let same = _mm256_cmpeq_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b));
        _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(same))
    }
}

/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn if_same_512(a: __m512, b: __m512, yes: __m512, no: __m512) -> __m512 {
    // SAFETY: as the caller promises.
    unsafe { _mm512_mask_blend_ps(_mm512_cmpeq_epi32_mask(_mm512_castps_si512(a), _mm512_castps_si512(b)), no, yes) }
}

/// Lanes below `len` are all ones.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn lanes_256(len: usize) -> __m256i {
    // SAFETY: as the caller promises.
    unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(len as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
}

/// # Safety
/// The machine has AVX2; `x` holds at most 8 values.
#[inline(always)]
unsafe fn load_part_256(x: &[f32]) -> __m256 {
    // SAFETY: lanes beyond `x` are not touched.
    unsafe { _mm256_maskload_ps(x.as_ptr(), lanes_256(x.len())) }
}

/// # Safety
/// The machine has AVX2; `x` holds at most 8 values.
#[inline(always)]
unsafe fn store_part_256(v: __m256, x: &mut [f32]) {
    // SAFETY: lanes beyond `x` are not touched.
    unsafe { _mm256_maskstore_ps(x.as_mut_ptr(), lanes_256(x.len()), v) }
}

/// # Safety
/// The machine has AVX-512 F; `x` holds at most 16 values.
#[inline(always)]
unsafe fn load_part_512(x: &[f32]) -> __m512 {
    // SAFETY: lanes beyond `x` are not touched.
    unsafe { _mm512_maskz_loadu_ps(((1_u32 << x.len()) - 1) as __mmask16, x.as_ptr()) }
}

/// # Safety
/// The machine has AVX-512 F; `x` holds at most 16 values.
#[inline(always)]
unsafe fn store_part_512(v: __m512, x: &mut [f32]) {
    // SAFETY: lanes beyond `x` are not touched.
    unsafe { _mm512_mask_storeu_ps(x.as_mut_ptr(), ((1_u32 << x.len()) - 1) as __mmask16, v) }
}

/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn abs_256(a: __m256) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), a) }
}

/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn any_less_256(a: __m256, b: __m256) -> bool {
    // SAFETY: as the caller promises.
    unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b)) != 0 }
}

/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn any_less_512(a: __m512, b: __m512) -> bool {
    // SAFETY: as the caller promises.
    unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b) != 0 }
}

/// The upper half.
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn upper_512(a: __m512) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe { _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(a))) }
}

/// By halving, as [`Vector::sum`] says it.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn sum_256(a: __m256) -> f32 {
    // SAFETY: as the caller promises.
    unsafe {
        let four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn sum_512(a: __m512) -> f32 {
    // SAFETY: as the caller promises.
    unsafe { sum_256(_mm256_add_ps(_mm512_castps512_ps256(a), upper_512(a))) }
}

/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn lowest_256(a: __m256) -> f32 {
    // SAFETY: as the caller promises.
    unsafe {
        let four = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let two = _mm_min_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_min_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn lowest_512(a: __m512) -> f32 {
    // SAFETY: as the caller promises.
    unsafe { lowest_256(_mm256_min_ps(_mm512_castps512_ps256(a), upper_512(a))) }
}

/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn power_of_two_256(a: __m256) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe {
        let biased = _mm256_add_epi32(_mm256_castps_si256(a), _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
    }
}

/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn power_of_two_512(a: __m512) -> __m512 {
    // SAFETY: as the caller promises.
    unsafe {
        let biased = _mm512_add_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(127));
        _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
    }
}

/// In each 128 bits: the sums of the same 128 bits of four rows, in order.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn four_sums_256(r: &[__m256; 4]) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe {
        let first = _mm256_add_ps(_mm256_unpacklo_ps(r[0], r[1]), _mm256_unpackhi_ps(r[0], r[1]));
        let second = _mm256_add_ps(_mm256_unpacklo_ps(r[2], r[3]), _mm256_unpackhi_ps(r[2], r[3]));
        let (first, second) = (_mm256_castps_pd(first), _mm256_castps_pd(second));
        let (low, high) = (_mm256_unpacklo_pd(first, second), _mm256_unpackhi_pd(first, second));
        _mm256_add_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high))
    }
}

/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn sums_256(rows: &[__m256; 8]) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe {
        let a = four_sums_256(&[rows[0], rows[1], rows[2], rows[3]]);
        let b = four_sums_256(&[rows[4], rows[5], rows[6], rows[7]]);
        _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b))
    }
}

/// As [`four_sums_256`].
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn four_sums_512(r: &[__m512; 4]) -> __m512 {
    // SAFETY: as the caller promises.
    unsafe {
        let first = _mm512_add_ps(_mm512_unpacklo_ps(r[0], r[1]), _mm512_unpackhi_ps(r[0], r[1]));
        let second = _mm512_add_ps(_mm512_unpacklo_ps(r[2], r[3]), _mm512_unpackhi_ps(r[2], r[3]));
        let (first, second) = (_mm512_castps_pd(first), _mm512_castps_pd(second));
        let (low, high) = (_mm512_unpacklo_pd(first, second), _mm512_unpackhi_pd(first, second));
        _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high))
    }
}

/// The sums of neighbouring 128 bits: two of `a`, then two of `b`.
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn pairs_512(a: __m512, b: __m512) -> __m512 {
    // SAFETY: as the caller promises.
    unsafe { _mm512_add_ps(_mm512_shuffle_f32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b)) }
}

/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn sums_512(r: &[__m512; 16]) -> __m512 {
    // SAFETY: as the caller promises.
    unsafe {
        let a = four_sums_512(&[r[0], r[1], r[2], r[3]]);
        let b = four_sums_512(&[r[4], r[5], r[6], r[7]]);
        let c = four_sums_512(&[r[8], r[9], r[10], r[11]]);
        let d = four_sums_512(&[r[12], r[13], r[14], r[15]]);
        pairs_512(pairs_512(a, b), pairs_512(c, d))
    }
}

macro_rules! vector {
    ($ty:ty, $half:ty, $lanes:literal, $set1:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $fma:ident,
     $max:ident, $sqrt:ident, $if_less:ident, $if_same:ident, $load_part:ident, $store_part:ident, $min:ident, $abs:ident, $any_less:ident, $lowest:ident, $sum:ident, $power:ident, $sums:ident) => {
        // SAFETY (all functions): values of this type are only made inside `run_avx*`, where the instructions exist;
        // loads and stores check the slice's length first.
        impl Vector for $ty {
            const LANES: usize = $lanes;
            type Half = $half;
            #[inline(always)]
            fn splat(x: f32) -> Self {
                unsafe { $set1(x) }
            }
            #[inline(always)]
            fn load(x: &[f32]) -> Self {
                let x = &x[..$lanes];
                unsafe { $load(x.as_ptr()) }
            }
            #[inline(always)]
            fn store(self, x: &mut [f32]) {
                let x = &mut x[..$lanes];
                unsafe { $store(x.as_mut_ptr(), self) }
            }
            #[inline(always)]
            fn load_part(x: &[f32]) -> Self {
                assert!(x.len() <= $lanes, "at most one register");
                unsafe { $load_part(x) }
            }
            #[inline(always)]
            fn store_part(self, x: &mut [f32]) {
                assert!(x.len() <= $lanes, "at most one register");
                unsafe { $store_part(self, x) }
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                unsafe { $sub(self, other) }
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                unsafe { $mul(self, other) }
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                unsafe { $div(self, other) }
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                unsafe { $fma(self, factor, addend) }
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                unsafe { $max(self, other) }
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                unsafe { $sqrt(self) }
            }
            #[inline(always)]
            fn if_less(self, other: Self, yes: Self, no: Self) -> Self {
                unsafe { $if_less(self, other, yes, no) }
            }
            #[inline(always)]
            fn if_same(self, other: Self, yes: Self, no: Self) -> Self {
                unsafe { $if_same(self, other, yes, no) }
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                unsafe { $min(self, other) }
            }
            #[inline(always)]
            fn abs(self) -> Self {
                unsafe { $abs(self) }
            }
            #[inline(always)]
            fn any_less(self, other: Self) -> bool {
                unsafe { $any_less(self, other) }
            }
            #[inline(always)]
            fn lowest(self) -> f32 {
                unsafe { $lowest(self) }
            }
            #[inline(always)]
            fn sum(self) -> f32 {
                unsafe { $sum(self) }
            }
            #[inline(always)]
            fn power_of_two(self) -> Self {
                unsafe { $power(self) }
            }
            #[inline(always)]
            fn sums(rows: &[Self]) -> Self {
                let Some(rows) = rows.first_chunk::<$lanes>() else {
                    panic!("as many rows as lanes, got {}", rows.len());
                };
                unsafe { $sums(rows) }
            }
        }
    };
}

vector!(
    __m256,
    Self,
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_div_ps,
    _mm256_fmadd_ps,
    _mm256_max_ps,
    _mm256_sqrt_ps,
    if_less_256,
    if_same_256,
    load_part_256,
    store_part_256,
    _mm256_min_ps,
    abs_256,
    any_less_256,
    lowest_256,
    sum_256,
    power_of_two_256,
    sums_256
);
vector!(
    __m512,
    __m256,
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_div_ps,
    _mm512_fmadd_ps,
    _mm512_max_ps,
    _mm512_sqrt_ps,
    if_less_512,
    if_same_512,
    load_part_512,
    store_part_512,
    _mm512_min_ps,
    _mm512_abs_ps,
    any_less_512,
    lowest_512,
    sum_512,
    power_of_two_512,
    sums_512
);
