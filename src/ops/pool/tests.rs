use super::PoolOp;
use super::{Pool, PoolKind, PoolShape, PoolSpec};
use crate::ops::testing::{assert_same_bits_on_any_number_of_threads, backends, bits, run};
use crate::ops::{Op, ShapeError};

#[test]
fn e7_the_first_of_equal_maxima_wins() {
    let spec = PoolSpec { kind: PoolKind::Max, fleet: 1, n: 1, size: [1, 6], c: 2, window: [1, 3], stride: [1, 3] };
    let kernel = Pool { shape: PoolShape::new(spec).expect("right") };
    // Channels side by side: [1 2 2 | 5 5 5] and [3 1 3 | 0 -1 0].
    let x = [1.0, 3.0, 2.0, 1.0, 2.0, 3.0, 5.0, 0.0, 5.0, -1.0, 5.0, 0.0];
    for backend in backends() {
        let found = run(kernel, &backend, 0, &[bits(&x), vec![0; 4], vec![9; 4]]);
        assert_eq!(found[1], bits(&[2.0, 3.0, 5.0, 0.0]), "{}", backend.id());
        assert_eq!(found[2], [1, 0, 3, 3], "{}", backend.id());
    }
}

#[test]
fn e7_a_window_longer_than_x_is_refused() {
    let spec = PoolSpec { kind: PoolKind::Max, fleet: 1, n: 1, size: [4, 3], c: 2, window: [5, 1], stride: [1, 1] };
    let refused = PoolShape::new(spec);
    assert!(matches!(refused, Err(ShapeError::Mismatch { op: "pool", .. })), "{refused:?}");
    let refused = PoolShape::new(PoolSpec { window: [2, 2], stride: [1, 0], ..spec });
    assert!(matches!(refused, Err(ShapeError::Zero { dimension: "stride", .. })), "{refused:?}");
}

#[test]
fn e10_pool_has_the_same_bits_on_any_number_of_threads() {
    let cases = PoolOp.cases();
    let large: Vec<_> = cases.iter().filter(|case| case.id.contains("n4096")).collect();
    assert_eq!(large.len(), 2);
    large.into_iter().for_each(assert_same_bits_on_any_number_of_threads);
}
