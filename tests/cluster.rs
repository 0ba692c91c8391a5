//! K-means and nearest centres through the public face, on every device, against plain f64 code.

#[path = "common/backends.rs"]
mod backends;

use backends::backends;
use nightloom::backend::Backend;
use nightloom::cluster::{Clustering, EmptyRule, End, Init, KMeans, KMeansSpec, Mode, Rows};
use nightloom::ops::Call;
use nightloom::ops::distance::{Distance, DistanceSpec, Metric};
use nightloom::ops::rng::counter_bits;
use nightloom::plan::prepared::{Prepared, Values};

const LLOYD: Mode = Mode::Lloyd { iterations_max: 200, tolerance: 0.0 };

fn kmeans(k: usize, init: Init, mode: Mode, empty: EmptyRule) -> KMeans {
    KMeansSpec { empty, ..KMeansSpec::new(k, init, mode) }.check().expect("a right spec")
}

fn noise(seed: u32, i: usize) -> f32 {
    counter_bits(seed, 0, 0, i as u32) as f32 / u32::MAX as f32
}

/// `n` rows of `d` values in `groups` clouds that overlap a little.
fn clouds(n: usize, d: usize, groups: usize) -> Vec<f32> {
    (0..n * d).map(|i| noise(1, i) + noise(2, (i / d % groups) * d + i % d) * 2.0).collect()
}

/// Labels and squared distances in f64.
fn assign(rows: &Rows<'_>, centres: &[f64]) -> (Vec<u32>, f64) {
    let mut inertia = 0.0;
    let nearest = |row: &[f32]| {
        let mut best = (f64::INFINITY, 0);
        for (j, centre) in centres.chunks_exact(rows.width()).enumerate() {
            let distance: f64 = row.iter().zip(centre).map(|(x, c)| (f64::from(*x) - c).powi(2)).sum();
            if distance < best.0 {
                best = (distance, j as u32);
            }
        }
        inertia += best.0;
        best.1
    };
    (rows.iter().map(nearest).collect(), inertia)
}

/// Lloyd's iterations in f64, centres without members kept; returns labels, centres, inertia.
fn naive_lloyd(rows: &Rows<'_>, start: &[f32]) -> (Vec<u32>, Vec<f64>, f64) {
    let width = rows.width();
    let mut centres: Vec<f64> = start.iter().copied().map(f64::from).collect();
    let mut previous = vec![];
    loop {
        let (labels, inertia) = assign(rows, &centres);
        if labels == previous {
            return (labels, centres, inertia);
        }
        for (j, centre) in centres.chunks_exact_mut(width).enumerate() {
            let members: Vec<&[f32]> =
                rows.iter().zip(&labels).filter(|(_, label)| **label as usize == j).map(|(row, _)| row).collect();
            for (q, value) in centre.iter_mut().enumerate().filter(|_| !members.is_empty()) {
                *value = members.iter().map(|row| f64::from(row[q])).sum::<f64>() / members.len() as f64;
            }
        }
        previous = labels;
    }
}

#[test]
fn e15_lloyd_agrees_with_plain_f64_code_on_every_device() {
    for (n, k, d) in [(500, 3, 2), (700, 7, 13), (400, 35, 20), (300, 5, 70)] {
        // More clouds than centres: the centres have a way to go.
        let values = clouds(n, d, 2 * k + 1);
        let rows = Rows::new(&values, d).expect("fine");
        let start = values[..k * d].to_vec();
        let (labels, centres, inertia) = naive_lloyd(&rows, &start);
        let wanted = kmeans(k, Init::Given(start), LLOYD, EmptyRule::Keep);
        for backend in backends() {
            let found = wanted.fit(&backend, &rows).expect("fits");
            let place = format!("{n} x {d}, k = {k} on {}", backend.id());
            assert!(found.end.settled() && found.iterations > 1, "{place}: {} iterations", found.iterations);
            assert_eq!(found.labels, labels, "{place}");
            assert!((found.inertia / inertia - 1.0).abs() < 1e-6, "{place}: {}, expected {inertia}", found.inertia);
            for (value, expected) in found.centres.iter().zip(&centres) {
                assert!((f64::from(*value) - expected).abs() < 1e-5, "{place}: {value}, expected {expected}");
            }
            let distances: f64 = found.distances.iter().copied().map(f64::from).sum();
            assert!((distances / inertia - 1.0).abs() < 1e-5, "{place}");
        }
    }
}

#[test]
fn e15_a_small_known_result() {
    let values = [0.0, 0.0, 0.0, 2.0, 10.0, 0.0, 10.0, 2.0, 10.0, 4.0];
    let rows = Rows::new(&values, 2).expect("fine");
    let wanted = kmeans(2, Init::Given(vec![0.0, 0.0, 1.0, 0.0]), LLOYD, EmptyRule::Keep);
    for backend in backends() {
        let found = wanted.fit(&backend, &rows).expect("fits");
        assert_eq!(found.labels, [0, 0, 1, 1, 1]);
        assert_eq!(found.centres, [0.0, 1.0, 10.0, 2.0]);
        assert_eq!(found.distances, [1.0, 1.0, 4.0, 0.0, 4.0]);
        assert_eq!((found.inertia, &found.sizes[..]), (10.0, &[2, 3][..]));
        assert_eq!(found.members(1).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!((found.iterations, found.end, found.reseeded), (1, End::Labels, 0));
    }
}

#[test]
fn g5_fixed_centres_stay_and_may_outnumber_the_rows() {
    let values = [0.0, 5.0, 5.5];
    let rows = Rows::new(&values, 1).expect("fine");
    let centres = vec![1.0, 5.5, 100.0, 5.5, -3.0];
    let wanted = kmeans(5, Init::Given(centres.clone()), Mode::Fixed, EmptyRule::Reseed);
    for backend in backends() {
        let found = wanted.fit(&backend, &rows).expect("fits");
        assert_eq!((&found.labels[..], &found.sizes[..]), (&[0, 1, 1][..], &[1, 2, 0, 0, 0][..]));
        assert_eq!(found.centres, centres);
        assert_eq!(found.distances, [1.0, 0.25, 0.0]);
        assert_eq!(found.inertia, 1.25);
    }
}

#[test]
fn e15_a_centre_without_members_keeps_its_place_or_takes_the_farthest_row() {
    let values = [0.0, 1.0, 9.0, 10.0, 30.0, 30.0];
    let rows = Rows::new(&values, 1).expect("fine");
    let start = || Init::Given(vec![0.0, 500.0, 10.0, 600.0]);
    let once = Mode::Lloyd { iterations_max: 1, tolerance: 0.0 };
    for backend in backends() {
        let kept = kmeans(4, start(), LLOYD, EmptyRule::Keep).fit(&backend, &rows).expect("fits");
        assert_eq!((kept.centres[1], kept.centres[3], kept.reseeded), (500.0, 600.0, 0));
        assert_eq!(kept.sizes[1] + kept.sizes[3], 0);
        // The farthest rows are 4 and 5, equally far: centre 1 takes the lower. Centre 2 is left with 9 and 10.
        let moved = kmeans(4, start(), once, EmptyRule::Reseed).fit(&backend, &rows).expect("fits");
        assert_eq!(moved.centres, [0.5, 30.0, 9.5, 30.0]);
        assert_eq!((moved.reseeded, moved.iterations, moved.end), (2, 1, End::Iterations));
        assert_eq!(moved.labels, [0, 0, 2, 2, 1, 1]);
        let found = kmeans(4, start(), LLOYD, EmptyRule::Reseed).fit(&backend, &rows).expect("fits");
        assert!(found.end.settled());
        assert_eq!(found.sizes.iter().filter(|size| **size > 0).count(), 4, "{found:?}");
    }
}

#[test]
fn e15_equal_rows_leave_nothing_to_reseed() {
    let values = [3.0; 8];
    let rows = Rows::new(&values, 2).expect("fine");
    let wanted = kmeans(3, Init::PlusPlus { seed: 1 }, LLOYD, EmptyRule::Reseed);
    for backend in backends() {
        let found = wanted.fit(&backend, &rows).expect("fits");
        assert_eq!((found.inertia, found.end, found.reseeded), (0.0, End::Tolerance, 0));
        assert_eq!(found.labels, [0; 4]);
    }
}

#[test]
fn e10_threads_and_devices_do_not_change_the_clusters() {
    let values = clouds(5000, 32, 40);
    let rows = Rows::new(&values, 32).expect("fine");
    let wanted = kmeans(40, Init::PlusPlus { seed: 11 }, LLOYD, EmptyRule::Reseed);
    let fit = |threads: usize, backend: &Backend| -> Clustering {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| wanted.fit(backend, &rows).expect("fits"))
    };
    let mut labels = vec![];
    for backend in backends() {
        let one = fit(1, &backend);
        assert_eq!(one, fit(2, &backend), "{}", backend.id());
        labels.push((backend.id(), one.labels));
    }
    for (id, other) in &labels[1..] {
        assert_eq!(*other, labels[0].1, "{id} against {}", labels[0].0);
    }
}

#[test]
fn e15_the_tolerance_ends_early_and_the_labels_fit_the_last_centres() {
    let values = clouds(2000, 4, 9);
    let rows = Rows::new(&values, 4).expect("fine");
    let init = || Init::Given(values[..36].to_vec());
    let cpu = Backend::cpu().expect("a CPU");
    let full = kmeans(9, init(), LLOYD, EmptyRule::Keep).fit(&cpu, &rows).expect("fits");
    let loose = Mode::Lloyd { iterations_max: 200, tolerance: 0.05 };
    let early = kmeans(9, init(), loose, EmptyRule::Keep).fit(&cpu, &rows).expect("fits");
    assert!(early.end.settled() && early.iterations < full.iterations, "{} of {}", early.iterations, full.iterations);
    let short = Mode::Lloyd { iterations_max: 2, tolerance: 0.0 };
    let stopped = kmeans(9, init(), short, EmptyRule::Keep).fit(&cpu, &rows).expect("fits");
    assert!(!stopped.end.settled() && stopped.iterations == 2);
    for found in [&full, &early, &stopped] {
        let centres: Vec<f64> = found.centres.iter().copied().map(f64::from).collect();
        let (labels, inertia) = assign(&rows, &centres);
        assert_eq!(found.labels, labels);
        assert!((found.inertia / inertia - 1.0).abs() < 1e-12);
    }
    assert!(full.inertia <= early.inertia && early.inertia <= stopped.inertia);
}

#[test]
fn e15_what_cannot_be_clustered_is_refused() {
    let values = [1.0, 2.0, 3.0, 4.0];
    let rows = Rows::new(&values, 2).expect("fine");
    let cpu = Backend::cpu().expect("a CPU");
    let refused = |k, init, mode| {
        let checked = KMeansSpec::new(k, init, mode).check();
        checked.and_then(|kmeans| kmeans.fit(&cpu, &rows)).expect_err("refused").to_string()
    };
    let given = |values: &[f32]| Init::Given(values.to_vec());
    let lloyd = |iterations_max, tolerance| Mode::Lloyd { iterations_max, tolerance };
    assert_eq!(refused(0, given(&[]), Mode::Fixed), "`k`: expected at least 1 centre, found 0");
    assert_eq!(
        refused(2, given(&[1.0, 2.0, 3.0]), Mode::Fixed),
        "`centres`: expected whole rows, one a centre, found 3 values for 2"
    );
    assert_eq!(refused(2, given(&[]), Mode::Fixed), "rows of width 0, expected at least 1 value a row");
    assert_eq!(
        refused(1, given(&[1.0, f32::NAN]), Mode::Fixed),
        "centres: row 0, column 1: expected a number of magnitude at most 1e15, found NaN"
    );
    assert_eq!(refused(1, given(&[1.0]), Mode::Fixed), "centres of width 1, expected the rows' width 2");
    let three = || given(&[0.0; 6]);
    assert_eq!(refused(3, three(), LLOYD), "k-means: at least 3 rows are needed, found 2");
    assert_eq!(refused(3, Init::PlusPlus { seed: 0 }, Mode::Fixed), "k-means: at least 3 rows are needed, found 2");
    assert_eq!(refused(2, given(&[0.0; 4]), lloyd(0, 0.0)), "`iterations_max`: expected at least 1, found 0");
    assert_eq!(
        refused(2, given(&[0.0; 4]), lloyd(1, -1.0)),
        "`tolerance`: expected a finite number, at least 0, found -1"
    );
}

/// The op `distance` alone; returns labels and distances.
fn nearest(backend: &Backend, x: &[f32], c: &[f32], d: usize) -> (Vec<u32>, Vec<f32>) {
    let spec = DistanceSpec { fleet: 1, n: x.len() / d, k: c.len() / d, d, metric: Metric::Euclidean, nearest: 1 };
    let call = Call::new(Distance::new(spec).expect("a right shape"));
    let words = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect();
    let values = Values::from([("x".to_owned(), words(x)), ("c".to_owned(), words(c))]);
    let mut prepared = Prepared::new(&call, backend, &values).expect("a plan");
    prepared.run(0).expect("runs");
    let outputs = prepared.outputs().expect("was run");
    (outputs["label"].clone(), outputs["dist"].iter().map(|&word| f32::from_bits(word)).collect())
}

#[test]
fn e15_of_equal_centres_the_lowest_wins_and_a_centre_is_at_distance_0_from_itself() {
    // Every centre three times, in reverse the last time, over several panels and tiles.
    for d in [3, 16, 17, 65, 130] {
        let k = 45;
        let once: Vec<f32> = (0..k * d).map(|i| noise(d as u32, i) * 100.0 + 1000.0).collect();
        let backwards: Vec<f32> = once.chunks_exact(d).rev().flatten().copied().collect();
        let centres = [&once[..], &once[..], &backwards[..]].concat();
        for backend in backends() {
            let (labels, distances) = nearest(&backend, &once, &centres, d);
            assert_eq!(labels, (0..k as u32).collect::<Vec<_>>(), "d = {d} on {}", backend.id());
            assert_eq!(distances, vec![0.0; k], "d = {d} on {}", backend.id());
        }
    }
}

#[test]
fn e15_far_from_the_origin_small_distances_still_decide() {
    // Rows around 10,000 whose clusters are 1 apart: |c|^2 - 2xc without the move to the centres' mean would fail.
    for d in [5, 40] {
        let (n, k) = (200, 6);
        let centres: Vec<f32> = (0..k * d).map(|i| 10_000.0 + noise(3, i)).collect();
        let x: Vec<f32> = (0..n * d).map(|i| centres[(i / d % k) * d + i % d] + noise(4, i) * 0.25).collect();
        let rows = Rows::new(&x, d).expect("fine");
        let truth = assign(&rows, &centres.iter().copied().map(f64::from).collect::<Vec<_>>()).0;
        for backend in backends() {
            assert_eq!(nearest(&backend, &x, &centres, d).0, truth, "d = {d} on {}", backend.id());
        }
    }
}
