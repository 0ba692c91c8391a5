//! The oracle.

use super::{AddColumnsSpec, CopyColumnsSpec};

pub(super) fn copy(spec: &CopyColumnsSpec, args: &mut [Vec<f64>]) {
    let CopyColumnsSpec { n, from_width, from, to_width, to, len, clears, .. } = *spec;
    for i in 0..n {
        for column in 0..to_width {
            if (to..to + len).contains(&column) {
                args[1][i * to_width + column] = args[0][i * from_width + from + column - to];
            } else if clears {
                args[1][i * to_width + column] = 0.0;
            }
        }
    }
}

pub(super) fn add(spec: &AddColumnsSpec, args: &mut [Vec<f64>]) {
    let AddColumnsSpec { n, positions, c, width, from, .. } = *spec;
    for i in 0..n {
        for p in 0..positions {
            for j in 0..c {
                let at = (i * positions + p) * c + j;
                args[2][at] = args[0][at] + args[1][i * width + from + j];
            }
        }
    }
}
