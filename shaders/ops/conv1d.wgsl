// Convolution and its two gradients as one tiled product c = a b that gathers its operands; `src/ops/conv1d` has the
// equations. Rows, columns and depth (the length of the sums) by mode:
//   FORWARD  rows (n, l_out)      columns c_out  depth (kernel, c_in)    a = window of x    b = w
//   DATA     rows (n, l)          columns c_in   depth (kernel, c_out)   a = places of dy   b = w turned
//   WEIGHT   rows (kernel, c_in)  columns c_out  depth (n, l_out)        a = window of x    b = dy
// WEIGHT cuts its depth into chunks whose partial sums `sum_chunks` adds in order.

const FORWARD: u32 = 0u;
const DATA: u32 = 1u;
const WEIGHT: u32 = 2u;

struct Params {
    step: u32,
    groups: u32,
    mode: u32,
    fleet: u32,
    n: u32,
    l: u32,
    c_in: u32,
    c_out: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    dilation: u32,
    l_out: u32,
    rows: u32,
    columns: u32,
    depth: u32,
    tiles_rows: u32,
    tiles_columns: u32,
    chunks: u32,
    chunk_len: u32,
    scratch_len: u32,
    has_bias: u32,
    activation: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> total: array<f32>;

// x[member, sample, out*stride + tap*dilation - padding, channel], or 0 in the padding.
fn load_x(member: u32, position: u32, feature: u32) -> f32 {
    let sample = position / p.l_out;
    let at = (position % p.l_out) * p.stride + (feature / p.c_in) * p.dilation;
    if at < p.padding || at - p.padding >= p.l {
        return 0.0;
    }
    return a[((member * p.n + sample) * p.l + at - p.padding) * p.c_in + feature % p.c_in];
}

// dy at the position whose window's tap stands on x's position, or 0 if there is none.
fn load_dy(member: u32, position: u32, feature: u32) -> f32 {
    let sample = position / p.l;
    let at = position % p.l + p.padding;
    let offset = (feature / p.c_out) * p.dilation;
    if at < offset || (at - offset) % p.stride != 0u {
        return 0.0;
    }
    let out = (at - offset) / p.stride;
    if out >= p.l_out {
        return 0.0;
    }
    return a[((member * p.n + sample) * p.l_out + out) * p.c_out + feature % p.c_out];
}

fn load_a(member: u32, row: u32, q: u32, end: u32) -> f32 {
    if row >= p.rows || q >= end {
        return 0.0;
    }
    if p.mode == FORWARD {
        return load_x(member, row, q);
    }
    if p.mode == DATA {
        return load_dy(member, row, q);
    }
    return load_x(member, q, row);
}

fn load_b(member: u32, q: u32, column: u32, end: u32) -> f32 {
    if q >= end || column >= p.columns {
        return 0.0;
    }
    if p.mode == DATA {
        let tap = q / p.c_out;
        return b[((member * p.kernel + tap) * p.c_in + column) * p.c_out + q % p.c_out];
    }
    return b[(member * p.depth + q) * p.columns + column];
}

fn store_c(member: u32, chunk: u32, row: u32, column: u32, sum: f32) {
    if row >= p.rows || column >= p.columns {
        return;
    }
    if p.chunks > 1u {
        c[member * p.scratch_len + (chunk * p.rows + row) * p.columns + column] = sum;
        return;
    }
    var value = sum;
    if p.has_bias != 0u {
        value = value + bias[member * p.columns + column];
    }
    c[(member * p.rows + row) * p.columns + column] = activate(p.activation, value);
}

const ROWS: u32 = 64u;
const COLUMNS: u32 = 32u;
const DEPTH: u32 = 16u;
// One word more than a row holds, so that neighbouring invocations hit different banks.
var<workgroup> tile_a: array<array<f32, 65>, 16>;
var<workgroup> tile_b: array<array<f32, 33>, 16>;

@compute @workgroup_size(16, 16)
fn product(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
           @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let tiles = p.tiles_rows * p.tiles_columns;
    let tile = group % tiles;
    let chunk = (group / tiles) % p.chunks;
    let member = group / tiles / p.chunks;
    let first_row = (tile / p.tiles_columns) * ROWS;
    let first_column = (tile % p.tiles_columns) * COLUMNS;
    let begin = chunk * p.chunk_len;
    let end = min(p.depth, begin + p.chunk_len);
    var left: vec4<f32>;
    var right: vec4<f32>;
    for (var q = begin; q < end; q = q + DEPTH) {
        for (var e = lane; e < ROWS * DEPTH; e = e + 256u) {
            // Neighbouring invocations read neighbouring words: features of one window.
            if p.mode == WEIGHT {
                tile_a[e / ROWS][e % ROWS] = load_a(member, first_row + e % ROWS, q + e / ROWS, end);
            } else {
                tile_a[e % DEPTH][e / DEPTH] = load_a(member, first_row + e / DEPTH, q + e % DEPTH, end);
            }
        }
        for (var e = lane; e < COLUMNS * DEPTH; e = e + 256u) {
            if p.mode == DATA {
                tile_b[e % DEPTH][e / DEPTH] = load_b(member, q + e % DEPTH, first_column + e / DEPTH, end);
            } else {
                tile_b[e / COLUMNS][e % COLUMNS] = load_b(member, q + e / COLUMNS, first_column + e % COLUMNS, end);
            }
        }
        workgroupBarrier();
        for (var s = 0u; s < DEPTH; s = s + 1u) {
            let rows = vec4<f32>(tile_a[s][local.y], tile_a[s][local.y + 16u], tile_a[s][local.y + 32u], tile_a[s][local.y + 48u]);
            left = fma(rows, vec4<f32>(tile_b[s][local.x]), left);
            right = fma(rows, vec4<f32>(tile_b[s][local.x + 16u]), right);
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < 4u; r = r + 1u) {
        let row = first_row + local.y + r * 16u;
        store_c(member, chunk, row, first_column + local.x, left[r]);
        store_c(member, chunk, row, first_column + local.x + 16u, right[r]);
    }
}

@compute @workgroup_size(256)
fn sum_chunks(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
              @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    let e = group * 256u + lane;
    let len = p.rows * p.columns;
    if group >= p.groups || e >= p.fleet * len {
        return;
    }
    let member = e / len;
    var sum = 0.0;
    for (var s = 0u; s < p.chunks; s = s + 1u) {
        sum = sum + partials[member * p.scratch_len + s * len + e % len];
    }
    total[e] = sum;
}
