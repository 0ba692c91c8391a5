//! The CPU: cores by rayon, SIMD level by detection.

use super::{BackendError, SimdLevel};

/// This machine's cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpu {
    simd: SimdLevel,
}

impl Cpu {
    /// The CPU at a given level.
    ///
    /// # Errors
    /// If this machine lacks the level.
    pub fn new(simd: SimdLevel) -> Result<Self, BackendError> {
        let best = SimdLevel::detect();
        if simd > best {
            return Err(BackendError::Simd {
                wanted: simd.name().to_owned(),
                reason: format!("this machine has `{best}` at most"),
            });
        }
        Ok(Self { simd })
    }

    /// The best level there is, or the one that `NIGHTLOOM_SIMD` names.
    ///
    /// # Errors
    /// If the variable names no level or one that this machine lacks.
    pub fn from_env() -> Result<Self, BackendError> {
        let wanted = std::env::var_os("NIGHTLOOM_SIMD");
        Self::named(wanted.map(|text| text.to_string_lossy().into_owned()).as_deref())
    }

    /// The best level there is, or the one of that name.
    ///
    /// # Errors
    /// If there is no level of that name, or this machine lacks it.
    pub fn named(wanted: Option<&str>) -> Result<Self, BackendError> {
        let Some(wanted) = wanted else {
            return Self::new(SimdLevel::detect());
        };
        match SimdLevel::from_name(wanted) {
            Some(level) => Self::new(level),
            None => Err(BackendError::Simd {
                wanted: wanted.to_owned(),
                reason: format!("expected one of {}", SimdLevel::ALL.map(SimdLevel::name).join(", ")),
            }),
        }
    }

    /// The SIMD level in use.
    pub const fn simd(self) -> SimdLevel {
        self.simd
    }

    /// Cores that this process may use.
    pub fn cores() -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }
}

/// What a CPU kernel needs to know about where it runs.
#[derive(Debug, Clone, Copy)]
pub struct CpuContext {
    /// The SIMD level to run at.
    pub simd: SimdLevel,
    /// Whether the kernel may split its work over threads. It may not when the fleet's members already keep all
    /// threads busy. The split never changes a bit of the result.
    pub parallel: bool,
}

/// Floating-point operations up to which a kernel's work is not worth splitting: below about 20 microseconds a task, the
/// hand-over costs more than it gains.
pub(crate) const SPLIT_FLOPS: f64 = 2e6;

impl CpuContext {
    /// Whether work of that many floating-point operations is worth splitting.
    pub fn worth_splitting(&self, flops: f64) -> bool {
        self.parallel && flops > SPLIT_FLOPS
    }
}
