//! Shapes for agreement, gradients and benches.

use super::{Dropout, DropoutSpec};
use crate::ops::schedule::sample;
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, spec: DropoutSpec) -> Case {
    let kernel = Dropout::new(spec).expect("the case's shape is right");
    Case::new(id)
        .call(Call::new(kernel))
        .call(Call::new(kernel).names(&["dy", "seed", "schedule", "dx"]))
        .fill("seed", Fill::Bits)
        .fill("schedule", Fill::Values(sample(8)))
}

pub(super) fn cases() -> Vec<Case> {
    let spec = |fleet, len, rate, stream| DropoutSpec {
        fleet,
        rows: if len % 100 == 0 { 100 } else { len },
        len,
        rate,
        stream,
        steps: 3,
    };
    vec![
        case("f1_1_half", spec(1, 1, 0.5, 0)),
        case("f3_1009_half", spec(3, 1009, 0.5, 1)),
        case("f5_257_tenth_step1", spec(5, 257, 0.1, 7)).at_step(1),
        case("f2_300_third_inactive", spec(2, 300, 0.3, 2)).at_step(2),
        case("f2_513_none", spec(2, 513, 0.0, 3)),
        case("f1_4099_nearly_all", spec(1, 4099, 0.999, 4)),
        case("f1_2000_all_but_one_in_2_24", spec(1, 2000, 1.0 - f32::EPSILON / 2.0, 5)),
        case("f1_17000_half", spec(1, 17_000, 0.5, 6)).bench(),
        case("f1_4096x28x32_half", spec(1, 4096 * 28 * 32, 0.5, 6)).bench_only(),
    ]
}
