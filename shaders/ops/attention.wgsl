// Multi-head self-attention without a score matrix, and its gradients; `src/ops/attention` has the equations.
//
// A workgroup of 8 x 16 invocations serves a tile of 8 rows (queries; keys in `backward_keys`) of one head of one sample
// and walks over tiles of 16 columns. Invocation (x, y) holds the score of row y and column x, and of row y's results
// the values x, x + 16, x + 32... . Samples of all members stand one after the other.

struct Params {
    step: u32,
    groups: u32,
    l: u32,
    d: u32,
    heads: u32,
    // From one member's words of delta to the next one's, and samples of a member.
    delta_stride: u32,
    n: u32,
    causal: u32,
    has_lengths: u32,
    scale: f32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> lengths: array<u32>;
// forward
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> new_lse: array<f32>;
// backward_queries, backward_keys
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<f32>;
@group(0) @binding(5) var<storage, read> saved: array<f32>;
@group(0) @binding(5) var<storage, read> delta_5: array<f32>;
@group(0) @binding(6) var<storage, read_write> delta_6: array<f32>;

const ROWS: u32 = 8u;
const COLUMNS: u32 = 16u;
// The most values of a head, and how many of them an invocation holds.
const HEAD_MAX: u32 = 128u;
const SLICES: u32 = 8u;
// Rows of a tile are apart by an odd number, so that invocations of one row of the workgroup meet other banks.
const PITCH: u32 = 129u;

var<workgroup> own: array<f32, 1024>; // 8 rows of at most 128 values
var<workgroup> tile: array<f32, 2064>; // 16 columns
var<workgroup> shares: array<f32, 128>;
var<workgroup> slopes: array<f32, 128>;

struct Head {
    sample: u32,
    head: u32,
    first: u32, // row of the tile
    values: u32,
    length: u32,
}

fn head_of(group: u32) -> Head {
    let tiles = (p.l + ROWS - 1u) / ROWS;
    let head = group / tiles % p.heads;
    let sample = group / tiles / p.heads;
    return Head(sample, head, group % tiles * ROWS, p.d / p.heads, p.l);
}

fn length_of(sample: u32) -> u32 {
    if p.has_lengths == 0u {
        return p.l;
    }
    return clamp(lengths[sample], 1u, p.l);
}

// The place of part 0 (query), 1 (key) or 2 (value) of position i.
fn at(h: Head, part: u32, i: u32) -> u32 {
    return ((h.sample * p.l + i) * 3u + part) * p.d + h.head * h.values;
}

fn out_at(h: Head, i: u32) -> u32 {
    return (h.sample * p.l + i) * p.d + h.head * h.values;
}

fn lse_at(h: Head, i: u32) -> u32 {
    return (h.sample * p.heads + h.head) * p.l + i;
}

fn delta_at(h: Head, i: u32) -> u32 {
    return h.sample / p.n * p.delta_stride + (h.sample % p.n * p.heads + h.head) * p.l + i;
}

// Fills `own` with the tile's rows of part `part`; rows beyond the last become 0.
fn load_own(h: Head, part: u32, lane: u32) {
    for (var e = lane; e < ROWS * h.values; e = e + ROWS * COLUMNS) {
        let i = h.first + e / h.values;
        var value = 0.0;
        if i < p.l {
            value = qkv[at(h, part, i) + e % h.values];
        }
        own[e / h.values * HEAD_MAX + e % h.values] = value;
    }
}

// Fills `tile` with 16 columns of part `part` from `start` on.
fn load_tile(h: Head, part: u32, start: u32, lane: u32) {
    workgroupBarrier();
    for (var e = lane; e < COLUMNS * h.values; e = e + ROWS * COLUMNS) {
        let j = start + e / h.values;
        var value = 0.0;
        if j < p.l {
            value = qkv[at(h, part, j) + e % h.values];
        }
        tile[e / h.values * PITCH + e % h.values] = value;
    }
    workgroupBarrier();
}

fn own_dot_tile(h: Head, row: u32, column: u32) -> f32 {
    var sum = 0.0;
    for (var t = 0u; t < h.values; t = t + 1u) {
        sum = fma(own[row * HEAD_MAX + t], tile[column * PITCH + t], sum);
    }
    return sum;
}

fn attends(h: Head, query: u32, key: u32) -> bool {
    return key < h.length && query < p.l && (p.causal == 0u || key <= query);
}

// Keys that some query of the tile attends to.
fn keys_of(h: Head) -> u32 {
    return select(h.length, min(h.length, h.first + ROWS), p.causal != 0u);
}

@compute @workgroup_size(16, 8)
fn forward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
           @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    var h = head_of(group);
    h.length = length_of(h.sample);
    let query = h.first + local.y;
    load_own(h, 0u, lane);
    var sums: array<f32, SLICES>;
    var largest = -1e9;
    var total = 0.0;
    let keys = keys_of(h);
    for (var start = 0u; start < keys; start = start + COLUMNS) {
        load_tile(h, 1u, start, lane);
        let score = own_dot_tile(h, local.y, local.x) * p.scale;
        let counts = attends(h, query, start + local.x);
        shares[lane] = select(-1e9, score, counts);
        // The scores lie in `shares` once the next tile's barriers are passed.
        load_tile(h, 2u, start, lane);
        let row = local.y * COLUMNS;
        var best = largest;
        for (var j = 0u; j < COLUMNS; j = j + 1u) {
            best = max(best, shares[row + j]);
        }
        let old = safe_exp(largest - best);
        largest = best;
        workgroupBarrier();
        shares[lane] = select(0.0, safe_exp(score - best), counts);
        workgroupBarrier();
        total = total * old;
        for (var j = 0u; j < COLUMNS; j = j + 1u) {
            total = total + shares[row + j];
        }
        for (var s = 0u; s < SLICES; s = s + 1u) {
            let t = local.x + s * COLUMNS;
            if t < h.values {
                var sum = sums[s] * old;
                for (var j = 0u; j < COLUMNS; j = j + 1u) {
                    sum = fma(shares[row + j], tile[j * PITCH + t], sum);
                }
                sums[s] = sum;
            }
        }
    }
    if query < p.l {
        for (var s = 0u; s < SLICES; s = s + 1u) {
            let t = local.x + s * COLUMNS;
            if t < h.values {
                y[out_at(h, query) + t] = sums[s] / total;
            }
        }
        if local.x == 0u {
            new_lse[lse_at(h, query)] = largest + log(total);
        }
    }
}

// dq and delta.
@compute @workgroup_size(16, 8)
fn backward_queries(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                    @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    var h = head_of(group);
    h.length = length_of(h.sample);
    let query = h.first + local.y;
    // Invocations beyond the last query work on the last one and write nothing.
    let safe_query = min(query, p.l - 1u);
    let out = out_at(h, safe_query);
    load_own(h, 0u, lane);
    var delta = 0.0;
    for (var t = 0u; t < h.values; t = t + 1u) {
        delta = fma(dy[out + t], saved[out + t], delta);
    }
    let own_lse = lse[lse_at(h, safe_query)];
    var sums: array<f32, SLICES>;
    let keys = keys_of(h);
    for (var start = 0u; start < keys; start = start + COLUMNS) {
        load_tile(h, 2u, start, lane);
        var slope = 0.0;
        for (var t = 0u; t < h.values; t = t + 1u) {
            slope = fma(dy[out + t], tile[local.x * PITCH + t], slope);
        }
        load_tile(h, 1u, start, lane);
        let share = safe_exp(own_dot_tile(h, local.y, local.x) * p.scale - own_lse);
        slopes[lane] = select(0.0, share * (slope - delta) * p.scale, attends(h, query, start + local.x));
        workgroupBarrier();
        for (var s = 0u; s < SLICES; s = s + 1u) {
            let t = local.x + s * COLUMNS;
            if t < h.values {
                var sum = sums[s];
                for (var j = 0u; j < COLUMNS; j = j + 1u) {
                    sum = fma(slopes[local.y * COLUMNS + j], tile[j * PITCH + t], sum);
                }
                sums[s] = sum;
            }
        }
    }
    if query < p.l {
        for (var s = 0u; s < SLICES; s = s + 1u) {
            let t = local.x + s * COLUMNS;
            if t < h.values {
                dqkv[at(h, 0u, query) + t] = sums[s];
            }
        }
        if local.x == 0u {
            delta_6[delta_at(h, query)] = delta;
        }
    }
}

// dk and dv: rows are keys, columns are queries.
@compute @workgroup_size(16, 8)
fn backward_keys(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                 @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    var h = head_of(group);
    h.length = length_of(h.sample);
    let key = h.first + local.y;
    let own_value = at(h, 2u, min(key, p.l - 1u));
    load_own(h, 1u, lane);
    var key_sums: array<f32, SLICES>;
    var value_sums: array<f32, SLICES>;
    // Queries in front of the tile's first key do not attend to it if causal.
    let skipped = select(0u, h.first / COLUMNS * COLUMNS, p.causal != 0u);
    for (var start = skipped; start < p.l; start = start + COLUMNS) {
        let query = start + local.x;
        let safe_query = min(query, p.l - 1u);
        let counts = attends(h, query, key);
        load_tile(h, 0u, start, lane);
        let score = own_dot_tile(h, local.y, local.x) * p.scale;
        let share = select(0.0, safe_exp(score - lse[lse_at(h, safe_query)]), counts);
        var slope = 0.0;
        let out = out_at(h, safe_query);
        for (var t = 0u; t < h.values; t = t + 1u) {
            slope = fma(dy[out + t], qkv[own_value + t], slope);
        }
        shares[lane] = share;
        slopes[lane] = share * (slope - delta_5[delta_at(h, safe_query)]) * p.scale;
        workgroupBarrier();
        for (var s = 0u; s < SLICES; s = s + 1u) {
            let t = local.x + s * COLUMNS;
            if t < h.values {
                var key_sum = key_sums[s];
                var value_sum = value_sums[s];
                for (var i = 0u; i < COLUMNS; i = i + 1u) {
                    let cell = local.y * COLUMNS + i;
                    let place = out_at(h, min(start + i, p.l - 1u));
                    key_sum = fma(slopes[cell], tile[i * PITCH + t], key_sum);
                    value_sum = fma(shares[cell], dy[place + t], value_sum);
                }
                key_sums[s] = key_sum;
                value_sums[s] = value_sum;
            }
        }
    }
    if key < p.l {
        for (var s = 0u; s < SLICES; s = s + 1u) {
            let t = local.x + s * COLUMNS;
            if t < h.values {
                dqkv[at(h, 1u, key) + t] = key_sums[s];
                dqkv[at(h, 2u, key) + t] = value_sums[s];
            }
        }
    }
}
