//! An operation from outside: one folder (`made_up_op/`), one shader in it, one line here. The same walk that tests the
//! library's own operations finds and tests it.

mod common;
#[path = "made_up_op/hinge.rs"]
mod hinge;

use common::backends::backends;
use common::{assert_complete, disagreements, disagreements_in_halves, invalid_shaders, wrong_gradients};
use hinge::{Hinge, HingeOp};
use nightloom::backend::{Backend, Cpu, CpuContext, SimdLevel};
use nightloom::ops::{ArgSpec, Args, Call, Case, Dispatch, Kernel, Op, Registry, Shader, ShapeError, Target, Work};

/// The one line.
fn registry() -> Registry {
    Registry::standard().with(&HingeOp)
}

/// The made-up operation alone: the others have their own test.
fn alone(op: &'static dyn Op) -> Registry {
    Registry::default().with(op)
}

#[test]
fn e6_a_new_op_is_listed_beside_the_others() {
    assert_complete(&registry());
    let facts = registry().facts();
    let hinge = facts.last().expect("a registry with ops");
    assert_eq!(hinge.name, "hinge");
    assert_eq!(hinge.kernels, ["hinge", "hinge.backward"]);
    assert_eq!((hinge.tested, hinge.timed), (3, 1));
    assert_eq!(facts.len(), Registry::standard().facts().len() + 1);
}

#[test]
fn e6_a_new_op_is_held_against_its_reference_on_every_device() {
    let failures: Vec<String> = backends().iter().flat_map(|b| disagreements(&alone(&HingeOp), b)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let cpu = Backend::Cpu(Cpu::new(SimdLevel::Portable).expect("every machine has it"));
    let (compared, failures) = disagreements_in_halves(&alone(&HingeOp), &cpu);
    assert!(compared > 0 && failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn e9_a_new_op_has_its_gradient_compared() {
    for backend in backends() {
        let (compared, failures) = wrong_gradients(&alone(&HingeOp), &[Some(&backend)]);
        assert_eq!(compared, 3, "one gradient a case");
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

#[test]
fn e6_a_new_op_has_its_shader_validated() {
    assert_eq!(invalid_shaders(&alone(&HingeOp)), Vec::<String>::new());
}

#[test]
fn e6_a_new_ops_shape_is_checked() {
    let error = Hinge::new(1, 0, false).expect_err("a length of 0");
    assert_eq!(error, ShapeError::Zero { op: "hinge", dimension: "len" });
}

/// The hinge with mistakes: a reference that neither device agrees with, of whose outputs the backward one is not the
/// gradient of the forward one, and a shader that is not WGSL.
#[derive(Debug)]
struct WrongOp;

#[derive(Debug, Clone, Copy)]
struct Wrong(Hinge);

impl Op for WrongOp {
    fn name(&self) -> &'static str {
        "wrong"
    }
    fn summary(&self) -> &'static str {
        "y[f,i] = max(0, 1 - x[f,i])^2"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![Shader { name: "wrong", preludes: &[], source: "fn main( {" }]
    }
    fn cases(&self) -> Vec<Case> {
        let call = |backward| Call::new(Wrong(Hinge::new(2, 5, backward).expect("the case's shape is right")));
        vec![Case::new("f2_5").call(call(false)).call(call(true))]
    }
}

impl Kernel for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.0.fleet()
    }
    fn args(&self) -> Vec<ArgSpec> {
        self.0.args()
    }
    fn work(&self) -> Work {
        self.0.work()
    }
    fn reference(&self, args: &mut [Vec<f64>], step: u32) {
        self.0.reference(args, step);
        let last = args.last_mut().expect("the output");
        for value in &mut *last {
            *value += 0.5;
        }
        last[0] *= 3.0;
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        self.0.cpu(ctx, args, step);
    }
    fn gpu(&self, on: &Target<'_>) -> Vec<Dispatch> {
        self.0.gpu(on)
    }
}

#[test]
fn e9_the_walk_finds_the_mistakes_of_a_wrong_op() {
    let registry = alone(&WrongOp);
    for backend in backends() {
        assert_eq!(disagreements(&registry, &backend).len(), 2, "forward and backward on {}", backend.id());
    }
    let (compared, failures) = wrong_gradients(&registry, &[None]);
    assert_eq!((compared, failures.len()), (1, 1), "{failures:?}");
    assert_eq!(invalid_shaders(&registry).len(), 1);
}
