//! The walk over a registry that every operation has to pass. Tests of the standard registry and of a made-up operation
//! share it.

pub mod backends;

use nightloom::backend::Backend;
use nightloom::ops::{Case, Op, Registry};
use nightloom::plan::verify;

fn tested(op: &dyn Op) -> Vec<Case> {
    op.cases().into_iter().filter(|case| case.tested).collect()
}

/// Names are unique, and every operation has tested cases and a shader.
pub fn assert_complete(registry: &Registry) {
    let mut names: Vec<_> = registry.ops().iter().map(|op| op.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), registry.ops().len(), "two ops share a name");
    for op in registry.ops() {
        assert!(!tested(*op).is_empty(), "{} has no tested case", op.name());
        assert!(!op.shaders().is_empty(), "{} has no shader", op.name());
    }
}

/// Runs `work` for every tested case of `op`; the error names the case.
fn walk<T>(op: &dyn Op, mut work: impl FnMut(&Case) -> T) -> Vec<(&'static str, T)> {
    tested(op).iter().map(|case| (case.id, work(case))).collect()
}

/// Every output of every kernel on `backend` that is further from the reference than its case allows. Prints a row of
/// the agreement table for each operation.
pub fn disagreements(registry: &Registry, backend: &Backend) -> Vec<String> {
    let mut failures = vec![];
    for op in registry.ops() {
        let mut worst = 0.0_f64;
        let found = walk(*op, |case| {
            assert!(case.nmse_max <= 1e-10 || case.slack.is_some(), "{}: slack without a reason", case.id);
            (case.nmse_max, verify::agreement(case, backend).expect(case.id))
        });
        for (id, (nmse_max, outputs)) in found {
            for output in outputs {
                worst = worst.max(output.nmse);
                if output.nmse.is_nan() || output.nmse > nmse_max {
                    failures.push(format!("{} {} {id} {output:?}", backend.id(), op.name()));
                }
            }
        }
        println!("| {} | {} | {worst:.1e} |", backend.id(), op.name());
    }
    failures
}

/// How many outputs were compared where arguments are held as f16, and every one further from the reference than 1e-5.
pub fn disagreements_in_halves(registry: &Registry, backend: &Backend) -> (usize, Vec<String>) {
    let (mut compared, mut failures) = (0, vec![]);
    for op in registry.ops() {
        let mut worst = 0.0_f64;
        for (id, outputs) in walk(*op, |case| verify::agreement_in_halves(case, backend).expect(case.id)) {
            for output in outputs {
                compared += 1;
                worst = worst.max(output.nmse);
                if output.nmse.is_nan() || output.nmse > 1e-5 {
                    failures.push(format!("{} {} {id} {output:?}", backend.id(), op.name()));
                }
            }
        }
        println!("| {} in f16 | {} | {worst:.1e} |", backend.id(), op.name());
    }
    (compared, failures)
}

/// How many gradients were compared, and every one that is too far from central differences: those of each device, where
/// `None` stands for the reference's own.
pub fn wrong_gradients(registry: &Registry, devices: &[Option<&Backend>]) -> (usize, Vec<String>) {
    let mut compared = 0;
    let mut failures = vec![];
    for op in registry.ops() {
        for (case, found) in walk(*op, |case| verify::gradients(case, devices).expect(case.id)) {
            for (device, gradients) in devices.iter().zip(found) {
                let id = device.map_or("reference".to_owned(), Backend::id);
                for gradient in gradients {
                    assert!(gradient.compared > 0, "{case}: {gradient:?} compares nothing");
                    compared += 1;
                    if gradient.worst.is_nan() || gradient.worst > 1e-3 {
                        failures.push(format!("{id} {} {case} {gradient:?}", op.name()));
                    }
                }
            }
        }
    }
    (compared, failures)
}

/// Every shader that naga refuses, with its words.
pub fn invalid_shaders(registry: &Registry) -> Vec<String> {
    let shaders = registry.ops().iter().flat_map(|op| op.shaders());
    shaders.filter_map(|shader| refused(&shader.text()).map(|error| format!("{}: {error}", shader.name))).collect()
}

fn refused(text: &str) -> Option<String> {
    let module = match naga::front::wgsl::parse_str(text) {
        Ok(module) => module,
        Err(error) => return Some(error.emit_to_string(text)),
    };
    let flags = naga::valid::ValidationFlags::all();
    let mut validator = naga::valid::Validator::new(flags, naga::valid::Capabilities::all());
    validator.validate(&module).err().map(|error| error.emit_to_string(text))
}
