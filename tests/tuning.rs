//! `nightloom tune` (E4, E10): candidates differ in speed alone, and the cache is kept where it should be.

#[path = "common/backends.rs"]
mod backends;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nightloom::backend::gpu::{AdapterFacts, TuningFile, TuningState, adapters};
use nightloom::backend::{Backend, Gpu};
use nightloom::ops::tuning::TuningGroup;
use nightloom::ops::{Call, Case, Kernel, Registry, Target};
use nightloom::plan::prepared::{Prepared, Values, inputs};

fn gpu() -> Option<Gpu> {
    backends::backends().into_iter().find_map(|backend| match backend {
        Backend::Gpu(gpu) => Some(gpu),
        Backend::Cpu(_) => None,
    })
}

fn groups() -> Vec<TuningGroup> {
    Registry::standard().ops().iter().flat_map(|op| op.tuning()).collect()
}

fn call(kernel: &dyn Kernel) -> Call {
    Call { names: kernel.args().iter().map(|arg| arg.name.to_owned()).collect(), kernel: kernel.boxed() }
}

fn outputs(gpu: &Gpu, units: bool, kernel: &dyn Kernel, choice: BTreeMap<String, String>) -> Values {
    let backend = Backend::Gpu(gpu.with_tuned(choice, TuningState::Untuned));
    let case = Case::new("candidate").call(call(kernel));
    let new = if units { Prepared::reading_halves } else { Prepared::new };
    let mut prepared = new(&call(kernel), &backend, &inputs(&case)).expect("a plan");
    prepared.run(0).expect("a run");
    prepared.outputs().expect("outputs")
}

#[test]
fn e10_every_candidate_of_every_group_gives_the_same_bits() {
    let Some(gpu) = gpu() else { return };
    for group in groups().into_iter().filter(|group| !group.units || gpu.traits().units.is_some()) {
        assert!(!group.small.is_empty() && !group.judged.is_empty(), "{} has no shapes", group.name);
        for kernel in &group.small {
            let mut first: Option<(&str, Values, String)> = None;
            let mut forms = 0;
            for candidate in group.candidates.iter().filter(|c| c.fits(gpu.traits())) {
                let choice = BTreeMap::from([(group.name.to_owned(), candidate.name.to_owned())]);
                let traits = gpu.with_tuned(choice.clone(), TuningState::Untuned).traits().clone();
                let target = Target { device: &traits, halves: if group.units { u32::MAX } else { 0 } };
                let form = format!("{:?}", kernel.gpu(&target));
                let found = outputs(&gpu, group.units, kernel.as_ref(), choice);
                match &first {
                    Some((name, expected, other)) => {
                        assert!(found == *expected, "{kernel:?}: {} and {name} differ", candidate.name);
                        forms += usize::from(form != *other);
                    }
                    None => first = Some((candidate.name, found, form)),
                }
            }
            assert!(forms > 0, "{kernel:?} takes the same form whatever {} says", group.name);
        }
    }
}

fn program(args: &[&str], cache: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
    command.args(args).env("XDG_CACHE_HOME", cache).output().expect("a process")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<PathBuf> = std::fs::read_dir(folder).expect("a folder").map(|f| f.expect("a file").path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "test input")]
fn e4_tuning_keeps_its_choice_and_a_damaged_cache_is_no_error() {
    if gpu().is_none() || !adapters().iter().any(AdapterFacts::software) {
        return;
    }
    let cache = tempfile::tempdir().expect("a folder");
    let tune = ["tune", "matmul.narrow", "--device", "software-gpu", "--small", "--rounds", "1"];
    let done = program(&tune, cache.path());
    assert!(done.status.success(), "{}", text(&done.stderr));
    let path = only_file(&cache.path().join("nightloom").join("tuning"));
    let file: TuningFile = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("a cache file");
    let chosen = &file.choices["matmul.narrow"];
    let times = &file.microseconds["matmul.narrow"];
    assert!(times.values().all(|time| times[chosen] <= *time), "{times:?}, {chosen}");
    assert!(text(&done.stdout).contains(&format!("| matmul.narrow | {chosen} |")), "{}", text(&done.stdout));
    assert!(times.len() >= 3);

    // Another group is added to the file, not put in its place.
    let more = ["tune", "matmul.small", "--device", "software-gpu", "--small", "--rounds", "1"];
    assert!(program(&more, cache.path()).status.success());
    let both: TuningFile = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("a cache file");
    assert_eq!(both.choices.len(), 2);
    assert_eq!(&both.choices["matmul.narrow"], chosen);

    let shown = |folder: &Path| text(&program(&["devices"], folder).stdout);
    assert!(shown(cache.path()).contains("\n  kernels: tuned"), "{}", shown(cache.path()));
    let empty = tempfile::tempdir().expect("a folder");
    assert!(shown(empty.path()).contains("\n  kernels: not tuned (`nightloom tune`)"), "{}", shown(empty.path()));
    std::fs::write(&path, "{\"program\"").expect("a damaged file");
    let damaged = shown(cache.path());
    let expected = format!("\n  kernels: not tuned: {} is not usable (EOF", path.display());
    assert!(damaged.contains(&expected), "{damaged}");
    // Kernels run all the same, and the next tuning makes the file anew.
    assert!(program(&tune, cache.path()).status.success());
    assert!(shown(cache.path()).contains("\n  kernels: tuned"));
}

#[test]
fn e4_tuning_says_what_it_cannot_do() {
    let cache = tempfile::tempdir().expect("a folder");
    let cpu = program(&["tune", "--device", "cpu"], cache.path());
    assert_eq!(cpu.status.code(), Some(3));
    assert!(text(&cpu.stderr).contains("the CPU has nothing to tune"), "{}", text(&cpu.stderr));
    if gpu().is_some() && adapters().iter().any(AdapterFacts::software) {
        let none = program(&["tune", "no such group", "--device", "software-gpu"], cache.path());
        assert_eq!(none.status.code(), Some(2));
        let expected = "no group has \"no such group\" in its name; there are matmul.large, ";
        assert!(text(&none.stderr).contains(expected), "{}", text(&none.stderr));
    }
    assert!(!cache.path().join("nightloom").exists(), "nothing is written");
}
