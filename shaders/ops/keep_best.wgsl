// dst = flag != 0 ? src : dst, one invocation a word. Words are u32, so that no bit of a number can change.

struct Params {
    step: u32,
    groups: u32,
    words: u32,
    len: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> src: array<u32>;
@group(0) @binding(1) var<storage, read> flags: array<f32>;
@group(0) @binding(2) var<storage, read_write> dst: array<u32>;

@compute @workgroup_size(256)
fn keep_best(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
             @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.words {
        return;
    }
    if flags[e / p.len] != 0.0 {
        dst[e] = src[e];
    }
}
