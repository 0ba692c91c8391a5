use super::DropoutOp;
use super::{Dropout, DropoutSpec};
use crate::ops::testing::{assert_same_bits_on_any_number_of_threads, backends, bits, run};
use crate::ops::{Op, ShapeError, schedule};

const LEN: usize = 50_000;

/// y on x = 1 for a fleet of two with seeds of their own.
fn mask(rate: f32, stream: u32, step: u32) -> Vec<Vec<u32>> {
    let kernel = Dropout::new(DropoutSpec { fleet: 2, rows: 1, len: LEN, rate, stream, steps: 3 }).expect("right");
    let table = schedule::sample(4).repeat(2);
    let words = [bits(&vec![1.0; 2 * LEN]), vec![3, 0xffff_fff7], bits(&table), vec![u32::MAX; 2 * LEN]];
    backends().iter().map(|backend| run(kernel, backend, step, &words)[3].clone()).collect()
}

fn kept(mask: &[u32]) -> f64 {
    mask.iter().filter(|&&word| word != 0).count() as f64 / mask.len() as f64
}

#[test]
fn e7_dropout_masks_are_the_same_bits_everywhere_and_match_the_rate() {
    for rate in [0.0_f32, 0.1, 0.5, 0.999] {
        let masks = mask(rate, 9, 1);
        for other in &masks {
            assert!(*other == masks[0], "rate {rate}: devices differ");
        }
        let share = kept(&masks[0]);
        // Six standard deviations of the share that 100,000 draws keep.
        let expected = 1.0 - f64::from(rate);
        let deviation = (expected * f64::from(rate) / (2 * LEN) as f64).sqrt();
        assert!((share - expected).abs() <= 6.0 * deviation, "rate {rate}: {share} kept");
        let scale = (1.0 / (1.0 - rate)).to_bits();
        assert!(masks[0].iter().all(|&word| word == 0 || word == scale));
    }
}

#[test]
fn e7_dropout_masks_differ_by_member_stream_and_step() {
    let base = mask(0.5, 1, 0).swap_remove(0);
    let agree = |a: &[u32], b: &[u32]| a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64;
    let others = [mask(0.5, 2, 0).swap_remove(0), mask(0.5, 1, 1).swap_remove(0)];
    for other in &others {
        assert!((agree(&base, other) - 0.5).abs() < 0.01);
    }
    assert!((agree(&base[..LEN], &base[LEN..]) - 0.5).abs() < 0.02);
}

#[test]
fn e7_dropout_refuses_rates_outside_of_0_to_1() {
    for rate in [-0.1, 1.0, 2.0, f32::NAN, f32::INFINITY] {
        let refused = Dropout::new(DropoutSpec { fleet: 1, rows: 1, len: 1, rate, stream: 0, steps: 1 });
        assert!(matches!(refused, Err(ShapeError::Mismatch { op: "dropout", .. })), "{rate}: {refused:?}");
    }
}

#[test]
fn e10_dropout_has_the_same_bits_on_any_number_of_threads() {
    let cases = DropoutOp.cases();
    let large: Vec<_> = cases.iter().filter(|case| case.id.contains("4096")).collect();
    assert_eq!(large.len(), 1);
    large.into_iter().for_each(assert_same_bits_on_any_number_of_threads);
}
