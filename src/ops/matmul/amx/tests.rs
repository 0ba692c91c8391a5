//! Splitting, packing, tails, stretches of k and epilogues, on the emulated unit.

use super::*;
use crate::backend::{Backend, Cpu};
use crate::ops::activation::Activation;
use crate::ops::matmul::{Batch, Matmul, MatmulSpec, cases};
use crate::ops::testing::{bits, floats, run};
use crate::plan::verify;

/// Numbers between -1 and 1, the same for the same seed.
fn numbers(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// On the unit, whatever the size.
fn product(spec: &MatmulSpec, mode: AmxMode, a: &[f32], b: &[f32], bias: &[f32], saved: &[f32]) -> Vec<f32> {
    let mut scratch = vec![f32::NAN; packed_len(mode, spec.m, spec.k) + packed_len(mode, spec.n, spec.k)];
    let mut c = vec![f32::NAN; spec.m * spec.n];
    let unit = Amx::emulated(Some(mode));
    let product = Product { spec, unit, simd: SimdLevel::detect(), split: false, a, b, bias, saved };
    assert!(product.run(&mut scratch, &mut c), "finite sums");
    c
}

/// The error over that of a result of the products' typical size.
fn nmse(spec: &MatmulSpec, found: &[f32], a: &[f32], b: &[f32], bias: &[f32], saved: &[f32]) -> f64 {
    let MatmulSpec { m, k, n, .. } = *spec;
    let (mut difference, mut scale) = (0.0, 0.0);
    for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
        let at_a = |p: usize| if spec.a_transposed { p * m + i } else { i * k + p };
        let at_b = |p: usize| if spec.b_transposed { j * k + p } else { p * n + j };
        let mut sum: f64 = (0..k).map(|p| f64::from(a[at_a(p)]) * f64::from(b[at_b(p)])).sum();
        sum += bias.get(j).map_or(0.0, |bias| f64::from(*bias));
        sum *= saved.get(i * n + j).map_or(1.0, |saved| spec.mask.reference_slope(f64::from(*saved)));
        let expected = spec.activation.reference(sum);
        difference += (f64::from(found[i * n + j]) - expected).powi(2);
        scale += expected * expected;
    }
    difference / scale
}

/// The most that a mode may be off on numbers without a common offset.
const fn bound(mode: AmxMode) -> f64 {
    match mode {
        AmxMode::Bf16x3 => 1e-10,
        AmxMode::Bf16x6 => 1e-12,
    }
}

/// Rows, terms and columns: tails of every kind, and the shapes of the cases that are too small for the unit.
const SHAPES: [[usize; 3]; 22] = [
    [1, 1, 1],
    [2, 3, 33],
    [7, 13, 5],
    [17, 11, 41],
    [19, 23, 29],
    [23, 7, 35],
    [31, 32, 16],
    [32, 64, 32],
    [33, 17, 65],
    [33, 31, 17],
    [37, 11, 41],
    [40, 21, 50],
    [64, 28, 32],
    [65, 33, 97],
    [67, 31, 70],
    [75, 33, 1],
    [90, 70, 17],
    [143, 28, 64],
    [3, 64, 33],
    [150, 550, 40],
    [17, 1500, 19],
    [100, 2049, 40],
];

#[test]
fn e9_every_tail_transposition_and_epilogue_is_right() {
    let plain = MatmulSpec { fleet: 1, ..MatmulSpec::default() };
    let mut compared = 0;
    let mut worst = [0.0_f64; 2];
    for [m, k, n] in SHAPES {
        let variants = if m * k * n > 1 << 18 { 1..3 } else { 0..4 };
        for variant in variants {
            let (a_transposed, b_transposed) = (variant & 1 == 1, variant & 2 == 2);
            let spec = MatmulSpec { m, k, n, a_transposed, b_transposed, ..plain };
            let fused = MatmulSpec { bias: true, activation: Activation::Relu, ..spec };
            let masked = MatmulSpec { mask: [Activation::Relu, Activation::Tanh][variant % 2], ..spec };
            let (a, b, bias, saved) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3), numbers(m * n, 4));
            let none: &[f32] = &[];
            for (mode, worst) in AmxMode::ALL.into_iter().zip(&mut worst) {
                for (spec, bias, saved) in [(spec, none, none), (fused, &bias[..], none), (masked, none, &saved[..])] {
                    let found = product(&spec, mode, &a, &b, bias, saved);
                    let nmse = nmse(&spec, &found, &a, &b, bias, saved);
                    assert!(nmse <= bound(mode) || found.iter().all(|v| *v == 0.0), "{mode:?} {spec:?}: {nmse:e}");
                    *worst = worst.max(nmse);
                    compared += found.len();
                }
            }
        }
    }
    println!("worst of all shapes: {worst:?}");
    assert!(compared > 100_000);
}

/// The figures of the documentation: the worst over the cases, and over kinds of numbers.
#[test]
fn e9_both_modes_keep_within_their_bounds_on_every_large_case() {
    assert!(AmxMode::ALL.into_iter().all(|mode| bound(mode) <= 1e-10));
    for mode in AmxMode::ALL {
        let backend = Backend::Cpu(Cpu::emulated_amx(Some(mode)));
        let large = |call: &crate::ops::Call| call.kernel.work().flops >= f64::from(2 << 20);
        let mut worst = (0.0_f64, "");
        for case in cases::cases().iter().filter(|case| case.calls.iter().any(large)) {
            if !case.tested && case.id != "f1_256x256x256" {
                continue;
            }
            for output in verify::agreement(case, &backend).expect(case.id) {
                worst = if output.nmse > worst.0 { (output.nmse, case.id) } else { worst };
            }
        }
        println!("{}: worst {:.1e} ({})", mode.name(), worst.0, worst.1);
        assert!(worst.0 > 0.0 && worst.0 <= bound(mode), "{mode:?}: {worst:?}");
    }
}

#[test]
fn e9_kinds_of_numbers_and_what_an_offset_costs() {
    let spec = MatmulSpec { fleet: 1, m: 96, k: 256, n: 64, ..MatmulSpec::default() };
    let a = numbers(96 * 256, 5);
    let b = numbers(256 * 64, 6);
    let positive = |x: &[f32]| x.iter().map(|v| v.abs()).collect::<Vec<_>>();
    let cubed = |x: &[f32]| x.iter().map(|v| v.powi(9)).collect::<Vec<_>>();
    // Columns of `b` that add up to zero, behind rows of `a` around 30: what is common to the rows cancels.
    let mut centred = b.clone();
    for j in 0..64 {
        let mean = (0..256).map(|p| f64::from(b[p * 64 + j])).sum::<f64>() / 256.0;
        (0..256).for_each(|p| centred[p * 64 + j] -= mean as f32);
    }
    let offset: Vec<f32> = a.iter().map(|v| v + 30.0).collect();
    let kernel = |a: &[f32], b: &[f32]| {
        let cpu = Backend::Cpu(Cpu::new(SimdLevel::detect()).expect("a CPU"));
        let words = [bits(a), bits(b), vec![1; 96 * 64]];
        floats(&run(Matmul::new(spec).expect("a product"), &cpu, 0, &words)[2])
    };
    println!("without: with the offset {:.1e}", nmse(&spec, &kernel(&offset, &centred), &offset, &centred, &[], &[]));
    for mode in AmxMode::ALL {
        let measure = |a: &[f32], b: &[f32]| nmse(&spec, &product(&spec, mode, a, b, &[], &[]), a, b, &[], &[]);
        let found = [measure(&a, &b), measure(&positive(&a), &positive(&b)), measure(&cubed(&a), &cubed(&b))];
        let cancelled = measure(&offset, &centred);
        println!("{}: {found:?}, with an offset of 30 that cancels: {cancelled:.1e}", mode.name());
        assert!(found.iter().all(|nmse| *nmse <= bound(mode)), "{mode:?}: {found:?}");
        assert!(cancelled <= if mode == AmxMode::Bf16x3 { 1e-7 } else { 1e-10 }, "{mode:?}: {cancelled:e}");
    }
}

/// What the cpu gives for a product of the smallest size that the unit takes.
fn on(cpu: Cpu, a: &[f32], b: &[f32], bias: &[f32]) -> Vec<u32> {
    let spec = MatmulSpec { fleet: 1, m: 128, k: 64, n: 128, bias: true, ..MatmulSpec::default() };
    assert!(fits(&spec));
    let words = [bits(a), bits(b), vec![1; 128 * 128], bits(bias)];
    run(Matmul::new(spec).expect("a product"), &Backend::Cpu(cpu), 0, &words).swap_remove(2)
}

/// Puts something into `a`, `b` and the bias.
type Edit = fn(&mut [f32], &mut [f32], &mut [f32]);

#[test]
fn e9_what_is_not_finite_or_overflows_is_as_without_the_unit() {
    let plain = Cpu::new(SimdLevel::detect()).expect("a CPU");
    let (a, b, bias) = (numbers(128 * 64, 1), numbers(64 * 128, 2), numbers(128, 3));
    let edits: [(&str, Edit); 5] = [
        ("NaN", |a, b, _| (a[33 * 64 + 63], b[127]) = (f32::NAN, -f32::NAN)),
        // An infinity times a number that one bf16 holds: the lower parts are zeros.
        ("infinity", |a, b, _| (a[5], b[5 * 128 + 7]) = (f32::INFINITY, -2.0)),
        ("an overflow", |a, b, _| (a[700], b[60 * 128]) = (-3e38, 1e38)),
        ("a number that no bf16 comes near", |a, _, _| a[0] = f32::MAX),
        ("bias", |_, _, bias| bias[9] = f32::NEG_INFINITY),
    ];
    for mode in AmxMode::ALL {
        let unit = Cpu::emulated_amx(Some(mode));
        assert!(on(unit, &a, &b, &bias) != on(plain, &a, &b, &bias), "{mode:?}: the unit has bits of its own");
        for (what, edit) in edits {
            let (mut a, mut b, mut bias) = (a.clone(), b.clone(), bias.clone());
            edit(&mut a, &mut b, &mut bias);
            let (found, expected) = (on(unit, &a, &b, &bias), on(plain, &a, &b, &bias));
            assert!(found == expected, "{mode:?}: {what}");
            let finite = floats(&expected).iter().filter(|v| v.is_finite()).count();
            assert!(finite > 0 && (finite < expected.len() || what.starts_with("a number")), "{what}: {finite}");
        }
    }
}

#[test]
fn e9_denormals_are_zeros_and_tiny_numbers_have_no_lower_parts() {
    let spec = MatmulSpec { fleet: 1, m: 40, k: 50, n: 35, ..MatmulSpec::default() };
    let all = |x: f32, y: f32| product(&spec, AmxMode::Bf16x6, &[x; 40 * 50], &[y; 50 * 35], &[], &[]);
    assert_eq!(all(1e-39, 1e30), [0.0; 40 * 35]);
    // 2^-124 (1 + 2^-10): the lower part is denormal.
    let tiny = 2.0_f32.powi(-124);
    assert_eq!(all(tiny * (1.0 + 2.0_f32.powi(-10)), 1.0), [50.0 * tiny; 40 * 35]);
    let enough = 2.0_f32.powi(-110);
    assert_eq!(all(enough * (1.0 + 2.0_f32.powi(-10)), 1.0), [50.0 * enough * (1.0 + 2.0_f32.powi(-10)); 40 * 35]);
}

#[test]
fn e10_products_have_the_same_bits_on_any_number_of_threads_and_in_any_fleet() {
    let spec = MatmulSpec { fleet: 3, m: 300, k: 70, n: 100, bias: true, ..MatmulSpec::default() };
    assert!(fits(&spec));
    let args = |fleet: usize| {
        [(300 * 70, 7), (70 * 100, 8), (300 * 100, 9), (100, 10)].map(|(len, seed)| bits(&numbers(len * fleet, seed)))
    };
    let all = args(3);
    for mode in AmxMode::ALL {
        let backend = Backend::Cpu(Cpu::emulated_amx(Some(mode)));
        let on = |threads: usize, spec: MatmulSpec, words: &[Vec<u32>]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| run(Matmul::new(spec).expect("a product"), &backend, 0, words)).swap_remove(2)
        };
        let one = on(1, spec, &all);
        assert!(floats(&one).iter().all(|v| v.is_finite()));
        assert!(one == on(2, spec, &all) && one == on(5, spec, &all), "{mode:?}");
        let first: Vec<Vec<u32>> = all.iter().map(|words| words[..words.len() / 3].to_vec()).collect();
        assert!(one[..300 * 100] == on(4, MatmulSpec { fleet: 1, ..spec }, &first), "{mode:?}: alone");
    }
}

#[test]
fn e10_the_shape_alone_says_what_runs_on_the_unit() {
    let spec = |m, k, n| MatmulSpec { fleet: 1, m, k, n, ..MatmulSpec::default() };
    assert!(fits(&spec(128, 64, 128)) && fits(&spec(80, 64, 320)) && fits(&spec(4096, 32, 72)));
    for [m, k, n] in
        [[128, 63, 128], [127, 1 << 10, 128], [64, 1 << 10, 1 << 20], [1 << 20, 1 << 10, 1], [512, 31, 512]]
    {
        assert!(!fits(&spec(m, k, n)), "{m} {k} {n}");
        assert_eq!(scratch_len(&spec(m, k, n)), 0);
    }
    let batch = MatmulSpec { batch: Batch::M, ..spec(128, 64, 128) };
    assert_eq!(scratch_len(&batch), 3 * (128 * 64 + 128 * 64) / 2);
    // Of long sums only a stretch is packed at a time.
    assert_eq!(scratch_len(&spec(128, 1 << 14, 160)), 3 * (128 * 512 + 160 * 512) / 2);
}
