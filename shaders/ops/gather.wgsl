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

@compute @workgroup_size(256)
fn gather(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
          @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.words {
        return;
    }
    let line = e / p.width;
    let member = line / p.n;
    let at = (member * p.steps + min(p.step, p.steps - 1u)) * p.n + line % p.n;
    let row = min(idx[at], p.rows - 1u);
    y[e] = data[row * p.width + e % p.width];
}
