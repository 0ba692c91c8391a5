use super::{Keep, Moments, Pca, RandomPca};
use crate::backend::Backend;
use crate::cluster::Rows;
use crate::cluster::blocks::InMemory;
use crate::ops::rng::counter_bits;
use crate::ops::testing::backends;

fn cpu() -> Backend {
    Backend::cpu().expect("a CPU")
}

fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-9, "{found:?}, expected {expected:?}");
    }
}

#[test]
fn e15_pca_finds_the_known_axes_of_a_small_table() {
    // Around (1, 2): 3 along (3, 4)/5 and 1 along (-4, 3)/5, each to both sides. Variances 2*9/3 and 2*1/3.
    let values = [1.0 + 1.8, 2.0 + 2.4, 1.0 - 1.8, 2.0 - 2.4, 1.0 - 0.8, 2.0 + 0.6, 1.0 + 0.8, 2.0 - 0.6];
    let values64 = values.map(|v: f64| v as f32);
    let rows = Rows::new(&values64, 2).expect("fine");
    let pca = Pca::fit(&cpu(), &rows, Keep::Dimensions(2)).expect("fits");
    let loose = |found: &[f64], expected: &[f64]| {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}, expected {expected:?}");
    };
    loose(pca.mean(), &[1.0, 2.0]);
    loose(pca.component(0), &[0.6, 0.8]);
    loose(pca.component(1), &[0.8, -0.6]);
    loose(pca.variances(), &[6.0, 2.0 / 3.0]);
    loose(&pca.shares(), &[0.9, 0.1]);
    let out: Vec<f64> = pca.transform(&rows).expect("same width").into_iter().map(f64::from).collect();
    loose(&out, &[3.0, 0.0, -3.0, 0.0, 0.0, -1.0, 0.0, 1.0]);
    assert_eq!(Pca::fit(&cpu(), &rows, Keep::Share(0.89)).expect("fits").dimensions(), 1);
    assert_eq!(Pca::fit(&cpu(), &rows, Keep::Share(0.91)).expect("fits").dimensions(), 2);
    assert_eq!(Pca::fit(&cpu(), &rows, Keep::Share(1.0)).expect("fits").dimensions(), 2);
}

#[test]
fn e15_pca_components_are_orthonormal_and_the_projection_has_their_variances() {
    let (n, d) = (3000, 7);
    let noise = |i: usize| f64::from(counter_bits(5, 0, 0, i as u32)) / f64::from(u32::MAX) - 0.5;
    let values: Vec<f32> = (0..n * d).map(|i| (noise(i) * (i % d + 1) as f64 + noise(i / d)) as f32).collect();
    let rows = Rows::new(&values, d).expect("fine");
    let pca = Pca::fit(&cpu(), &rows, Keep::Dimensions(d)).expect("fits");
    for i in 0..d {
        for j in 0..d {
            let dot: f64 = pca.component(i).iter().zip(pca.component(j)).map(|(a, b)| a * b).sum();
            assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-10, "{i}, {j}: {dot}");
        }
        let largest = pca.component(i).iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        assert!(largest.expect("not empty") > 0.0);
    }
    let out = pca.transform(&rows).expect("same width");
    for (j, variance) in pca.variances().iter().enumerate() {
        let along: f64 = out.iter().skip(j).step_by(d).map(|v| f64::from(*v).powi(2)).sum();
        assert!((along / (n - 1) as f64 / variance - 1.0).abs() < 1e-5, "component {j}");
    }
    assert!(pca.variances().is_sorted_by(|a, b| a >= b));
    let text = serde_json::to_string(&pca).expect("plain numbers");
    let back: Pca = serde_json::from_str(&text).expect("what was written");
    close(back.mean(), pca.mean());
    close(back.component(d - 1), pca.component(d - 1));
}

#[test]
fn e15_pca_is_the_same_on_one_thread_and_on_two() {
    let values: Vec<f32> = (0..9000 * 5).map(|i| counter_bits(1, 2, 3, i) as f32 / 1e9).collect();
    let fit = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let rows = Rows::new(&values, 5).expect("fine");
            Pca::fit(&cpu(), &rows, Keep::Share(0.7)).expect("fits")
        })
    };
    assert_eq!(fit(1), fit(2));
}

#[test]
fn e15_pca_of_blocks_and_of_updates_is_that_of_all_rows_at_once() {
    let values: Vec<f32> =
        (0..1003 * 5).map(|i| (counter_bits(1, 2, 3, i) as f32 / 1e9 + 50.0) * (i % 5 + 1) as f32).collect();
    let rows = Rows::new(&values, 5).expect("fine");
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a / b - 1.0).abs() < 1e-5);
    for backend in backends() {
        let whole = Pca::fit(&backend, &rows, Keep::Dimensions(5)).expect("fits");
        for block_rows in [4, 100, 501, 1002] {
            if block_rows == 4 && matches!(backend, Backend::Gpu(_)) {
                continue;
            }
            let mut source = InMemory { rows, block_rows };
            let tiled = Pca::fit_blocks(&backend, &mut source, Keep::Dimensions(5)).expect("fits");
            assert!(close(tiled.mean(), whole.mean()), "{block_rows}: {tiled:?}, expected {whole:?}");
            assert!(close(tiled.variances(), whole.variances()), "{block_rows}: {tiled:?}, expected {whole:?}");
        }
    }
    let mut moments = Moments::new(5);
    for part in [&values[..5], &values[5..2000], &values[2000..]] {
        moments.update(&cpu(), &Rows::new(part, 5).expect("fine")).expect("same width");
    }
    assert_eq!(moments.rows(), 1003);
    let (grown, whole) =
        (Pca::from_moments(&moments, Keep::Dimensions(3)), Pca::fit(&cpu(), &rows, Keep::Dimensions(3)));
    let (grown, whole) = (grown.expect("fits"), whole.expect("fits"));
    assert!(close(grown.variances(), whole.variances()) && close(grown.component(2), whole.component(2)));
    let narrow = Rows::new(&[1.0], 1).expect("fine");
    assert!(moments.update(&cpu(), &narrow).expect_err("narrow").to_string().contains("width 5"));
}

#[test]
fn e15_the_covariance_is_summed_in_f64() {
    // Many rows far from 0: plain f32 sums would be off in the third digit.
    let values: Vec<f32> =
        (0..400_000_u32 * 2).map(|i| 1000.0 + counter_bits(7, 0, 0, i) as f32 / 4.3e9 * (i % 2 + 1) as f32).collect();
    let rows = Rows::new(&values, 2).expect("fine");
    let found = Pca::fit(&cpu(), &rows, Keep::Dimensions(2)).expect("fits");
    let column = |c: usize| values.iter().skip(c).step_by(2).map(|v| f64::from(*v));
    for c in 0..2 {
        let mean = column(c).sum::<f64>() / 400_000.0;
        assert!((found.mean()[c] / mean - 1.0).abs() < 1e-7, "{} {mean}", found.mean()[c]);
    }
    let trace: f64 = (0..2).map(|c| column(c).map(|v| (v - found.mean()[c]).powi(2)).sum::<f64>() / 399_999.0).sum();
    assert!((found.total_variance() / trace - 1.0).abs() < 1e-6, "{} {trace}", found.total_variance());
}

#[test]
fn e15_a_random_projection_finds_the_leading_components_of_wide_rows() {
    let (n, d) = (600, 200);
    let noise = |i: usize| f64::from(counter_bits(5, 1, 0, i as u32)) / f64::from(u32::MAX) - 0.5;
    let value = |i: usize| {
        let (row, column) = (i / d, i % d);
        let low =
            (0..6).map(|r| noise(row * 6 + r + 1_000_000) * noise(column * 6 + r + 2_000_000) * (12 - 2 * r) as f64);
        (low.sum::<f64>() + 0.05 * noise(i) + 3.0) as f32
    };
    let values: Vec<f32> = (0..n * d).map(value).collect();
    let rows = Rows::new(&values, d).expect("fine");
    let exact = Pca::fit(&cpu(), &rows, Keep::Dimensions(4)).expect("fits");
    let fit = |threads, block_rows| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let spec = RandomPca { dimensions: 4, spare: 10, powers: 4, seed: 3 };
        pool.install(|| spec.fit(&mut InMemory { rows, block_rows }).expect("fits"))
    };
    let found = fit(1, n);
    assert_eq!(found, fit(2, n));
    for other in [&found, &fit(2, 130)] {
        for i in 0..4 {
            let dot: f64 = exact.component(i).iter().zip(other.component(i)).map(|(a, b)| a * b).sum();
            assert!((dot - 1.0).abs() < 1e-5, "component {i}: {dot}");
            assert!((other.variances()[i] / exact.variances()[i] - 1.0).abs() < 1e-5);
        }
        assert!((other.total_variance() / exact.total_variance() - 1.0).abs() < 1e-5);
    }
    let refused = |dimensions| {
        let spec = RandomPca { dimensions, spare: 10, powers: 4, seed: 3 };
        spec.fit(&mut InMemory { rows, block_rows: n }).expect_err("refused").to_string()
    };
    assert_eq!(refused(0), "`dimensions`: expected at least 1, found 0");
    assert!(refused(201).contains("201 of 200"));
}

#[test]
fn e15_whitened_coordinates_have_variance_1() {
    let values: Vec<f32> =
        (0..3000_u32 * 4).map(|i| counter_bits(5, 0, 0, i) as f32 / 1e8 * (i % 4 + 1) as f32).collect();
    let rows = Rows::new(&values, 4).expect("fine");
    let pca = Pca::fit(&cpu(), &rows, Keep::Dimensions(4)).expect("fits").whitened();
    let out = pca.transform(&rows).expect("same width");
    for c in 0..4 {
        let square: f64 = out.iter().skip(c).step_by(4).map(|v| f64::from(*v).powi(2)).sum();
        assert!((square / 2999.0 - 1.0).abs() < 1e-4, "column {c}");
    }
    let flat = Rows::new(&[4.0; 6], 2).expect("fine");
    let flat_pca = Pca::fit(&cpu(), &flat, Keep::Dimensions(2)).expect("fits").whitened();
    assert_eq!(flat_pca.transform(&flat).expect("same width"), [0.0; 6]);
}

#[test]
fn e15_pca_of_constant_rows_has_no_variance_and_bad_wishes_are_refused() {
    let rows = Rows::new(&[4.0; 6], 2).expect("fine");
    let pca = Pca::fit(&cpu(), &rows, Keep::Dimensions(2)).expect("fits");
    assert_eq!(pca.shares(), [0.0, 0.0]);
    assert_eq!(pca.transform(&rows).expect("same width"), [0.0; 6]);
    let refused = |keep| Pca::fit(&cpu(), &rows, keep).expect_err("refused").to_string();
    assert_eq!(refused(Keep::Dimensions(0)), "`dimensions`: expected at least 1, found 0");
    assert_eq!(
        refused(Keep::Dimensions(3)),
        "`dimensions`: expected at most as many as there are columns, found 3 of 2"
    );
    assert_eq!(refused(Keep::Share(f64::NAN)), "`share`: expected a number above 0 and at most 1, found NaN");
    assert_eq!(refused(Keep::Share(1.01)), "`share`: expected a number above 0 and at most 1, found 1.01");
    let one = Rows::new(&[1.0, 2.0], 2).expect("fine");
    let error = Pca::fit(&cpu(), &one, Keep::Dimensions(1)).expect_err("one row");
    assert_eq!(error.to_string(), "covariance: at least 2 rows are needed, found 1");
    let narrow = Rows::new(&[1.0], 1).expect("fine");
    assert_eq!(
        pca.transform(&narrow).expect_err("narrow").to_string(),
        "components of width 2, expected the rows' width 1"
    );
}
