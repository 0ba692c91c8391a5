//! Replaying a training step on the CPU allocates nothing (E11). One test alone in this file: the allocator counts every
//! thread's allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use nightloom::backend::Backend;
use nightloom::model::compile::{TrainPlan, TrainShape, training};
use nightloom::model::{Loss, Model, Optimizer, Precision, initial_weights};
use nightloom::ops::schedule;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Few, so that the test is over long before the harness says that it has run for a minute, which allocates.
const STEPS: usize = 4;

/// Layers of every kind, wide enough that kernels split their work over threads when the fleet is small: sequences,
/// images, tokens.
fn models() -> [Model; 3] {
    let sequences = r#"{"input": {"length": 32, "channels": 2}, "layers": [
        {"kind": "conv1d", "channels": 24, "kernel": 5, "activation": "relu"}, {"kind": "batch_norm"},
        {"kind": "max_pool", "window": 2}, {"kind": "conv1d", "channels": 24, "kernel": 3, "activation": "gelu"},
        {"kind": "average_pool", "window": 2}, {"kind": "dropout", "rate": 0.2}, {"kind": "flatten"},
        {"kind": "dense", "units": 64, "activation": "tanh"}, {"kind": "dense", "units": 3}]}"#;
    let images = r#"{"input": {"height": 12, "length": 12, "channels": 2}, "layers": [
        {"kind": "conv2d", "channels": 24, "kernel": 5, "activation": "relu"}, {"kind": "batch_norm"},
        {"kind": "max_pool", "window": 2}, {"kind": "conv2d", "channels": 16, "kernel": 3, "activation": "gelu"},
        {"kind": "average_pool", "window": 2}, {"kind": "flatten"}, {"kind": "dense", "units": 3}]}"#;
    let tokens = r#"{"input": {"length": 24, "channels": 1}, "layers": [
        {"kind": "embedding", "vocabulary": 17, "channels": 32}, {"kind": "position"},
        {"kind": "encoder", "heads": 4, "feed_forward": 48, "dropout": 0.1}, {"kind": "layer_norm"},
        {"kind": "position_dense", "units": 16}, {"kind": "first_position"}, {"kind": "dense", "units": 3}]}"#;
    [sequences, images, tokens].map(|text| Model::new(serde_json::from_str(text).expect("a spec")).expect("a model"))
}

/// A plan with weights, rows and a schedule whose every step is taken.
fn plan(model: &Model, fleet: usize, precision: Precision) -> TrainPlan {
    let (batch, rows) = (128, 256);
    let shape = TrainShape {
        fleet,
        batch,
        rows,
        steps: STEPS,
        validation_steps: 2,
        loss: Loss::CrossEntropy,
        optimizer: Optimizer::default(),
        clip: Some(1.0),
        precision,
    };
    let mut made = training(model, &shape, &Backend::cpu().expect("a CPU")).expect("a plan");
    for (i, values) in initial_weights(model, 1).values.iter().enumerate() {
        let id = made.params[i];
        made.plan.upload_f32(id, &values.repeat(fleet)).expect("an upload");
    }
    let token = model.vocabulary().is_some();
    let input = |i: usize| if token { (i % 17) as f32 } else { (i % 17) as f32 * 0.1 - 0.8 };
    let inputs: Vec<f32> = (0..rows * model.input().len()).map(input).collect();
    made.plan.upload(made.inputs, &model.input_form().words(&inputs).expect("inputs")).expect("an upload");
    for (tables, steps) in [(made.train_tables, STEPS), (made.validation_tables, 2)] {
        let numbers: Vec<u32> = (0..fleet * steps * batch).map(|i| (i % rows) as u32).collect();
        made.plan.upload(tables.rows, &numbers).expect("an upload");
        made.plan.upload_f32(tables.weights, &vec![1.0; fleet * steps * batch]).expect("an upload");
        let row = [0.01, 1.0, 1.0, batch as f32, 1.0 / batch as f32, 1.0, 1.0, 1.0 / steps as f32];
        assert_eq!(row.len(), schedule::WIDTH);
        made.plan.upload_f32(tables.schedule, &row.repeat(fleet * steps)).expect("an upload");
    }
    made
}

/// Allocations of a replay of every step, after one that warms up.
fn allocations(plan: &mut TrainPlan) -> u64 {
    let (validate, steps) = plan.validate.expect("validation steps");
    let runs = [(plan.train, 0..STEPS as u32), (validate, 0..steps)];
    plan.plan.replay_all(&runs).expect("a replay");
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    for _ in 0..3 {
        plan.plan.replay_all(&runs).expect("a replay");
    }
    ALLOCATIONS.load(Ordering::SeqCst) - before
}

#[test]
fn e11_replaying_a_training_step_on_the_cpu_allocates_nothing() {
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    drop(std::hint::black_box(vec![1_u8; 100]));
    assert!(ALLOCATIONS.load(Ordering::SeqCst) > before, "the allocator counts");
    let (full, half) = (Precision::F32, Precision::F16);
    let settings = [(1, full), (3, full), (9, full), (1, half), (9, half)];
    for (model, (fleet, precision)) in models().iter().flat_map(|model| settings.map(|setting| (model, setting))) {
        let mut plan = plan(model, fleet, precision);
        let old = plan.plan.download(plan.params[0]).expect("weights");
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            let found = pool.install(|| allocations(&mut plan));
            assert_eq!(found, 0, "allocations by a fleet of {fleet} in {precision:?} on {threads} threads");
        }
        // From outside the pool a replay is handed over once: whatever that may cost, no step costs anything.
        let found = allocations(&mut plan);
        assert!(found <= 3, "{found} allocations by 3 replays of {STEPS} steps of a fleet of {fleet}");
        assert_ne!(plan.plan.download(plan.params[0]).expect("weights"), old, "the steps were taken");
    }
}
