//! What a replay costs the GPU: dispatches and nothing else (E11).

use nightloom::model::compile::{TrainShape, training};
use nightloom::model::{Loss, Optimizer, Precision};

use crate::support::{cnn, cpu, gpu};

fn shape() -> TrainShape {
    TrainShape {
        fleet: 3,
        batch: 4,
        rows: 20,
        steps: 9,
        validation_steps: 2,
        loss: Loss::CrossEntropy,
        optimizer: Optimizer::default(),
        clip: Some(1.0),
        precision: Precision::F32,
    }
}

#[test]
fn e11_a_replay_on_the_gpu_dispatches_and_does_nothing_else() {
    let Some(gpu) = gpu() else { return };
    let mut plan = training(&cnn(3, "global_max_pool"), &shape(), &gpu).expect("a plan");
    let (validate, _) = plan.validate.expect("validation steps");
    let mut cost = |runs: &[_]| {
        let before = plan.plan.counts();
        plan.plan.replay_all(runs).expect("a replay");
        plan.plan.wait().expect("a device that works");
        let after = plan.plan.counts();
        assert_eq!((after.allocations, after.downloads), (before.allocations, before.downloads));
        (after.dispatches - before.dispatches, after.submits - before.submits)
    };
    let (step, submits) = cost(&[(plan.train, 0..1)]);
    assert_eq!(submits, step.div_ceil(64));
    let (check, _) = cost(&[(validate, 0..1)]);
    assert!(check > 5 && step > 2 * check, "a step has {step} dispatches, a validation step {check}");
    let (whole, submits) = cost(&[(plan.train, 0..9), (validate, 0..2)]);
    assert_eq!(whole, 9 * step + 2 * check);
    assert_eq!(submits, whole.div_ceil(64));
}

#[test]
fn e11_a_kernel_of_a_step_runs_once_a_replay_on_the_cpu() {
    let mut plan = training(&cnn(3, "global_max_pool"), &shape(), &cpu()).expect("a plan");
    let mut cost = |steps| {
        let before = plan.plan.counts().dispatches;
        plan.plan.replay(plan.train, steps).expect("a replay");
        plan.plan.counts().dispatches - before
    };
    let step = cost(0..1);
    assert!(step > 20, "gather, forward, loss, backward, update: {step}");
    assert_eq!(cost(2..9), 7 * step);
}
