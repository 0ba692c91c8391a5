//! Every timed case of the registry, on the CPU and on a GPU.
//!
//! An id is `<op>/<kernel>/<case>/<device>`. A sample replays a plan of one kernel and waits for the device. Throughput
//! is floating-point operations a second ("elements"), or bytes a second for kernels that do less than one operation a
//! byte. `cargo bench -- <part of an id>` picks; `NIGHTLOOM_BENCH_SOFTWARE_GPU=1` adds a software GPU where there is no
//! hardware one, `NIGHTLOOM_SIMD` sets the CPU's level.

mod common;

use common::backends;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nightloom::backend::Backend;
use nightloom::ops::{Case, Op, Registry, Work};
use nightloom::plan::PlanError;
use nightloom::plan::prepared::{Prepared, inputs};

fn throughput(work: Work) -> Throughput {
    if work.flops >= work.bytes {
        Throughput::Elements(work.flops as u64)
    } else {
        Throughput::BytesDecimal(work.bytes as u64)
    }
}

/// Times each call of the case; a later call gets what the earlier ones wrote on the same device.
fn time_case(criterion: &mut Criterion, op: &dyn Op, case: &Case, backend: &Backend) -> Result<(), PlanError> {
    let mut values = inputs(case);
    for (number, call) in case.calls.iter().enumerate() {
        let mut prepared = Prepared::new(call, backend, &values)?;
        prepared.run(case.step)?;
        values.extend(prepared.outputs()?);
        // Two calls of a case may be the same kernel in different shapes, as a product's two gradients are.
        let same = case.calls.iter().filter(|other| other.kernel.name() == call.kernel.name()).count() > 1;
        let kernel = call.kernel.name();
        let kernel = if same { format!("{kernel}#{number}") } else { kernel.to_owned() };
        let mut group = criterion.benchmark_group(format!("{}/{kernel}", op.name()));
        group.throughput(throughput(call.kernel.work()));
        group.bench_function(BenchmarkId::new(case.id, backend.id()), |bencher| {
            bencher.iter(|| {
                prepared.run(case.step).expect(case.id);
                prepared.wait().expect(case.id);
            });
        });
        group.finish();
    }
    Ok(())
}

fn ops(criterion: &mut Criterion) {
    for backend in backends() {
        for op in Registry::standard().ops() {
            for case in op.cases().iter().filter(|case| case.timed) {
                if let Err(error) = time_case(criterion, *op, case, &backend) {
                    panic!("{} {} on {}: {error}", op.name(), case.id, backend.id());
                }
            }
        }
    }
}

criterion_group!(benches, ops);
criterion_main!(benches);
