//! `nightloom devices` (E3).

use serde_json::{Value, json};

use crate::backend::amx::{self, AmxStatus, Rounding};
use crate::backend::gpu::{AdapterFacts, TuningState, adapters};
use crate::backend::{Backend, Cpu, DeviceChoice, SimdLevel, choose};
use crate::ops::{distance, matmul};
use crate::run::{ExitCode, RunError};

use super::{Failure, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom devices
  nightloom devices --json
  NIGHTLOOM_SIMD=avx2 nightloom devices      what a lower SIMD level would be
  NIGHTLOOM_AMX=bf16x6 nightloom devices     what the tile unit would run: off, bf16x3 or bf16x6

`--device gpu:<index, name or PCI id>` takes an adapter by what this list shows of it; `auto` never takes a software GPU.";

/// List the CPU and the GPUs with their limits, and what `auto` would use.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    let cpu = Cpu::from_env().map_err(RunError::device)?;
    let used = cpu.simd();
    let adapters = adapters();
    let chosen = choose(&DeviceChoice::Auto).map_err(RunError::device)?;
    if args.json {
        let value = json!({
            "cpu": {
                "cores": Cpu::cores(),
                "simd": used.name(),
                "simd_levels": levels().map(SimdLevel::name).collect::<Vec<_>>(),
                "amx": amx_as_json(cpu),
            },
            "adapters": adapters.iter().map(as_json).collect::<Vec<_>>(),
            "auto": { "id": chosen.backend.id(), "device": chosen.backend.describe(), "reason": chosen.reason },
        });
        print(&format!("{value:#}"));
        return Ok(ExitCode::Done);
    }
    print(&cpu_in_words(used));
    print(&amx_in_words(cpu));
    if adapters.is_empty() {
        print("GPU: no adapter; on Linux a Vulkan driver makes one appear");
    }
    for adapter in &adapters {
        print(&in_words(adapter));
    }
    let kind = if matches!(chosen.backend, Backend::Gpu(_)) { "gpu" } else { "cpu" };
    print(&format!("auto: {kind}, {}: {}", chosen.backend.describe(), chosen.reason));
    Ok(ExitCode::Done)
}

/// The SIMD levels that this machine has.
fn levels() -> impl Iterator<Item = SimdLevel> {
    let best = SimdLevel::detect();
    SimdLevel::ALL.into_iter().filter(move |level| *level <= best)
}

fn cpu_in_words(used: SimdLevel) -> String {
    let names: Vec<&str> = levels().map(SimdLevel::name).collect();
    let why = if std::env::var_os("NIGHTLOOM_SIMD").is_some() { "NIGHTLOOM_SIMD says so" } else { "the best" };
    format!("CPU: {} cores; SIMD levels {}; used: {used} ({why})", Cpu::cores(), names.join(", "))
}

/// The mode that each operation with a use for the tile unit runs in.
fn amx_modes(cpu: Cpu) -> [Option<&'static str>; 2] {
    [matmul::AMX_DEFAULT, distance::AMX_DEFAULT].map(|mode| cpu.amx().map(|amx| amx.mode(mode).name()))
}

/// Whether the tile unit is there, whether it passed its test, and what runs on it.
fn amx_in_words(cpu: Cpu) -> String {
    let [products, distances] = amx_modes(cpu).map(|mode| mode.unwrap_or("off"));
    let why = if std::env::var_os("NIGHTLOOM_AMX").is_some() { " (NIGHTLOOM_AMX says so)" } else { "" };
    let status = match amx::status() {
        AmxStatus::Absent(reason) => format!("absent ({reason})"),
        AmxStatus::Failed(reason) => format!("there, but failed its self-test ({reason})"),
        AmxStatus::Ready(Rounding::AsManual) => "there, passed its self-test".to_owned(),
        AmxStatus::Ready(Rounding::Own) => "there, passed its self-test with a rounding of its own".to_owned(),
    };
    format!("AMX: {status}; matrix products: {products}, distances: {distances}{why}")
}

fn amx_as_json(cpu: Cpu) -> Value {
    let (status, reason) = match amx::status() {
        AmxStatus::Absent(reason) => ("absent", Some(reason)),
        AmxStatus::Failed(reason) => ("failed its self-test", Some(reason)),
        AmxStatus::Ready(Rounding::AsManual) => ("passed its self-test", None),
        AmxStatus::Ready(Rounding::Own) => ("passed its self-test with a rounding of its own", None),
    };
    let [products, distances] = amx_modes(cpu);
    json!({ "status": status, "reason": reason, "matmul": products, "distance": distances })
}

/// Features that the engine uses or may come to use, with their names here.
fn features(adapter: &AdapterFacts) -> [(&'static str, bool); 5] {
    let has = |feature: wgpu::Features| adapter.features.contains(feature);
    [
        ("f16", has(wgpu::Features::SHADER_F16)),
        ("i64", has(wgpu::Features::SHADER_INT64)),
        ("timestamps", has(wgpu::Features::TIMESTAMP_QUERY)),
        ("immediates", has(wgpu::Features::IMMEDIATES)),
        ("cooperative_matrix", has(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX)),
    ]
}

fn in_words(adapter: &AdapterFacts) -> String {
    let (info, limits) = (&adapter.info, &adapter.limits);
    let bus = if info.device_pci_bus_id.is_empty() { "none" } else { &info.device_pci_bus_id };
    let list = |want: bool| {
        let names: Vec<&str> = features(adapter).into_iter().filter(|(_, has)| *has == want).map(|(n, _)| n).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    format!(
        "GPU {}
  PCI id: {bus} ({}); {:?}
  limits: {} a storage binding, {} a buffer, {} invocations a workgroup, {} of shared memory, {} workgroups a dimension, \
         subgroups of {} to {}
  features: {}; missing: {}
  kernels: {}; matrix units: {}",
        adapter.line(),
        adapter.pci_id(),
        info.backend,
        size(limits.max_storage_buffer_binding_size),
        size(limits.max_buffer_size),
        limits.max_compute_invocations_per_workgroup,
        size(u64::from(limits.max_compute_workgroup_storage_size)),
        limits.max_compute_workgroups_per_dimension,
        info.subgroup_min_size,
        info.subgroup_max_size,
        list(true),
        list(false),
        adapter.tuning().1.note(),
        units_in_words(adapter),
    )
}

fn as_json(adapter: &AdapterFacts) -> Value {
    let (info, limits) = (&adapter.info, &adapter.limits);
    json!({
        "index": adapter.index,
        "name": info.name,
        "kind": if adapter.software() { "software" } else { "hardware" },
        "type": format!("{:?}", info.device_type),
        "api": format!("{:?}", info.backend),
        "driver": info.driver,
        "driver_info": info.driver_info,
        "pci_bus_id": info.device_pci_bus_id,
        "pci_device": adapter.pci_id(),
        "limits": {
            "storage_binding_bytes": limits.max_storage_buffer_binding_size,
            "buffer_bytes": limits.max_buffer_size,
            "workgroup_invocations": limits.max_compute_invocations_per_workgroup,
            "workgroup_storage_bytes": limits.max_compute_workgroup_storage_size,
            "workgroups_per_dimension": limits.max_compute_workgroups_per_dimension,
            "subgroup_min": info.subgroup_min_size,
            "subgroup_max": info.subgroup_max_size,
        },
        "tuning": tuning_as_json(adapter),
        "matrix_units": adapter.matrix_units().is_some(),
        "features": features(adapter).into_iter().map(|(n, has)| (n.to_owned(), json!(has))).collect::<serde_json::Map<_, _>>(),
    })
}

/// The matrix units that kernels would use, if they pass their test.
fn units_in_words(adapter: &AdapterFacts) -> String {
    match adapter.matrix_units() {
        Some(units) => format!("f16 to f32, 16 x 16, subgroups of {}", units.subgroup),
        None => "none of 16 x 16 from f16 to f32".to_owned(),
    }
}

/// What the cache of `nightloom tune` says of an adapter.
fn tuning_as_json(adapter: &AdapterFacts) -> Value {
    let (choices, state) = adapter.tuning();
    let (word, path, reason) = match state {
        TuningState::Tuned(path) => ("tuned", Some(path), None),
        TuningState::Untuned => ("untuned", None, None),
        TuningState::Unusable(path, reason) => ("unusable", Some(path), Some(reason)),
    };
    json!({ "state": word, "file": path, "reason": reason, "choices": choices })
}

/// Bytes in the largest binary unit that gives at least 1.
fn size(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let step = (0..units.len() as u32 - 1).take_while(|n| bytes >> (10 * (n + 1)) > 0).count();
    let value = bytes as f64 / f64::from(1 << 10).powi(step as i32);
    format!("{} {}", (value * 10.0).round() / 10.0, units[step])
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn e3_sizes_are_in_binary_units() {
        let texts = [0, 1023, 32 << 10, 128 << 20, (2 << 30) - 4, 1 << 40].map(size);
        assert_eq!(texts, ["0 bytes", "1023 bytes", "32 KiB", "128 MiB", "2 GiB", "1 TiB"]);
    }
}
