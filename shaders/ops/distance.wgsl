// dist[f, i] = min_j sum_q (x[f, i, q] - c[f, j, q])^2, label[f, i] = the lowest such j; `src/ops/distance` has the shapes.
// A workgroup holds 64 rows against 64 centres at a time, 4 x 4 pairs an invocation.

struct Params {
    step: u32,
    groups: u32,
    n: u32,
    k: u32,
    d: u32,
    tiles: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> c: array<f32>;
@group(0) @binding(2) var<storage, read_write> label: array<u32>;
@group(0) @binding(3) var<storage, read_write> dist: array<f32>;

const TILE: u32 = 64u;
const DEPTH: u32 = 16u;
const FAR: f32 = 3.4028234e38;

// [dimension][row or centre] while summing; afterwards [16 candidates][row]: distances and their centres' numbers,
// which f32 holds exactly below 2^24.
var<workgroup> tile_x: array<array<f32, 65>, 16>;
var<workgroup> tile_c: array<array<f32, 65>, 16>;

@compute @workgroup_size(16, 16)
fn nearest(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
           @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let member = group / p.tiles;
    let first_row = (group % p.tiles) * TILE;
    let x_base = member * p.n * p.d;
    let c_base = member * p.k * p.d;
    var best = vec4<f32>(FAR);
    var best_centre = vec4<f32>(0.0);
    for (var first = 0u; first < p.k; first = first + TILE) {
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
                }
                if q + s < p.d && first + i < p.k {
                    centre = c[c_base + (first + i) * p.d + q + s];
                }
                tile_x[s][i] = value;
                tile_c[s][i] = centre;
            }
            workgroupBarrier();
            for (var s = 0u; s < DEPTH; s = s + 1u) {
                let centres = vec4<f32>(tile_c[s][local.x], tile_c[s][local.x + 16u], tile_c[s][local.x + 32u], tile_c[s][local.x + 48u]);
                for (var r = 0u; r < 4u; r = r + 1u) {
                    let difference = vec4<f32>(tile_x[s][local.y + r * 16u]) - centres;
                    sums[r] = fma(difference, difference, sums[r]);
                }
            }
            workgroupBarrier();
        }
        // Centres come in ascending order and only a smaller distance wins: the lowest of equal ones stays.
        for (var w = 0u; w < 4u; w = w + 1u) {
            let centre = first + local.x + w * 16u;
            for (var r = 0u; r < 4u; r = r + 1u) {
                if centre < p.k && sums[r][w] < best[r] {
                    best[r] = sums[r][w];
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
