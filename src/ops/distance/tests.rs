//! What the cases cannot show: threads, ties, refusals.

use super::{Distance, DistanceSpec, Metric};
use crate::ops::testing::{assert_same_bits_on_any_number_of_threads, backends, bits, floats, run};
use crate::ops::{Call, Case};

const METRICS: [Metric; 3] = [Metric::Euclidean, Metric::Cosine, Metric::Manhattan];

fn kernel(n: usize, k: usize, d: usize, metric: Metric, nearest: usize) -> Distance {
    Distance::new(DistanceSpec { fleet: 1, n, k, d, metric, nearest }).expect("a right shape")
}

#[test]
fn e10_the_nearest_are_the_same_bits_on_any_number_of_threads() {
    for metric in METRICS {
        for nearest in [1, 6] {
            let call = Call::new(kernel(1500, 80, 20, metric, nearest));
            assert_same_bits_on_any_number_of_threads(&Case::new("threads").call(call));
        }
    }
}

#[test]
fn e7_equal_centres_are_listed_by_number_and_are_at_distance_0_from_themselves() {
    for d in [3, 16, 17, 65, 130] {
        let k = 23;
        let once: Vec<f32> = (0..k * d).map(|i| ((i * 37) % 101) as f32 - 49.5).collect();
        let thrice = once.repeat(3);
        for metric in METRICS {
            for backend in backends() {
                let words = [bits(&once), bits(&thrice), vec![1; 3 * k], vec![1; 3 * k]];
                let found = run(kernel(k, 3 * k, d, metric, 3), &backend, 0, &words);
                let expected: Vec<u32> = (0..k as u32).flat_map(|j| [j, j + 23, j + 46]).collect();
                assert_eq!(found[2], expected, "{metric:?}, d = {d} on {}", backend.id());
                assert_eq!(floats(&found[3]), vec![0.0; 3 * k], "{metric:?}, d = {d} on {}", backend.id());
            }
        }
    }
}

#[test]
fn e7_a_zero_vector_is_at_cosine_distance_1_from_everything() {
    for d in [4, 40] {
        let mut x = vec![0.0; 2 * d];
        x[d] = 2.0;
        // Opposite, zero, at a right angle, the same direction.
        let mut c = vec![0.0; 4 * d];
        (c[0], c[2 * d + 1], c[3 * d]) = (-3.0, 1.0, 1e-20);
        for backend in backends() {
            let words = [bits(&x), bits(&c), vec![1; 8], vec![1; 8]];
            let found = run(kernel(2, 4, d, Metric::Cosine, 4), &backend, 0, &words);
            assert_eq!(found[2], [0, 1, 2, 3, 3, 1, 2, 0], "d = {d} on {}", backend.id());
            let expected = [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 2.0];
            let close = floats(&found[3]).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(close, "{:?}, d = {d} on {}", floats(&found[3]), backend.id());
        }
    }
}

#[test]
fn e7_impossible_searches_are_refused() {
    let refused = |k, nearest| {
        let spec = DistanceSpec { fleet: 1, n: 2, k, d: 3, metric: Metric::Cosine, nearest };
        Distance::new(spec).expect_err("refused").to_string()
    };
    assert_eq!(refused(4, 0), "distance: dimension `nearest` is 0, expected at least 1");
    assert_eq!(refused(4, 5), "distance: at least as many centres as each row gets, found 4 for 5");
    assert_eq!(refused((1 << 24) + 1, 1), "distance: at most 16777216 centres, found 16777217");
}
