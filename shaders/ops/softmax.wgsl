// Softmax over rows of c values, and its gradient; `src/ops/softmax` has the equations.

struct Params {
    step: u32,
    groups: u32,
    rows: u32,
    c: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> saved: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn forward_narrow(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                  @builtin(local_invocation_index) lane: u32) {
    let row = group_index(id, count) * 256u + lane;
    if row >= p.rows {
        return;
    }
    let base = row * p.c;
    var largest = x[base];
    for (var j = 1u; j < p.c; j = j + 1u) {
        largest = max(largest, x[base + j]);
    }
    var sum = 0.0;
    for (var j = 0u; j < p.c; j = j + 1u) {
        let value = safe_exp(x[base + j] - largest);
        y[base + j] = value;
        sum = sum + value;
    }
    for (var j = 0u; j < p.c; j = j + 1u) {
        y[base + j] = y[base + j] / sum;
    }
}

@compute @workgroup_size(256)
fn forward_wide(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                @builtin(local_invocation_index) lane: u32) {
    let row = group_index(id, count);
    if row >= p.groups {
        return;
    }
    let base = row * p.c;
    var best = x[base];
    for (var j = lane; j < p.c; j = j + 256u) {
        best = max(best, x[base + j]);
    }
    let largest = group_max(lane, best);
    var part = 0.0;
    for (var j = lane; j < p.c; j = j + 256u) {
        let value = safe_exp(x[base + j] - largest);
        y[base + j] = value;
        part = part + value;
    }
    let sum = group_sum(lane, part);
    // Every invocation meets again what it wrote itself.
    for (var j = lane; j < p.c; j = j + 256u) {
        y[base + j] = y[base + j] / sum;
    }
}

@compute @workgroup_size(256)
fn backward_narrow(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                   @builtin(local_invocation_index) lane: u32) {
    let row = group_index(id, count) * 256u + lane;
    if row >= p.rows {
        return;
    }
    let base = row * p.c;
    var sum = 0.0;
    for (var j = 0u; j < p.c; j = j + 1u) {
        sum = fma(dy[base + j], saved[base + j], sum);
    }
    for (var j = 0u; j < p.c; j = j + 1u) {
        dx[base + j] = saved[base + j] * (dy[base + j] - sum);
    }
}

@compute @workgroup_size(256)
fn backward_wide(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                 @builtin(local_invocation_index) lane: u32) {
    let row = group_index(id, count);
    if row >= p.groups {
        return;
    }
    let base = row * p.c;
    var part = 0.0;
    for (var j = lane; j < p.c; j = j + 256u) {
        part = fma(dy[base + j], saved[base + j], part);
    }
    let sum = group_sum(lane, part);
    for (var j = lane; j < p.c; j = j + 256u) {
        dx[base + j] = saved[base + j] * (dy[base + j] - sum);
    }
}
