//! Devices: the software GPU, and GPUs that are not there; the commands that list and time them.

use nightloom::backend::gpu::{AdapterFacts, adapters};

use crate::site::{Run, Site, code, small, text};

/// As in the tests of the operations: leaves the software GPU out.
fn no_gpu() -> bool {
    std::env::var_os("NIGHTLOOM_TEST_NO_GPU").is_some()
}

#[test]
fn e1_the_software_gpu_comes_to_the_cpus_results() {
    if no_gpu() {
        return;
    }
    let site = Site::new(&small());
    let cpu = site.run(&[]);
    let output = site.output(&["run", "job.toml", "--device", "software-gpu"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let gpu = Run::of_output(&site, &output);
    assert_ne!(gpu.folder, cpu.folder, "another device is another run");
    for name in ["classifier_roc_auc", "growth_point_f1"] {
        let (ours, theirs) = (gpu.headline(name), cpu.headline(name));
        assert!((ours - theirs).abs() < 0.02, "{name}: {ours} on the GPU, {theirs} on the CPU");
    }
    for (id, probability) in cpu.probabilities() {
        let (a, b): (f64, f64) = (probability.parse().unwrap(), gpu.probabilities()[&id].parse().unwrap());
        assert!((a - b).abs() < 1e-3, "{id}: {a} on the CPU, {b} on the GPU");
    }
}

#[test]
fn e2_a_gpu_that_is_not_there_gives_3_and_says_what_there_is() {
    let site = Site::new(&small());
    let refused = |device: &str, drivers: bool, part: &str| {
        let mut command = site.command(&["run", "job.toml", "--device", device]);
        if !drivers {
            command.env("VK_DRIVER_FILES", "/nowhere.json").env("VK_ICD_FILENAMES", "/nowhere.json");
        }
        let output = command.output().unwrap();
        assert_eq!(code(&output), 3, "{output:?}");
        assert!(text(&output.stderr).contains(part), "{part:?} is not in {output:?}");
        assert!(!site.has_runs());
    };
    let found = adapters();
    if found.iter().all(AdapterFacts::software) {
        let there = found.first().map_or("no adapter at all".to_owned(), |adapter| adapter.info.name.clone());
        refused("gpu", true, &there);
        refused("gpu:0", true, &there);
    }
    refused("gpu:no such name", true, "gpu:no such name");
    if cfg!(target_os = "linux") {
        refused("gpu", false, "no adapter at all");
        refused("software-gpu", false, "no adapter at all");
    }
}

#[test]
fn e8_f16_storage_gives_nearly_the_same_and_is_another_run() {
    let mut job = small();
    job.classifier_training.push_str("\nprecision = \"f16\"");
    let site = Site::new(&job);
    let output = site.output(&["run", "job.toml", "--device", "auto"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let run = Run::of_output(&site, &output);
    let other = Site::new(&small());
    let full = other.run(&[]);
    assert_ne!(run.folder.file_name(), full.folder.file_name(), "the precision is part of the key");
    let (ours, theirs) = (run.headline("classifier_roc_auc"), full.headline("classifier_roc_auc"));
    assert!((ours - theirs).abs() < 0.05, "{ours} with f16, {theirs} with f32");
}

#[test]
fn e3_devices_lists_what_there_is_and_what_would_be_used() {
    let site = Site::empty(&small());
    let output = site.output(&["devices"]);
    assert_eq!(code(&output), 0);
    let out = text(&output.stdout);
    for part in ["CPU: ", "SIMD levels portable", "used: ", "AMX: ", "; matrix products: ", "auto: "] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let portable = site.command(&["devices", "--json"]).env("NIGHTLOOM_SIMD", "portable").output().unwrap();
    let value: serde_json::Value = serde_json::from_slice(&portable.stdout).unwrap();
    assert_eq!(value["cpu"]["simd"], "portable");
    let amx = &value["cpu"]["amx"];
    assert!(amx["status"].is_string() && amx["matmul"].is_null() && amx["distance"].is_null(), "{value}");
    assert_eq!(value["adapters"].as_array().unwrap().len(), adapters().len());
    for adapter in value["adapters"].as_array().unwrap() {
        assert!(adapter["limits"]["storage_binding_bytes"].as_u64().unwrap() >= 128 << 20);
        assert_eq!(adapter["features"]["immediates"], true);
    }
    let wrong = site.command(&["devices"]).env("NIGHTLOOM_SIMD", "mmx").output().unwrap();
    assert_eq!(code(&wrong), 3);
    assert!(text(&wrong.stderr).contains("NIGHTLOOM_SIMD=mmx: expected one of portable, avx2, avx512"), "{wrong:?}");
    let wrong = site.command(&["devices"]).env("NIGHTLOOM_AMX", "on").output().unwrap();
    assert_eq!(code(&wrong), 3);
    assert!(text(&wrong.stderr).contains("NIGHTLOOM_AMX=on: expected one of off, bf16x3, bf16x6"), "{wrong:?}");
}

#[test]
fn e6_ops_lists_and_checks_every_operation() {
    let site = Site::empty(&small());
    let facts: serde_json::Value = serde_json::from_slice(&site.output(&["ops", "--json"]).stdout).unwrap();
    let names: Vec<&str> = facts.as_array().unwrap().iter().map(|op| op["name"].as_str().unwrap()).collect();
    let list = text(&site.output(&["ops"]).stdout);
    for name in &names {
        assert!(list.contains(&format!("{name}\n  ")), "{name}: {list}");
    }
    let output = site.output(&["ops", "--check", "--device", "cpu"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let table = text(&output.stdout);
    assert!(table.starts_with("| op | device | worst NMSE | cases |\n|---|---|---|---|\n"), "{table}");
    assert_eq!(table.lines().count(), names.len() + 2);
    let portable =
        site.command(&["ops", "--check", "--json", "--device", "cpu"]).env("NIGHTLOOM_SIMD", "portable").output();
    let value: serde_json::Value = serde_json::from_slice(&portable.unwrap().stdout).unwrap();
    for (row, name) in value["rows"].as_array().unwrap().iter().zip(&names) {
        assert_eq!((row["op"].as_str().unwrap(), row["device"].as_str().unwrap()), (*name, "cpu-portable"));
        assert!(row["worst_nmse"].as_f64().unwrap() <= 1e-10 && row["cases"].as_u64().unwrap() > 0);
    }
}

#[test]
fn e6_bench_times_operations_and_steps() {
    let site = Site::empty(&small());
    let json = |args: &[&str]| -> serde_json::Value {
        let output = site.output(args);
        assert_eq!(code(&output), 0, "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let steps = json(&["bench", "step", "mlp-28", "--json", "--device", "cpu", "--threads", "1"]);
    assert_eq!(steps["place"]["threads"], 1);
    let row = &steps["rows"][0];
    assert_eq!(row["name"], "mlp-28-64-32-1");
    assert_eq!(row["parameters"], 28 * 64 + 64 + 64 * 32 + 32 + 32 + 1);
    let (step, rate) = (row["seconds_a_step"].as_f64().unwrap(), row["samples_a_second"].as_f64().unwrap());
    assert!(step > 0.0 && (step * rate - 256.0).abs() < 1e-6 && row["seconds_an_epoch"].as_f64().unwrap() > 0.0);
    let ops = json(&["bench", "ops", "gather", "--json", "--device", "cpu"]);
    let rows = ops["rows"].as_array().unwrap();
    assert!(!rows.is_empty());
    assert!(
        rows.iter().all(|r| r["name"].as_str().unwrap().contains("gather") && r["seconds"].as_f64().unwrap() > 0.0)
    );
    for args in [["bench", "ops", "no such op"], ["bench", "step", "no such network"]] {
        let output = site.output(&args);
        assert_eq!(code(&output), 2, "{output:?}");
        assert!(text(&output.stderr).contains("no such"), "{output:?}");
    }
}
