//! The oracle.

pub(super) fn keep_best(args: &mut [Vec<f64>]) {
    if args[1][0] != 0.0 {
        let src = args[0].clone();
        args[2] = src;
    }
}
