//! What the cases cannot show: threads, exact symmetry, refusals.

use super::{Covariance, CovarianceSpec};
use crate::ops::testing::{assert_same_bits_on_any_number_of_threads, backends, bits, floats, run};
use crate::ops::{Call, Case};

#[test]
fn e10_covariance_is_the_same_bits_on_any_number_of_threads() {
    let kernel = Covariance::new(CovarianceSpec { fleet: 1, n: 3001, d: 40 }).expect("a right shape");
    assert_same_bits_on_any_number_of_threads(&Case::new("threads").call(Call::new(kernel)));
}

#[test]
fn e7_covariance_is_symmetric_and_that_of_constant_columns_is_0() {
    let (n, d) = (300, 70);
    let x: Vec<f32> = (0..n * d).map(|i| if i % d == 5 { 0.1 } else { ((i * 29) % 1013) as f32 }).collect();
    for backend in backends() {
        let kernel = Covariance::new(CovarianceSpec { fleet: 1, n, d }).expect("a right shape");
        let found = run(kernel, &backend, 0, &[bits(&x), vec![1; d], vec![1; d * d]]);
        let (mean, cov) = (floats(&found[1]), floats(&found[2]));
        assert_eq!(mean[5], 0.1);
        for i in 0..d {
            assert_eq!((cov[5 * d + i], cov[i * d + 5]), (0.0, 0.0), "{}", backend.id());
            assert!((0..d).all(|j| cov[i * d + j] == cov[j * d + i]), "{}", backend.id());
        }
    }
}

#[test]
fn e7_covariance_of_one_row_is_refused() {
    let refused = Covariance::new(CovarianceSpec { fleet: 1, n: 1, d: 3 }).expect_err("refused").to_string();
    assert_eq!(refused, "covariance: expected at least 2 rows, found 1");
}
