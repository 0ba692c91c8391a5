//! What an epoch asks of the device (E11).

use super::fleet::{Data, Member, Targets};
use super::spec::TrainSpec;
use super::state::FleetState;
use crate::backend::{Backend, DeviceChoice, choose};
use crate::model::compile::TrainShape;
use crate::model::{Loss, Model, Optimizer, Precision};
use crate::plan::Counts;

fn model() -> Model {
    let layers = r#"{"input": {"length": 1, "channels": 3}, "layers": [
        {"kind": "dense", "units": 4, "activation": "gelu"}, {"kind": "dense", "units": 2}]}"#;
    Model::new(serde_json::from_str(layers).expect("a spec")).expect("a model")
}

fn shape() -> TrainShape {
    TrainShape {
        fleet: 2,
        batch: 4,
        rows: 30,
        steps: 5,
        validation_steps: 3,
        loss: Loss::CrossEntropy,
        optimizer: Optimizer::default(),
        clip: Some(1.0),
        precision: Precision::F32,
    }
}

/// Counts before and after each of some epochs.
fn epochs(backend: &Backend) -> Vec<(Counts, Counts)> {
    let inputs: Vec<f32> = (0..90_u8).map(|i| f32::from(i % 7) - 3.0).collect();
    let labels: Vec<u32> = (0..30).map(|i| i % 2).collect();
    let data = Data { inputs: &inputs, targets: Targets::Labels(&labels) };
    let members = [1, 2].map(|seed| Member::new(seed, 0.01, (0..18).collect(), (18..30).collect()));
    let spec: TrainSpec = toml::from_str("epochs = 9\nbatch = 4\nrate = 0.01").expect("a spec");
    let mut state = FleetState::new(&model(), &shape(), data, &members, backend, None).expect("a state");
    let mut found = vec![];
    for epoch in 0..3 {
        let before = state.plan.plan.counts();
        state.run_epoch(&spec, epoch).expect("an epoch");
        found.push((before, state.plan.plan.counts()));
    }
    found
}

#[test]
fn e11_an_epoch_on_the_gpu_makes_no_buffer_and_reads_back_the_losses_alone() {
    if std::env::var_os("NIGHTLOOM_TEST_NO_GPU").is_some() {
        return;
    }
    let gpu = choose(&DeviceChoice::Gpu(None)).or_else(|_| choose(&DeviceChoice::SoftwareGpu));
    let backend = gpu.expect("a Vulkan driver: apt-get install mesa-vulkan-drivers").backend;
    for (number, (before, after)) in epochs(&backend).into_iter().enumerate() {
        assert_eq!(after.allocations, before.allocations, "epoch {number} allocates");
        assert_eq!(after.downloads - before.downloads, 2, "epoch {number}: training loss and validation loss");
        let (dispatches, submits) = (after.dispatches - before.dispatches, after.submits - before.submits);
        // Each of the two replays (the epoch; the keeping of the best weights) fills its submissions.
        let kept = 4;
        assert_eq!(submits, (dispatches - kept).div_ceil(64) + 1, "epoch {number}: {dispatches} dispatches");
        assert!(dispatches > 64, "more than one submission: {dispatches}");
    }
}
