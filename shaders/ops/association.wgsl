// Weights of attention and contexts of pairs, and their gradients; `src/ops/association` has the equations. Samples of
// all members stand one after the other.

struct Params {
    step: u32,
    groups: u32,
    // Invocations that have work.
    units: u32,
    l: u32,
    d: u32,
    heads: u32,
    // Positions and pairs of a sample.
    places: u32,
    scale: f32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
// weights
@group(0) @binding(1) var<storage, read_write> new_weights: array<f32>;
// contexts
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
// slopes
@group(0) @binding(1) var<storage, read_write> new_slopes: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
// gradients
@group(0) @binding(1) var<storage, read_write> dqkv: array<f32>;
@group(0) @binding(4) var<storage, read> slopes_of: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

// Where a head's query (part 0), key (1) or value (2) of position i begins.
fn part_at(sample: u32, part: u32, i: u32, head: u32) -> u32 {
    return ((sample * p.l + i) * 3u + part) * p.d + head * (p.d / p.heads);
}

// Where the context of i and j, in either order, begins.
fn context_at(sample: u32, i: u32, j: u32) -> u32 {
    let low = min(i, j);
    let place = p.l + low * (2u * p.l - low - 1u) / 2u + max(i, j) - low - 1u;
    return (sample * p.places + place) * p.d;
}

fn score(sample: u32, i: u32, j: u32, head: u32) -> f32 {
    let query = part_at(sample, 0u, i, head);
    let key = part_at(sample, 1u, j, head);
    var sum = 0.0;
    for (var t = 0u; t < p.d / p.heads; t = t + 1u) {
        sum = fma(qkv[query + t], qkv[key + t], sum);
    }
    return sum * p.scale;
}

@compute @workgroup_size(256)
fn weights(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.units {
        return;
    }
    let i = e % p.l;
    let head = e / p.l % p.heads;
    let sample = e / (p.l * p.heads);
    var largest = score(sample, i, 0u, head);
    for (var j = 1u; j < p.l; j = j + 1u) {
        largest = max(largest, score(sample, i, j, head));
    }
    var sum = 0.0;
    for (var j = 0u; j < p.l; j = j + 1u) {
        let value = safe_exp(score(sample, i, j, head) - largest);
        new_weights[e * p.l + j] = value;
        sum = sum + value;
    }
    for (var j = 0u; j < p.l; j = j + 1u) {
        new_weights[e * p.l + j] = new_weights[e * p.l + j] / sum;
    }
}

@compute @workgroup_size(256)
fn contexts(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.units {
        return;
    }
    let c = e % p.d;
    let place = e / p.d % p.places;
    let sample = e / (p.d * p.places);
    if place < p.l {
        y[e] = x[(sample * p.l + place) * p.d + c];
        return;
    }
    // The pair of that number.
    var i = 0u;
    var rest = place - p.l;
    while rest >= p.l - 1u - i {
        rest = rest - (p.l - 1u - i);
        i = i + 1u;
    }
    let j = i + 1u + rest;
    let of_head = (sample * p.heads + c / (p.d / p.heads)) * p.l * p.l;
    let vi = qkv[part_at(sample, 2u, i, 0u) + c];
    let vj = qkv[part_at(sample, 2u, j, 0u) + c];
    y[e] = a[of_head + i * p.l + j] * vj + a[of_head + j * p.l + i] * vi;
}

// The slope of the weight that position i gives to j.
fn weight_slope(sample: u32, i: u32, j: u32, head: u32) -> f32 {
    if i == j {
        return 0.0;
    }
    let context = context_at(sample, i, j) + head * (p.d / p.heads);
    let value = part_at(sample, 2u, j, head);
    var sum = 0.0;
    for (var t = 0u; t < p.d / p.heads; t = t + 1u) {
        sum = fma(dy[context + t], qkv[value + t], sum);
    }
    return sum;
}

// The slopes of scores, with their scale.
@compute @workgroup_size(256)
fn slopes(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
          @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.units {
        return;
    }
    let i = e % p.l;
    let head = e / p.l % p.heads;
    let sample = e / (p.l * p.heads);
    var mean = 0.0;
    for (var j = 0u; j < p.l; j = j + 1u) {
        mean = fma(a[e * p.l + j], weight_slope(sample, i, j, head), mean);
    }
    for (var j = 0u; j < p.l; j = j + 1u) {
        new_slopes[e * p.l + j] = a[e * p.l + j] * (weight_slope(sample, i, j, head) - mean) * p.scale;
    }
}

@compute @workgroup_size(256)
fn gradients(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
             @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.units {
        return;
    }
    let c = e % p.d;
    let part = e / p.d % 3u;
    let i = e / (3u * p.d) % p.l;
    let sample = e / (3u * p.d * p.l);
    let of_head = (sample * p.heads + c / (p.d / p.heads)) * p.l * p.l;
    var sum = 0.0;
    for (var j = 0u; j < p.l; j = j + 1u) {
        if part == 0u {
            sum = fma(slopes_of[of_head + i * p.l + j], qkv[part_at(sample, 1u, j, 0u) + c], sum);
        } else if part == 1u {
            sum = fma(slopes_of[of_head + j * p.l + i], qkv[part_at(sample, 0u, j, 0u) + c], sum);
        } else if i != j {
            sum = fma(a[of_head + j * p.l + i], dy[context_at(sample, i, j) + c], sum);
        }
    }
    dqkv[e] = sum;
    if part == 0u {
        dx[(sample * p.l + i) * p.d + c] = dy[(sample * p.places + i) * p.d + c];
    }
}
