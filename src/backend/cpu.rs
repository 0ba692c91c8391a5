//! The CPU: cores by rayon, SIMD level and AMX by detection.

use super::amx::{Amx, AmxMode};
use super::{BackendError, SimdLevel, vnni};

/// This machine's cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpu {
    simd: SimdLevel,
    amx: Option<Amx>,
    vnni: bool,
}

impl Cpu {
    /// The CPU at a given level, without AMX and VNNI.
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
        Ok(Self { simd, amx: None, vnni: false })
    }

    /// The CPU at its best level with AMX emulated: slow, for tests. Without a mode every operation takes its own.
    pub fn emulated_amx(mode: Option<AmxMode>) -> Self {
        Self { simd: SimdLevel::detect(), amx: Some(Amx::emulated(mode)), vnni: false }
    }

    /// The best level there is, or the one that `NIGHTLOOM_SIMD` names; AMX and VNNI where they are, or as `NIGHTLOOM_AMX`
    /// and `NIGHTLOOM_VNNI` say.
    ///
    /// # Errors
    /// If a variable has none of its values, or asks for what this machine lacks.
    pub fn from_env() -> Result<Self, BackendError> {
        let wanted = |name: &str| std::env::var_os(name).map(|text| text.to_string_lossy().into_owned());
        Self::named(wanted("NIGHTLOOM_SIMD").as_deref())?
            .with_amx(wanted("NIGHTLOOM_AMX").as_deref())?
            .with_vnni(wanted("NIGHTLOOM_VNNI").as_deref())
    }

    /// The same with AMX: as `off`, `bf16x3` or `bf16x6` says; else if this machine has it and the level is AVX-512, since
    /// a lower level is asked for by those who want less.
    ///
    /// # Errors
    /// If it is another word, or AMX is asked for and cannot be used.
    pub fn with_amx(self, wanted: Option<&str>) -> Result<Self, BackendError> {
        Ok(Self { amx: Amx::named(wanted, self.simd == SimdLevel::Avx512)?, ..self })
    }

    /// The same with products of bytes: as `on` or `off` says; else if this machine has them and the level is AVX-512.
    ///
    /// # Errors
    /// If it is another word, or VNNI is asked for and is not there.
    pub fn with_vnni(self, wanted: Option<&str>) -> Result<Self, BackendError> {
        let refused = |reason: &str| BackendError::Vnni {
            wanted: wanted.unwrap_or_default().to_owned(),
            reason: reason.to_owned(),
        };
        let vnni = match wanted {
            None => self.simd == SimdLevel::Avx512 && vnni::present(),
            Some("off") => false,
            Some("on") if vnni::present() => true,
            Some("on") => return Err(refused("this machine has no AVX-512 VNNI")),
            Some(_) => return Err(refused("expected on or off")),
        };
        Ok(Self { vnni, ..self })
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

    /// AMX, if it is on.
    pub const fn amx(self) -> Option<Amx> {
        self.amx
    }

    /// Whether searches of the nearest go by products of bytes.
    pub const fn vnni(self) -> bool {
        self.vnni
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
    /// AMX, if it is on.
    pub amx: Option<Amx>,
    /// Whether AVX-512 VNNI is there and on.
    pub vnni: bool,
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
