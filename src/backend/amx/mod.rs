//! Matrix products of f32 on the tile unit of x86 (AMX), which multiplies bf16 and adds in f32.
//!
//! Each f32 is split into two or three bf16 ([`parts`]), and the products of the parts that matter are added up: three
//! of them in [`AmxMode::Bf16x3`], six in [`AmxMode::Bf16x6`]. Operands are packed so that a block of 32 x 32 results is
//! one run of a fixed `program`; an operation packs ([`pack`]), calls [`Amx::block`] and does with the results what it
//! must.
//!
//! The program has two executors: the instructions (`hardware`) and plain Rust that rounds where they round
//! (`emulated`). The emulation is what tests run on machines without the unit, and what the unit is held against before
//! it is used at all: if it puts a number in the wrong place or sums badly, it stays off, and [`status`] says so. If its
//! results are as good but other bits, it is used, and the device's id says that it rounds in its own way.
//!
//! Denormals: the unit takes those among its factors and sums as zeros and makes none. So a denormal f32 counts as
//! zero, and of a number below about 2^-110 the lower parts are lost.
//!
//! Infinity and NaN: a result is finite only if all its factors are. It may be a NaN where f32 has an infinity, since
//! the parts of an infinity times zero are a NaN; so may be a result that overflows, or one with a factor beyond
//! 2^128 (1 - 2^-9). Operations that must tell them apart look at their results and compute anew without the unit.

mod emulated;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod hardware;
pub mod pack;
pub mod parts;
mod program;
mod self_test;

use std::sync::OnceLock;

use super::BackendError;

/// Rows and columns of a block of results: two tiles by two.
pub const BLOCK: usize = 32;

/// Terms of a sum that one step adds: sixteen pairs.
pub const STEP: usize = 32;

/// Words of a tile: sixteen rows of 64 bytes.
pub const TILE: usize = 256;

/// A block of results: the tiles (0, 0), (0, 1), (1, 0), (1, 1), row by row each.
pub type Block = [f32; BLOCK * BLOCK];

/// How a product of f32 is made of products of bf16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AmxMode {
    /// Two parts, three products: about 17 bits of every factor.
    Bf16x3,
    /// Three parts, six products: the 24 bits of f32.
    Bf16x6,
}

impl AmxMode {
    /// Both, the coarser one first.
    pub const ALL: [Self; 2] = [Self::Bf16x3, Self::Bf16x6];

    /// Its name in `NIGHTLOOM_AMX` and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bf16x3 => "bf16x3",
            Self::Bf16x6 => "bf16x6",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// Into how many bf16 each factor is split.
    pub const fn parts(self) -> usize {
        match self {
            Self::Bf16x3 => 2,
            Self::Bf16x6 => 3,
        }
    }

    /// Words of one operand that a step of a block reads: two tiles of each part.
    pub const fn step_words(self) -> usize {
        2 * TILE * self.parts()
    }
}

/// What `NIGHTLOOM_AMX` may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Off,
    Mode(AmxMode),
}

impl Wish {
    fn parse(text: &str) -> Result<Self, BackendError> {
        if text == "off" {
            return Ok(Self::Off);
        }
        AmxMode::from_name(text).map(Self::Mode).ok_or_else(|| BackendError::Amx {
            wanted: text.to_owned(),
            reason: "expected one of off, bf16x3, bf16x6".to_owned(),
        })
    }
}

/// What executes the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Hardware(Rounding),
    Emulated,
}

/// A unit that multiplies blocks, and which mode it is asked for. There is one only where the unit may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amx {
    unit: Unit,
    forced: Option<AmxMode>,
}

impl Amx {
    /// This machine's unit, or why there is none.
    ///
    /// # Errors
    /// If the machine lacks it, or it failed its test.
    pub fn hardware(forced: Option<AmxMode>) -> Result<Self, String> {
        match status() {
            AmxStatus::Ready(rounding) => Ok(Self { unit: Unit::Hardware(*rounding), forced }),
            other => Err(other.to_string()),
        }
    }

    /// The unit in plain Rust: the same bits, for tests.
    pub const fn emulated(forced: Option<AmxMode>) -> Self {
        Self { unit: Unit::Emulated, forced }
    }

    /// What `NIGHTLOOM_AMX` asks for; without it the machine's unit, if `by_default`.
    ///
    /// # Errors
    /// If the text is none of `off`, `bf16x3`, `bf16x6`, or asks for a unit that cannot be used.
    pub(super) fn named(wanted: Option<&str>, by_default: bool) -> Result<Option<Self>, BackendError> {
        match wanted.map(Wish::parse).transpose()? {
            None if by_default => Ok(Self::hardware(None).ok()),
            None | Some(Wish::Off) => Ok(None),
            Some(Wish::Mode(mode)) => Self::hardware(Some(mode))
                .map(Some)
                .map_err(|reason| BackendError::Amx { wanted: mode.name().to_owned(), reason }),
        }
    }

    /// The mode for an operation whose own choice is `default`.
    pub fn mode(self, default: AmxMode) -> AmxMode {
        self.forced.unwrap_or(default)
    }

    /// Whether a mode was asked for, and with it the unit.
    pub const fn is_forced(self) -> bool {
        self.forced.is_some()
    }

    /// What it adds to a device's id: other modes give other bits.
    pub fn id(self) -> String {
        let unit = match self.unit {
            Unit::Hardware(Rounding::AsManual) => "amx",
            Unit::Hardware(Rounding::Own) => "amx-own-rounding",
            Unit::Emulated => "emulated-amx",
        };
        self.forced.map_or(unit.to_owned(), |mode| format!("{unit}-{}", mode.name()))
    }

    /// One block of a product: `out = a * b` over all steps that the operands hold, each packed by [`pack::pack`]: step by
    /// step, part by part (the highest first), two tiles each. In a tile of `a`, row r holds the pairs of terms of the
    /// block's row r; in a tile of `b`, row q holds the q-th pair of terms of every column. The first of a pair is the
    /// lower half of its word.
    ///
    /// # Panics
    /// If the operands are of different lengths, empty or not whole steps: a mistake of the operation.
    pub fn block(self, mode: AmxMode, a: &[u32], b: &[u32], out: &mut Block) {
        let steps = a.len() / mode.step_words();
        assert!(a.len() == b.len() && steps > 0 && a.len().is_multiple_of(mode.step_words()), "whole steps");
        match self.unit {
            Unit::Emulated => emulated::block(mode, a, b, out),
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            // SAFETY: `Unit::Hardware` is made by `Amx::hardware` alone, after the unit was found and tested; the
            // operands hold that many steps.
            Unit::Hardware(_) => unsafe { hardware::block(mode, a.as_ptr(), b.as_ptr(), steps, out) },
            #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
            Unit::Hardware(_) => emulated::block(mode, a, b, out),
        }
    }
}

/// Whether this machine's unit can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AmxStatus {
    /// There is none, or the system does not lend it.
    Absent(String),
    /// It is there, but gives other results than the manual says. It is not used.
    Failed(String),
    /// It is there and passed its test.
    Ready(Rounding),
}

/// How a unit that works rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// As the manual says: its bits are those of the emulation.
    AsManual,
    /// As well, but not to the same bits.
    Own,
}

impl AmxStatus {
    /// What to warn of.
    pub fn warning(&self) -> Option<String> {
        matches!(self, Self::Failed(_)).then(|| self.to_string())
    }
}

impl std::fmt::Display for AmxStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent(reason) => write!(f, "this machine has no AMX: {reason}"),
            Self::Failed(reason) => write!(f, "AMX failed its self-test and is not used: {reason}"),
            Self::Ready(Rounding::AsManual) => f.write_str("AMX passed its self-test"),
            Self::Ready(Rounding::Own) => f.write_str("AMX passed its self-test, with a rounding of its own"),
        }
    }
}

/// Looks for the unit and tests it, once a process.
pub fn status() -> &'static AmxStatus {
    static STATUS: OnceLock<AmxStatus> = OnceLock::new();
    STATUS.get_or_init(find)
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn find() -> AmxStatus {
    if let Err(reason) = hardware::acquire() {
        return AmxStatus::Absent(reason);
    }
    let on_unit = |mode: AmxMode, a: &[u32], b: &[u32], out: &mut Block| {
        // SAFETY: the unit was just acquired; the self-test's operands hold whole steps.
        unsafe { hardware::block(mode, a.as_ptr(), b.as_ptr(), a.len() / mode.step_words(), out) }
    };
    self_test::run(on_unit).map_or_else(AmxStatus::Failed, AmxStatus::Ready)
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn find() -> AmxStatus {
    AmxStatus::Absent("it is used on Linux on x86-64 alone".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e1_amx_by_name_is_taken_or_refused() {
        assert_eq!(Amx::named(Some("off"), true).expect("off"), None);
        assert_eq!(Amx::named(None, false).expect("nobody asked"), None);
        for wrong in ["", "on", "BF16X3", "bf16"] {
            let error = Amx::named(Some(wrong), true).expect_err("no such mode").to_string();
            assert_eq!(error, format!("NIGHTLOOM_AMX={wrong}: expected one of off, bf16x3, bf16x6"));
        }
        for mode in AmxMode::ALL {
            match Amx::named(Some(mode.name()), false) {
                Ok(amx) => {
                    let amx = amx.expect("a unit that was asked for");
                    assert_eq!((amx.mode(AmxMode::Bf16x3), amx.unit != Unit::Emulated), (mode, true));
                }
                Err(error) => assert_eq!(error.to_string(), format!("NIGHTLOOM_AMX={}: {}", mode.name(), status())),
            }
        }
    }

    #[test]
    fn e1_the_mode_is_part_of_the_id() {
        let ids = [None, Some(AmxMode::Bf16x3), Some(AmxMode::Bf16x6)].map(|forced| Amx::emulated(forced).id());
        assert_eq!(ids, ["emulated-amx", "emulated-amx-bf16x3", "emulated-amx-bf16x6"]);
        let hardware = |rounding| Amx { unit: Unit::Hardware(rounding), forced: Some(AmxMode::Bf16x6) }.id();
        assert_eq!(hardware(Rounding::AsManual), "amx-bf16x6");
        assert_eq!(hardware(Rounding::Own), "amx-own-rounding-bf16x6");
        assert_eq!(Amx::emulated(None).mode(AmxMode::Bf16x6), AmxMode::Bf16x6);
    }

    #[test]
    fn e2_only_a_unit_that_failed_its_test_is_warned_of() {
        assert_eq!(AmxStatus::Ready(Rounding::AsManual).warning(), None);
        assert_eq!(AmxStatus::Absent("why".to_owned()).warning(), None);
        let warning = AmxStatus::Failed("why".to_owned()).warning();
        assert_eq!(warning.as_deref(), Some("AMX failed its self-test and is not used: why"));
    }
}
