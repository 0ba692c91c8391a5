// The nearest centres of rows; `src/ops/distance` has the equations and shapes.
// A workgroup holds 64 rows against 64 centres at a time, 4 x 4 pairs an invocation.

struct Params {
    step: u32,
    groups: u32,
    n: u32,
    k: u32,
    d: u32,
    tiles: u32,
    nearest: u32,
    shares: u32,
    share_len: u32,
    scratch_len: u32,
    scales_len: u32,
    lines: u32,
}

// 0: squared Euclidean, 1: cosine, 2: Manhattan.
override METRIC: u32 = 0u;

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> c: array<f32>;
// A member's scales (rows, then centres; cosine alone), then the shares' lists: distances, then labels as f32.
@group(0) @binding(2) var<storage, read_write> scratch: array<f32>;
@group(0) @binding(3) var<storage, read_write> label: array<u32>;
@group(0) @binding(4) var<storage, read_write> dist: array<f32>;

@group(0) @binding(0) var<storage, read> lists: array<f32>;
@group(0) @binding(1) var<storage, read_write> merged_label: array<u32>;
@group(0) @binding(2) var<storage, read_write> merged_dist: array<f32>;

const TILE: u32 = 64u;
const DEPTH: u32 = 16u;
const FAR: f32 = 3.4028234e38;
const SMALLEST_NORMAL: f32 = 1.1754944e-38;

// [dimension][row or centre] while summing; afterwards, for one winner: [16 candidates][row], distances and their
// centres' numbers, which f32 holds exactly below 2^24; for lists: [row][centre], 16 rows each.
var<workgroup> tile_x: array<array<f32, 65>, 16>;
var<workgroup> tile_c: array<array<f32, 65>, 16>;

// What makes each row and each centre a vector of length 1; 0 for zero vectors.
@compute @workgroup_size(64)
fn scale(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
         @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let line = group * 64u + local.x;
    if line >= p.lines {
        return;
    }
    let member = line / p.scales_len;
    let place = line % p.scales_len;
    let is_row = place < p.n;
    let row_base = (member * p.n + place) * p.d;
    let centre_base = (member * p.k + place - p.n) * p.d;
    // Squares of the values as they are could overflow or vanish.
    var largest = 0.0;
    for (var q = 0u; q < p.d; q = q + 1u) {
        var value = 0.0;
        if is_row {
            value = x[row_base + q];
        } else {
            value = c[centre_base + q];
        }
        largest = max(largest, abs(value));
    }
    var factor = 0.0;
    if largest >= SMALLEST_NORMAL {
        let inverse = 1.0 / largest;
        var sum = 0.0;
        for (var q = 0u; q < p.d; q = q + 1u) {
            var value = 0.0;
            if is_row {
                value = x[row_base + q];
            } else {
                value = c[centre_base + q];
            }
            sum = fma(value * inverse, value * inverse, sum);
        }
        factor = inverse / sqrt(sum);
    }
    scratch[member * p.scratch_len + place] = factor;
}

// Distances of rows `first_row + local.y + 16 r` and centres `first + local.x + 16 w` at [r][w]. All invocations call.
fn tile_distances(member: u32, first_row: u32, first: u32, local: vec3<u32>, lane: u32) -> array<vec4<f32>, 4> {
    let x_base = member * p.n * p.d;
    let c_base = member * p.k * p.d;
    let scales = member * p.scratch_len;
    var sums: array<vec4<f32>, 4>;
    for (var q = 0u; q < p.d; q = q + DEPTH) {
        for (var e = lane; e < TILE * DEPTH; e = e + 256u) {
            let i = e / DEPTH;
            let s = e % DEPTH;
            // Beyond the last dimension both are 0 and add nothing.
            var value = 0.0;
            var centre = 0.0;
            if q + s < p.d && first_row + i < p.n {
                value = x[x_base + (first_row + i) * p.d + q + s];
                if METRIC == 1u {
                    value = value * scratch[scales + first_row + i];
                }
            }
            if q + s < p.d && first + i < p.k {
                centre = c[c_base + (first + i) * p.d + q + s];
                if METRIC == 1u {
                    centre = centre * scratch[scales + p.n + first + i];
                }
            }
            tile_x[s][i] = value;
            tile_c[s][i] = centre;
        }
        workgroupBarrier();
        for (var s = 0u; s < DEPTH; s = s + 1u) {
            let centres = vec4<f32>(tile_c[s][local.x], tile_c[s][local.x + 16u], tile_c[s][local.x + 32u], tile_c[s][local.x + 48u]);
            for (var r = 0u; r < 4u; r = r + 1u) {
                let difference = vec4<f32>(tile_x[s][local.y + r * 16u]) - centres;
                if METRIC == 2u {
                    sums[r] = sums[r] + abs(difference);
                } else {
                    sums[r] = fma(difference, difference, sums[r]);
                }
            }
        }
        workgroupBarrier();
    }
    if METRIC == 1u {
        for (var r = 0u; r < 4u; r = r + 1u) {
            let row = min(first_row + local.y + r * 16u, p.n - 1u);
            for (var w = 0u; w < 4u; w = w + 1u) {
                let centre = min(first + local.x + w * 16u, p.k - 1u);
                // A zero vector is at distance 1 from everything.
                let zero = scratch[scales + row] == 0.0 || scratch[scales + p.n + centre] == 0.0;
                sums[r][w] = select(0.5 * sums[r][w], 1.0, zero);
            }
        }
    }
    return sums;
}

@compute @workgroup_size(16, 16)
fn nearest(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
           @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let member = group / p.tiles;
    let first_row = (group % p.tiles) * TILE;
    var best = vec4<f32>(FAR);
    var best_centre = vec4<f32>(0.0);
    for (var first = 0u; first < p.k; first = first + TILE) {
        var found = tile_distances(member, first_row, first, local, lane);
        // Centres come in ascending order and only a smaller distance wins: the lowest of equal ones stays.
        for (var w = 0u; w < 4u; w = w + 1u) {
            let centre = first + local.x + w * 16u;
            for (var r = 0u; r < 4u; r = r + 1u) {
                if centre < p.k && found[r][w] < best[r] {
                    best[r] = found[r][w];
                    best_centre[r] = f32(centre);
                }
            }
        }
    }
    for (var r = 0u; r < 4u; r = r + 1u) {
        tile_x[local.x][local.y + r * 16u] = best[r];
        tile_c[local.x][local.y + r * 16u] = best_centre[r];
    }
    workgroupBarrier();
    let row = first_row + lane;
    if lane < TILE && row < p.n {
        var least = tile_x[0][lane];
        var winner = tile_c[0][lane];
        for (var s = 1u; s < 16u; s = s + 1u) {
            let candidate = tile_x[s][lane];
            let centre = tile_c[s][lane];
            if candidate < least || (candidate == least && candidate < FAR && centre < winner) {
                least = candidate;
                winner = centre;
            }
        }
        label[member * p.n + row] = u32(winner);
        dist[member * p.n + row] = least;
    }
}

// A share of the centres: the first invocations own a row each and its list in the scratch.
@compute @workgroup_size(16, 16)
fn top_k(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
         @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let share = group % p.shares;
    let member = group / p.shares / p.tiles;
    let first_row = (group / p.shares % p.tiles) * TILE;
    let row = first_row + lane;
    let owns = lane < TILE && row < p.n;
    let list = member * p.scratch_len + p.scales_len + (share * p.n + row) * p.nearest;
    let labels = p.shares * p.n * p.nearest;
    var last = FAR;
    if owns {
        for (var t = 0u; t < p.nearest; t = t + 1u) {
            scratch[list + t] = FAR;
            scratch[list + labels + t] = 0.0;
        }
    }
    let end = min((share + 1u) * p.share_len, p.k);
    for (var first = share * p.share_len; first < end; first = first + TILE) {
        var found = tile_distances(member, first_row, first, local, lane);
        // 32 rows at a time: so many fit into the two tiles.
        for (var half = 0u; half < 2u; half = half + 1u) {
            for (var w = 0u; w < 4u; w = w + 1u) {
                tile_x[local.y][local.x + w * 16u] = found[2u * half][w];
                tile_c[local.y][local.x + w * 16u] = found[2u * half + 1u][w];
            }
            workgroupBarrier();
            if owns && lane / 32u == half {
                for (var j = 0u; j < min(TILE, end - first); j = j + 1u) {
                    var candidate = tile_x[lane % 16u][j];
                    if lane % 32u >= 16u {
                        candidate = tile_c[lane % 16u][j];
                    }
                    if candidate < last {
                        // Behind its equals: of equal ones the lowest centre comes first.
                        var place = p.nearest - 1u;
                        while place > 0u && candidate < scratch[list + place - 1u] {
                            scratch[list + place] = scratch[list + place - 1u];
                            scratch[list + labels + place] = scratch[list + labels + place - 1u];
                            place = place - 1u;
                        }
                        scratch[list + place] = candidate;
                        scratch[list + labels + place] = f32(first + j);
                        last = scratch[list + p.nearest - 1u];
                    }
                }
            }
            workgroupBarrier();
        }
    }
}

// A row's lists of all shares, in their order, into one.
@compute @workgroup_size(64)
fn merge(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
         @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let line = group * 64u + local.x;
    if line >= p.lines {
        return;
    }
    let member = line / p.n;
    let row = line % p.n;
    let into = line * p.nearest;
    let labels = p.shares * p.n * p.nearest;
    for (var t = 0u; t < p.nearest; t = t + 1u) {
        merged_dist[into + t] = FAR;
        merged_label[into + t] = 0u;
    }
    for (var share = 0u; share < p.shares; share = share + 1u) {
        let list = member * p.scratch_len + p.scales_len + (share * p.n + row) * p.nearest;
        for (var t = 0u; t < p.nearest; t = t + 1u) {
            let candidate = lists[list + t];
            if !(candidate < merged_dist[into + p.nearest - 1u]) {
                break;
            }
            var place = p.nearest - 1u;
            while place > 0u && candidate < merged_dist[into + place - 1u] {
                merged_dist[into + place] = merged_dist[into + place - 1u];
                merged_label[into + place] = merged_label[into + place - 1u];
                place = place - 1u;
            }
            merged_dist[into + place] = candidate;
            merged_label[into + place] = u32(lists[list + labels + t]);
        }
    }
}
