//! Paillier's cryptosystem, many numbers at a time: sums of numbers that stay encrypted.
//!
//! With n = p q and g = n + 1, a plaintext m below n becomes c = (1 + m n) r modulo n^2, where r is an n-th power that only
//! who knows p and q can take off again. The product of ciphertexts holds the sum of their plaintexts.
//!
//! | part | what it is |
//! |---|---|
//! | [`key`] | keys, their files, their checks |
//! | [`lanes`] | eight numbers side by side, in limbs of 52 bits |
//! | [`ring`] | the numbers modulo m^2, written to the base m: a product costs 5 h^2 multiply-adds, not 8 h^2 |
//! | [`kernel`] | product, square, reduction, look-up: with AVX-512 IFMA, and for every machine |
//! | [`power`], [`fixed_base`] | powers of any base, and of one that is known long before |
//! | [`public`], [`encrypt`], [`decrypt`] | the scheme, batch by batch on all threads |
//! | [`threshold`] | private keys in shares, of which so many must join |
//! | [`sum`] | the sum of many parties' ciphertexts, straight from the wire |
//! | [`gpu`] | products and powers on a GPU |
//! | [`packing`] | many small numbers in one plaintext |
//! | [`selftest`], [`peer`] | each kernel's proof against `paillier-rs` |
//!
//! # What does not depend on secrets
//!
//! Secret are p and q, plaintexts, factors, and what obfuscators are made of. No branch, no address, no number of rounds
//! and no instruction whose time varies depends on them:
//!
//! * the kernels' loops run over limbs, whose number follows from the key's size; there is no early exit, and the last
//!   subtraction of a reduction is a mask, not a branch ([`lanes::subtract_once`]);
//! * a window of a secret exponent takes its table entry by reading the *whole* table ([`kernel::Kernel::select`],
//!   [`kernel::Kernel::pick`]), always multiplies (by one where the digit is zero), and the number of windows comes from
//!   the announced size;
//! * signs of factors choose by masks, and all ciphertexts are inverted if any may have a sign.
//!
//! Not constant-time, and why that is allowed: the search for primes (each candidate is tried once and thrown away);
//! preparing a key (once); powers to n, which is public ([`power::power_public`]); checks of ciphertexts, which everybody
//! sees; the self-test, whose keys everybody knows. That a plaintext is below n is checked word by word without an early
//! exit; that one is not is an error that names its place.

pub mod decrypt;
pub mod encrypt;
mod error;
pub mod fixed_base;
pub mod gpu;
pub mod kernel;
pub mod key;
pub mod lanes;
pub mod numbers;
pub mod packing;
pub mod peer;
pub mod power;
pub mod public;
pub mod random;
pub mod ring;
pub mod selftest;
pub mod sum;
pub mod threshold;
mod wire;

#[cfg(test)]
mod tests;

pub use error::{KeyFileError, PaillierError};
