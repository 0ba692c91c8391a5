//! SIMD chosen at run time.
//!
//! A kernel's inner code is written once, generic over [`Vector`], inside a value that implements [`Simd`]; a
//! [`SimdLevel`] runs it compiled for that level. The pattern is known from the crate `pulp`; only what the kernels
//! here need is written down.

#[cfg(target_arch = "x86_64")]
mod x86;

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
    /// Lane by lane 2^k, `k` from -127 to 127 being the whole number in the lane's low bits, as adding 1.5 * 2^23 to it
    /// leaves it there.
    #[must_use]
    fn power_of_two(self) -> Self;
    /// The sum of the lanes of each of `rows`, which are as many as there are lanes: row i's in lane i.
    #[must_use]
    fn sums(rows: &[Self]) -> Self;
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
    #[inline(always)]
    fn power_of_two(self) -> Self {
        self.map(|x| f32::from_bits(x.to_bits().wrapping_add(127) << 23))
    }
    #[inline(always)]
    fn sums(rows: &[Self]) -> Self {
        std::array::from_fn(|i| rows[i].sum())
    }
}
