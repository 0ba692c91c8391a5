//! Packed sums are exact, and what went wrong with them is seen.

use num_bigint::BigUint;

use super::{Dice, big, key, scheme};
use crate::paillier::decrypt::Decryptor;
use crate::paillier::encrypt::{Encryptor, Obfuscation};
use crate::paillier::kernel::Kernel;
use crate::paillier::numbers::Numbers;
use crate::paillier::packing::{Layout, LayoutSpec};

fn layout(key_bits: u32, value_bits: u32, weights_most: u64) -> Layout {
    LayoutSpec { key_bits, value_bits, weights_most }.check().expect("a layout")
}

/// Sums of plaintexts, as decryption would give them.
fn add(sum: &mut [BigUint], numbers: &Numbers) {
    for (i, sum) in sum.iter_mut().enumerate() {
        *sum += big(numbers.get(i));
    }
}

fn numbers(values: &[BigUint], width: usize) -> Numbers {
    let mut out = Numbers::zero(values.len(), width);
    for (i, value) in values.iter().enumerate() {
        for (word, bytes) in out.get_mut(i).iter_mut().zip(value.to_bytes_le().chunks(8)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
    }
    out
}

#[test]
fn a4_packed_sums_are_exact_for_all_sizes_and_extreme_values() {
    let mut dice = Dice(4711);
    for round in 0..120 {
        let parties = [2, 3, 5, 17, 64][round % 5];
        let value_bits = 8 + (dice.word() % 17) as u32;
        let weights: Vec<u64> =
            (0..parties).map(|_| if round % 3 == 0 { 1_000_000 } else { 1 + dice.word() % 1_000_000 }).collect();
        let total: u64 = weights.iter().sum();
        let layout = layout(2048, value_bits, total);
        let half = 1i32 << (value_bits - 1);
        let len = 2 * layout.slots() + 3;
        let mut expected = vec![0i64; len];
        let mut sum = vec![BigUint::from(0u8); 3];
        for weight in &weights {
            let values: Vec<i32> = (0..len)
                .map(|i| match (round + i) % 4 {
                    0 => half - 1,
                    1 => -half,
                    _ => (dice.word() >> (64 - value_bits)) as i32 - half,
                })
                .collect();
            for (sum, value) in expected.iter_mut().zip(&values) {
                *sum += i64::from(*value) * *weight as i64;
            }
            add(&mut sum, &layout.pack(&values, *weight).expect("in bounds"));
        }
        assert!(sum.iter().all(|sum| sum.bits() < 2048), "below n");
        let found = layout.unpack(&numbers(&sum, 32), len, total).expect("all parties");
        assert_eq!(found, expected, "{parties} parties, {value_bits} bits");
    }
}

#[test]
fn a4_packed_sums_pass_through_encryption() {
    let key = key(512);
    let scheme = scheme(&key, Kernel::all()[0]);
    let layout = layout(512, 16, 30);
    let encryptor = Encryptor::new(&scheme, Obfuscation::ShortExponent).expect("random numbers");
    let values: Vec<i32> = (0..60).map(|i| (i - 30) * 1000).collect();
    let mut sum = scheme.ones(layout.plaintexts(values.len()));
    for weight in [5, 10, 15] {
        let packed = layout.pack(&values, weight).expect("in bounds");
        scheme.add(&mut sum, &encryptor.encrypt(&packed).expect("below n")).expect("as many");
    }
    let sums = Decryptor::new(&scheme, &key).expect("the same key").decrypt(&sum).expect("ours");
    let expected: Vec<i64> = values.iter().map(|v| i64::from(*v) * 30).collect();
    assert_eq!(layout.unpack(&sums, values.len(), 30).expect("all parties"), expected);
}

#[test]
fn a4_slots_are_as_many_as_fit() {
    // 4 guard bits for 16 parties of weight 1; weight slot 5, canary 12, one bit below n's highest.
    let found = layout(2048, 16, 16);
    assert_eq!((found.slot_bits(), found.slots()), (20, (2047 - 17) / 20));
    assert_eq!(layout(3072, 16, 16).slots(), (3071 - 17) / 20);
    assert_eq!(layout(2048, 16, 17).slot_bits(), 21);
    assert_eq!(layout(2048, 16, 1).slot_bits(), 16);
    assert_eq!(layout(2048, 16, 16).plaintexts(102), 2);
}

#[test]
fn a4_layouts_whose_sums_could_cross_a_slot_are_refused() {
    let refused = |key_bits, value_bits, weights_most| {
        LayoutSpec { key_bits, value_bits, weights_most }.check().expect_err("refused").to_string()
    };
    assert_eq!(refused(2048, 25, 16), "bits of a packed value: expected 2 to 24, got 25");
    assert_eq!(refused(2048, 1, 16), "bits of a packed value: expected 2 to 24, got 1");
    assert_eq!(refused(2048, 16, 0), "sum of weights: expected 1 to 549755813888, got 0");
    assert_eq!(refused(64, 24, 1 << 20), "bits of the key for packing: expected room for one value, got 64");
    let layout = layout(2048, 8, 10);
    let pack = |value, weight| layout.pack(&[0, value], weight).map(|_| ()).expect_err("refused").to_string();
    assert_eq!(pack(128, 1), "packed value: expected -128 to 127, got another one at place 1");
    assert_eq!(pack(-129, 1), "packed value: expected -128 to 127, got another one at place 1");
    assert_eq!(pack(0, 11), "weight of a party: expected 1 to 10, got 11");
    assert_eq!(pack(0, 0), "weight of a party: expected 1 to 10, got 0");
}

#[test]
fn a4_weight_slot_and_canary_show_drops_doubles_and_overflows() {
    let layout = layout(512, 8, 16);
    let parties: Vec<Numbers> = [3u64, 5, 8].iter().map(|w| layout.pack(&[127; 60], *w).expect("in bounds")).collect();
    let sum_of = |counts: [usize; 3]| {
        let mut sum = vec![BigUint::from(0u8); parties[0].len()];
        for (party, count) in parties.iter().zip(counts) {
            (0..count).for_each(|_| add(&mut sum, party));
        }
        sum
    };
    let unpack = |sum: &[BigUint]| layout.unpack(&numbers(sum, 8), 60, 16);
    assert_eq!(unpack(&sum_of([1, 1, 1])).expect("all parties"), vec![127 * 16; 60]);
    for (counts, found) in [([1, 1, 0], 8), ([0, 1, 1], 13), ([2, 1, 1], 19), ([1, 2, 1], 21)] {
        let expected = format!("{found} in plaintext 0: a party is missing or counted twice");
        let error = unpack(&sum_of(counts)).expect_err("other weights").to_string();
        assert_eq!(error, format!("sum of the weights: expected 16, got {expected}"));
    }
    // A slot below the canary that runs over, and a sum beyond all slots.
    let top = layout.slots() * layout.slot_bits() as usize + 5;
    for bit in [top, top + 11, 511] {
        let mut sum = sum_of([1, 1, 1]);
        sum[1] += BigUint::from(1u8) << bit;
        let error = unpack(&sum).expect_err("an overflow").to_string();
        assert_eq!(error, "canary: expected 16, got another one in plaintext 1: a sum overflowed", "bit {bit}");
    }
    let few = Numbers::zero(1, 8);
    assert!(layout.unpack(&few, 400, 16).is_err());
}
