use std::cell::Cell;
use std::path::{Path, PathBuf};

use crate::spec::{DeviceChoice, Head, Output, TableFormat};

use super::super::{Console, DeviceUsed, Interrupt, LogChoice, RunError, RunFolder, read_events};
use super::{RunContext, safe_name};

fn context(root: &Path, interrupt: &Interrupt) -> RunContext {
    let head = Head {
        kind: "test".to_owned(),
        name: "a".to_owned(),
        seed: 7,
        device: DeviceChoice::Auto,
        threads: 0,
        output: Output { folder: root.to_owned(), format: TableFormat::Csv },
    };
    let folder = RunFolder::new(root, "a", "0123456789abcdef");
    folder.tidy().unwrap();
    let device = DeviceUsed { id: "cpu".to_owned(), detail: String::new() };
    let console = Console::on_stderr(LogChoice::Plain, true);
    RunContext::open(&head, &device, &folder, &console, interrupt).unwrap()
}

fn event_names(ctx: &RunContext) -> Vec<String> {
    let events = read_events(&ctx.folder().events()).unwrap();
    events.iter().map(|e| e["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn e18_a_finished_stage_is_skipped_with_the_same_value() {
    let root = tempfile::tempdir().unwrap();
    let runs = Cell::new(0);
    let awkward = vec![0.1 + 0.2, 1.0 / 3.0, 5e-324, -0.0, 123_456_789.123_456_78];
    let take = |ctx: &RunContext| {
        ctx.stage("numbers", || {
            runs.set(runs.get() + 1);
            Ok(awkward.clone())
        })
        .unwrap()
    };
    let bits = |v: Vec<f64>| v.into_iter().map(f64::to_bits).collect::<Vec<_>>();
    let first = take(&context(root.path(), &Interrupt::default()));
    let ctx = context(root.path(), &Interrupt::default());
    let second = take(&ctx);
    assert_eq!(runs.get(), 1);
    assert_eq!(bits(first), bits(awkward.clone()));
    assert_eq!(bits(second), bits(awkward.clone()));
    assert!(ctx.stage_times()[0].earlier);
    assert_eq!(event_names(&ctx), ["stage_started", "stage_finished", "stage_skipped"]);
}

#[test]
fn e18_bytes_are_kept_and_a_damaged_stage_is_done_again() {
    let root = tempfile::tempdir().unwrap();
    let take = |bytes: &[u8]| {
        let ctx = context(root.path(), &Interrupt::default());
        let got = ctx.stage_bytes("weights", || Ok(bytes.to_vec())).unwrap();
        (got, ctx.checkpoint("stage-weights.bin"))
    };
    let (_, file) = take(b"one");
    assert_eq!(take(b"two").0, b"one");
    crate::artifact::write_bytes(&file, b"0ne").unwrap();
    assert_eq!(take(b"three").0, b"three");
    assert_eq!(take(b"four").0, b"three");
}

#[test]
fn e18_a_value_that_json_cannot_hold_fails_at_once() {
    let root = tempfile::tempdir().unwrap();
    let ctx = context(root.path(), &Interrupt::default());
    let error = ctx.stage("nan", || Ok(f64::NAN)).unwrap_err();
    assert!(matches!(error, RunError::Files(_)), "{error:?}");
}

#[test]
fn e18_no_stage_starts_after_an_interrupt() {
    let root = tempfile::tempdir().unwrap();
    let interrupt = Interrupt::default();
    let ctx = context(root.path(), &interrupt);
    interrupt.raise();
    let result: Result<u32, _> = ctx.stage("late", || panic!("must not run"));
    assert!(matches!(result, Err(RunError::Interrupted)));
}

#[test]
fn e18_a_stage_name_serves_once_a_run() {
    let root = tempfile::tempdir().unwrap();
    let ctx = context(root.path(), &Interrupt::default());
    ctx.stage("s", || Ok(1)).unwrap();
    assert!(ctx.stage("s", || Ok(2)).unwrap_err().to_string().contains("used twice"));
}

#[test]
fn e17_checkpoint_names_are_safe_and_distinct() {
    assert_eq!(safe_name("bp-12.safetensors"), "bp-12.safetensors");
    assert_eq!(safe_name("a/b"), "a%2f%b");
    assert_ne!(safe_name("a%b"), safe_name("a/b"));
    let root = tempfile::tempdir().unwrap();
    let path: PathBuf = context(root.path(), &Interrupt::default()).checkpoint("../../x");
    assert_eq!(path.parent().unwrap().file_name().unwrap(), "checkpoints");
}

#[test]
fn e17_threads_may_share_a_context() {
    let root = tempfile::tempdir().unwrap();
    let ctx = context(root.path(), &Interrupt::default());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let ctx = &ctx;
            scope.spawn(move || (0..25).for_each(|i| ctx.event("tick", [thread, i]).unwrap()));
        }
    });
    assert_eq!(event_names(&ctx).len(), 100);
}
