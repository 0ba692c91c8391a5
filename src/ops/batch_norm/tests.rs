use super::BatchNormOp;
use super::{BatchNorm, BatchNormBackward, BatchNormShape, BatchNormSpec};
use crate::ops::Op;
use crate::ops::testing::{assert_same_bits_on_any_number_of_threads, backends, bits, floats, run};
use crate::ops::{ShapeError, schedule};

const SPEC: BatchNormSpec =
    BatchNormSpec { fleet: 1, n: 4, positions: 2, c: 1, epsilon: 1e-5, momentum: 0.25, steps: 3 };

fn shape() -> BatchNormShape {
    BatchNormShape::new(SPEC).expect("right")
}

/// x, gamma, beta, schedule, y, mean, rstd, running mean, running variance.
fn forward_words(x: &[f32; 8]) -> Vec<Vec<u32>> {
    let empty = |len| vec![f32::NAN.to_bits(); len];
    let table = bits(&schedule::sample(4));
    vec![bits(x), bits(&[2.0]), bits(&[1.0]), table, empty(8), empty(1), empty(1), bits(&[8.0]), bits(&[4.0])]
}

#[test]
fn e7_batch_statistics_come_from_live_rows_and_move_the_running_ones() {
    // Step 1 has three live samples: six rows, whose mean is 3 and whose squared distances add up to 16.
    let x = [1.0, 5.0, 1.0, 5.0, 3.0, 3.0, 900.0, -700.0];
    for backend in backends() {
        let found = run(BatchNorm { shape: shape() }, &backend, 1, &forward_words(&x));
        let id = backend.id();
        assert_eq!(floats(&found[5]), [3.0], "{id}");
        assert!((floats(&found[6])[0] - 1.0 / (16.0_f32 / 6.0 + 1e-5).sqrt()).abs() < 1e-6, "{id}");
        // 0.75 * 8 + 0.25 * 3, and 0.75 * 4 + 0.25 * 16 / 5: the unbiased variance, as PyTorch's BatchNorm1d moves it.
        assert!((floats(&found[7])[0] - 6.75).abs() < 1e-6, "{id}");
        assert!((floats(&found[8])[0] - 3.8).abs() < 1e-6, "{id}");
        assert!(floats(&found[4]).iter().all(|y| y.is_finite()), "{id}");
    }
}

#[test]
fn e12_a_step_without_live_rows_leaves_the_running_statistics_and_gives_no_gradient() {
    let x = [1.0, 5.0, 1.0, 5.0, 3.0, 3.0, 9.0, -7.0];
    for backend in backends() {
        let id = backend.id();
        let words = forward_words(&x);
        let found = run(BatchNorm { shape: shape() }, &backend, 2, &words);
        assert_eq!((&found[7], &found[8]), (&words[7], &words[8]), "{id}");
        assert!(floats(&found[4]).iter().all(|y| y.is_finite()), "{id}");
        let backward = backward_words(&x);
        let found = run(BatchNormBackward { shape: shape() }, &backend, 2, &backward);
        assert_eq!((&found[6], &found[7], &found[8]), (&vec![0; 8], &vec![0], &vec![0]), "{id}");
    }
}

/// x, dy, gamma, mean, rstd, schedule, dx, dgamma, dbeta.
fn backward_words(x: &[f32; 8]) -> Vec<Vec<u32>> {
    let empty = |len| vec![f32::NAN.to_bits(); len];
    let dy = bits(&[1.0, 2.0, -1.0, 0.5, 3.0, -2.0, 5.0, 7.0]);
    let table = bits(&schedule::sample(4));
    vec![bits(x), dy, bits(&[2.0]), bits(&[3.0]), bits(&[0.6]), table, empty(8), empty(1), empty(1)]
}

#[test]
fn e7_dead_rows_take_no_part_in_the_gradients() {
    for backend in backends() {
        let id = backend.id();
        let found = [[9.0, -7.0], [900.0, 0.0]].map(|[a, b]| {
            let x = [1.0, 5.0, 1.0, 5.0, 3.0, 3.0, a, b];
            run(BatchNormBackward { shape: shape() }, &backend, 1, &backward_words(&x))
        });
        assert_eq!(found[0][6..], found[1][6..], "{id}");
        assert_eq!(found[0][6][6..], [0, 0], "{id}");
        assert!((floats(&found[0][8])[0] - 3.5).abs() < 1e-6, "{id}");
    }
}

#[test]
fn e7_batch_norm_refuses_impossible_epsilon_and_momentum() {
    for spec in [
        BatchNormSpec { epsilon: 0.0, ..SPEC },
        BatchNormSpec { epsilon: f32::NAN, ..SPEC },
        BatchNormSpec { momentum: 1.5, ..SPEC },
        BatchNormSpec { momentum: f32::NAN, ..SPEC },
    ] {
        let refused = BatchNormShape::new(spec);
        assert!(matches!(refused, Err(ShapeError::Mismatch { op: "batch_norm", .. })), "{refused:?}");
    }
}

#[test]
fn e10_batch_norm_has_the_same_bits_on_any_number_of_threads() {
    let cases = BatchNormOp.cases();
    let large: Vec<_> = cases.iter().filter(|case| case.id.contains("n4096")).collect();
    assert_eq!(large.len(), 2);
    large.into_iter().for_each(assert_same_bits_on_any_number_of_threads);
}
