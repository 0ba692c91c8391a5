//! Trainings that are stopped and resumed end at the same bits (E13).

use std::cell::Cell;
use std::path::Path;

use nightloom::backend::Backend;
use nightloom::model::{Loss, Model, Precision};
use nightloom::ops::rng::counter_bits;
use nightloom::train::{CheckpointPlan, Control, Member, TrainError, TrainSpec, TrainedMember, train, train_in_fleets};

use crate::support::{Table, assert_same, bp, cnn, cpu, encoder, fit, gpu, image_cnn, spec};

struct Setting {
    model: Model,
    spec: TrainSpec,
    table: Table,
    members: Vec<Member>,
}

fn setting(model: Model, epochs: usize, count: usize) -> Setting {
    let table = Table::new(&model, 30);
    let spec = spec(&format!(
        "epochs = {epochs}\nbatch = 8\nrate = 0.02\nclip = 1.0\nearly_stop = {{ patience = 3 }}\n\
         schedule = {{ kind = \"cosine\", warmup_epochs = 2.0 }}"
    ));
    let rows = |i: usize| (0..9 + i * 4).map(|r| r as u32 % 22).collect();
    let members = (0..count).map(|i| Member::new(i as u64, 0.006 + 0.004 * i as f32, rows(i), (22..30).collect()));
    Setting { model, spec, members: members.collect(), table }
}

impl Setting {
    /// Trains until `epochs` more epochs are done, `at_once` members at a time, with checkpoints in `folder`.
    fn run(
        &self,
        backend: &Backend,
        folder: &Path,
        at_once: usize,
        epochs: u32,
    ) -> Result<Vec<TrainedMember>, TrainError> {
        let left = Cell::new(epochs);
        let mut on_epoch = |_: &_| left.set(left.get().saturating_sub(1));
        let stop = || left.get() == 0;
        let checkpoint = Some(CheckpointPlan { folder: folder.to_owned(), every_epochs: 100 });
        let mut control = Control { on_epoch: &mut on_epoch, stop: &stop, checkpoint };
        let data = self.table.data(Loss::CrossEntropy);
        let Self { model, spec, members, .. } = self;
        train_in_fleets(model, spec, Loss::CrossEntropy, data, members, backend, &mut control, at_once)
    }

    /// Stops and resumes at drawn epochs until it is done; returns how often it was stopped.
    fn run_in_pieces(&self, backend: &Backend, at_once: usize, draw: u32) -> (Vec<TrainedMember>, u32) {
        let folder = tempfile::tempdir().expect("a folder");
        for piece in 0..100 {
            match self.run(backend, folder.path(), at_once, 1 + counter_bits(draw, 0, 0, piece) % 3) {
                Ok(trained) => return (trained, piece),
                Err(TrainError::Interrupted { epochs_done }) => assert!(epochs_done > 0, "a checkpoint was written"),
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the training never ends");
    }
}

#[test]
fn e13_a_training_stopped_at_random_epochs_resumes_to_the_same_bits() {
    let image = ("images", image_cnn(3));
    let encoder = ("encoder", encoder(3, "global_average_pool"));
    for (name, model) in [("bp", bp(3)), ("cnn", cnn(3, "global_max_pool")), image, encoder] {
        let setting = setting(model, 12, 5);
        let whole = fit(&setting.model, &setting.spec, Loss::CrossEntropy, &setting.table, &setting.members, &cpu());
        let lengths: Vec<usize> = whole.iter().map(|t| t.losses.len()).collect();
        assert!(lengths.iter().min() < lengths.iter().max(), "{name}: some stop before others: {lengths:?}");
        for at_once in [5, 2, 1] {
            let mut stops = 0;
            for draw in 0..4 {
                let (found, often) = setting.run_in_pieces(&cpu(), at_once, draw);
                assert_same(&found, &whole, &format!("{name}, {at_once} at once, draw {draw}"));
                stops += often;
            }
            assert!(stops >= 8, "{name}, {at_once} at once: stopped {stops} times");
        }
    }
}

#[test]
fn e13_the_scale_of_f16_gradients_is_resumed_too() {
    let mut setting = setting(cnn(3, "global_max_pool"), 8, 3);
    setting.spec.precision = Precision::F16;
    let whole = fit(&setting.model, &setting.spec, Loss::CrossEntropy, &setting.table, &setting.members, &cpu());
    for at_once in [3, 1] {
        let (found, stops) = setting.run_in_pieces(&cpu(), at_once, 3);
        assert!(stops > 1, "stopped {stops} times");
        assert_same(&found, &whole, &format!("{at_once} at once"));
    }
    setting.spec.precision = Precision::F32;
    let full = fit(&setting.model, &setting.spec, Loss::CrossEntropy, &setting.table, &setting.members, &cpu());
    assert_ne!(full[0].weights, whole[0].weights, "f16 is another training");
}

#[test]
fn e13_on_the_gpu_too() {
    let Some(gpu) = gpu() else { return };
    for model in [cnn(3, "global_average_pool"), image_cnn(3), encoder(3, "first_position")] {
        let setting = setting(model, 6, 3);
        let whole = fit(&setting.model, &setting.spec, Loss::CrossEntropy, &setting.table, &setting.members, &gpu);
        for at_once in [3, 2] {
            let (found, stops) = setting.run_in_pieces(&gpu, at_once, 9);
            assert!(stops > 0, "it was stopped");
            assert_same(&found, &whole, "resumed on the GPU");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "test input: a folder as a kill leaves it")]
fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        std::fs::write(to.join(entry.file_name()), std::fs::read(entry.path()).expect("a file")).expect("a copy");
    }
}

#[test]
fn e13_a_training_killed_between_checkpoints_repeats_what_was_not_kept() {
    let setting = setting(bp(3), 9, 3);
    let Setting { model, spec, table, members } = &setting;
    let whole = fit(model, spec, Loss::CrossEntropy, table, members, &cpu());
    let folder = tempfile::tempdir().expect("a folder");
    let (working, left_over) = (folder.path().join("working"), folder.path().join("left-over"));
    let epochs = Cell::new(0);
    let mut on_epoch = |_: &_| {
        epochs.set(epochs.get() + 1);
        if epochs.get() == 6 {
            // Every third epoch is kept: a kill now leaves the state after epoch 3.
            copy_folder(&working, &left_over);
        }
    };
    let plan = |folder: &Path| Some(CheckpointPlan { folder: folder.to_owned(), every_epochs: 3 });
    let mut control = Control { on_epoch: &mut on_epoch, stop: &|| false, checkpoint: plan(&working) };
    let data = table.data(Loss::CrossEntropy);
    let kept = train(model, spec, Loss::CrossEntropy, data, members, &cpu(), &mut control).expect("a training");
    assert_same(&kept, &whole, "checkpoints change nothing");
    let first = Cell::new(0);
    let mut on_epoch = |report: &nightloom::train::EpochReport| {
        if first.get() == 0 {
            first.set(report.epoch);
        }
    };
    let mut control = Control { on_epoch: &mut on_epoch, stop: &|| false, checkpoint: plan(&left_over) };
    let resumed = train(model, spec, Loss::CrossEntropy, data, members, &cpu(), &mut control).expect("a training");
    assert_eq!(first.get(), 4, "it goes on after epoch 3");
    assert_same(&resumed, &whole, "resumed after a kill");
}

#[test]
fn e13_without_a_place_for_checkpoints_a_stop_keeps_nothing() {
    let Setting { model, spec, table, members } = &setting(bp(3), 4, 2);
    let mut control = Control { on_epoch: &mut |_| {}, stop: &|| true, checkpoint: None };
    let data = table.data(Loss::CrossEntropy);
    let error = train(model, spec, Loss::CrossEntropy, data, members, &cpu(), &mut control).expect_err("a stop");
    assert!(matches!(error, TrainError::Interrupted { epochs_done: 0 }), "{error}");
}

#[test]
fn e13_the_checkpoint_of_another_training_is_refused() {
    let setting = setting(bp(3), 4, 2);
    let folder = tempfile::tempdir().expect("a folder");
    setting.run(&cpu(), folder.path(), 2, 2).expect_err("a stop");
    let refused = |other: Setting, what: &str| {
        let error = other.run(&cpu(), folder.path(), 2, 9).expect_err(what).to_string();
        assert!(error.contains("fleet-0.safetensors: the checkpoint belongs to another training"), "{what}: {error}");
    };
    let mut other = Setting { members: setting.members.clone(), ..self::setting(bp(3), 4, 2) };
    other.members[1].seed = 99;
    refused(other, "another seed");
    let mut other = self::setting(bp(3), 4, 2);
    other.table.inputs[17] += 1e-6;
    refused(other, "other data");
    let mut other = self::setting(bp(3), 4, 2);
    other.spec.rate = 0.5;
    other.spec.epochs = 5;
    refused(other, "another length");
    let mut other = self::setting(bp(3), 4, 2);
    other.spec.precision = Precision::F16;
    refused(other, "another precision");
    let mut other = self::setting(bp(3), 4, 2);
    other.members[0].train_weights = vec![2.0; other.members[0].train.len()];
    refused(other, "other weights");
    let mut other = self::setting(bp(3), 4, 2);
    other.members.reverse();
    refused(other, "another order");
    let model = crate::support::model(1, 6, r#"{"kind": "dense", "units": 3}"#);
    refused(self::setting(model, 4, 2), "another model");
    let done = setting.run(&cpu(), folder.path(), 2, 99).expect("its own goes on");
    assert_eq!(done.len(), 2);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "test input")]
fn e13_a_damaged_checkpoint_is_a_clear_error() {
    let setting = setting(bp(3), 4, 2);
    let folder = tempfile::tempdir().expect("a folder");
    setting.run(&cpu(), folder.path(), 2, 2).expect_err("a stop");
    let file = folder.path().join("fleet-0.safetensors");
    let bytes = std::fs::read(&file).expect("the checkpoint");
    for length in [0, 5, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..length]).expect("a damaged file");
        let error = setting.run(&cpu(), folder.path(), 2, 9).expect_err("cut off").to_string();
        assert!(error.contains("fleet-0.safetensors: "), "{length} bytes: {error}");
        println!("{length} of {} bytes: {error}", bytes.len());
    }
}
