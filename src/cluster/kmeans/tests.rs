use super::{EmptyRule, Init, Mode, Rows};
use crate::backend::{Backend, DeviceChoice, choose};
use crate::cluster::{ClusterError, KMeansSpec, Metric};
use crate::ops::rng::counter_bits;

fn devices() -> Vec<Backend> {
    let mut found = vec![Backend::cpu().expect("a CPU")];
    if std::env::var_os("NIGHTLOOM_TEST_NO_GPU").is_none() {
        let gpu = choose(&DeviceChoice::Gpu(None)).or_else(|_| choose(&DeviceChoice::SoftwareGpu));
        found.push(gpu.expect("a Vulkan driver: apt-get install mesa-vulkan-drivers").backend);
    }
    found
}

#[test]
fn e4_rows_in_tiles_give_the_clusters_of_all_rows_at_once() {
    let n = 1003;
    let values: Vec<f32> =
        (0..n * 3).map(|i| counter_bits(9, 0, 0, i) as f32 / 4e8 + (i / 3 % 4) as f32 * 7.0).collect();
    let rows = Rows::new(&values, 3).expect("fine");
    let mode = Mode::Lloyd { iterations_max: 50, tolerance: 0.0 };
    let spec = KMeansSpec { empty: EmptyRule::Reseed, ..KMeansSpec::new(4, Init::PlusPlus { seed: 3 }, mode) };
    let kmeans = spec.check().expect("fine");
    for backend in devices() {
        let whole = kmeans.fit(&backend, &rows).expect("fits");
        assert!(whole.end.settled() && whole.iterations > 0);
        for tile_rows in [1, 100, 501, 1002, 1003] {
            if tile_rows == 1 && matches!(backend, Backend::Gpu(_)) {
                continue;
            }
            let tiled = kmeans.fit_in_tiles(&backend, &rows, None, tile_rows, &mut |_| true).expect("fits");
            assert_eq!(tiled.labels, whole.labels, "tiles of {tile_rows} on {}", backend.id());
            assert_eq!(tiled.iterations, whole.iterations);
            let close = tiled.centres.iter().zip(&whole.centres).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs());
            assert!(close, "{:?}, expected {:?}", tiled.centres, whole.centres);
        }
    }
}

#[test]
fn e4_tiles_follow_from_the_shape_and_the_device() {
    for backend in devices() {
        for (n, k, d) in [(1, 1, 1), (1000, 5, 13), (70_000_000, 1, 1), (3_000_000_000, 8, 64)] {
            let rows = super::tile_rows(&backend, n, k, d);
            assert!(rows >= 1 && rows <= n);
            if let Backend::Gpu(gpu) = &backend {
                assert!((rows * d * 4) as u64 <= gpu.binding_bytes_max(), "{rows} rows of {d}");
            }
            assert!(n.div_ceil(rows) * rows - n < n.div_ceil(rows), "tiles are of nearly equal length");
        }
    }
}

const LLOYD: Mode = Mode::Lloyd { iterations_max: 100, tolerance: 0.0 };

fn noise(i: u32) -> f32 {
    counter_bits(5, 0, 0, i) as f32 / u32::MAX as f32
}

#[test]
fn e15_a_weight_of_three_is_a_row_three_times() {
    let values: Vec<f32> = (0..600).map(|i| noise(i) + (i / 2 % 3) as f32).collect();
    let rows = Rows::new(&values, 2).expect("fine");
    let weights: Vec<f32> = (0..300).map(|i| [1.0, 3.0, 0.0, 2.0][i % 4]).collect();
    let repeated: Vec<f32> = rows.iter().zip(&weights).flat_map(|(row, w)| row.repeat(*w as usize)).collect();
    let repeated = Rows::new(&repeated, 2).expect("fine");
    let init = Init::Given(values[..6].to_vec());
    let kmeans = KMeansSpec::new(3, init, LLOYD).check().expect("fine");
    for backend in devices() {
        let found = kmeans.fit_weighted(&backend, &rows, Some(&weights), &mut |_| true).expect("fits");
        let expected = kmeans.fit(&backend, &repeated).expect("fits");
        assert!((found.inertia / expected.inertia - 1.0).abs() < 1e-6, "{} {}", found.inertia, expected.inertia);
        let close = found.centres.iter().zip(&expected.centres).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close, "{:?}, expected {:?}", found.centres, expected.centres);
        let tiled = kmeans.fit_in_tiles(&backend, &rows, Some(&weights), 77, &mut |_| true).expect("fits");
        assert_eq!(tiled.labels, found.labels);
    }
}

#[test]
fn e15_weights_that_cannot_be_are_refused() {
    let rows = Rows::new(&[1.0, 2.0, 3.0], 1).expect("fine");
    let kmeans = KMeansSpec::new(2, Init::PlusPlus { seed: 1 }, LLOYD).check().expect("fine");
    let cpu = Backend::cpu().expect("a CPU");
    let refused = |weights: &[f32]| {
        kmeans.fit_weighted(&cpu, &rows, Some(weights), &mut |_| true).expect_err("refused").to_string()
    };
    let expected = |found: &str| format!("`weights`: expected one a row, finite, at least 0, found {found}");
    assert_eq!(refused(&[1.0]), expected("1 for 3 rows"));
    assert_eq!(refused(&[1.0, -2.0, 1.0]), expected("-2 at row 1"));
    assert_eq!(refused(&[1.0, 1.0, f32::NAN]), expected("NaN at row 2"));
    assert_eq!(refused(&[0.0; 3]), expected("0 at every row"));
}

#[test]
fn e15_the_cosine_looks_at_directions_alone() {
    // Three directions, each at many lengths.
    let values: Vec<f32> = (0..900)
        .flat_map(|i| {
            let angle = (i % 3) as f32 * 2.0 + noise(i) * 0.2;
            let length = 0.1 + 100.0 * noise(i + 10_000);
            [angle.cos() * length, angle.sin() * length]
        })
        .collect();
    let rows = Rows::new(&values, 2).expect("fine");
    let cosine = |init| KMeansSpec { metric: Metric::Cosine, ..KMeansSpec::new(3, init, LLOYD) }.check().expect("fine");
    for backend in devices() {
        let found = cosine(Init::Given(vec![5.0, 0.0, 0.0, 5.0, -1.0, -1.0])).fit(&backend, &rows).expect("fits");
        assert!(found.end.settled());
        assert!(found.labels.iter().enumerate().all(|(i, &label)| label as usize == i % 3), "by direction");
        let lengths = found.centres.chunks_exact(2).map(|c| c[0].hypot(c[1]));
        assert!(lengths.into_iter().all(|length| (length - 1.0).abs() < 1e-6));
        let expected = |i: usize| {
            let (row, centre) = (rows.row(i), &found.centres[i % 3 * 2..][..2]);
            f64::from(1.0 - (row[0] * centre[0] + row[1] * centre[1]) / row[0].hypot(row[1]))
        };
        let inertia: f64 = (0..900).map(expected).sum();
        assert!((found.inertia / inertia - 1.0).abs() < 1e-3, "{} {inertia}", found.inertia);
        let sum: f64 = found.distances.iter().map(|d| f64::from(*d)).sum();
        assert!((found.inertia / sum - 1.0).abs() < 1e-4);
        let drawn = cosine(Init::PlusPlus { seed: 2 }).fit(&backend, &rows).expect("fits");
        assert!((drawn.inertia / found.inertia - 1.0).abs() < 1e-5);
    }
    let zero = Rows::new(&[1.0, 0.0, 0.0, 0.0, 1.0, 1.0], 2).expect("fine");
    let cpu = Backend::cpu().expect("a CPU");
    let error = cosine(Init::PlusPlus { seed: 1 }).fit(&cpu, &zero).expect_err("no direction").to_string();
    assert_eq!(error, "row 1: expected a value other than 0 for the cosine, found zeros only");
    let error = cosine(Init::Given(vec![0.0; 6])).fit(&cpu, &rows).expect_err("no direction").to_string();
    assert!(error.starts_with("centres: expected a value other than 0 in each"), "{error}");
    let manhattan = KMeansSpec { metric: Metric::Manhattan, ..KMeansSpec::new(1, Init::PlusPlus { seed: 0 }, LLOYD) };
    assert!(manhattan.check().expect_err("no means").to_string().starts_with("`metric`: expected euclidean or cosine"));
}

#[test]
fn e15_mini_batches_come_near_lloyd_and_are_the_same_on_any_threads() {
    let values: Vec<f32> =
        (0..8000).map(|i| noise(i) + (i / 4 % 5) as f32 * [3.0, -2.0, 1.0, 4.0][i as usize % 4]).collect();
    let rows = Rows::new(&values, 4).expect("fine");
    let init = || Init::Parallel { seed: 4 };
    let mode = Mode::MiniBatch { batch: 200, iterations_max: 400, seed: 9 };
    let spec = KMeansSpec { empty: EmptyRule::Reseed, ..KMeansSpec::new(5, init(), mode) };
    let small = spec.check().expect("fine");
    let full = KMeansSpec::new(5, init(), LLOYD).check().expect("fine");
    for backend in devices() {
        let fit = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| small.fit(&backend, &rows).expect("fits"))
        };
        let found = fit(1);
        assert_eq!(found, fit(2), "{}", backend.id());
        let expected = full.fit(&backend, &rows).expect("fits");
        assert!(found.iterations > 10 && found.end.settled(), "{} steps", found.iterations);
        assert!(found.inertia <= expected.inertia * 1.05, "{} {}", found.inertia, expected.inertia);
    }
}

#[test]
fn e15_the_best_of_several_starts_is_kept() {
    let values: Vec<f32> = (0..400).map(|i| noise(i) + [0.0, 5.0, 20.0, 26.0][i as usize % 4]).collect();
    let rows = Rows::new(&values, 1).expect("fine");
    let cpu = Backend::cpu().expect("a CPU");
    let fit = |seed, restarts| {
        let spec = KMeansSpec { restarts, ..KMeansSpec::new(4, Init::PlusPlus { seed }, LLOYD) };
        spec.check().expect("fine").fit(&cpu, &rows).expect("fits").inertia
    };
    let once: Vec<f64> = (0..40).map(|seed| fit(seed, 1)).collect();
    let best = once.iter().copied().fold(f64::INFINITY, f64::min);
    let worst = (0..40).max_by(|a, b| once[*a].total_cmp(&once[*b])).expect("some");
    assert!(once[worst] > best * 1.5, "some start is bad");
    assert!((fit(worst as u64, 12) / best - 1.0).abs() < 1e-9);
    let refused = |spec: KMeansSpec| spec.check().expect_err("refused").to_string();
    let given = KMeansSpec::new(1, Init::Given(vec![1.0]), LLOYD);
    assert_eq!(
        refused(KMeansSpec { restarts: 2, ..given.clone() }),
        "`restarts`: expected 1 with given centres, found 2"
    );
    assert_eq!(refused(KMeansSpec { restarts: 0, ..given }), "`restarts`: expected at least 1, found 0");
}

#[test]
fn e15_a_watcher_sees_the_inertia_fall_and_can_stop() {
    let values: Vec<f32> = (0..3000).map(noise).collect();
    let rows = Rows::new(&values, 3).expect("fine");
    let cpu = Backend::cpu().expect("a CPU");
    let kmeans = KMeansSpec::new(8, Init::PlusPlus { seed: 1 }, LLOYD).check().expect("fine");
    let mut seen = vec![];
    let mut watch = |progress: super::Progress| {
        seen.push(progress.inertia);
        true
    };
    let found = kmeans.fit_weighted(&cpu, &rows, None, &mut watch).expect("fits");
    assert_eq!(seen.len(), found.iterations);
    assert!(seen.windows(2).all(|pair| pair[1] <= pair[0] * (1.0 + 1e-6)), "{seen:?}");
    let stopped = kmeans.fit_weighted(&cpu, &rows, None, &mut |progress| progress.iteration < 2);
    assert!(matches!(stopped, Err(ClusterError::Stopped)));
}
