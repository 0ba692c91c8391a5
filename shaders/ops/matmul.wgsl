// c[f, i, j] = act((sum_k a[f, i, k] * b[f, k, j] + bias[f, j]) * slope(saved[f, i, j])); `src/ops/matmul` has the shapes.
// With more than one chunk of k, `small` and `tiled` write partial sums to the scratch and `sum_chunks` adds them.

struct Params {
    step: u32,
    groups: u32,
    m: u32,
    k: u32,
    n: u32,
    tiles_m: u32,
    tiles_n: u32,
    chunks: u32,
    chunk_len: u32,
    flags: u32,
    activation: u32,
    mask: u32,
    outputs: u32,
    scratch_len: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> saved: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> sum_bias: array<f32>;
@group(0) @binding(2) var<storage, read> sum_saved: array<f32>;
@group(0) @binding(3) var<storage, read_write> total: array<f32>;

struct Place {
    member: u32,
    chunk: u32,
    tile_m: u32,
    tile_n: u32,
}

fn place(group: u32) -> Place {
    let tiles = p.tiles_m * p.tiles_n;
    let tile = group % tiles;
    let rest = group / tiles;
    return Place(rest / p.chunks, rest % p.chunks, tile / p.tiles_n, tile % p.tiles_n);
}

fn load_a(member: u32, i: u32, q: u32, k_end: u32) -> f32 {
    if i >= p.m || q >= k_end {
        return 0.0;
    }
    let base = member * p.m * p.k;
    if (p.flags & 1u) != 0u {
        return a[base + q * p.m + i];
    }
    return a[base + i * p.k + q];
}

fn load_b(member: u32, q: u32, j: u32, k_end: u32) -> f32 {
    if j >= p.n || q >= k_end {
        return 0.0;
    }
    let base = member * p.k * p.n;
    if (p.flags & 2u) != 0u {
        return b[base + j * p.k + q];
    }
    return b[base + q * p.n + j];
}

fn store_c(at: Place, i: u32, j: u32, sum: f32) {
    if i >= p.m || j >= p.n {
        return;
    }
    if p.chunks > 1u {
        c[at.member * p.scratch_len + (at.chunk * p.m + i) * p.n + j] = sum;
        return;
    }
    var value = sum;
    if (p.flags & 4u) != 0u {
        value = value + bias[at.member * p.n + j];
    }
    let to = (at.member * p.m + i) * p.n + j;
    if p.mask != 0u {
        value = value * slope(p.mask, saved[to]);
    }
    c[to] = activate(p.activation, value);
}

const SMALL: u32 = 16u;
var<workgroup> small_a: array<array<f32, 17>, 16>;
var<workgroup> small_b: array<array<f32, 17>, 16>;

@compute @workgroup_size(16, 16)
fn small(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
         @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = place(group);
    let k_begin = at.chunk * p.chunk_len;
    let k_end = min(p.k, k_begin + p.chunk_len);
    let i = at.tile_m * SMALL + local.y;
    let j = at.tile_n * SMALL + local.x;
    var sum = 0.0;
    for (var q = k_begin; q < k_end; q = q + SMALL) {
        small_a[local.y][local.x] = load_a(at.member, i, q + local.x, k_end);
        small_b[local.y][local.x] = load_b(at.member, q + local.y, j, k_end);
        workgroupBarrier();
        for (var s = 0u; s < SMALL; s = s + 1u) {
            sum = fma(small_a[local.y][s], small_b[s][local.x], sum);
        }
        workgroupBarrier();
    }
    store_c(at, i, j, sum);
}

const TILE: u32 = 64u;
const DEPTH: u32 = 16u;
var<workgroup> tile_a: array<array<f32, 65>, 16>;
var<workgroup> tile_b: array<array<f32, 65>, 16>;

@compute @workgroup_size(16, 16)
fn tiled(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
         @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = place(group);
    let k_begin = at.chunk * p.chunk_len;
    let k_end = min(p.k, k_begin + p.chunk_len);
    let first_i = at.tile_m * TILE;
    let first_j = at.tile_n * TILE;
    var sums: array<vec4<f32>, 4>;
    for (var q = k_begin; q < k_end; q = q + DEPTH) {
        for (var e = lane; e < TILE * DEPTH; e = e + 256u) {
            // Neighbouring invocations read neighbouring words, whichever way the operand is stored.
            if (p.flags & 1u) != 0u {
                tile_a[e / TILE][e % TILE] = load_a(at.member, first_i + e % TILE, q + e / TILE, k_end);
            } else {
                tile_a[e % DEPTH][e / DEPTH] = load_a(at.member, first_i + e / DEPTH, q + e % DEPTH, k_end);
            }
            if (p.flags & 2u) != 0u {
                tile_b[e % DEPTH][e / DEPTH] = load_b(at.member, q + e % DEPTH, first_j + e / DEPTH, k_end);
            } else {
                tile_b[e / TILE][e % TILE] = load_b(at.member, q + e / TILE, first_j + e % TILE, k_end);
            }
        }
        workgroupBarrier();
        for (var s = 0u; s < DEPTH; s = s + 1u) {
            let row = vec4<f32>(tile_b[s][local.x], tile_b[s][local.x + 16u], tile_b[s][local.x + 32u], tile_b[s][local.x + 48u]);
            sums[0] = fma(vec4<f32>(tile_a[s][local.y]), row, sums[0]);
            sums[1] = fma(vec4<f32>(tile_a[s][local.y + 16u]), row, sums[1]);
            sums[2] = fma(vec4<f32>(tile_a[s][local.y + 32u]), row, sums[2]);
            sums[3] = fma(vec4<f32>(tile_a[s][local.y + 48u]), row, sums[3]);
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < 4u; r = r + 1u) {
        let i = first_i + local.y + r * 16u;
        store_c(at, i, first_j + local.x, sums[r].x);
        store_c(at, i, first_j + local.x + 16u, sums[r].y);
        store_c(at, i, first_j + local.x + 32u, sums[r].z);
        store_c(at, i, first_j + local.x + 48u, sums[r].w);
    }
}

@compute @workgroup_size(256)
fn sum_chunks(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
              @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.outputs {
        return;
    }
    let member = e / (p.m * p.n);
    let within = e % (p.m * p.n);
    var sum = 0.0;
    for (var s = 0u; s < p.chunks; s = s + 1u) {
        sum = sum + partials[member * p.scratch_len + s * p.m * p.n + within];
    }
    if (p.flags & 4u) != 0u {
        sum = sum + sum_bias[member * p.n + within % p.n];
    }
    if p.mask != 0u {
        sum = sum * slope(p.mask, sum_saved[e]);
    }
    total[e] = activate(p.activation, sum);
}
