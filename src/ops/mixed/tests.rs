//! The scale over many steps.

use super::{EXPONENT, GOOD, Judge, JudgeSpec, SKIPPED, scale_of};
use crate::ops::schedule;
use crate::ops::testing::{backends, bits, run};

/// The state after `steps` judgements of `norm`, on every device.
fn after(state: [f32; 3], norm: f32, steps: usize) -> [f32; 3] {
    let kernel = Judge::new(JudgeSpec { fleet: 1, steps: 3, clip: None }).expect("a right shape");
    let mut found: Option<Vec<u32>> = None;
    for backend in backends() {
        let mut own = bits(&state);
        for _ in 0..steps {
            own = run(kernel, &backend, 0, &[bits(&[norm]), bits(&schedule::sample(8)), own, vec![0]])[2].clone();
        }
        assert_eq!(found.get_or_insert(own.clone()), &own, "{}", backend.id());
    }
    let words = found.expect("a device");
    [0, 1, 2].map(|i| f32::from_bits(words[i]))
}

#[test]
fn e8_the_scale_halves_on_overflow_and_doubles_after_200_good_steps_within_its_bounds() {
    assert_eq!(scale_of(&[0.0; 3]), 32_768.0);
    let halved = after([0.0, 17.0, 0.0], f32::NAN, 2);
    assert_eq!(halved, [-2.0, 0.0, 2.0], "{EXPONENT} {GOOD} {SKIPPED}");
    assert_eq!(scale_of(&halved), 8192.0);
    assert_eq!(after([-2.0, 198.0, 2.0], 1.0, 1), [-2.0, 199.0, 2.0]);
    assert_eq!(after([-2.0, 198.0, 2.0], 1.0, 2), [-1.0, 0.0, 2.0]);
    assert_eq!(after([9.0, 199.0, 0.0], 1.0, 1), [9.0, 0.0, 0.0], "capped at 2^24");
    assert_eq!(scale_of(&[9.0, 0.0, 0.0]), 16_777_216.0);
    assert_eq!(after([-29.0, 0.0, 0.0], f32::INFINITY, 1), [-29.0, 0.0, 1.0], "not below 2^-14");
}

#[test]
fn e8_impossible_shapes_are_refused() {
    let text = |spec| Judge::new(spec).expect_err("refused").to_string();
    assert!(text(JudgeSpec { fleet: 0, steps: 1, clip: None }).contains("fleet"));
    assert!(text(JudgeSpec { fleet: 1, steps: 1, clip: Some(0.0) }).contains("clip 0, expected a number above 0"));
}
