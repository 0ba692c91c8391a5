// c[f, j, q] = the weighted mean of the rows with label j, count[f, j] = their weight; `src/ops/centroid` has the shapes.
// Partial sums: [member][block][centre][d + 1], the last of the d + 1 is the weight.

struct Params {
    step: u32,
    groups: u32,
    n: u32,
    k: u32,
    d: u32,
    blocks: u32,
    rows: u32,
    weighted: u32,
    invocations: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> label: array<u32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

@group(0) @binding(0) var<storage, read> sums: array<f32>;
@group(0) @binding(1) var<storage, read_write> c: array<f32>;
@group(0) @binding(2) var<storage, read_write> total: array<f32>;

// One invocation for each (member, block, dimension): the only one that touches its cells.
@compute @workgroup_size(64)
fn sum_blocks(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
              @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 64u + lane;
    if e >= p.invocations {
        return;
    }
    let width = p.d + 1u;
    let q = e % width;
    let block = (e / width) % p.blocks;
    let member = e / (width * p.blocks);
    let base = (member * p.blocks + block) * p.k * width + q;
    for (var j = 0u; j < p.k; j = j + 1u) {
        partial[base + j * width] = 0.0;
    }
    let end = min(p.n, (block + 1u) * p.rows);
    for (var i = block * p.rows; i < end; i = i + 1u) {
        let row = member * p.n + i;
        let j = label[row];
        if j < p.k {
            var value = 1.0;
            if q < p.d {
                value = x[row * p.d + q];
            }
            if p.weighted != 0u {
                value = value * w[row];
            }
            partial[base + j * width] = partial[base + j * width] + value;
        }
    }
}

// One invocation for each (member, centre, dimension).
@compute @workgroup_size(64)
fn merge(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
         @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 64u + lane;
    if e >= p.invocations {
        return;
    }
    let width = p.d + 1u;
    let q = e % width;
    let j = (e / width) % p.k;
    let member = e / (width * p.k);
    var sum = 0.0;
    var weight = 0.0;
    for (var b = 0u; b < p.blocks; b = b + 1u) {
        let cell = ((member * p.blocks + b) * p.k + j) * width;
        sum = sum + sums[cell + q];
        weight = weight + sums[cell + p.d];
    }
    if q == p.d {
        total[member * p.k + j] = weight;
    } else if weight > 0.0 {
        c[(member * p.k + j) * p.d + q] = sum / weight;
    }
}
