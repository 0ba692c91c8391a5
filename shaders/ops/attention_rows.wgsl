// Multi-head self-attention and its gradients for heads of 4, 8, 12 or 16 values; `src/ops/attention` has the equations,
// `attention.wgsl` the way for all others.
//
// A row (a query's, a key's) of one head is a mat4x4 in the registers of one invocation, values beyond the head being 0. An
// invocation holds several rows, LANES apart, and walks over tiles of the other side's rows in shared memory, which all
// invocations of a head read at the same place. So a read of 16 bytes serves 4 multiply-adds for each row held. A workgroup
// of 64 serves 64 / LANES heads of the samples, which stand one after the other.

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
    // Heads of all samples, and tiles of rows of each.
    all_heads: u32,
    tiles: u32,
}

var<immediate> p: Params;

override LANES: u32 = 16u;
// Whether an invocation holds twice as many rows: four in place of two forward, two in place of one backward.
override DOUBLE: bool = false;
// Quads of a head.
override QUADS: u32 = 4u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> lengths: array<u32>;
// forward
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> new_lse: array<f32>;
// backward_queries, backward_keys
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> saved: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> delta_5: array<f32>;
@group(0) @binding(6) var<storage, read_write> delta_6: array<f32>;

const INVOCATIONS: u32 = 64u;
// LANES rows of 4 quads for each of 64 / LANES heads, each head's one quad further than the last one's end, so that
// heads lie in different banks.
const TILE_QUADS: u32 = 272u;
var<workgroup> first_tile: array<vec4<f32>, TILE_QUADS>;
var<workgroup> second_tile: array<vec4<f32>, TILE_QUADS>;
// Of each row in the tiles the logarithm of its sum and its delta.
var<workgroup> row_lse: array<f32, INVOCATIONS>;
var<workgroup> row_delta: array<f32, INVOCATIONS>;

// One head of one sample.
struct Head {
    sample: u32,
    head: u32,
    // Whether there is one: the last workgroup may hold fewer.
    there: bool,
    length: u32,
}

fn head_of(group: u32, place: u32) -> Head {
    let wanted = group / p.tiles * (INVOCATIONS / LANES) + place;
    let number = min(wanted, p.all_heads - 1u);
    let sample = number / p.heads;
    var length = p.l;
    if p.has_lengths != 0u {
        length = clamp(lengths[sample], 1u, p.l);
    }
    return Head(sample, number % p.heads, wanted < p.all_heads, length);
}

// The quad where position i of part 0 (query), 1 (key) or 2 (value) begins.
fn qkv_at(h: Head, part: u32, i: u32) -> u32 {
    return (((h.sample * p.l + i) * 3u + part) * p.d) / 4u + h.head * QUADS;
}

fn out_at(h: Head, i: u32) -> u32 {
    return (h.sample * p.l + i) * p.d / 4u + h.head * QUADS;
}

fn lse_at(h: Head, i: u32) -> u32 {
    return (h.sample * p.heads + h.head) * p.l + i;
}

fn delta_at(h: Head, i: u32) -> u32 {
    return h.sample / p.n * p.delta_stride + (h.sample % p.n * p.heads + h.head) * p.l + i;
}

fn qkv_row(at: u32) -> mat4x4<f32> {
    var row: mat4x4<f32>;
    row[0] = qkv[at];
    if QUADS > 1u {
        row[1] = qkv[at + 1u];
    }
    if QUADS > 2u {
        row[2] = qkv[at + 2u];
    }
    if QUADS > 3u {
        row[3] = qkv[at + 3u];
    }
    return row;
}

fn dy_row(at: u32) -> mat4x4<f32> {
    var row: mat4x4<f32>;
    row[0] = dy[at];
    if QUADS > 1u {
        row[1] = dy[at + 1u];
    }
    if QUADS > 2u {
        row[2] = dy[at + 2u];
    }
    if QUADS > 3u {
        row[3] = dy[at + 3u];
    }
    return row;
}

fn saved_row(at: u32) -> mat4x4<f32> {
    var row: mat4x4<f32>;
    row[0] = saved[at];
    if QUADS > 1u {
        row[1] = saved[at + 1u];
    }
    if QUADS > 2u {
        row[2] = saved[at + 2u];
    }
    if QUADS > 3u {
        row[3] = saved[at + 3u];
    }
    return row;
}

fn write_y(at: u32, row: mat4x4<f32>) {
    y[at] = row[0];
    if QUADS > 1u {
        y[at + 1u] = row[1];
    }
    if QUADS > 2u {
        y[at + 2u] = row[2];
    }
    if QUADS > 3u {
        y[at + 3u] = row[3];
    }
}

fn write_dqkv(at: u32, row: mat4x4<f32>) {
    dqkv[at] = row[0];
    if QUADS > 1u {
        dqkv[at + 1u] = row[1];
    }
    if QUADS > 2u {
        dqkv[at + 2u] = row[2];
    }
    if QUADS > 3u {
        dqkv[at + 3u] = row[3];
    }
}

fn dot_row(left: mat4x4<f32>, right: mat4x4<f32>) -> f32 {
    var sums = left[0] * right[0];
    sums = fma(left[1], right[1], sums);
    sums = fma(left[2], right[2], sums);
    sums = fma(left[3], right[3], sums);
    return (sums.x + sums.y) + (sums.z + sums.w);
}

fn add_scaled(sum: mat4x4<f32>, factor: f32, row: mat4x4<f32>) -> mat4x4<f32> {
    let factors = vec4<f32>(factor);
    return mat4x4<f32>(fma(factors, row[0], sum[0]), fma(factors, row[1], sum[1]), fma(factors, row[2], sum[2]),
                       fma(factors, row[3], sum[3]));
}

// Where a row of a head's tile begins.
fn spot(place: u32, row: u32) -> u32 {
    return place * (LANES * 4u + 1u) + row * 4u;
}

fn first_row(at: u32) -> mat4x4<f32> {
    return mat4x4<f32>(first_tile[at], first_tile[at + 1u], first_tile[at + 2u], first_tile[at + 3u]);
}

fn second_row(at: u32) -> mat4x4<f32> {
    return mat4x4<f32>(second_tile[at], second_tile[at + 1u], second_tile[at + 2u], second_tile[at + 3u]);
}

fn keep_first(at: u32, row: mat4x4<f32>) {
    first_tile[at] = row[0];
    first_tile[at + 1u] = row[1];
    first_tile[at + 2u] = row[2];
    first_tile[at + 3u] = row[3];
}

fn keep_second(at: u32, row: mat4x4<f32>) {
    second_tile[at] = row[0];
    second_tile[at + 1u] = row[1];
    second_tile[at + 2u] = row[2];
    second_tile[at + 3u] = row[3];
}

// Keys and values from `start` on: each invocation brings one position. Positions beyond the last become 0.
fn load_keys(h: Head, place: u32, own: u32, start: u32) {
    var key: mat4x4<f32>;
    var value: mat4x4<f32>;
    if start + own < p.l {
        key = qkv_row(qkv_at(h, 1u, start + own));
        value = qkv_row(qkv_at(h, 2u, start + own));
    }
    workgroupBarrier();
    keep_first(spot(place, own), key);
    keep_second(spot(place, own), value);
    workgroupBarrier();
}

// Keys that some query before `beyond` attends to, in any of the workgroup's heads.
fn keys_of(group: u32, beyond: u32) -> u32 {
    var most = p.l;
    if p.has_lengths != 0u {
        most = 1u;
        for (var place = 0u; place < INVOCATIONS / LANES; place = place + 1u) {
            most = max(most, head_of(group, place).length);
        }
    }
    return select(most, min(most, beyond), p.causal != 0u);
}

// The keys that a query attends to are those below this.
fn limit_of(h: Head, query: u32) -> u32 {
    return select(h.length, min(h.length, query + 1u), p.causal != 0u);
}

// exp of what is at most 0, or NaN.
fn exp_four(x: vec4<f32>) -> vec4<f32> {
    let wrong = (bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
    return select(exp(max(x, vec4<f32>(-87.0))), x, wrong);
}

// A query on its way over the keys.
struct Progress {
    sum: mat4x4<f32>,
    largest: f32,
    total: f32,
}

fn scores_of(query: mat4x4<f32>, at: u32) -> vec4<f32> {
    return p.scale * vec4<f32>(dot_row(query, first_row(at)), dot_row(query, first_row(at + 4u)),
                               dot_row(query, first_row(at + 8u)), dot_row(query, first_row(at + 12u)));
}

// Four keys from number `key` on, whose values begin at `at`.
fn attend(before: Progress, scores: vec4<f32>, counts: vec4<bool>, at: u32) -> Progress {
    var now = before;
    let counted = select(vec4<f32>(-1e9), scores, counts);
    let best = max(max(counted.x, counted.y), max(counted.z, counted.w));
    if best > now.largest {
        // Seldom after the first keys. Without it the factor would be 1.
        let old = safe_exp(now.largest - best);
        now.sum = now.sum * old;
        now.total = now.total * old;
        now.largest = best;
    }
    let shares = select(vec4<f32>(), exp_four(scores - now.largest), counts);
    now.total = now.total + ((shares.x + shares.y) + (shares.z + shares.w));
    now.sum = add_scaled(now.sum, shares.x, second_row(at));
    now.sum = add_scaled(now.sum, shares.y, second_row(at + 4u));
    now.sum = add_scaled(now.sum, shares.z, second_row(at + 8u));
    now.sum = add_scaled(now.sum, shares.w, second_row(at + 12u));
    return now;
}

fn finish_query(h: Head, query: u32, done: Progress) {
    if h.there && query < p.l {
        write_y(out_at(h, query), done.sum * (1.0 / done.total));
        new_lse[lse_at(h, query)] = done.largest + log(done.total);
    }
}

@compute @workgroup_size(INVOCATIONS)
fn forward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let place = lane / LANES;
    let own = lane % LANES;
    let h = head_of(group, place);
    let held = select(2u, 4u, DOUBLE);
    let tile_first = group % p.tiles * LANES * held;
    let query = tile_first + own;
    let last = p.l - 1u;
    var query_a = qkv_row(qkv_at(h, 0u, min(query, last)));
    var query_b = qkv_row(qkv_at(h, 0u, min(query + LANES, last)));
    var query_c: mat4x4<f32>;
    var query_d: mat4x4<f32>;
    if DOUBLE {
        query_c = qkv_row(qkv_at(h, 0u, min(query + 2u * LANES, last)));
        query_d = qkv_row(qkv_at(h, 0u, min(query + 3u * LANES, last)));
    }
    var a: Progress;
    a.largest = -1e9;
    var b = a;
    var c = a;
    var d = a;
    let keys = keys_of(group, tile_first + LANES * held);
    for (var start = 0u; start < keys; start = start + LANES) {
        load_keys(h, place, own, start);
        for (var j = 0u; j < LANES; j = j + 4u) {
            let at = spot(place, j);
            let numbers = start + j + vec4<u32>(0u, 1u, 2u, 3u);
            a = attend(a, scores_of(query_a, at), numbers < vec4<u32>(limit_of(h, query)), at);
            b = attend(b, scores_of(query_b, at), numbers < vec4<u32>(limit_of(h, query + LANES)), at);
            if DOUBLE {
                c = attend(c, scores_of(query_c, at), numbers < vec4<u32>(limit_of(h, query + 2u * LANES)), at);
                d = attend(d, scores_of(query_d, at), numbers < vec4<u32>(limit_of(h, query + 3u * LANES)), at);
            }
        }
    }
    finish_query(h, query, a);
    finish_query(h, query + LANES, b);
    if DOUBLE {
        finish_query(h, query + 2u * LANES, c);
        finish_query(h, query + 3u * LANES, d);
    }
}

// What the gradient of a query needs of it.
struct Query {
    row: mat4x4<f32>,
    dy: mat4x4<f32>,
    lse: f32,
    delta: f32,
}

fn query_of(h: Head, i: u32) -> Query {
    let out = out_at(h, i);
    let dy = dy_row(out);
    return Query(qkv_row(qkv_at(h, 0u, i)), dy, lse[lse_at(h, i)], dot_row(dy, saved_row(out)));
}

// How much a score's change changes the loss, times the share and the scale.
fn slope_of(share: f32, dy_value: f32, delta: f32) -> f32 {
    return share * (dy_value - delta) * p.scale;
}

fn add_key(sum: mat4x4<f32>, query: Query, counts: bool, key: mat4x4<f32>, value: mat4x4<f32>) -> mat4x4<f32> {
    let share = safe_exp(dot_row(query.row, key) * p.scale - query.lse);
    let slope = slope_of(share, dot_row(query.dy, value), query.delta);
    return add_scaled(sum, select(0.0, slope, counts), key);
}

fn finish_query_gradient(h: Head, query: u32, sum: mat4x4<f32>, delta: f32) {
    if h.there && query < p.l {
        write_dqkv(qkv_at(h, 0u, query), sum);
        delta_6[delta_at(h, query)] = delta;
    }
}

// dq and delta.
@compute @workgroup_size(INVOCATIONS)
fn backward_queries(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                    @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let place = lane / LANES;
    let own = lane % LANES;
    let h = head_of(group, place);
    let held = select(1u, 2u, DOUBLE);
    let tile_first = group % p.tiles * LANES * held;
    let query = tile_first + own;
    let last = p.l - 1u;
    let a = query_of(h, min(query, last));
    var b: Query;
    if DOUBLE {
        b = query_of(h, min(query + LANES, last));
    }
    var sum_a: mat4x4<f32>;
    var sum_b: mat4x4<f32>;
    let keys = keys_of(group, tile_first + LANES * held);
    for (var start = 0u; start < keys; start = start + LANES) {
        load_keys(h, place, own, start);
        for (var j = 0u; j < LANES; j = j + 1u) {
            let key = first_row(spot(place, j));
            let value = second_row(spot(place, j));
            sum_a = add_key(sum_a, a, start + j < limit_of(h, query), key, value);
            if DOUBLE {
                sum_b = add_key(sum_b, b, start + j < limit_of(h, query + LANES), key, value);
            }
        }
    }
    finish_query_gradient(h, query, sum_a, a.delta);
    if DOUBLE {
        finish_query_gradient(h, query + LANES, sum_b, b.delta);
    }
}

// Queries and their gradients from `start` on: each invocation brings one position.
fn load_queries(h: Head, place: u32, own: u32, start: u32) {
    let i = min(start + own, p.l - 1u);
    let query = qkv_row(qkv_at(h, 0u, i));
    let gradient = dy_row(out_at(h, i));
    let own_lse = lse[lse_at(h, i)];
    let own_delta = delta_5[delta_at(h, i)];
    workgroupBarrier();
    keep_first(spot(place, own), query);
    keep_second(spot(place, own), gradient);
    row_lse[place * LANES + own] = own_lse;
    row_delta[place * LANES + own] = own_delta;
    workgroupBarrier();
}

// A key, its value, and the sums of their gradients.
struct Key {
    key: mat4x4<f32>,
    value: mat4x4<f32>,
    dk: mat4x4<f32>,
    dv: mat4x4<f32>,
}

fn key_of(h: Head, j: u32) -> Key {
    return Key(qkv_row(qkv_at(h, 1u, j)), qkv_row(qkv_at(h, 2u, j)), mat4x4<f32>(), mat4x4<f32>());
}

fn add_query(before: Key, counts: bool, query: mat4x4<f32>, gradient: mat4x4<f32>, facts: vec2<f32>) -> Key {
    var now = before;
    let share = select(0.0, safe_exp(dot_row(query, now.key) * p.scale - facts.x), counts);
    now.dv = add_scaled(now.dv, share, gradient);
    now.dk = add_scaled(now.dk, slope_of(share, dot_row(gradient, now.value), facts.y), query);
    return now;
}

fn attends(h: Head, query: u32, key: u32) -> bool {
    return key < h.length && query < p.l && (p.causal == 0u || key <= query);
}

fn finish_key(h: Head, key: u32, done: Key) {
    if h.there && key < p.l {
        write_dqkv(qkv_at(h, 1u, key), done.dk);
        write_dqkv(qkv_at(h, 2u, key), done.dv);
    }
}

// dk and dv.
@compute @workgroup_size(INVOCATIONS)
fn backward_keys(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                 @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let place = lane / LANES;
    let own = lane % LANES;
    let h = head_of(group, place);
    let held = select(1u, 2u, DOUBLE);
    let tile_first = group % p.tiles * LANES * held;
    let key = tile_first + own;
    let last = p.l - 1u;
    var a = key_of(h, min(key, last));
    var b: Key;
    if DOUBLE {
        b = key_of(h, min(key + LANES, last));
    }
    // Queries in front of the tile's first key do not attend to it if causal.
    let skipped = select(0u, tile_first / LANES * LANES, p.causal != 0u);
    for (var start = skipped; start < p.l; start = start + LANES) {
        load_queries(h, place, own, start);
        for (var i = 0u; i < LANES; i = i + 1u) {
            let query = first_row(spot(place, i));
            let gradient = second_row(spot(place, i));
            let facts = vec2<f32>(row_lse[place * LANES + i], row_delta[place * LANES + i]);
            a = add_query(a, attends(h, start + i, key), query, gradient, facts);
            if DOUBLE {
                b = add_query(b, attends(h, start + i, key + LANES), query, gradient, facts);
            }
        }
    }
    finish_key(h, key, a);
    if DOUBLE {
        finish_key(h, key + LANES, b);
    }
}
