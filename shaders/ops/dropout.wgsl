// y[f, i] = x[f, i] * keep / (1 - rate) with keep from the counter-based generator; `src/ops/dropout` says more.

struct Params {
    step: u32,
    groups: u32,
    elements: u32,
    len: u32,
    stream: u32,
    schedule_len: u32,
    threshold: u32,
    scale: f32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> seed: array<u32>;
@group(0) @binding(2) var<storage, read> schedule: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn dropout(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, groups);
    let e = group * 256u + lane;
    if group >= p.groups || e >= p.elements {
        return;
    }
    let member = e / p.len;
    let step = min(p.step, p.schedule_len / SCHEDULE_WIDTH - 1u);
    let count = u32(schedule[member * p.schedule_len + step * SCHEDULE_WIDTH + COUNT]);
    let bits = counter_bits(seed[member], p.stream, count, e % p.len);
    y[e] = select(x[e] * p.scale, 0.0, bits < p.threshold);
}
