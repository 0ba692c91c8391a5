//! SIMD chosen at run time.
//!
//! A kernel's inner code is written once, generic over [`Vector`], inside a value that implements [`Simd`]; a
//! [`SimdLevel`] runs it compiled for that level. The pattern is known from the crate `pulp`; only what the kernels
//! here need is written down.

use std::fmt;

/// The instruction sets that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SimdLevel {
    /// Arrays of eight floats: whatever the compiler makes of them for the target's baseline.
    Portable,
    /// AVX2 with FMA, eight floats a register.
    Avx2,
    /// AVX-512 F and VL, sixteen floats a register.
    Avx512,
}

impl SimdLevel {
    /// Every level, the lowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The best level that this machine has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("fma")
            {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// Its name in `NIGHTLOOM_SIMD` and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// Runs `work` compiled for this level.
    ///
    /// A level is only ever made by [`SimdLevel::detect`] or checked against it (`Cpu::new`), so the instructions are
    /// there; on a machine that lacks them the portable form runs.
    #[inline]
    pub fn run<W: Simd>(self, work: W) -> W::Out {
        #[cfg(target_arch = "x86_64")]
        {
            let best = best_level();
            if self == Self::Avx512 && best >= Self::Avx512 {
                // SAFETY: AVX-512 F, AVX-512 VL and FMA were found on this machine.
                return unsafe { x86::run_avx512(work) };
            }
            if self >= Self::Avx2 && best >= Self::Avx2 {
                // SAFETY: AVX2 and FMA were found on this machine.
                return unsafe { x86::run_avx2(work) };
            }
        }
        work.run::<[f32; 8]>()
    }
}

/// [`SimdLevel::detect`], asked once.
#[cfg(target_arch = "x86_64")]
fn best_level() -> SimdLevel {
    static BEST: std::sync::OnceLock<SimdLevel> = std::sync::OnceLock::new();
    *BEST.get_or_init(SimdLevel::detect)
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Work written once for every level. `run` must be `#[inline(always)]`, or the level's instructions are not used.
pub trait Simd {
    /// What it returns.
    type Out;
    /// The work with vectors of type `V`.
    fn run<V: Vector>(self) -> Self::Out;
}

/// A register of f32 values.
pub trait Vector: Copy {
    /// Values a register.
    const LANES: usize;
    /// Eight lanes at the same level: the type itself unless it has sixteen.
    type Half: Vector;
    /// All lanes `x`.
    fn splat(x: f32) -> Self;
    /// The first `LANES` values of `x`, which must hold as many.
    fn load(x: &[f32]) -> Self;
    /// Stores to the first `LANES` values of `x`, which must hold as many.
    fn store(self, x: &mut [f32]);
    /// Loads `x.len()` values, at most `LANES`; the other lanes are 0.
    #[inline(always)]
    fn load_part(x: &[f32]) -> Self {
        let mut all = [0.0; 16];
        all[..x.len()].copy_from_slice(x);
        Self::load(&all)
    }
    /// Stores the first `x.len()` lanes.
    #[inline(always)]
    fn store_part(self, x: &mut [f32]) {
        let mut all = [0.0; 16];
        self.store(&mut all);
        let n = x.len();
        x.copy_from_slice(&all[..n]);
    }
    /// Lane by lane sum.
    #[must_use]
    fn add(self, other: Self) -> Self;
    /// Lane by lane difference.
    #[must_use]
    fn sub(self, other: Self) -> Self;
    /// Lane by lane product.
    #[must_use]
    fn mul(self, other: Self) -> Self;
    /// Lane by lane quotient.
    #[must_use]
    fn div(self, other: Self) -> Self;
    /// `self * factor + addend`, in one rounding where the level has FMA.
    #[must_use]
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// Lane by lane maximum.
    #[must_use]
    fn max(self, other: Self) -> Self;
    /// Lane by lane minimum; `other` where either is a NaN.
    #[must_use]
    fn min(self, other: Self) -> Self;
    /// Lane by lane magnitude.
    #[must_use]
    fn abs(self) -> Self;
    /// Lane by lane square root.
    #[must_use]
    fn sqrt(self) -> Self;
    /// Lane by lane: `yes` where `self < other`, else `no`. A NaN is never less.
    #[must_use]
    fn if_less(self, other: Self, yes: Self, no: Self) -> Self;
    /// Lane by lane: `yes` where the bits of `self` and `other` are the same, else `no`. For words that are no floats.
    #[must_use]
    fn if_same(self, other: Self, yes: Self, no: Self) -> Self;
    /// Whether `self < other` in any lane. A NaN is never less.
    fn any_less(self, other: Self) -> bool;
    /// The smallest lane; no lane may be a NaN.
    fn lowest(self) -> f32;
    /// The sum of the lanes, in a fixed order.
    #[inline(always)]
    fn sum(self) -> f32 {
        let mut all = [0.0; 16];
        self.store(&mut all);
        let mut width = Self::LANES / 2;
        while width > 0 {
            for i in 0..width {
                all[i] += all[i + width];
            }
            width /= 2;
        }
        all[0]
    }
}

impl Vector for [f32; 8] {
    const LANES: usize = 8;
    type Half = Self;
    #[inline(always)]
    fn splat(x: f32) -> Self {
        [x; 8]
    }
    #[inline(always)]
    fn load(x: &[f32]) -> Self {
        std::array::from_fn(|i| x[i])
    }
    #[inline(always)]
    fn store(self, x: &mut [f32]) {
        x[..8].copy_from_slice(&self);
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] - other[i])
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] * other[i])
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] / other[i])
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        std::array::from_fn(|i| self[i] * factor[i] + addend[i])
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        std::array::from_fn(|i| if self[i] > other[i] { self[i] } else { other[i] })
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        std::array::from_fn(|i| if self[i] < other[i] { self[i] } else { other[i] })
    }
    #[inline(always)]
    fn abs(self) -> Self {
        std::array::from_fn(|i| self[i].abs())
    }
    #[inline(always)]
    fn any_less(self, other: Self) -> bool {
        self.iter().zip(&other).map(|(a, b)| u32::from(a < b)).sum::<u32>() > 0
    }
    #[inline(always)]
    fn lowest(self) -> f32 {
        self.into_iter().fold(f32::INFINITY, f32::min)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        std::array::from_fn(|i| self[i].sqrt())
    }
    #[inline(always)]
    fn if_less(self, other: Self, yes: Self, no: Self) -> Self {
        std::array::from_fn(|i| if self[i] < other[i] { yes[i] } else { no[i] })
    }
    #[inline(always)]
    fn if_same(self, other: Self, yes: Self, no: Self) -> Self {
        std::array::from_fn(|i| if self[i].to_bits() == other[i].to_bits() { yes[i] } else { no[i] })
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m256i, __m512, __mmask16, _CMP_LT_OQ, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_min_ps, _mm_min_ss,
        _mm_movehl_ps, _mm_shuffle_ps, _mm256_add_ps, _mm256_andnot_ps, _mm256_blendv_ps, _mm256_castpd_ps,
        _mm256_castps_si256, _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cmpeq_epi32,
        _mm256_cmpgt_epi32, _mm256_div_ps, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_maskload_ps,
        _mm256_maskstore_ps, _mm256_max_ps, _mm256_min_ps, _mm256_movemask_ps, _mm256_mul_ps, _mm256_set1_epi32,
        _mm256_set1_ps, _mm256_setr_epi32, _mm256_sqrt_ps, _mm256_storeu_ps, _mm256_sub_ps, _mm512_abs_ps,
        _mm512_add_ps, _mm512_castps_pd, _mm512_castps_si512, _mm512_castps512_ps256, _mm512_cmp_ps_mask,
        _mm512_cmpeq_epi32_mask, _mm512_div_ps, _mm512_extractf64x4_pd, _mm512_fmadd_ps, _mm512_loadu_ps,
        _mm512_mask_blend_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_min_ps,
        _mm512_mul_ps, _mm512_set1_ps, _mm512_sqrt_ps, _mm512_storeu_ps, _mm512_sub_ps,
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
        unsafe {
            _mm512_mask_blend_ps(_mm512_cmpeq_epi32_mask(_mm512_castps_si512(a), _mm512_castps_si512(b)), no, yes)
        }
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

    macro_rules! vector {
        ($ty:ty, $half:ty, $lanes:literal, $set1:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $fma:ident,
         $max:ident, $sqrt:ident, $if_less:ident, $if_same:ident, $load_part:ident, $store_part:ident, $min:ident, $abs:ident, $any_less:ident, $lowest:ident, $sum:ident) => {
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
        sum_256
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
        sum_512
    );
}
