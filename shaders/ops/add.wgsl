// y = a + b, one invocation a value.

struct Params {
    step: u32,
    groups: u32,
    values: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn add(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
       @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e < p.values {
        y[e] = a[e] + b[e];
    }
}
