//! Searches on the emulated unit.

use super::*;
use crate::backend::{Backend, Cpu, SimdLevel};
use crate::ops::distance::{Distance, cases};
use crate::ops::testing::{bits, floats, run};
use crate::plan::verify;

const METRICS: [Metric; 2] = [Metric::Euclidean, Metric::Cosine];

/// Numbers around 3 with a spread of 1.
fn numbers(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 + 2.5
    };
    (0..len).map(|_| next()).collect()
}

fn on(cpu: Cpu, spec: DistanceSpec, x: &[f32], c: &[f32]) -> (Vec<u32>, Vec<f32>) {
    let outputs = vec![1; spec.n * spec.nearest];
    let words = [bits(x), bits(c), outputs.clone(), outputs];
    let mut found = run(Distance::new(spec).expect("a search"), &Backend::Cpu(cpu), 0, &words);
    let distances = floats(&found.swap_remove(3));
    (found.swap_remove(2), distances)
}

fn spec(metric: Metric, nearest: usize, [n, k, d]: [usize; 3]) -> DistanceSpec {
    let spec = DistanceSpec { fleet: 1, n, k, d, metric, nearest };
    assert!(fits(&spec));
    spec
}

#[test]
fn e9_searches_keep_within_the_bound_in_both_modes() {
    for mode in AmxMode::ALL {
        let backend = Backend::Cpu(Cpu::emulated_amx(Some(mode)));
        let mut worst = (0.0_f64, "");
        for case in cases::cases().iter().filter(|case| case.tested) {
            for output in verify::agreement(case, &backend).expect(case.id) {
                worst = if output.nmse > worst.0 { (output.nmse, case.id) } else { worst };
            }
        }
        println!("{}: worst {:.1e} ({})", mode.name(), worst.0, worst.1);
        assert!(worst.0 > 0.0 && worst.0 <= 1e-10, "{mode:?}: {worst:?}");
    }
}

#[test]
fn e7_the_unit_finds_the_same_centres() {
    let plain = Cpu::new(SimdLevel::detect()).expect("a CPU");
    for (metric, nearest) in METRICS.into_iter().flat_map(|metric| [(metric, 1), (metric, 4)]) {
        // Tails of rows, centres and dimensions; several tasks.
        for shape @ [n, k, d] in [[301, 130, 17], [140, 133, 67], [129, 65, 512]] {
            let spec = spec(metric, nearest, shape);
            let (x, c) = (numbers(n * d, 1), numbers(k * d, 2));
            let (expected, distances) = on(plain, spec, &x, &c);
            for mode in AmxMode::ALL {
                let found = on(Cpu::emulated_amx(Some(mode)), spec, &x, &c);
                let same = found.0.iter().zip(&expected).filter(|(found, expected)| found == expected).count();
                let all = expected.len();
                let least = if mode == AmxMode::Bf16x6 { all } else { all - all / 100 };
                assert!(same >= least, "{mode:?} {metric:?} {shape:?}: {same} of {all}");
                if same == all {
                    assert_eq!(found.1, distances, "{mode:?} {metric:?} {shape:?}");
                }
            }
        }
    }
}

#[test]
fn e7_equal_centres_are_listed_by_number_on_the_unit_too() {
    let (k, d) = (130, 40);
    let once = numbers(k * d, 1);
    let thrice = once.repeat(3);
    for (metric, mode) in METRICS.into_iter().flat_map(|metric| AmxMode::ALL.map(|mode| (metric, mode))) {
        let (labels, distances) = on(Cpu::emulated_amx(Some(mode)), spec(metric, 3, [k, 3 * k, d]), &once, &thrice);
        let expected: Vec<u32> = (0..k as u32).flat_map(|j| [j, j + 130, j + 260]).collect();
        assert_eq!(labels, expected, "{metric:?} {mode:?}");
        assert_eq!(distances, vec![0.0; 3 * k], "{metric:?} {mode:?}");
    }
}

#[test]
fn e7_zero_vectors_and_what_is_not_finite_are_as_without_the_unit() {
    let shape @ [n, k, d] = [130, 90, 70];
    let (mut x, mut c) = (numbers(n * d, 1), numbers(k * d, 2));
    x[3 * d..4 * d].fill(0.0);
    c[5 * d..6 * d].fill(0.0);
    let plain = Cpu::new(SimdLevel::detect()).expect("a CPU");
    let unit = Cpu::emulated_amx(None);
    for metric in METRICS {
        let spec = spec(metric, 2, shape);
        assert_eq!(on(unit, spec, &x, &c), on(plain, spec, &x, &c), "{metric:?}");
        // A row that is not finite has no nearest centres; the others' are what they were.
        let (labels, distances) = on(unit, spec, &x, &c);
        for bad in [f32::NAN, f32::INFINITY] {
            let mut x = x.clone();
            x[40 * d + 69] = bad;
            let found = on(unit, spec, &x, &c);
            assert_eq!(found.0[80..82], [0, 0], "{metric:?} {bad}");
            assert!(found.1[80..82].iter().all(|distance| !distance.is_finite()), "{metric:?} {bad}: {:?}", found.1);
            for i in (0..2 * n).filter(|i| i / 2 != 40) {
                assert_eq!((found.0[i], found.1[i]), (labels[i], distances[i]), "{metric:?} {bad} at {i}");
            }
        }
    }
}

#[test]
fn e10_searches_have_the_same_bits_on_any_number_of_threads() {
    let spec = spec(Metric::Euclidean, 3, [700, 80, 40]);
    let (x, c) = (numbers(700 * 40, 1), numbers(80 * 40, 2));
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| on(Cpu::emulated_amx(None), spec, &x, &c))
    };
    let one = with(1);
    assert!(one == with(2) && one == with(5));
}

#[test]
fn e10_the_shape_alone_says_what_runs_on_the_unit() {
    let fits = |metric, [n, k, d]: [usize; 3]| fits(&DistanceSpec { fleet: 1, n, k, d, metric, nearest: 1 });
    assert!(fits(Metric::Euclidean, [1024, 64, 17]) && fits(Metric::Cosine, [128, 64, 512]));
    assert!(!fits(Metric::Manhattan, [1024, 1024, 64]));
    for small in [[1 << 20, 1 << 10, 16], [1 << 10, 1 << 10, 513], [127, 1 << 20, 64], [1 << 20, 63, 64], [128, 64, 63]]
    {
        assert!(!fits(Metric::Euclidean, small), "{small:?}");
    }
}
