// y[f, i] = max(0, 1 - x[f, i])^2, and dx[f, i] = -2 max(0, 1 - x[f, i]) dy[f, i].

struct Params {
    step: u32,
    groups: u32,
    elements: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 64u + lane;
    if e < p.elements {
        let slack = max(0.0, 1.0 - x[e]);
        y[e] = slack * slack;
    }
}

@compute @workgroup_size(64)
fn backward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 64u + lane;
    if e < p.elements {
        dx[e] = -2.0 * max(0.0, 1.0 - x[e]) * dy[e];
    }
}
