//! What a replay costs the GPU: dispatches and nothing else (E11).

use nightloom::backend::Backend;
use nightloom::model::compile::{TrainShape, training};
use nightloom::model::{Loss, Optimizer, Precision};
use nightloom::train::{Control, Member, train};

use crate::support::{Table, bp, cnn, cpu, gpu, model, own_gpu, spec};

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

/// Buffers, bind groups and pipelines are made for the first epoch; all others only dispatch, submit and read their losses.
#[test]
fn e11_an_epoch_on_the_gpu_makes_nothing_and_reads_two_numbers_a_member() {
    // What tests beside this one make on the common device must not be counted.
    let Some(device) = own_gpu(None) else { return };
    let backend = Backend::Gpu(device.clone());
    for model in [cnn(3, "global_max_pool"), bp(3), model(1, 6, r#"{"kind": "dense", "units": 3}"#)] {
        let table = Table::new(&model, 40);
        let training = spec("epochs = 4\nbatch = 8\nrate = 0.01");
        let member = |seed| Member::new(seed, 0.01, (0..30).collect(), (30..40).collect());
        let members: Vec<Member> = (0..3).map(member).collect();
        let mut made = vec![];
        let mut control = Control { on_epoch: &mut |_| made.push(device.objects()), stop: &|| false, checkpoint: None };
        let data = table.data(Loss::CrossEntropy);
        train(&model, &training, Loss::CrossEntropy, data, &members, &backend, &mut control).expect("a training");
        assert_eq!(made.len(), 4);
        assert!(made.windows(2).all(|pair| pair[0] == pair[1]), "objects after each epoch: {made:?}");
    }
}

/// What each kind of model costs in dispatches: the plan must not grow unseen.
#[test]
fn e11_dispatches_of_a_step_are_held_to_the_plan() {
    let Some(gpu) = gpu() else { return };
    let small = model(1, 6, r#"{"kind": "dense", "units": 5, "activation": "relu"}, {"kind": "dense", "units": 3}"#);
    let mut found = vec![];
    for model in [small, bp(3), cnn(3, "global_max_pool")] {
        let mut plan = training(&model, &TrainShape { clip: None, ..shape() }, &gpu).expect("a plan");
        let before = plan.plan.counts();
        plan.plan.replay(plan.train, 0..9).expect("a replay");
        let after = plan.plan.counts();
        found.push((after.dispatches - before.dispatches, after.submits - before.submits));
    }
    // Dense layers alone: nine steps are one dispatch. Else two gathers, the layers, the loss and its sum, one optimiser.
    println!("| dispatches and submissions of nine steps | {found:?} |");
    assert_eq!(found[0], (1, 1));
    assert!(found[1].0 <= 9 * 29 && found[2].0 <= 9 * 38, "{found:?}");
    assert!(found.iter().all(|(dispatches, submits)| *submits == dispatches.div_ceil(64)), "{found:?}");
}
