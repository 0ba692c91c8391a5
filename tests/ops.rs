//! Every op in the registry, on every device that this machine has, against its f64 reference.

mod common;

use common::backends::{backends, tile_units};
use common::{assert_complete, disagreements, disagreements_in_halves, invalid_shaders, wrong_gradients};
use nightloom::backend::gpu::adapters;
use nightloom::backend::{Backend, Gpu};
use nightloom::ops::Registry;
use nightloom::ops::distance::DistanceOp;
use nightloom::ops::matmul::MatmulOp;
use nightloom::plan::prepared::{GUARD, Prepared, inputs};

#[test]
fn e6_every_op_has_a_name_of_its_own_shaders_and_cases() {
    assert_complete(&Registry::standard());
}

#[test]
fn e9_every_kernel_agrees_with_its_reference_on_every_device() {
    let registry = Registry::standard();
    let failures: Vec<String> = backends().iter().flat_map(|backend| disagreements(&registry, backend)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn e9_every_kernel_agrees_where_its_rows_are_held_as_f16() {
    let registry = Registry::standard();
    let able = |backend: &Backend| !matches!(backend, Backend::Gpu(gpu) if !gpu.traits().half);
    for backend in backends().iter().filter(|backend| able(backend)) {
        let (compared, failures) = disagreements_in_halves(&registry, backend);
        assert!(compared > 300, "only {compared} outputs were compared");
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

#[test]
fn e9_every_gradient_agrees_with_central_differences() {
    let registry = Registry::standard();
    let backends = backends();
    let devices: Vec<Option<&Backend>> = std::iter::once(None).chain(backends.iter().map(Some)).collect();
    let (compared, failures) = wrong_gradients(&registry, &devices);
    assert!(compared > 100 * devices.len(), "only {compared} gradients were compared");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn e9_ops_on_the_tile_unit_agree_with_their_reference_in_every_mode() {
    let registry = Registry::default().with(&MatmulOp).with(&DistanceOp);
    let units = tile_units();
    let failures: Vec<String> = units.iter().flat_map(|backend| disagreements(&registry, backend)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let devices: Vec<Option<&Backend>> = units.iter().map(Some).collect();
    let (compared, failures) = wrong_gradients(&registry, &devices);
    assert!(compared > 20 * devices.len(), "only {compared} gradients were compared");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Without checks a kernel that reads beyond its tensors would find NaN there, and one that writes would leave traces.
#[test]
fn e4_no_kernel_leaves_its_tensors_when_indices_go_unchecked() {
    let Some(Backend::Gpu(gpu)) = backends().pop() else { return };
    let facts = adapters().into_iter().find(|facts| facts.info == *gpu.info()).expect("the adapter is still there");
    let bare = Backend::Gpu(Gpu::open_with(&facts, false).expect("a second device"));
    let (mut runs, mut failures) = (0, vec![]);
    for op in Registry::standard().ops() {
        for case in op.cases().iter().filter(|case| case.tested) {
            let mut values = inputs(case);
            for call in &case.calls {
                let name = format!("{} {} {}", op.name(), case.id, call.kernel.name());
                let mut checked = Prepared::new(call, &Backend::Gpu(gpu.clone()), &values).expect(&name);
                let mut unchecked = Prepared::guarded(call, &bare, &values).expect(&name);
                checked.run(case.step).expect(&name);
                unchecked.run(case.step).expect(&name);
                let (expected, found) = (checked.outputs().expect(&name), unchecked.outputs().expect(&name));
                if found != expected {
                    failures.push(format!("{name}: other results without checks"));
                }
                if unchecked.guards().expect(&name).iter().any(|&word| word != GUARD) {
                    failures.push(format!("{name}: wrote beyond its tensors"));
                }
                values.extend(expected);
                runs += 1;
            }
        }
    }
    assert!(runs > 200, "only {runs} kernels ran");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn e6_every_shader_is_valid_wgsl() {
    let failures = invalid_shaders(&Registry::standard());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
