//! The GPU's products and powers against the CPU's.

use super::{Dice, key, scheme};
use crate::backend::Gpu;
use crate::backend::gpu::{AdapterFacts, adapters};
use crate::paillier::encrypt::{Encryptor, Obfuscation};
use crate::paillier::gpu::GpuScheme;
use crate::paillier::kernel::Kernel;
use crate::paillier::numbers::Numbers;
use crate::paillier::public::{Ciphertexts, Factors, Scheme};

/// The machine's best GPU, or the one that a CPU imitates.
fn gpu() -> Option<Gpu> {
    if std::env::var_os("NIGHTLOOM_TEST_NO_GPU").is_some() {
        return None;
    }
    let mut all = adapters();
    all.sort_by_key(AdapterFacts::rank);
    let facts = all.into_iter().next().expect("a Vulkan driver: apt-get install mesa-vulkan-drivers");
    Some(Gpu::open(&facts).expect("the adapter opens"))
}

fn encrypt(scheme: &Scheme, dice: &mut Dice, len: usize) -> Ciphertexts {
    let mut values: Vec<i64> = (0..len).map(|_| dice.word() as i64 >> 20).collect();
    values[0] = -1;
    let encryptor = Encryptor::new(scheme, Obfuscation::ShortExponent).expect("random numbers");
    encryptor.encrypt(&scheme.of_signed(&values)).expect("below n")
}

#[test]
fn a5_products_on_a_gpu_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let mut dice = Dice(5);
    for (bits, len) in [(512, 1), (512, 67), (1024, 9), (3072, 5)] {
        let key = key(bits);
        let scheme = scheme(&key, Kernel::all()[0]);
        let device = GpuScheme::new(&scheme, &gpu).expect("a small key");
        let (mut x, y) = (encrypt(&scheme, &mut dice, len), encrypt(&scheme, &mut dice, len));
        let (on_gpu, other) = (device.upload(&x).expect("memory"), device.upload(&y).expect("memory"));
        for _ in 0..3 {
            device.add(&on_gpu, &other).expect("as many");
            scheme.add(&mut x, &y).expect("as many");
        }
        let found = scheme.to_bytes(&device.download(&on_gpu).expect("ciphertexts")).expect("ours");
        assert!(found == scheme.to_bytes(&x).expect("ours"), "{bits} bits, {len}");
    }
}

#[test]
fn a5_powers_on_a_gpu_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let mut dice = Dice(6);
    for (bits, exponent_bits) in [(512, 130), (512, 1), (1024, 64)] {
        let key = key(bits);
        let scheme = scheme(&key, Kernel::all()[0]);
        let device = GpuScheme::new(&scheme, &gpu).expect("a small key");
        let mut x = encrypt(&scheme, &mut dice, 6);
        let width = usize::div_ceil(exponent_bits, 64);
        let mut factors = Numbers::zero(6, width);
        for i in 0..6 {
            let words = factors.get_mut(i);
            words.copy_from_slice(&dice.words(width));
            words[width - 1] &= u64::MAX >> (64 * width - exponent_bits);
            match i {
                0 => words.fill(0),
                1 => words.iter_mut().enumerate().for_each(|(k, word)| *word = u64::from(k == 0)),
                _ => {}
            }
        }
        let exponents: Vec<Vec<u64>> = (0..6).map(|i| factors.get(i).to_vec()).collect();
        let on_gpu = device.upload(&x).expect("memory");
        device.multiply(&on_gpu, &exponents, exponent_bits).expect("as many");
        scheme.multiply(&mut x, &Factors::new(factors, exponent_bits)).expect("as many");
        let found = scheme.to_bytes(&device.download(&on_gpu).expect("ciphertexts")).expect("ours");
        assert!(found == scheme.to_bytes(&x).expect("ours"), "{bits} bits, exponents of {exponent_bits}");
    }
}

#[test]
fn a5_what_a_gpu_cannot_hold_is_refused() {
    let Some(gpu) = gpu() else { return };
    let key = key(512);
    let scheme = scheme(&key, Kernel::all()[0]);
    let device = GpuScheme::new(&scheme, &gpu).expect("a small key");
    let few = device.upload(&scheme.ones(2)).expect("memory");
    let more = device.upload(&scheme.ones(3)).expect("memory");
    let error = device.add(&few, &more).expect_err("two to three").to_string();
    assert_eq!(error, "ciphertexts to add: expected 2, got 3");
    assert!(device.multiply(&few, &[vec![1]], 64).is_err());
}
