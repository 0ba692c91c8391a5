// y[f, i, :] = data[idx[f, step, i], :], one invocation a word; the data is the whole fleet's. Words are u32, so that no
// bit of a number can change.

struct Params {
    step: u32,
    groups: u32,
    words: u32,
    rows: u32,
    width: u32,
    n: u32,
    steps: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> data: array<u32>;
@group(0) @binding(1) var<storage, read> idx: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> gathered: array<f32>;

// Where word e comes from.
fn source(e: u32) -> u32 {
    let line = e / p.width;
    let member = line / p.n;
    let at = (member * p.steps + min(p.step, p.steps - 1u)) * p.n + line % p.n;
    return min(idx[at], p.rows - 1u) * p.width + e % p.width;
}

@compute @workgroup_size(256)
fn gather(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
          @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.words {
        return;
    }
    y[e] = data[source(e)];
}

// The same for values, which may be held in other ways than as words.
@compute @workgroup_size(256)
fn gather_values(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                 @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.words {
        return;
    }
    gathered[e] = values[source(e)];
}
