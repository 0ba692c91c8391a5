// y = act(x) and dx = dy * act'(saved), one invocation a value; `src/ops/activation` says what is saved.

struct Params {
    step: u32,
    groups: u32,
    values: u32,
    kind: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> saved: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e < p.values {
        y[e] = activate(p.kind, x[e]);
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e < p.values {
        dx[e] = dy[e] * slope(p.kind, saved[e]);
    }
}
