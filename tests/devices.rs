//! Which device runs (E1, E2), its limits (E4), and what happens when it fails (E5).

#[path = "common/backends.rs"]
mod backends;

use std::process::Command;

use nightloom::backend::amx::{self, AmxMode, AmxStatus};
use nightloom::backend::gpu::{AdapterFacts, adapters};
use nightloom::backend::{Backend, BackendError, Cpu, CpuContext, DeviceChoice, Gpu, SimdLevel, choose};
use nightloom::model::{Loss, Model, initial_weights};
use nightloom::ops::{ArgSpec, Args, DType, Dispatch, Kernel, Shader, Target, Work, reads, writes};
use nightloom::plan::{ListId, Plan, PlanBuilder, PlanError, TensorId};
use nightloom::train::{Control, Data, Member, Targets, TrainError, TrainedMember, predict, train};

/// A GPU of this test's own, that it may limit or break; `None` if GPUs are left out.
fn own_gpu(binding_bytes_max: Option<u64>) -> Option<Gpu> {
    if !backends::backends().iter().any(|backend| matches!(backend, Backend::Gpu(_))) {
        return None;
    }
    let mut all = adapters();
    all.sort_by_key(AdapterFacts::rank);
    let mut facts = all.into_iter().next().expect("a Vulkan driver: apt-get install mesa-vulkan-drivers");
    if let Some(bytes) = binding_bytes_max {
        facts.limits.max_storage_buffer_binding_size = bytes;
    }
    Some(Gpu::open(&facts).expect("the adapter opens"))
}

#[test]
fn e2_auto_takes_a_hardware_gpu_or_the_cpu_and_says_why() {
    let adapters = adapters();
    let hardware: Vec<_> = adapters.iter().filter(|a| !a.software()).collect();
    let chosen = choose(&DeviceChoice::Auto).expect("auto always finds a device");
    match &chosen.backend {
        Backend::Gpu(gpu) => {
            assert!(hardware.iter().any(|a| a.info.name == gpu.name()), "auto took the software GPU {}", gpu.name());
            assert!(chosen.reason.contains("hardware GPU"), "{}", chosen.reason);
        }
        Backend::Cpu(_) if hardware.is_empty() && adapters.is_empty() => assert_eq!(chosen.reason, "no GPU was found"),
        Backend::Cpu(_) if hardware.is_empty() => {
            let expected = format!("({} software GPU not taken: it runs only when asked for)", adapters.len());
            assert!(chosen.reason.contains(&expected), "{}", chosen.reason);
        }
        Backend::Cpu(_) => assert!(chosen.reason.starts_with("the GPU cannot be used: "), "{}", chosen.reason),
    }
}

#[test]
fn e1_a_gpu_that_is_not_there_is_an_error_that_lists_what_is() {
    let adapters = adapters();
    let hardware = adapters.iter().any(|a| !a.software());
    let listed = |choice: DeviceChoice| {
        let error = choose(&choice).expect_err("no such GPU");
        assert!(matches!(error, BackendError::NoDevice { .. }), "{error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("no device for `{choice}`: this machine ")), "{text}");
        if adapters.is_empty() {
            assert!(text.contains("no adapter at all"), "{text}");
        }
        for adapter in &adapters {
            assert!(text.contains(&adapter.info.name), "{text} does not list {}", adapter.info.name);
        }
        println!("{text}");
    };
    if !hardware {
        listed(DeviceChoice::Gpu(None));
    }
    for text in ["gpu:99", "gpu:no such name", "gpu:ffff:ff:1f.7"] {
        listed(text.parse().expect("a device text"));
    }
    // A software GPU is not taken for a hardware one by its name or its number either.
    for adapter in adapters.iter().filter(|a| a.software()) {
        listed(format!("gpu:{}", adapter.info.name).parse().expect("a device text"));
        listed(format!("gpu:{}", adapter.index).parse().expect("a device text"));
    }
}

#[test]
fn e1_a_simd_level_by_name_is_taken_or_refused() {
    assert_eq!(Cpu::named(None).expect("a CPU").simd(), SimdLevel::detect());
    assert_eq!(Cpu::named(Some("portable")).expect("a CPU").simd(), SimdLevel::Portable);
    for wrong in ["", "AVX2", "sse9", " avx2"] {
        let error = Cpu::named(Some(wrong)).expect_err("no such level").to_string();
        assert_eq!(error, format!("NIGHTLOOM_SIMD={wrong}: expected one of portable, avx2, avx512"));
    }
    for level in SimdLevel::ALL {
        match Cpu::named(Some(level.name())) {
            Ok(cpu) => assert!(cpu.simd() == level && level <= SimdLevel::detect()),
            Err(error) => {
                assert!(level > SimdLevel::detect());
                let best = SimdLevel::detect();
                assert_eq!(error.to_string(), format!("NIGHTLOOM_SIMD={level}: this machine has `{best}` at most"));
            }
        }
    }
}

#[test]
fn e1_the_environment_sets_the_simd_level() {
    let under = |value: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
        command.arg("devices").env("NIGHTLOOM_SIMD", value).output().expect("a process")
    };
    let portable = String::from_utf8(under("portable").stdout).expect("text");
    assert!(portable.contains("used: portable (NIGHTLOOM_SIMD says so)"), "{portable}");
    for wrong in ["sse9", ""] {
        let output = under(wrong);
        assert_eq!(output.status.code(), Some(3), "a device that cannot be is exit code 3");
        let text = String::from_utf8(output.stderr).expect("text");
        assert!(text.contains(&format!("NIGHTLOOM_SIMD={wrong}: expected one of portable, avx2, avx512")), "{text}");
    }
}

#[test]
fn e1_the_environment_sets_amx() {
    let under = |value: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightloom"));
        command.arg("devices").env("NIGHTLOOM_AMX", value).output().expect("a process")
    };
    let off = String::from_utf8(under("off").stdout).expect("text");
    assert!(off.contains("; matrix products: off, distances: off (NIGHTLOOM_AMX says so)"), "{off}");
    for mode in AmxMode::ALL.map(AmxMode::name) {
        let output = under(mode);
        if matches!(amx::status(), AmxStatus::Ready(_)) {
            let text = String::from_utf8(output.stdout).expect("text");
            let expected = format!("; matrix products: {mode}, distances: {mode} (");
            assert!(text.contains("AMX: there, passed its self-test") && text.contains(&expected), "{text}");
        } else {
            assert_eq!(output.status.code(), Some(3), "a device that cannot be is exit code 3");
            let text = String::from_utf8(output.stderr).expect("text");
            assert!(text.contains(&format!("NIGHTLOOM_AMX={mode}: {}", amx::status())), "{text}");
        }
    }
}

#[test]
fn e10_amx_and_its_mode_are_part_of_the_device() {
    let simd = SimdLevel::detect();
    let id = |mode| Backend::Cpu(Cpu::emulated_amx(mode)).id();
    assert_eq!(id(None), format!("cpu-{simd}-emulated-amx"));
    assert_eq!(id(Some(AmxMode::Bf16x6)), format!("cpu-{simd}-emulated-amx-bf16x6"));
    assert_eq!(Backend::Cpu(Cpu::new(simd).expect("a CPU")).id(), format!("cpu-{simd}"));
    // A lower level that is asked for is not raised by a unit that nobody asked for.
    let portable = Cpu::new(SimdLevel::Portable).and_then(|cpu| cpu.with_amx(None)).expect("a CPU");
    assert_eq!(portable.amx(), None);
}

/// `y[f, i] = x[f, i] + 1`, with a shader to choose.
#[derive(Debug, Clone, Copy)]
struct AddOne {
    len: usize,
    source: &'static str,
}

const RIGHT: &str = "
struct Params { step: u32, groups: u32, elements: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < p.elements { y[id.x] = x[id.x] + 1.0; }
}";
const NO_WGSL: &str = "fn main( {";
const OTHER_ENTRY: &str = "@compute @workgroup_size(64) fn other() {}";
const WRONG_TYPE: &str = "@compute @workgroup_size(64) fn main() { let a: u32 = 1.5; }";

impl Kernel for AddOne {
    fn name(&self) -> &'static str {
        "add_one"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        1
    }
    fn args(&self) -> Vec<ArgSpec> {
        vec![ArgSpec::read("x", self.len), ArgSpec::write("y", self.len)]
    }
    fn work(&self) -> Work {
        Work { flops: self.len as f64, bytes: 8.0 * self.len as f64 }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        args[1] = args[0].iter().map(|x| x + 1.0).collect();
    }
    fn cpu(&self, _ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        for (y, x) in args.f32_mut(1).iter_mut().zip(args.f32(0)) {
            *y = x + 1.0;
        }
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        vec![Dispatch {
            shader: Shader { name: "made_up", preludes: &[], source: self.source },
            entry: "main",
            constants: vec![],
            binds: vec![reads(0), writes(1)],
            params: vec![self.len as u32],
            groups: self.len.div_ceil(64),
        }]
    }
}

fn add_one(
    backend: &Backend,
    len: usize,
    source: &'static str,
) -> Result<(Plan, ListId, TensorId, TensorId), PlanError> {
    let mut builder = PlanBuilder::new(1);
    let (x, y) = (builder.tensor("the input", len), builder.tensor("the output", len));
    let list = builder.list();
    builder.push(list, AddOne { len, source }, &[x, y])?;
    Ok((builder.build(backend)?, list, x, y))
}

#[test]
fn e5_a_shader_that_does_not_compile_is_an_error_that_names_it() {
    let Some(gpu) = own_gpu(None) else { return };
    let backend = Backend::Gpu(gpu);
    for source in [NO_WGSL, OTHER_ENTRY, WRONG_TYPE] {
        let error = add_one(&backend, 100, source).expect_err("a wrong shader");
        assert!(matches!(error, PlanError::Backend(BackendError::Failed { .. })), "{error}");
        assert!(error.to_string().contains("failed while compiling made_up.main: "), "{error}");
        println!("{error}");
    }
    // The device is none the worse for it.
    let (mut plan, list, x, y) = add_one(&backend, 100, RIGHT).expect("a right shader");
    plan.upload_f32(x, &[1.5; 100]).expect("an upload");
    plan.replay(list, 0..1).expect("a replay");
    assert_eq!(plan.download_f32(y).expect("the output"), [2.5; 100]);
}

#[test]
fn e5_threads_that_share_a_device_do_not_disturb_each_other() {
    let Some(gpu) = own_gpu(None) else { return };
    let work = &|thread: usize| {
        let (mut plan, list, x, y) = add_one(&Backend::Gpu(gpu.clone()), 100, RIGHT).expect("a plan");
        for round in 0..200 {
            let value = (thread * 1000 + round) as f32;
            plan.upload_f32(x, &[value; 100]).expect("an upload");
            plan.replay(list, 0..1).expect("a replay");
            assert_eq!(plan.download_f32(y).expect("the output"), [value + 1.0; 100]);
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || work(thread));
        }
    });
}

#[test]
fn e5_a_lost_device_is_an_error_and_gives_no_zeros() {
    let Some(gpu) = own_gpu(None) else { return };
    let (mut plan, list, x, y) = add_one(&Backend::Gpu(gpu.clone()), 100, RIGHT).expect("a plan");
    plan.upload_f32(x, &[1.5; 100]).expect("an upload");
    plan.replay(list, 0..1).expect("a replay");
    gpu.destroy();
    let lost = |result: Result<(), PlanError>, what: &str| {
        let error = result.expect_err(what);
        assert!(matches!(error, PlanError::Backend(BackendError::Lost { .. })), "{what}: {error}");
        assert!(error.to_string().contains(" was lost while "), "{what}: {error}");
        println!("{error}");
    };
    let mut out = [7_u32; 100];
    lost(plan.download_into(y, &mut out), "download");
    assert_eq!(out, [7; 100], "what could not be read is left alone");
    lost(plan.replay(list, 0..1), "replay");
    lost(plan.upload_f32(x, &[0.0; 100]), "upload");
    lost(plan.wait(), "wait");
    lost(add_one(&Backend::Gpu(gpu), 10, RIGHT).map(|_| ()), "a new plan");
}

#[test]
fn e5_a_training_on_a_lost_device_ends_with_an_error() {
    let Some(gpu) = own_gpu(None) else { return };
    let (model, inputs, labels) = task();
    let lose = |report: &nightloom::train::EpochReport| {
        if report.epoch == 2 {
            gpu.destroy();
        }
    };
    let mut lose = lose;
    let mut control = Control { on_epoch: &mut lose, stop: &|| false, checkpoint: None };
    let data = Data { inputs: &inputs, targets: Targets::Labels(&labels) };
    let spec = toml::from_str("epochs = 5\nbatch = 8\nrate = 0.01").expect("a spec");
    let backend = Backend::Gpu(gpu.clone());
    let error = train(&model, &spec, Loss::CrossEntropy, data, &members(2), &backend, &mut control).expect_err("lost");
    assert!(matches!(error, TrainError::Plan(PlanError::Backend(BackendError::Lost { .. }))), "{error}");
}

#[test]
fn e4_a_tensor_larger_than_a_binding_is_refused_by_name() {
    let Some(gpu) = own_gpu(Some(65_536)) else { return };
    let error = add_one(&Backend::Gpu(gpu.clone()), 16_385, RIGHT).expect_err("too large");
    let expected = format!("tensor `the input` needs 65540 bytes in one binding, {} allows 65536", gpu.name());
    assert!(matches!(error, PlanError::Backend(BackendError::TooLarge { .. })), "{error}");
    assert_eq!(error.to_string(), expected);
    add_one(&Backend::Gpu(gpu), 16_384, RIGHT).expect("as large as a binding may be");
}

fn task() -> (Model, Vec<f32>, Vec<u32>) {
    let layers = r#"{"input": {"length": 8, "channels": 2}, "layers": [
        {"kind": "conv1d", "channels": 4, "kernel": 3, "activation": "relu"}, {"kind": "batch_norm"},
        {"kind": "global_max_pool"}, {"kind": "dense", "units": 2}]}"#;
    let model = Model::new(serde_json::from_str(layers).expect("a spec")).expect("a model");
    let inputs = (0..24 * 16).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
    (model, inputs, (0..24).map(|i| i % 2).collect())
}

fn members(count: u64) -> Vec<Member> {
    (0..count).map(|i| Member::new(i, 0.01, (0..10 + i as u32).collect(), (18..24).collect())).collect()
}

#[test]
fn e4_a_fleet_larger_than_the_device_is_split_and_keeps_its_bits() {
    let (Some(small), Some(whole)) = (own_gpu(Some(16_384)), own_gpu(None)) else { return };
    let (model, inputs, labels) = task();
    let data = Data { inputs: &inputs, targets: Targets::Labels(&labels) };
    let spec = toml::from_str("epochs = 3\nbatch = 8\nrate = 0.01").expect("a spec");
    let all = members(14);
    let run = |gpu: Gpu| {
        let mut fleets = vec![];
        let mut seen = |report: &nightloom::train::EpochReport| fleets.push(report.first_member);
        let mut control = Control { on_epoch: &mut seen, stop: &|| false, checkpoint: None };
        let backend = Backend::Gpu(gpu);
        let found = train(&model, &spec, Loss::CrossEntropy, data, &all, &backend, &mut control).expect("a training");
        fleets.dedup();
        (found, fleets)
    };
    let (expected, one) = run(whole.clone());
    let (found, several) = run(small.clone());
    assert_eq!(one, [0]);
    assert!(several.len() > 1, "one fleet was enough: {several:?}");
    let bits = |m: &TrainedMember| m.weights.values.iter().flatten().map(|v| v.to_bits()).collect::<Vec<_>>();
    for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
        assert!(bits(a) == bits(b) && a.losses == b.losses, "member {i}");
    }
    // Predictions are split the same way.
    let weights: Vec<_> = (0..40).map(|seed| initial_weights(&model, seed)).collect();
    let here = predict(&model, &weights, &inputs, &Backend::Gpu(small)).expect("logits");
    let there = predict(&model, &weights, &inputs, &Backend::Gpu(whole)).expect("logits");
    assert_eq!(here.len(), 40 * 24 * 2);
    assert!(here.iter().zip(&there).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn e4_data_larger_than_a_binding_are_streamed_and_give_the_same_bits() {
    let (Some(small), Some(whole)) = (own_gpu(Some(16_384)), own_gpu(None)) else { return };
    let (conv, _, _) = task();
    let dense = r#"{"input": {"length": 1, "channels": 16}, "layers": [
        {"kind": "dense", "units": 5, "activation": "tanh"}, {"kind": "dense", "units": 2}]}"#;
    let dense = Model::new(serde_json::from_str(dense).expect("a spec")).expect("a model");
    let rows = 400;
    let inputs: Vec<f32> = (0..rows * 16).map(|i| ((i * 37 % 1001) as f32 - 500.0) / 500.0).collect();
    let (labels, values): (Vec<u32>, Vec<f32>) = (0..rows)
        .map(|i| (i as u32 * 7 % 2, [(i % 5) as f32, (i % 3) as f32]))
        .fold((vec![], vec![]), |mut all, (l, v)| {
            all.0.push(l);
            all.1.extend(v);
            all
        });
    let members: Vec<Member> = [(0..400, 0..60), (3..150, 150..222), (10..333, 7..8)]
        .into_iter()
        .enumerate()
        .map(|(seed, (train, validation))| Member::new(seed as u64, 0.01, train.collect(), validation.collect()))
        .collect();
    for model in [conv, dense] {
        for (loss, targets) in
            [(Loss::CrossEntropy, Targets::Labels(&labels)), (Loss::MeanSquare, Targets::Values(&values))]
        {
            let data = Data { inputs: &inputs, targets };
            let run = |gpu: &Gpu| {
                let mut control = Control { on_epoch: &mut |_| {}, stop: &|| false, checkpoint: None };
                let spec = toml::from_str("epochs = 2\nbatch = 8\nrate = 0.01").expect("a spec");
                train(&model, &spec, loss, data, &members, &Backend::Gpu(gpu.clone()), &mut control)
                    .expect("a training")
            };
            let bits = |m: &TrainedMember| m.weights.values.iter().flatten().map(|v| v.to_bits()).collect::<Vec<_>>();
            for (i, (a, b)) in run(&small).iter().zip(&run(&whole)).enumerate() {
                assert!(bits(a) == bits(b) && a.losses == b.losses, "{loss:?}, member {i}");
            }
        }
    }
}

#[test]
fn e5_work_larger_than_the_devices_memory_is_refused_before_it_is_begun() {
    if own_gpu(None).is_none() {
        return;
    }
    let mut all = adapters();
    all.sort_by_key(AdapterFacts::rank);
    let mut facts = all.into_iter().next().expect("an adapter");
    assert!(facts.memory_bytes.is_none_or(|bytes| bytes > 1 << 28), "{:?}", facts.memory_bytes);
    facts.memory_bytes = Some(50_000);
    let gpu = Gpu::open(&facts).expect("the adapter opens");
    let before = gpu.objects();
    let error = add_one(&Backend::Gpu(gpu.clone()), 10_000, RIGHT).expect_err("two tensors of 40,000 bytes");
    assert!(
        matches!(error, PlanError::Backend(BackendError::NoRoom { bytes: 80_000, bytes_max: 50_000, .. })),
        "{error}"
    );
    assert_eq!(gpu.objects(), before, "nothing was made");
    add_one(&Backend::Gpu(gpu), 5_000, RIGHT).expect("half of it fits");
}

#[test]
fn e5_a_plan_gives_its_memory_back() {
    let Some(gpu) = own_gpu(None) else { return };
    let held = || {
        // Buffers are freed once the device has seen that nothing uses them.
        gpu.wait("looking at memory").expect("a device that works");
        gpu.device().generate_allocator_report().map(|report| report.total_allocated_bytes)
    };
    let plan = || {
        let mut builder = PlanBuilder::new(1);
        builder.tensor("large", 4 << 20);
        builder.build(&Backend::Gpu(gpu.clone())).expect("a plan")
    };
    let Some(before) = held() else { return };
    let kept = plan();
    let with_one = held().expect("a report");
    assert!(with_one >= before + (16 << 20), "{before} and {with_one} bytes");
    for _ in 0..8 {
        drop(plan());
    }
    drop(kept);
    let after = held().expect("a report");
    assert!(after < before + (16 << 20), "{before} bytes before, {after} after");
}

#[test]
fn e4_tensors_of_a_plan_are_checked_on_every_backend() {
    for backend in backends::backends() {
        let mut builder = PlanBuilder::new(1);
        let (short, long) = (builder.tensor("short", 9), builder.tensor("long", 10));
        let numbers = builder.tensor_u32("numbers", 10);
        let common = builder.shared("common", 10, DType::F32);
        let list = builder.list();
        let kernel = AddOne { len: 10, source: RIGHT };
        for (bound, expected) in [
            (vec![short, long], "add_one, argument `x`: expected 10 words of F32, shared: false, found 9 words"),
            (vec![numbers, long], "found 10 words of U32, shared: false (tensor `numbers`)"),
            (vec![common, long], "found 10 words of F32, shared: true (tensor `common`)"),
            (vec![long, long], "argument `y`: expected a tensor of its own, found one that is bound twice"),
            (vec![long], "expected 2 tensors (at most 12) for a fleet of 1, found 1 tensors"),
        ] {
            let error = builder.push(list, kernel, &bound).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
        let (mut plan, _, x, _) = add_one(&backend, 10, RIGHT).expect("a plan");
        let error = plan.upload(x, &[0; 9]).expect_err("too short").to_string();
        assert_eq!(error, "tensor `the input` holds 10 words, found 9");
        let error = plan.upload_part(x, 8, &[0; 3]).expect_err("too long").to_string();
        assert_eq!(error, "tensor `the input` holds 10 words, found 11");
        let error = plan.download_into(x, &mut [0; 11]).expect_err("too long").to_string();
        assert_eq!(error, "tensor `the input` holds 10 words, found 11");
    }
}
