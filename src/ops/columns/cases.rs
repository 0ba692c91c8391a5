//! Shapes for agreement, gradients and benches.

use super::{AddColumns, AddColumnsSpec, CopyColumns, CopyColumnsSpec};
use crate::ops::{Call, Case};

/// A copy that clears the rest, and its way back.
fn copy(id: &'static str, [fleet, n]: [usize; 2], x: [usize; 2], y: [usize; 2], len: usize) -> Case {
    let ([from_width, from], [to_width, to]) = (x, y);
    let spec = CopyColumnsSpec { fleet, n, from_width, from, to_width, to, len, clears: true };
    let back = CopyColumnsSpec { from_width: to_width, from: to, to_width: from_width, to: from, ..spec };
    let [there, back] = [spec, back].map(|spec| CopyColumns::new(spec).expect("the case's shape is right"));
    Case::new(id).call(Call::new(there)).call(Call::new(back).names(&["dy", "dx"]))
}

/// A copy that leaves the rest alone.
fn place(id: &'static str, [fleet, n]: [usize; 2], x: [usize; 2], y: [usize; 2], len: usize) -> Case {
    let ([from_width, from], [to_width, to]) = (x, y);
    let spec = CopyColumnsSpec { fleet, n, from_width, from, to_width, to, len, clears: false };
    Case::new(id).call(Call::new(CopyColumns::new(spec).expect("the case's shape is right")))
}

fn add(id: &'static str, fleet: usize, n: usize, [positions, c]: [usize; 2], [width, from]: [usize; 2]) -> Case {
    let spec = AddColumnsSpec { fleet, n, positions, c, width, from };
    Case::new(id).call(Call::new(AddColumns::new(spec).expect("the case's shape is right")))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        copy("copy_f1_1_of_1", [1, 1], [1, 0], [1, 0], 1),
        copy("copy_f3_7x4_of_9", [3, 7], [9, 3], [6, 2], 4),
        copy("copy_f2_5x37_whole", [2, 5], [37, 0], [37, 0], 37),
        copy("copy_f1_301x40_of_300_split", [1, 301], [300, 260], [501, 7], 40),
        place("place_f1_1_of_1", [1, 1], [1, 0], [1, 0], 1),
        place("place_f3_11x5_of_8", [3, 11], [5, 0], [8, 3], 5),
        place("place_f2_403x120_split", [2, 403], [130, 10], [300, 180], 120),
        place("place_f1_4096x64", [1, 4096], [64, 0], [256, 64], 64).bench_only(),
        add("add_f1_1x1", 1, 1, [1, 1], [1, 0]),
        add("add_f3_7x3x5", 3, 7, [3, 5], [11, 6]),
        add("add_f2_401x4x83_split", 2, 401, [4, 83], [120, 37]),
        add("add_f1_4096x4x64", 1, 4096, [4, 64], [300, 236]).bench_only(),
    ]
}
