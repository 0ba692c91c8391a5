// Convolution and its gradients as one tiled product c = a b that gathers its operands; `src/ops/conv` has the equations.
// Rows, columns and depth (the length of the sums) by mode; y and x stand for their positions in both directions:
//   FORWARD  rows (n, y)          columns c_out  depth (taps, c_in)    a = window of x    b = w
//   DATA     rows (n, x)          columns c_in   depth (taps, c_out)   a = places of dy   b = w turned
//   WEIGHT   rows (taps, c_in)    columns c_out  depth (n, y)          a = window of x    b = dy
// WEIGHT cuts its depth into chunks whose partial sums `sum_chunks` adds in order; with a bias it has one more row, of
// ones, whose product is the bias's gradient.

const FORWARD: u32 = 0u;
const DATA: u32 = 1u;
const WEIGHT: u32 = 2u;

// Pairs are [down, across].
struct Params {
    step: u32,
    groups: u32,
    mode: u32,
    fleet: u32,
    h: u32,
    w: u32,
    c_in: u32,
    c_out: u32,
    kernel_h: u32,
    kernel_w: u32,
    stride_h: u32,
    stride_w: u32,
    padding_h: u32,
    padding_w: u32,
    dilation_h: u32,
    dilation_w: u32,
    h_out: u32,
    w_out: u32,
    rows: u32,
    columns: u32,
    depth: u32,
    tiles_rows: u32,
    tiles_columns: u32,
    chunks: u32,
    chunk_len: u32,
    // 0 unless sums go to working memory.
    scratch_len: u32,
    // Whether there is a bias, a mask, or a row of ones.
    extra: u32,
    activation: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
// The bias of FORWARD; of DATA what the activation in front of the layer left behind.
@group(0) @binding(2) var<storage, read> extra: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> total: array<f32>;
@group(0) @binding(2) var<storage, read_write> total_bias: array<f32>;

// Samples of all members lie side by side. x at one tap and channel of the window of a position of y, or 0 in the
// padding.
fn load_x(member: u32, position: u32, feature: u32) -> f32 {
    let line = position / p.w_out;
    let tap = feature / p.c_in;
    if tap == p.kernel_h * p.kernel_w {
        return 1.0;
    }
    let i = line % p.h_out * p.stride_h + tap / p.kernel_w * p.dilation_h;
    let j = position % p.w_out * p.stride_w + tap % p.kernel_w * p.dilation_w;
    if i < p.padding_h || i - p.padding_h >= p.h || j < p.padding_w || j - p.padding_w >= p.w {
        return 0.0;
    }
    let positions = select(p.rows, p.depth, p.mode == WEIGHT);
    let sample = member * (positions / (p.h_out * p.w_out)) + line / p.h_out;
    return a[((sample * p.h + i - p.padding_h) * p.w + j - p.padding_w) * p.c_in + feature % p.c_in];
}

// dy at the position whose window's tap stands on x's position, or 0 if there is none.
fn load_dy(member: u32, position: u32, feature: u32) -> f32 {
    let line = position / p.w;
    let tap = feature / p.c_out;
    let i = line % p.h + p.padding_h;
    let j = position % p.w + p.padding_w;
    let down = tap / p.kernel_w * p.dilation_h;
    let across = tap % p.kernel_w * p.dilation_w;
    if i < down || j < across || (i - down) % p.stride_h != 0u || (j - across) % p.stride_w != 0u {
        return 0.0;
    }
    let row = (i - down) / p.stride_h;
    let column = (j - across) / p.stride_w;
    if row >= p.h_out || column >= p.w_out {
        return 0.0;
    }
    let sample = member * (p.rows / (p.h * p.w)) + line / p.h;
    return a[((sample * p.h_out + row) * p.w_out + column) * p.c_out + feature % p.c_out];
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
        let tap = member * p.kernel_h * p.kernel_w + q / p.c_out;
        return b[(tap * p.c_in + column) * p.c_out + q % p.c_out];
    }
    return b[(member * p.depth + q) * p.columns + column];
}

fn store_c(member: u32, chunk: u32, row: u32, column: u32, sum: f32) {
    if row >= p.rows || column >= p.columns {
        return;
    }
    if p.scratch_len > 0u {
        c[member * p.scratch_len + (chunk * p.rows + row) * p.columns + column] = sum;
        return;
    }
    let at = (member * p.rows + row) * p.columns + column;
    var value = sum;
    if p.mode == DATA {
        if p.extra != 0u {
            value = value * slope(p.activation, extra[at]);
        }
        c[at] = value;
        return;
    }
    if p.extra != 0u {
        value = value + extra[member * p.columns + column];
    }
    c[at] = activate(p.activation, value);
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

// Word e of member's sums, added over the chunks.
fn sum_of(member: u32, e: u32) -> f32 {
    let len = p.rows * p.columns;
    var sum = 0.0;
    for (var s = 0u; s < p.chunks; s = s + 1u) {
        sum = sum + partials[member * p.scratch_len + s * len + e];
    }
    return sum;
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
    total[e] = sum_of(e / len, e % len);
}

@compute @workgroup_size(256)
fn sum_chunks_with_bias(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                        @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    let e = group * 256u + lane;
    let len = p.rows * p.columns;
    if group >= p.groups || e >= p.fleet * len {
        return;
    }
    let member = e / len;
    let own = e % len;
    // The last row is that of ones.
    let weights = len - p.columns;
    if own < weights {
        total[member * weights + own] = sum_of(member, own);
    } else {
        total_bias[member * p.columns + own - weights] = sum_of(member, own);
    }
}
