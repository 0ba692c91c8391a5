//! Every op in the registry, on every device that this machine has, against its f64 reference.

use std::sync::OnceLock;

use nightloom::backend::{Backend, Cpu, DeviceChoice, SimdLevel, choose};
use nightloom::ops::{Case, Op, Registry};
use nightloom::plan::verify;

/// The CPU at each SIMD level there is, then the GPU (a software one will do; `NIGHTLOOM_TEST_NO_GPU=1` leaves it out).
fn backends() -> Vec<Backend> {
    let mut found: Vec<Backend> =
        SimdLevel::ALL.iter().filter_map(|&level| Cpu::new(level).ok()).map(Backend::Cpu).collect();
    if std::env::var_os("NIGHTLOOM_TEST_NO_GPU").is_none() {
        found.push(gpu());
    }
    found
}

fn gpu() -> Backend {
    static GPU: OnceLock<Backend> = OnceLock::new();
    let open = || {
        let chosen = choose(&DeviceChoice::Gpu(None)).or_else(|_| choose(&DeviceChoice::SoftwareGpu));
        chosen.expect("a Vulkan driver: apt-get install mesa-vulkan-drivers").backend
    };
    GPU.get_or_init(open).clone()
}

fn tested(op: &dyn Op) -> Vec<Case> {
    op.cases().into_iter().filter(|case| case.tested).collect()
}

#[test]
fn e6_every_op_has_a_name_of_its_own_shaders_and_cases() {
    let registry = Registry::standard();
    let mut names: Vec<_> = registry.ops().iter().map(|op| op.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), registry.ops().len(), "two ops share a name");
    for op in registry.ops() {
        assert!(!tested(*op).is_empty(), "{} has no tested case", op.name());
        assert!(!op.shaders().is_empty(), "{} has no shader", op.name());
    }
}

#[test]
fn e9_every_kernel_agrees_with_its_reference_on_every_device() {
    let mut failures = vec![];
    for backend in backends() {
        for op in Registry::standard().ops() {
            let mut worst = 0.0_f64;
            for case in tested(*op) {
                assert!(case.nmse_max <= 1e-10 || case.slack.is_some(), "{}: slack without a reason", case.id);
                for found in verify::agreement(&case, &backend).expect(case.id) {
                    worst = worst.max(found.nmse);
                    if found.nmse.is_nan() || found.nmse > case.nmse_max {
                        failures.push(format!("{} {} {found:?}", backend.id(), case.id));
                    }
                }
            }
            println!("| {} | {} | {worst:.1e} |", backend.id(), op.name());
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn e9_every_gradient_agrees_with_central_differences() {
    let mut failures = vec![];
    let devices: Vec<Option<Backend>> = std::iter::once(None).chain(backends().into_iter().map(Some)).collect();
    for backend in &devices {
        let id = backend.as_ref().map_or("reference".to_owned(), Backend::id);
        for op in Registry::standard().ops() {
            for case in tested(*op) {
                for found in verify::gradients(&case, backend.as_ref()).expect(case.id) {
                    assert!(found.compared > 0);
                    if found.worst.is_nan() || found.worst > 1e-3 {
                        failures.push(format!("{id} {} {} {found:?}", op.name(), case.id));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn e6_every_shader_is_valid_wgsl() {
    for op in Registry::standard().ops() {
        for shader in op.shaders() {
            let module = naga::front::wgsl::parse_str(&shader.text())
                .unwrap_or_else(|error| panic!("{}: {}", shader.name, error.emit_to_string(&shader.text())));
            let flags = naga::valid::ValidationFlags::all();
            let mut validator = naga::valid::Validator::new(flags, naga::valid::Capabilities::all());
            if let Err(error) = validator.validate(&module) {
                panic!("{}: {}", shader.name, error.emit_to_string(&shader.text()));
            }
        }
    }
}
