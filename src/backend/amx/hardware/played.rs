//! The instructions played in software, so that the very code of `hardware` runs in tests on machines without the unit.
//!
//! A machine that lacks an instruction raises SIGILL. The handler here decodes those of the program by the manual's tables,
//! does what the manual's pseudo-code says, and goes on behind them. It shares nothing with the emulation.

use std::cell::RefCell;
use std::ffi::c_void;

use super::super::pack::{Lines, Side, Square, pack};
use super::super::{Amx, AmxMode, AmxStatus, BLOCK, Block, STEP, status};

/// Tiles and what they are configured to.
struct Tiles {
    configured: bool,
    row_bytes: [usize; 8],
    rows: [usize; 8],
    values: [[[u8; 64]; 16]; 8],
    /// Configurations, releases, zeroed tiles, loads, stores, products.
    played: [usize; 6],
}

thread_local! {
    static TILES: RefCell<Tiles> = const {
        RefCell::new(Tiles {
            configured: false,
            row_bytes: [0; 8],
            rows: [0; 8],
            values: [[[0; 64]; 16]; 8],
            played: [0; 6],
        })
    };
}

/// What an instruction's second operand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operand {
    Tile(usize),
    /// The address of row r is `start + r * stride`.
    Memory {
        start: i64,
        stride: i64,
    },
}

/// An instruction with a three-byte VEX prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Instruction {
    len: i64,
    /// Opcode and mandatory prefix: 0 none, 1 66, 2 F3, 3 F2.
    code: (u8, u8),
    first: usize,
    second: Operand,
    third: usize,
}

impl Instruction {
    /// The one at the start of `bytes`, if it is one of map 0F38 without W and L, whose memory operand has a base.
    fn decode(bytes: &[u8; 16], register: impl Fn(u8) -> i64) -> Option<Self> {
        let [0xc4, map, flags, opcode, modrm, ..] = *bytes else { return None };
        // R, X and B are stored inverted, and tiles have no numbers above 7.
        if map & 0x9f != 0x82 || flags & 0x84 != 0 {
            return None;
        }
        let (high_index, high_base) = ((!map >> 6 & 1) << 3, (!map >> 5 & 1) << 3);
        let (mode, low) = (modrm >> 6, modrm & 7);
        let mut len = 5;
        let second = if mode == 3 {
            Operand::Tile(usize::from(low))
        } else {
            let (base, index) = if low == 4 {
                let sib = bytes[5];
                len += 1;
                let index = high_index | sib >> 3 & 7;
                // Number 4 says that there is no index.
                (high_base | sib & 7, if index == 4 { 0 } else { register(index) << (sib >> 6) })
            } else {
                (high_base | low, 0)
            };
            let displacement = match mode {
                0 if base & 7 == 5 => return None,
                0 => 0,
                1 => i64::from(bytes[len] as i8),
                _ => i64::from(i32::from_le_bytes(*bytes[len..].first_chunk()?)),
            };
            len += [0, 1, 4][usize::from(mode)];
            Operand::Memory { start: register(base) + displacement, stride: index }
        };
        let third = usize::from(!flags >> 3 & 15);
        Some(Self { len: len as i64, code: (opcode, flags & 3), first: usize::from(modrm >> 3 & 7), second, third })
    }
}

impl Tiles {
    /// # Safety
    /// The memory that the instruction names is there.
    unsafe fn play(&mut self, instruction: Instruction) -> Option<()> {
        let Instruction { code, first, second, third, .. } = instruction;
        let kind = match (code, second) {
            ((0x49, 0), Operand::Memory { start, stride: 0 }) if first == 0 => {
                // SAFETY: as the caller promises.
                self.configure(unsafe { &*(start as *const [u8; 64]) })?;
                0
            }
            ((0x49, 0), Operand::Tile(0)) if first == 0 => {
                self.configured = false;
                1
            }
            ((0x49, 3), Operand::Tile(0)) if self.configured => {
                self.values[first] = [[0; 64]; 16];
                2
            }
            ((0x4b, 3 | 2), Operand::Memory { start, stride }) if self.configured => {
                let (rows, bytes) = (self.rows[first], self.row_bytes[first]);
                let loads = code.1 == 3;
                if loads {
                    self.values[first] = [[0; 64]; 16];
                }
                for (r, row) in self.values[first].iter_mut().enumerate().take(rows) {
                    let memory = (start + r as i64 * stride) as *mut u8;
                    // SAFETY: as the caller promises; `bytes` is at most 64.
                    unsafe {
                        if loads {
                            std::ptr::copy_nonoverlapping(memory, row.as_mut_ptr(), bytes);
                        } else {
                            std::ptr::copy_nonoverlapping(row.as_ptr(), memory, bytes);
                        }
                    }
                }
                if loads { 3 } else { 4 }
            }
            ((0x5c, 2), Operand::Tile(second)) if self.configured => {
                // Operands must differ, or the instruction is undefined.
                if first == second || first == third || second == third {
                    return None;
                }
                self.multiply(first, second, third);
                5
            }
            _ => return None,
        };
        self.played[kind] += 1;
        Some(())
    }

    /// LDTILECFG.
    fn configure(&mut self, config: &[u8; 64]) -> Option<()> {
        let (head, rest) = config.split_at(16);
        let (row_bytes, rows) = rest.split_at(32);
        let reserved = head[2..].iter().chain(&row_bytes[16..]).chain(&rows[8..]);
        if head[..2] != [1, 0] || reserved.into_iter().any(|byte| *byte != 0) {
            return None;
        }
        for t in 0..8 {
            self.row_bytes[t] = usize::from(u16::from_le_bytes([row_bytes[2 * t], row_bytes[2 * t + 1]]));
            self.rows[t] = usize::from(rows[t]);
            if self.row_bytes[t] > 64 || self.rows[t] > 16 {
                return None;
            }
        }
        self.values = [[[0; 64]; 16]; 8];
        self.configured = true;
        Some(())
    }

    /// TDPBF16PS.
    fn multiply(&mut self, c: usize, a: usize, b: usize) {
        let flush = |x: f32| if x.is_subnormal() { 0.0_f32.copysign(x) } else { x };
        let half = |tile: &[[u8; 64]; 16], row: usize, i: usize| {
            flush(f32::from_bits(u32::from(u16::from_le_bytes([tile[row][2 * i], tile[row][2 * i + 1]])) << 16))
        };
        let (left, right) = (self.values[a], self.values[b]);
        for m in 0..self.rows[c] {
            let mut sums = [0.0_f32; 32];
            for k in 0..self.row_bytes[a] / 4 {
                for n in 0..self.row_bytes[c] / 4 {
                    for h in 0..2 {
                        let product = half(&left, m, 2 * k + h).mul_add(half(&right, k, 2 * n + h), sums[2 * n + h]);
                        sums[2 * n + h] = flush(product);
                    }
                }
            }
            for n in 0..self.row_bytes[c] / 4 {
                let place = &mut self.values[c][m][4 * n..4 * n + 4];
                let known = f32::from_le_bytes([place[0], place[1], place[2], place[3]]);
                let sum = flush(flush(known) + flush(sums[2 * n] + sums[2 * n + 1]));
                place.copy_from_slice(&sum.to_le_bytes());
            }
        }
    }
}

/// The registers by their numbers in instructions.
const REGISTERS: [i32; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// The handler. What it cannot play is executed again without it, and ends the process.
extern "C" fn on_trap(signal: i32, _: *mut libc::siginfo_t, context: *mut c_void) {
    const AT: usize = libc::REG_RIP as usize;
    // SAFETY: the system hands over the state at which the thread stopped, and it stopped at readable code.
    let (registers, bytes) = unsafe {
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let bytes = &*(registers[AT] as *const [u8; 16]);
        (registers, bytes)
    };
    let decoded = Instruction::decode(bytes, |number| registers[REGISTERS[usize::from(number)] as usize]);
    // SAFETY: it is an instruction of `hardware::block`, which names its operands and its result.
    let played = decoded.and_then(|one| TILES.with_borrow_mut(|tiles| unsafe { tiles.play(one) }).map(|()| one.len));
    match played {
        Some(len) => registers[AT] += len,
        // SAFETY: the default action is always there.
        None => unsafe {
            libc::signal(signal, libc::SIG_DFL);
        },
    }
}

fn install() {
    // SAFETY: zeros are a valid action; the handler has the signature that SA_SIGINFO asks for.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_trap as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGILL, &raw const action, std::ptr::null_mut()), 0, "a handler");
    }
}

fn operand(mode: AmxMode, side: Side, steps: usize) -> Vec<u32> {
    let mut words = vec![0; steps * mode.step_words()];
    for (step, words) in words.chunks_exact_mut(mode.step_words()).enumerate() {
        let mut square: Square = [[0.0; BLOCK]; STEP];
        for (i, value) in square.as_flattened_mut().iter_mut().enumerate() {
            let seed = (i + 1024 * step + 7 * side as usize) as u32;
            *value = (seed.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0;
        }
        pack(mode, side, Lines::Lanes, &square, words);
    }
    words
}

#[test]
fn e9_the_instructions_of_a_block_do_what_the_emulation_does() {
    if !matches!(status(), AmxStatus::Absent(_)) {
        // They would not be played here; the self-test has run them.
        return;
    }
    install();
    for mode in AmxMode::ALL {
        for steps in [1, 2, 16] {
            let (a, b) = (operand(mode, Side::A, steps), operand(mode, Side::B, steps));
            let (mut expected, mut found): (Block, Block) = ([0.0; _], [f32::NAN; _]);
            Amx::emulated(None).block(mode, &a, &b, &mut expected);
            TILES.with_borrow_mut(|tiles| tiles.played = [0; 6]);
            // SAFETY: the handler stands in for the unit; the operands hold so many steps.
            unsafe { super::block(mode, a.as_ptr(), b.as_ptr(), steps, &mut found) };
            assert!(expected.iter().all(|value| *value != 0.0), "numbers to compare");
            assert!(found.map(f32::to_bits) == expected.map(f32::to_bits), "{mode:?}, {steps} steps");
            let (loads, products) = if mode == AmxMode::Bf16x3 { (8, 12) } else { (14, 24) };
            TILES.with_borrow(|tiles| {
                assert_eq!(tiles.played, [1, 1, 4, loads * steps, 4, products * steps], "{mode:?}, {steps} steps");
                assert!(!tiles.configured, "released");
            });
        }
    }
}

#[test]
fn e9_encodings_are_read_as_the_manual_has_them() {
    let registers = |number: u8| i64::from(number) * 100;
    let decode = |bytes: &[u8]| {
        let mut padded = [0x90; 16];
        padded[..bytes.len()].copy_from_slice(bytes);
        Instruction::decode(&padded, registers).map(|one| (one.len, one.code, one.first, one.second, one.third))
    };
    // tileloadd tmm7, [rcx + r8*1 + 0x400]
    let load = decode(&[0xc4, 0xa2, 0x7b, 0x4b, 0xbc, 0x01, 0x00, 0x04, 0x00, 0x00]);
    assert_eq!(load, Some((10, (0x4b, 3), 7, Operand::Memory { start: 1124, stride: 800 }, 0)));
    // tdpbf16ps tmm3, tmm5, tmm7
    assert_eq!(decode(&[0xc4, 0xe2, 0x42, 0x5c, 0xdd]), Some((5, (0x5c, 2), 3, Operand::Tile(5), 7)));
    // ldtilecfg [rdx]; tilerelease
    let config = decode(&[0xc4, 0xe2, 0x78, 0x49, 0x02]);
    assert_eq!(config, Some((5, (0x49, 0), 0, Operand::Memory { start: 200, stride: 0 }, 0)));
    assert_eq!(decode(&[0xc4, 0xe2, 0x78, 0x49, 0xc0]), Some((5, (0x49, 0), 0, Operand::Tile(0), 0)));
    // ud2, and a load that is wide
    assert_eq!(decode(&[0x0f, 0x0b]), None);
    assert_eq!(decode(&[0xc4, 0xe2, 0xfb, 0x4b, 0x34, 0x39]), None);
}
