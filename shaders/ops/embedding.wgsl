// Rows of each member's own table, and their gradient; `src/ops/embedding` has the equations.

struct Params {
    step: u32,
    groups: u32,
    words: u32,
    vocab: u32,
    d: u32,
    n: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> table: array<f32>;
@group(0) @binding(1) var<storage, read> idx: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dtable: array<f32>;

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.words {
        return;
    }
    let line = e / p.d;
    let row = line / p.n * p.vocab + min(idx[line], p.vocab - 1u);
    y[e] = table[row * p.d + e % p.d];
}

@compute @workgroup_size(256)
fn backward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.words {
        return;
    }
    let row = e / p.d % p.vocab;
    let first = e / p.d / p.vocab * p.n;
    var sum = 0.0;
    for (var i = first; i < first + p.n; i = i + 1u) {
        if min(idx[i], p.vocab - 1u) == row {
            sum = sum + dy[i * p.d + e % p.d];
        }
    }
    dtable[e] = sum;
}
