//! Every op in the registry, on every device that this machine has, against its f64 reference.

mod common;

use common::backends::{backends, tile_units};
use common::{assert_complete, disagreements, disagreements_in_halves, invalid_shaders, wrong_gradients};
use nightloom::backend::{Backend, Cpu, SimdLevel};
use nightloom::ops::Registry;
use nightloom::ops::distance::DistanceOp;
use nightloom::ops::matmul::MatmulOp;

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
    let cpus: Vec<Cpu> = SimdLevel::ALL.iter().filter_map(|&level| Cpu::new(level).ok()).collect();
    for cpu in cpus {
        let (compared, failures) = disagreements_in_halves(&registry, cpu);
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

#[test]
fn e6_every_shader_is_valid_wgsl() {
    let failures = invalid_shaders(&Registry::standard());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
