//! Searches by bytes against the definition in f64.

use super::*;
use crate::backend::{Backend, Cpu, SimdLevel};
use crate::ops::distance::{Distance, cases};
use crate::ops::testing::{bits, floats, run};
use crate::plan::verify;

/// This machine with products of bytes, if it has them: without, there is nothing to test.
fn cpu() -> Option<Cpu> {
    let cpu = Cpu::new(SimdLevel::detect()).expect("a CPU").with_vnni(None).expect("no wish");
    cpu.vnni().then_some(cpu)
}

fn spec([n, k, d]: [usize; 3]) -> DistanceSpec {
    let spec = DistanceSpec { fleet: 1, n, k, d, metric: Metric::Euclidean, nearest: 1 };
    assert!(fits(&spec), "{n} {k} {d}");
    spec
}

/// Roughly normal numbers.
fn numbers(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0 - 0.5
    };
    (0..len).map(|_| (0..6).map(|_| next()).sum()).collect()
}

fn on(cpu: Cpu, spec: DistanceSpec, x: &[f32], c: &[f32]) -> (Vec<u32>, Vec<f32>) {
    let outputs = vec![1; spec.n];
    let words = [bits(x), bits(c), outputs.clone(), outputs];
    let mut found = run(Distance::new(spec).expect("a search"), &Backend::Cpu(cpu), 0, &words);
    let distances = floats(&found.swap_remove(3));
    (found.swap_remove(2), distances)
}

/// The nearest centre of each row, and its squared distance, in f64.
fn truth(d: usize, x: &[f32], c: &[f32]) -> Vec<(u32, f64)> {
    let of = |row: &[f32], centre: &[f32]| -> f64 {
        row.iter().zip(centre).map(|(x, c)| (f64::from(*x) - f64::from(*c)).powi(2)).sum()
    };
    let nearest = |row: &[f32]| {
        let all = c.chunks_exact(d).map(|centre| of(row, centre)).zip(0..);
        all.fold((0, f64::INFINITY), |(j, least), (far, i)| if far < least { (i, far) } else { (j, least) })
    };
    x.chunks_exact(d).map(nearest).collect()
}

fn assert_exact(cpu: Cpu, shape @ [_, _, d]: [usize; 3], x: &[f32], c: &[f32], what: &str) {
    let (labels, distances) = on(cpu, spec(shape), x, c);
    for (i, (label, far)) in truth(d, x, c).into_iter().enumerate() {
        assert_eq!(labels[i], label, "{what} {shape:?} row {i}");
        assert!(
            (f64::from(distances[i]) - far).abs() <= 1e-5 * far,
            "{what} {shape:?} row {i}: {} {far}",
            distances[i]
        );
    }
}

#[test]
fn e9_searches_by_bytes_keep_within_the_bound() {
    let Some(cpu) = cpu() else { return };
    let mut worst = (0.0_f64, "");
    for case in cases::cases().iter().filter(|case| case.tested) {
        for output in verify::agreement(case, &Backend::Cpu(cpu)).expect(case.id) {
            worst = if output.nmse > worst.0 { (output.nmse, case.id) } else { worst };
        }
    }
    println!("worst {:.1e} ({})", worst.0, worst.1);
    assert!(worst.0 > 0.0 && worst.0 <= 1e-10, "{worst:?}");
}

#[test]
fn e15_labels_by_bytes_are_the_nearest_centres_themselves() {
    let Some(cpu) = cpu() else { return };
    // Tails of rows, of dimensions (of a word, of a register, past the small task's memory), of centres; several tasks
    // and several chunks of centres.
    for shape @ [n, k, d] in
        [[2003, 67, 17], [961, 130, 61], [300, 64, 130], [150, 999, 67], [61, 40, 515], [70, 2500, 33], [60, 130, 2048]]
    {
        assert_exact(cpu, shape, &numbers(n * d, 1), &numbers(k * d, 2), "normal");
    }
}

#[test]
fn e15_rows_and_centres_far_outside_are_labelled_in_f32_and_alike() {
    let Some(cpu) = cpu() else { return };
    let shape @ [n, k, d] = [2000, 70, 20];
    let (x, c) = (numbers(n * d, 3), numbers(k * d, 4));
    let mut far_row = x.clone();
    far_row[1500 * d + 3] = 4e6;
    assert_exact(cpu, shape, &far_row, &c, "a far row");
    let mut far_centre = c.clone();
    far_centre[7 * d] = -3e4;
    let plain = Cpu::new(SimdLevel::detect()).expect("a CPU");
    assert_eq!(on(cpu, spec(shape), &x, &far_centre), on(plain, spec(shape), &x, &far_centre), "a far centre");
    let moved: Vec<f32> = x.iter().map(|value| value + 1000.0).collect();
    let centres: Vec<f32> = c.iter().map(|value| value + 1000.0).collect();
    assert_exact(cpu, shape, &moved, &centres, "far from 0");
    let narrow: Vec<f32> = x.iter().map(|value| value * 1e-18).collect();
    let centres: Vec<f32> = c.iter().map(|value| value * 1e-18).collect();
    assert_exact(cpu, shape, &narrow, &centres, "tiny");
}

#[test]
fn e15_rows_to_which_every_centre_is_a_candidate_are_labelled_in_f32() {
    let Some(cpu) = cpu() else { return };
    let plain = Cpu::new(SimdLevel::detect()).expect("a CPU");
    for shape @ [n, k, d] in [[130, 2500, 20], [70, 5000, 64]] {
        let x: Vec<f32> = numbers(n * d, 7).iter().map(|value| value + 100.0).collect();
        let c: Vec<f32> = numbers(k * d, 8).iter().map(|value| value * 1e-3).collect();
        assert_eq!(on(cpu, spec(shape), &x, &c), on(plain, spec(shape), &x, &c), "{shape:?}");
    }
}

#[test]
fn e15_centres_that_f32_cannot_tell_apart_are_told_apart() {
    let Some(cpu) = cpu() else { return };
    let shape @ [n, k, d] = [600, 80, 24];
    let x = numbers(n * d, 5);
    // Every second centre is the one before but for the last bit of a value.
    let mut c = numbers(k * d, 6);
    for pair in c.chunks_exact_mut(2 * d) {
        let (first, second) = pair.split_at_mut(d);
        second.copy_from_slice(first);
        second[5] = f32::from_bits(first[5].to_bits() + 1);
    }
    assert_exact(cpu, shape, &x, &c, "twins");
}

#[test]
fn e7_of_equal_centres_the_lowest_wins_by_bytes_too() {
    let Some(cpu) = cpu() else { return };
    let (k, d) = (200, 40);
    let once = numbers(k * d, 1);
    let (labels, distances) = on(cpu, spec([k, 3 * k, d]), &once, &once.repeat(3));
    assert_eq!(labels, (0..k as u32).collect::<Vec<_>>());
    assert_eq!(distances, vec![0.0; k]);
}

#[test]
fn e7_what_is_not_finite_spoils_no_other_row() {
    let Some(cpu) = cpu() else { return };
    let shape @ [n, k, d] = [1300, 90, 70];
    let (x, c) = (numbers(n * d, 1), numbers(k * d, 2));
    let plain = Cpu::new(SimdLevel::detect()).expect("a CPU");
    let expected = on(cpu, spec(shape), &x, &c);
    for bad in [f32::NAN, f32::INFINITY, 3e38] {
        let mut x = x.clone();
        x[40 * d + 69] = bad;
        let found = on(cpu, spec(shape), &x, &c);
        assert_eq!(found.0[40], on(plain, spec(shape), &x, &c).0[40], "{bad}");
        assert!(!found.1[40].is_finite(), "{bad}");
        for i in (0..n).filter(|i| *i != 40) {
            assert_eq!((found.0[i], found.1[i]), (expected.0[i], expected.1[i]), "{bad} at {i}");
        }
        let mut c = c.clone();
        c[13] = bad;
        assert_eq!(on(cpu, spec(shape), &x, &c).0, on(plain, spec(shape), &x, &c).0, "a centre with {bad}");
    }
    // All centres in one place: nothing to take steps of.
    let same = on(cpu, spec(shape), &x, &vec![0.25; k * d]);
    assert_eq!(same.0, vec![0; n]);
}

#[test]
fn e10_searches_by_bytes_have_the_same_bits_on_any_number_of_threads() {
    let Some(cpu) = cpu() else { return };
    let spec = spec([3000, 80, 40]);
    let (x, c) = (numbers(3000 * 40, 1), numbers(80 * 40, 2));
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| on(cpu, spec, &x, &c))
    };
    let one = with(1);
    assert!(one == with(2) && one == with(5));
}
