// Mean and covariance of rows; `src/ops/covariance` has the equations and shapes.

struct Params {
    step: u32,
    groups: u32,
    n: u32,
    d: u32,
    pieces: u32,
    rows: u32,
    tiles: u32,
    cells: u32,
    stride: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// A member's column sums, piece after piece, then its products, piece after piece.
@group(0) @binding(1) var<storage, read_write> sums_out: array<f32>;

@group(0) @binding(2) var<storage, read> start: array<f32>;

@group(0) @binding(1) var<storage, read_write> mean_out: array<f32>;
@group(0) @binding(2) var<storage, read> sums_in: array<f32>;

@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read_write> products_out: array<f32>;

@group(0) @binding(0) var<storage, read_write> mean_inout: array<f32>;
@group(0) @binding(0) var<storage, read_write> cov: array<f32>;
@group(0) @binding(1) var<storage, read> scratch_in: array<f32>;

const TILE: u32 = 64u;
const DEPTH: u32 = 16u;
// Rows whose sum is one chain, as on the CPU.
const BLOCK: u32 = 128u;

fn scratch_len() -> u32 {
    return p.pieces * p.d * (p.d + 1u);
}

// A piece's sum of a column, counted from `start`.
@compute @workgroup_size(64)
fn sums(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let cell = group * 64u + local.x;
    if cell >= p.cells {
        return;
    }
    let column = cell % p.d;
    let piece = cell / p.d % p.pieces;
    let member = cell / p.d / p.pieces;
    let base = member * p.n * p.d + column;
    let origin = start[member * p.stride + column];
    let end = min((piece + 1u) * p.rows, p.n);
    var sum = 0.0;
    for (var first = piece * p.rows; first < end; first = first + BLOCK) {
        var part = 0.0;
        for (var row = first; row < min(first + BLOCK, end); row = row + 1u) {
            part = part + (x[base + row * p.d] - origin);
        }
        sum = sum + part;
    }
    sums_out[member * scratch_len() + piece * p.d + column] = sum;
}

@compute @workgroup_size(64)
fn means(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
         @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let cell = group * 64u + local.x;
    if cell >= p.cells {
        return;
    }
    let member = cell / p.d;
    let column = cell % p.d;
    var sum = 0.0;
    for (var piece = 0u; piece < p.pieces; piece = piece + 1u) {
        sum = sum + sums_in[member * scratch_len() + piece * p.d + column];
    }
    mean_out[cell] = x[member * p.n * p.d + column] + sum / f32(p.n);
}

// Moves the mean by the mean of what was summed from it on.
@compute @workgroup_size(64)
fn refine(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
          @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let cell = group * 64u + local.x;
    if cell >= p.cells {
        return;
    }
    let member = cell / p.d;
    let column = cell % p.d;
    var sum = 0.0;
    for (var piece = 0u; piece < p.pieces; piece = piece + 1u) {
        sum = sum + scratch_in[member * scratch_len() + piece * p.d + column];
    }
    mean_inout[cell] = mean_inout[cell] + sum / f32(p.n);
}

var<workgroup> tile_i: array<array<f32, 65>, 16>;
var<workgroup> tile_j: array<array<f32, 65>, 16>;

// A piece's products of 64 x 64 columns, 4 x 4 an invocation; tiles below the diagonal have no work.
@compute @workgroup_size(16, 16)
fn products(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
            @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let first_j = (group % p.tiles) * TILE;
    let first_i = (group / p.tiles % p.tiles) * TILE;
    let piece = group / (p.tiles * p.tiles) % p.pieces;
    let member = group / (p.tiles * p.tiles) / p.pieces;
    if first_j < first_i {
        return;
    }
    let x_base = member * p.n * p.d;
    let end = min((piece + 1u) * p.rows, p.n);
    var totals: array<vec4<f32>, 4>;
    for (var block = piece * p.rows; block < end; block = block + BLOCK) {
        let block_end = min(block + BLOCK, end);
        var found: array<vec4<f32>, 4>;
        for (var first = block; first < block_end; first = first + DEPTH) {
            for (var e = lane; e < TILE * DEPTH; e = e + 256u) {
                let s = e / TILE;
                let column = e % TILE;
                let row = first + s;
                // Beyond the last row and column the deviation is 0 and adds nothing.
                var of_i = 0.0;
                var of_j = 0.0;
                if row < block_end && first_i + column < p.d {
                    of_i = x[x_base + row * p.d + first_i + column] - mean[member * p.d + first_i + column];
                }
                if row < block_end && first_j + column < p.d {
                    of_j = x[x_base + row * p.d + first_j + column] - mean[member * p.d + first_j + column];
                }
                tile_i[s][column] = of_i;
                tile_j[s][column] = of_j;
            }
            workgroupBarrier();
            for (var s = 0u; s < DEPTH; s = s + 1u) {
                let columns = vec4<f32>(tile_j[s][local.x], tile_j[s][local.x + 16u], tile_j[s][local.x + 32u], tile_j[s][local.x + 48u]);
                for (var r = 0u; r < 4u; r = r + 1u) {
                    found[r] = fma(vec4<f32>(tile_i[s][local.y + r * 16u]), columns, found[r]);
                }
            }
            workgroupBarrier();
        }
        for (var r = 0u; r < 4u; r = r + 1u) {
            totals[r] = totals[r] + found[r];
        }
    }
    let base = member * scratch_len() + p.pieces * p.d + piece * p.d * p.d;
    for (var r = 0u; r < 4u; r = r + 1u) {
        let i = first_i + local.y + r * 16u;
        for (var w = 0u; w < 4u; w = w + 1u) {
            let j = first_j + local.x + w * 16u;
            if i < p.d && j < p.d {
                products_out[base + i * p.d + j] = totals[r][w];
            }
        }
    }
}

@compute @workgroup_size(64)
fn finish(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
          @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let cell = group * 64u + local.x;
    if cell >= p.cells {
        return;
    }
    let member = cell / (p.d * p.d);
    let i = cell / p.d % p.d;
    let j = cell % p.d;
    let base = member * scratch_len() + p.pieces * p.d + min(i, j) * p.d + max(i, j);
    var sum = 0.0;
    for (var piece = 0u; piece < p.pieces; piece = piece + 1u) {
        sum = sum + scratch_in[base + piece * p.d * p.d];
    }
    cov[cell] = sum / f32(p.n - 1u);
}
