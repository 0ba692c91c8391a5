//! The module against num-bigint, against known answers, against `paillier-rs`, and against bad input.

mod arithmetic;
mod gpu;
mod keys;
mod known;
mod packing;
mod scheme;
mod sum;
mod threshold;

use num_bigint::BigUint;

use super::kernel::Kernel;
use super::key::{PrivateKey, Sizes};
use super::lanes::{Word, take};
use super::public::Scheme;

/// Keys made once by `nightloom keys new`'s generator.
pub(super) fn key(bits: u32) -> PrivateKey {
    PrivateKey::from_text(key_text(bits), Sizes::SmallForTests).expect("a fixture is a key")
}

pub(super) fn key_text(bits: u32) -> &'static str {
    match bits {
        512 => include_str!("../fixtures/512.key"),
        1024 => include_str!("../fixtures/1024.key"),
        2048 => include_str!("../fixtures/2048.key"),
        _ => include_str!("../fixtures/3072.key"),
    }
}

pub(super) fn scheme(key: &PrivateKey, kernel: &'static Kernel) -> Scheme {
    Scheme::new(key.public().clone(), kernel).expect("a checked key")
}

pub(super) fn big(words: &[u64]) -> BigUint {
    BigUint::new(words.iter().flat_map(|word| [*word as u32, (*word >> 32) as u32]).collect())
}

/// The number in one lane.
pub(super) fn lane(words: &[Word], lane: usize) -> BigUint {
    let mut out = vec![0; words.len()];
    take(lane, words, &mut out);
    big(&out)
}

/// A small generator: the tests want the same numbers every time.
pub(super) struct Dice(pub u64);

impl Dice {
    pub(super) fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(super) fn words(&mut self, len: usize) -> Vec<u64> {
        (0..len).map(|_| self.word()).collect()
    }
}
