//! Whole training steps and whole epochs of the networks that `nightloom bench step` names, on the CPU and on a GPU.
//!
//! An id is `step/<network>/<device>` or `epoch/<network>/<device>`. Throughput is rows of all members a second.
//! `cargo bench --bench steps -- <part of an id>` picks; `NIGHTLOOM_BENCH_SOFTWARE_GPU=1` adds a software GPU where there
//! is no hardware one, `NIGHTLOOM_SIMD` sets the CPU's level, `RAYON_NUM_THREADS` the number of threads.

mod common;

use std::time::Duration;

use common::backends;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nightloom::cli::bench::laid::{Laid, epoch_seconds};
use nightloom::cli::bench::networks;

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    group.sample_size(20);
    for backend in backends() {
        for network in networks::all() {
            group.throughput(Throughput::Elements((network.members * network.batch) as u64));
            // Laid out by the first timing, so that networks which were not asked for cost nothing.
            let mut laid = None;
            let mut number = 0;
            group.bench_function(BenchmarkId::new(network.name, backend.id()), |bencher| {
                let laid = laid.get_or_insert_with(|| Laid::new(&network, &backend).expect(network.name));
                bencher.iter(|| {
                    laid.step(number).expect(network.name);
                    number += 1;
                });
            });
        }
    }
    group.finish();
}

fn epochs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("epoch");
    group.sample_size(10);
    for backend in backends() {
        for network in networks::all() {
            group.throughput(Throughput::Elements((network.members * network.batch * network.steps) as u64));
            group.bench_function(BenchmarkId::new(network.name, backend.id()), |bencher| {
                bencher.iter_custom(|count| {
                    let seconds = epoch_seconds(&network, &backend, count as usize).expect(network.name);
                    Duration::from_secs_f64(seconds.iter().sum())
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, steps, epochs);
criterion_main!(benches);
