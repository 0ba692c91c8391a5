// Layer normalisation and its gradients; `src/ops/layer_norm` has the equations. Rows of all members stand one after the
// other. A member's scratch holds a row of dgamma and one of dbeta for each chunk of its rows.

struct Params {
    step: u32,
    groups: u32,
    all_rows: u32,
    rows: u32,
    c: u32,
    chunks: u32,
    chunk_rows: u32,
    epsilon: f32,
}

var<immediate> p: Params;

// residual
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> s: array<f32>;
// forward
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma_1: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> new_mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> new_rstd: array<f32>;
// backward, backward_residual
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> gamma_2: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> rstd: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read> ds: array<f32>;
// sum_chunks
@group(0) @binding(2) var<storage, read> mean_2: array<f32>;
@group(0) @binding(3) var<storage, read> rstd_3: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums_4: array<f32>;
// total
@group(0) @binding(0) var<storage, read> sums_0: array<f32>;
@group(0) @binding(1) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(2) var<storage, read_write> dbeta: array<f32>;

@compute @workgroup_size(256)
fn residual(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e < p.all_rows * p.c {
        s[e] = a[e] + b[e];
    }
}

// A workgroup takes eight rows, 32 invocations each.
const LANES: u32 = 32u;
const ROWS: u32 = 8u;

var<workgroup> cells: array<vec2<f32>, 256>;

// The sum over a row's invocations, in a fixed order; all invocations must call.
fn row_sum(local: vec3<u32>, value: vec2<f32>) -> vec2<f32> {
    let own = local.y * LANES + local.x;
    workgroupBarrier();
    cells[own] = value;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half = half >> 1u) {
        if local.x < half {
            cells[own] = cells[own] + cells[own + half];
        }
        workgroupBarrier();
    }
    return cells[local.y * LANES];
}

@compute @workgroup_size(32, 8)
fn forward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
           @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let row = group * ROWS + local.y;
    // Rows beyond the last have no values, but their invocations meet the barriers.
    let c = select(0u, p.c, row < p.all_rows);
    let base = row * p.c;
    let first = row / p.rows * p.c;
    var sum = 0.0;
    for (var j = local.x; j < c; j = j + LANES) {
        sum = sum + x[base + j];
    }
    let centre = row_sum(local, vec2<f32>(sum, 0.0)).x / f32(p.c);
    sum = 0.0;
    for (var j = local.x; j < c; j = j + LANES) {
        let distance = x[base + j] - centre;
        sum = fma(distance, distance, sum);
    }
    let spread = 1.0 / sqrt(row_sum(local, vec2<f32>(sum, 0.0)).x / f32(p.c) + p.epsilon);
    for (var j = local.x; j < c; j = j + LANES) {
        y[base + j] = (x[base + j] - centre) * spread * gamma_1[first + j] + beta[first + j];
    }
    if c > 0u && local.x == 0u {
        new_mean[row] = centre;
        new_rstd[row] = spread;
    }
}

// The means of dy * gamma and of dy * gamma * xhat over a row of c values; all invocations must call.
fn row_means(local: vec3<u32>, row: u32, c: u32) -> vec2<f32> {
    var sums = vec2<f32>(0.0);
    for (var j = local.x; j < c; j = j + LANES) {
        let g = dy[row * p.c + j] * gamma_2[row / p.rows * p.c + j];
        sums = sums + vec2<f32>(g, g * ((x[row * p.c + j] - mean[row]) * rstd[row]));
    }
    return row_sum(local, sums) / f32(p.c);
}

fn row_slope(row: u32, j: u32, means: vec2<f32>) -> f32 {
    let g = dy[row * p.c + j] * gamma_2[row / p.rows * p.c + j];
    let xhat = (x[row * p.c + j] - mean[row]) * rstd[row];
    return rstd[row] * (g - means.x - xhat * means.y);
}

@compute @workgroup_size(32, 8)
fn backward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
            @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let row = group * ROWS + local.y;
    let c = select(0u, p.c, row < p.all_rows);
    let means = row_means(local, row, c);
    for (var j = local.x; j < c; j = j + LANES) {
        dx[row * p.c + j] = row_slope(row, j, means);
    }
}

@compute @workgroup_size(32, 8)
fn backward_residual(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                     @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let row = group * ROWS + local.y;
    let c = select(0u, p.c, row < p.all_rows);
    let means = row_means(local, row, c);
    for (var j = local.x; j < c; j = j + LANES) {
        dx[row * p.c + j] = row_slope(row, j, means) + ds[row * p.c + j];
    }
}

const CHANNELS: u32 = 16u;
const SLICES: u32 = 16u;

// A workgroup takes 16 channels of a chunk: invocation (x, y) every 16th row from y on of channel x.
@compute @workgroup_size(16, 16)
fn sum_chunks(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
              @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let blocks = (p.c + CHANNELS - 1u) / CHANNELS;
    let channel = group % blocks * CHANNELS + local.x;
    let chunk = group / blocks % p.chunks;
    let member = group / blocks / p.chunks;
    var end = min(p.rows, (chunk + 1u) * p.chunk_rows);
    if channel >= p.c {
        end = 0u;
    }
    var sums = vec2<f32>(0.0);
    for (var r = chunk * p.chunk_rows + local.y; r < end; r = r + SLICES) {
        let row = member * p.rows + r;
        let slope = dy[row * p.c + channel];
        sums = sums + vec2<f32>(slope * ((x[row * p.c + channel] - mean_2[row]) * rstd_3[row]), slope);
    }
    cells[local.y * CHANNELS + local.x] = sums;
    workgroupBarrier();
    if local.y == 0u && channel < p.c {
        for (var r = 1u; r < SLICES; r = r + 1u) {
            sums = sums + cells[r * CHANNELS + local.x];
        }
        let at = (member * p.chunks + chunk) * 2u * p.c + channel;
        sums_4[at] = sums.x;
        sums_4[at + p.c] = sums.y;
    }
}

@compute @workgroup_size(256)
fn total(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
         @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.all_rows / p.rows * p.c {
        return;
    }
    var sums = vec2<f32>(0.0);
    for (var chunk = 0u; chunk < p.chunks; chunk = chunk + 1u) {
        let at = (e / p.c * p.chunks + chunk) * 2u * p.c + e % p.c;
        sums = sums + vec2<f32>(sums_0[at], sums_0[at + p.c]);
    }
    dgamma[e] = sums.x;
    dbeta[e] = sums.y;
}
