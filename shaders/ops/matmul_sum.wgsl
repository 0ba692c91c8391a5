// The sums over k of `matmul.wgsl` that were cut into chunks: added in order, then bias, slope and activation.

struct Params {
    step: u32,
    groups: u32,
    m: u32,
    n: u32,
    chunks: u32,
    scratch_len: u32,
    outputs: u32,
}

var<immediate> p: Params;

override BIAS: bool = false;
override ACTIVATION: u32 = 0u;
override MASK: u32 = 0u;

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read> saved: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(64)
fn sum_chunks(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
              @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 64u + lane;
    if e >= p.outputs {
        return;
    }
    let len = p.m * p.n;
    let member = e / len;
    let first = member * p.scratch_len + e % len;
    var sum = 0.0;
    var s = 0u;
    // Four reads are on their way at a time; the additions stay in order.
    for (; s + 4u <= p.chunks; s = s + 4u) {
        let place = first + s * len;
        let four = vec4<f32>(partials[place], partials[place + len], partials[place + 2u * len], partials[place + 3u * len]);
        sum = sum + four.x + four.y + four.z + four.w;
    }
    for (; s < p.chunks; s = s + 1u) {
        sum = sum + partials[first + s * len];
    }
    if BIAS {
        sum = sum + bias[member * p.n + e % p.n];
    }
    if MASK != 0u {
        sum = sum * slope(MASK, saved[e]);
    }
    c[e] = activate(ACTIVATION, sum);
}
