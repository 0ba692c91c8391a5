//! The program as instructions of the tile unit.
//!
//! No intrinsics: stable Rust has none for AMX. A block, from the tiles' configuration to their release, is one `asm!`,
//! since the compiler knows nothing of what tiles hold between two of them.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};

use super::program::{bf16x3, bf16x6};
use super::{AmxMode, Block};

/// Makes sure that the processor has the unit and that the system saves its state, and asks Linux to lend it.
///
/// # Errors
/// Says what is missing.
pub(super) fn acquire() -> Result<(), String> {
    const TILES: u32 = 1 << 24;
    const BF16: u32 = 1 << 22;
    const OSXSAVE: u32 = 1 << 27;
    const TILE_STATES: u32 = 0b11 << 17;
    const PALETTES: u32 = 0x1d;
    if __cpuid(0).eax < PALETTES || __cpuid_count(7, 0).edx & (TILES | BF16) != TILES | BF16 {
        return Err("the processor lacks amx-tile or amx-bf16".to_owned());
    }
    let palette = __cpuid_count(PALETTES, 1);
    let (row_bytes, tiles, rows) = (palette.ebx & 0xffff, palette.ebx >> 16, palette.ecx & 0xffff);
    if row_bytes < 64 || tiles < 8 || rows < 16 {
        return Err(format!(
            "expected 8 tiles of 16 rows of 64 bytes, found {tiles} of {rows} rows of {row_bytes} bytes"
        ));
    }
    // XGETBV exists only where the system has switched XSAVE on.
    if __cpuid(1).ecx & OSXSAVE == 0 || enabled_states() & TILE_STATES != TILE_STATES {
        return Err("the system does not save the tiles' state".to_owned());
    }
    match request_permission() {
        0 => Ok(()),
        code => Err(format!("the system refuses the tiles' state (arch_prctl: error {})", -code)),
    }
}

/// The lower half of XCR0.
fn enabled_states() -> u32 {
    let low: u32;
    // SAFETY: reads a register; the caller checked that the instruction exists.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nomem, nostack, preserves_flags));
    }
    low
}

/// `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`: Linux gives the large state to processes that ask, and counts
/// it for all their threads.
fn request_permission() -> i64 {
    const ARCH_PRCTL: i64 = 158;
    const REQUEST: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let code: i64;
    // SAFETY: a system call that changes no memory of ours; rcx and r11 are what `syscall` overwrites.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => code,
            in("rdi") REQUEST,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    code
}

/// What LDTILECFG reads.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Palette 1: eight tiles, all of sixteen rows of 64 bytes.
static CONFIG: Config = Config {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

const _: () = assert!(size_of::<Config>() == 64);

/// The instructions of one step; a part is two tiles of 1024 bytes.
macro_rules! op {
    (a0) => {
        "tileloadd tmm4, [{a} + {stride}*1]\ntileloadd tmm5, [{a} + {stride}*1 + 1024]"
    };
    (a1) => {
        "tileloadd tmm4, [{a} + {stride}*1 + 2048]\ntileloadd tmm5, [{a} + {stride}*1 + 3072]"
    };
    (a2) => {
        "tileloadd tmm4, [{a} + {stride}*1 + 4096]\ntileloadd tmm5, [{a} + {stride}*1 + 5120]"
    };
    (b0) => {
        "tileloadd tmm6, [{b} + {stride}*1]\ntileloadd tmm7, [{b} + {stride}*1 + 1024]"
    };
    (b1) => {
        "tileloadd tmm6, [{b} + {stride}*1 + 2048]\ntileloadd tmm7, [{b} + {stride}*1 + 3072]"
    };
    (b2) => {
        "tileloadd tmm6, [{b} + {stride}*1 + 4096]\ntileloadd tmm7, [{b} + {stride}*1 + 5120]"
    };
    (dot) => {
        "tdpbf16ps tmm0, tmm4, tmm6\ntdpbf16ps tmm1, tmm4, tmm7\ntdpbf16ps tmm2, tmm5, tmm6\ntdpbf16ps tmm3, tmm5, tmm7"
    };
}

/// See [`super::Amx::block`].
///
/// # Safety
/// [`acquire`] has succeeded; `a` and `b` hold `steps` steps of `mode`, and `steps` is not 0.
pub(super) unsafe fn block(mode: AmxMode, a: *const u32, b: *const u32, steps: usize, out: &mut Block) {
    macro_rules! run {
        ($($op:ident),*) => {
            // SAFETY: as the caller promises; `out` has room for four tiles.
            unsafe {
                asm!(
                    "ldtilecfg [{config}]",
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "2:",
                    $(op!($op),)*
                    "add {a}, {bytes}",
                    "add {b}, {bytes}",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{out} + {stride}*1], tmm0",
                    "tilestored [{out} + {stride}*1 + 1024], tmm1",
                    "tilestored [{out} + {stride}*1 + 2048], tmm2",
                    "tilestored [{out} + {stride}*1 + 3072], tmm3",
                    "tilerelease",
                    config = in(reg) &raw const CONFIG,
                    a = inout(reg) a => _,
                    b = inout(reg) b => _,
                    steps = inout(reg) steps => _,
                    bytes = in(reg) 4 * mode.step_words(),
                    stride = in(reg) 64_usize,
                    out = in(reg) out.as_mut_ptr(),
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        };
    }
    match mode {
        AmxMode::Bf16x3 => bf16x3!(run),
        AmxMode::Bf16x6 => bf16x6!(run),
    }
}

#[cfg(test)]
mod played;
