//! Every kernel against num-bigint, modulo squares of 512 to 6144 bits, on random and on edge operands.

use crypto_bigint::BoxedUint;
use num_bigint::BigUint;

use super::{Dice, big, lane};
use crate::paillier::fixed_base::FixedBase;
use crate::paillier::kernel::{Kernel, Scratch};
use crate::paillier::lanes::{LANES, LIMB_MAX, Word, Words, carry, put};
use crate::paillier::power::{power_public, power_secret};
use crate::paillier::ring::Ring;

/// Bits of m; the modulus is its square.
const SIZES: [usize; 7] = [256, 512, 768, 1024, 1536, 2048, 3072];

struct Bench {
    ring: Ring,
    m: BigUint,
    square: BigUint,
    /// R modulo m^2.
    radix: BigUint,
    dice: Dice,
    kernel: &'static Kernel,
    scratch: Scratch,
}

impl Bench {
    /// For every kernel and size: random moduli, and the largest one, 2^bits - 1.
    fn each(sizes: &[usize], mut test: impl FnMut(&mut Self)) {
        for kernel in Kernel::all() {
            for bits in sizes {
                let mut dice = Dice(0x9E37_79B9_7F4A_7C15 + *bits as u64);
                let mut words = dice.words(bits / 64);
                words[0] |= 1;
                words[bits / 64 - 1] |= 1 << 63;
                for words in [words, vec![u64::MAX; bits / 64]] {
                    test(&mut Self::new(kernel, &words, Dice(dice.word())));
                }
            }
        }
    }

    fn new(kernel: &'static Kernel, m: &[u64], dice: Dice) -> Self {
        let ring = Ring::new(&BoxedUint::from_words(m.iter().copied())).expect("odd");
        let m = big(m);
        let square = &m * &m;
        let radix = (BigUint::from(1u8) << (52 * ring.limbs())) % &square;
        Self { scratch: Scratch::new(&ring), ring, m, square, radix, dice, kernel }
    }

    /// Lanes with random halves below m and the edges: zeros, all bits of m's length set and two above, m itself.
    fn pair(&mut self) -> Words {
        let h = self.ring.limbs();
        let mut pair = Words::zero(2 * h);
        let words = self.m.bits() / 64;
        for half in pair.chunks_mut(h) {
            for number in 0..LANES {
                let edge = self.dice.word() % 4;
                let number_words = match (number, edge) {
                    (0, 0) => vec![0; words],
                    (1, _) => vec![u64::MAX; words].into_iter().chain([3]).collect(),
                    (2, _) => vec![1],
                    (3, 0) => self.ring.number().as_words().to_vec(),
                    _ => self.dice.words(words),
                };
                put(number, &number_words, half);
            }
        }
        pair
    }

    fn value(&self, pair: &[Word], number: usize) -> BigUint {
        let (low, high) = pair.split_at(self.ring.limbs());
        lane(low, number) + lane(high, number) * &self.m
    }

    fn values(&self, pair: &[Word]) -> Vec<BigUint> {
        (0..LANES).map(|number| self.value(pair, number)).collect()
    }

    /// The pair holds the expected values divided by R, and its halves are below 2 m.
    fn expect(&self, pair: &[Word], expected: impl Fn(usize) -> BigUint, what: &str) {
        let name = self.kernel.name;
        let bits = self.m.bits();
        for number in 0..LANES {
            let got = self.value(pair, number) * &self.radix % &self.square;
            assert_eq!(got, expected(number) % &self.square, "{what}, {name}, {bits} bits, lane {number}");
            for half in pair.chunks(self.ring.limbs()) {
                assert!(lane(half, number) < &self.m * 2u8, "{what}, {name}, {bits} bits, lane {number}: too large");
                assert!(half.iter().all(|word| word.0[number] <= LIMB_MAX), "{what}, {name}: a limb is too large");
            }
        }
    }
}

#[test]
fn a6b_products_squares_and_reductions_are_those_of_num_bigint() {
    Bench::each(&SIZES, |bench| {
        for _ in 0..4 {
            let (x, y) = (bench.pair(), bench.pair());
            let (xs, ys) = (bench.values(&x), bench.values(&y));
            let mut product = x.clone();
            bench.kernel.multiply(&bench.ring, &mut product, &y, &mut bench.scratch);
            bench.expect(&product, |i| &xs[i] * &ys[i], "product");
            let mut square = x.clone();
            bench.kernel.square(&bench.ring, &mut square, &mut bench.scratch);
            bench.expect(&square, |i| &xs[i] * &xs[i], "square");
            let mut reduced = x.clone();
            bench.kernel.reduce(&bench.ring, &mut reduced, &mut bench.scratch);
            bench.expect(&reduced, |i| xs[i].clone(), "reduction");
        }
    });
}

#[test]
fn a13_products_of_lower_halves_are_those_of_num_bigint() {
    Bench::each(&SIZES, |bench| {
        let h = bench.ring.limbs();
        let (x, y) = (bench.pair(), bench.pair());
        let mut product = x.clone();
        bench.kernel.multiply_low(&bench.ring, &mut product, &y, &mut bench.scratch);
        for i in 0..LANES {
            let got = lane(&product[..h], i) * &bench.radix % &bench.m;
            assert_eq!(got, lane(&x[..h], i) * lane(&y[..h], i) % &bench.m, "{}, lane {i}", bench.kernel.name);
            assert!(lane(&product[..h], i) < &bench.m * 2u8, "{}: too large", bench.kernel.name);
            assert_eq!(lane(&product[h..], i), lane(&x[h..], i), "{}: the upper half stays", bench.kernel.name);
        }
    });
}

#[test]
fn a6b_plain_products_are_those_of_num_bigint() {
    Bench::each(&SIZES, |bench| {
        let h = bench.ring.limbs();
        let (x, y) = (bench.pair(), bench.pair());
        let mut columns = Words::zero(2 * h);
        bench.kernel.product(&x[..h], &y[h..], &mut columns);
        carry(&mut columns);
        for i in 0..LANES {
            assert_eq!(lane(&columns, i), lane(&x[..h], i) * lane(&y[h..], i), "{}", bench.kernel.name);
        }
    });
}

/// In Montgomery's form, x stands for x / R: its power must be x^e R / R^e.
fn check_power(bench: &Bench, base: &[BigUint], exponent: &BigUint, power: &[Word], i: usize) {
    let scale = bench.radix.modpow(exponent, &bench.square);
    let got = bench.value(power, i) * scale % &bench.square;
    let expected = base[i].modpow(exponent, &bench.square) * &bench.radix % &bench.square;
    assert_eq!(got, expected, "{}, {} bits, lane {i}, exponent {exponent}", bench.kernel.name, bench.m.bits());
}

#[test]
fn a6b_powers_are_those_of_num_bigint() {
    Bench::each(&[256, 1024, 2048], |bench| {
        let x = bench.pair();
        let base = bench.values(&x);
        let mut exponents: Vec<Vec<u64>> = (0..LANES).map(|_| bench.dice.words(2)).collect();
        exponents[0] = vec![0, 0];
        exponents[1] = vec![1, 0];
        exponents[2] = vec![u64::MAX, u64::MAX];
        let lanes: [&[u64]; LANES] = std::array::from_fn(|i| exponents[i].as_slice());
        let mut power = x.clone();
        power_secret(bench.kernel, &bench.ring, &mut power, lanes, 128, &mut bench.scratch);
        for (i, exponent) in exponents.iter().enumerate() {
            check_power(bench, &base, &big(exponent), &power, i);
        }
        for exponent in [vec![0, 0], vec![1], vec![31, 1], exponents[5].clone()] {
            let mut power = x.clone();
            power_public(bench.kernel, &bench.ring, &mut power, &exponent, &mut bench.scratch);
            for i in 0..LANES {
                check_power(bench, &base, &big(&exponent), &power, i);
            }
        }
    });
}

#[test]
fn a6b_powers_of_a_fixed_base_are_those_of_num_bigint() {
    Bench::each(&[256, 1024], |bench| {
        let one_lane = bench.pair();
        let base = bench.value(&one_lane, 5);
        let h = bench.ring.limbs();
        let (mut low, mut high) = (vec![0; h], vec![0; h]);
        for limb in 0..h {
            (low[limb], high[limb]) = (one_lane[limb].0[5], one_lane[h + limb].0[5]);
        }
        low.extend(high);
        let base_words = Words::splat(&low);
        let table = FixedBase::new(bench.kernel, &bench.ring, &base_words, bench.ring.power(1), 150);
        assert!(table.bytes() > 0);
        // More groups than are done at once.
        let exponents: Vec<Vec<u64>> = (0..18 * LANES)
            .map(|i| {
                if i == 3 {
                    vec![0; 3]
                } else {
                    bench.dice.words(3).into_iter().zip([!0, !0, (1 << 22) - 1]).map(|(w, m)| w & m).collect()
                }
            })
            .collect();
        let groups: Vec<[&[u64]; LANES]> =
            exponents.chunks(LANES).map(|group| std::array::from_fn(|i| group[i].as_slice())).collect();
        let mut out = vec![Words::zero(2 * h); groups.len()];
        table.powers(bench.kernel, &bench.ring, &groups, &mut out);
        for (i, exponent) in exponents.iter().enumerate().filter(|(i, _)| [0, 3, 7, 64, 130, 143].contains(i)) {
            let exponent = big(exponent);
            let scale = bench.radix.modpow(&exponent, &bench.square);
            let got = bench.value(&out[i / LANES], i % LANES) * scale % &bench.square;
            let expected = base.modpow(&exponent, &bench.square) * &bench.radix * &bench.radix % &bench.square;
            assert_eq!(got, expected, "{}, {i}", bench.kernel.name);
        }
    });
}

#[test]
fn a6b_look_ups_find_every_entry_in_every_lane() {
    for kernel in Kernel::all() {
        for entries in [16, 32, 64, 128, 256] {
            let limbs = 3;
            let mut shared = Words::zero(limbs * entries / LANES);
            for (i, word) in shared.iter_mut().enumerate() {
                *word = Word(std::array::from_fn(|lane| (i * LANES + lane) as u64 + 1000));
            }
            let mut own = Words::zero(limbs * entries);
            for (i, word) in own.iter_mut().enumerate() {
                *word = Word(std::array::from_fn(|lane| (i * LANES + lane) as u64 + 7));
            }
            let mut out = Words::zero(limbs);
            for entry in 0..entries {
                let index = Word(std::array::from_fn(|lane| ((entry + 37 * lane) % entries) as u64));
                kernel.pick(&shared, &index, &mut out);
                for (limb, word) in out.iter().enumerate() {
                    for lane in 0..LANES {
                        assert_eq!(word.0[lane], (limb * entries) as u64 + index.0[lane] + 1000, "{}", kernel.name);
                    }
                }
                kernel.select(&own, &index, &mut out);
                for (limb, word) in out.iter().enumerate() {
                    for lane in 0..LANES {
                        let at = limb * entries + index.0[lane] as usize;
                        assert_eq!(word.0[lane], (at * LANES + lane) as u64 + 7, "{}", kernel.name);
                    }
                }
            }
        }
    }
}
