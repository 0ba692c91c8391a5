// The product of `matmul.wgsl` on matrix units, for operands held as f16; `matmul_quads.wgsl` and `units.wgsl` stand in front.
//
// A workgroup makes ROWS x COLUMNS values of c; ACROSS subgroups stand side by side, each with a block of matrices of its own.
// DEPTH places of k lie in shared memory as f16 and as they lie in memory, rows or columns; what comes next is fetched
// into registers meanwhile. Sums pass through shared memory on their way out, where bias, slope and activation meet them.

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
    scratch_len: u32,
}

var<immediate> p: Params;

override ROWS: u32 = 64u;
override COLUMNS: u32 = 64u;
override DEPTH: u32 = 32u;
override INVOCATIONS: u32 = 128u;
// Invocations of a subgroup, and subgroups side by side.
override SUBGROUP: u32 = 32u;
override ACROSS: u32 = 2u;
override A_TURNED: bool = false;
override B_TURNED: bool = false;
override BIAS: bool = false;
override ACTIVATION: u32 = 0u;
override MASK: u32 = 0u;
// From one row (or column) of a tile to the next: eight more than it holds, so that rows lie in different banks.
override A_PITCH: u32 = 40u;
override B_PITCH: u32 = 72u;
override A_QUADS: u32 = 640u;
override B_QUADS: u32 = 576u;
// One matrix for each subgroup.
override STAGE_WORDS: u32 = 1024u;

var<workgroup> tile_a: array<vec4<f16>, A_QUADS>;
var<workgroup> tile_b: array<vec4<f16>, B_QUADS>;
var<workgroup> stage: array<f32, STAGE_WORDS>;

struct Tile {
    member: u32,
    chunk: u32,
    first_i: u32,
    first_j: u32,
    begin: u32,
    end: u32,
}

fn tile_of(group: u32) -> Tile {
    let tiles = p.tiles_m * p.tiles_n;
    let tile = group % tiles;
    let rest = group / tiles;
    let chunk = rest % p.chunks;
    let begin = chunk * p.chunk_len;
    return Tile(rest / p.chunks, chunk, tile / p.tiles_n * ROWS, tile % p.tiles_n * COLUMNS, begin,
                min(p.k, begin + p.chunk_len));
}

// Quad e of a tile of a: its line and place within the tile as it lies in memory.
fn quad_of_a(e: u32) -> vec2<u32> {
    let width = select(DEPTH, ROWS, A_TURNED) / 4u;
    return vec2<u32>(e / width, e % width * 4u);
}

fn quad_of_b(e: u32) -> vec2<u32> {
    let width = select(COLUMNS, DEPTH, B_TURNED) / 4u;
    return vec2<u32>(e / width, e % width * 4u);
}

fn fetch_a(at: Tile, e: u32, q: u32) -> vec4<f32> {
    let from_tile = quad_of_a(e);
    let i = at.first_i + select(from_tile.x, from_tile.y, A_TURNED);
    let s = q + select(from_tile.y, from_tile.x, A_TURNED);
    if e >= ROWS * DEPTH / 4u || i >= p.m || s >= at.end {
        return vec4<f32>();
    }
    let base = at.member * p.m * p.k;
    return four_of_a(base + select(i * p.k + s, s * p.m + i, A_TURNED), 4u);
}

fn fetch_b(at: Tile, e: u32, q: u32) -> vec4<f32> {
    let from_tile = quad_of_b(e);
    let j = at.first_j + select(from_tile.y, from_tile.x, B_TURNED);
    let s = q + select(from_tile.x, from_tile.y, B_TURNED);
    if e >= COLUMNS * DEPTH / 4u || j >= p.n || s >= at.end {
        return vec4<f32>();
    }
    let base = at.member * p.k * p.n;
    return four_of_b(base + select(s * p.n + j, j * p.k + s, B_TURNED), 4u);
}

fn stash_a(e: u32, four: vec4<f32>) {
    if e >= ROWS * DEPTH / 4u {
        return;
    }
    let to = quad_of_a(e);
    tile_a[(to.x * A_PITCH + to.y) / 4u] = vec4<f16>(four);
}

fn stash_b(e: u32, four: vec4<f32>) {
    if e >= COLUMNS * DEPTH / 4u {
        return;
    }
    let to = quad_of_b(e);
    tile_b[(to.x * B_PITCH + to.y) / 4u] = vec4<f16>(four);
}

// The matrix of rows i on and places s on, within the tile.
fn left_of(i: u32, s: u32) -> Left {
    return left_at(select(i * A_PITCH + s, s * A_PITCH + i, A_TURNED), A_PITCH);
}

fn right_of(j: u32, s: u32) -> Right {
    return right_at(select(s * B_PITCH + j, j * B_PITCH + s, B_TURNED), B_PITCH);
}

fn store_row(at: Tile, i: u32, j: u32, sum: vec4<f32>) {
    if i >= p.m || j >= p.n {
        return;
    }
    if p.chunks > 1u {
        store_four(at.member * p.scratch_len + (at.chunk * p.m + i) * p.n + j, 4u, sum);
        return;
    }
    var value = sum;
    if BIAS {
        value = value + four_of_bias(at.member * p.n + j, 4u);
    }
    let to = (at.member * p.m + i) * p.n + j;
    if MASK != 0u {
        let front = four_of_saved(to, 4u);
        value = value * vec4<f32>(slope(MASK, front.x), slope(MASK, front.y), slope(MASK, front.z), slope(MASK, front.w));
    }
    if ACTIVATION != 0u {
        value = vec4<f32>(activate(ACTIVATION, value.x), activate(ACTIVATION, value.y), activate(ACTIVATION, value.z),
                          activate(ACTIVATION, value.w));
    }
    store_four(to, 4u, value);
}

// Each subgroup's matrix by way of the stage; (row, column) is where it stands within the tile. All must call.
fn store_matrix(at: Tile, lane: u32, row: u32, column: u32, sums: Sums) {
    let first = lane / SUBGROUP * 256u;
    workgroupBarrier();
    put_on_stage(lane, sums, first);
    workgroupBarrier();
    for (var e = lane % SUBGROUP; e < 64u; e = e + SUBGROUP) {
        let from_stage = first + e * 4u;
        let four = vec4<f32>(stage[from_stage], stage[from_stage + 1u], stage[from_stage + 2u], stage[from_stage + 3u]);
        store_row(at, at.first_i + row + e / 4u, at.first_j + column + e % 4u * 4u, four);
    }
}

// Four quads of either operand for each invocation.
struct Quads {
    a0: vec4<f32>,
    a1: vec4<f32>,
    a2: vec4<f32>,
    a3: vec4<f32>,
    b0: vec4<f32>,
    b1: vec4<f32>,
    b2: vec4<f32>,
    b3: vec4<f32>,
}

fn fetch(at: Tile, lane: u32, q: u32) -> Quads {
    return Quads(fetch_a(at, lane, q), fetch_a(at, lane + INVOCATIONS, q), fetch_a(at, lane + 2u * INVOCATIONS, q),
                 fetch_a(at, lane + 3u * INVOCATIONS, q), fetch_b(at, lane, q), fetch_b(at, lane + INVOCATIONS, q),
                 fetch_b(at, lane + 2u * INVOCATIONS, q), fetch_b(at, lane + 3u * INVOCATIONS, q));
}

fn stash(lane: u32, quads: Quads) {
    stash_a(lane, quads.a0);
    stash_a(lane + INVOCATIONS, quads.a1);
    stash_a(lane + 2u * INVOCATIONS, quads.a2);
    stash_a(lane + 3u * INVOCATIONS, quads.a3);
    stash_b(lane, quads.b0);
    stash_b(lane + INVOCATIONS, quads.b1);
    stash_b(lane + 2u * INVOCATIONS, quads.b2);
    stash_b(lane + 3u * INVOCATIONS, quads.b3);
}

// Two by two matrices a subgroup.
@compute @workgroup_size(INVOCATIONS)
fn two_by_two(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
              @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = tile_of(group);
    let subgroup = lane / SUBGROUP;
    let row = subgroup / ACROSS * 32u;
    let column = subgroup % ACROSS * 32u;
    var sums_00: Sums;
    var sums_01: Sums;
    var sums_10: Sums;
    var sums_11: Sums;
    var next = fetch(at, lane, at.begin);
    for (var q = at.begin; q < at.end; q = q + DEPTH) {
        workgroupBarrier();
        stash(lane, next);
        workgroupBarrier();
        next = fetch(at, lane, q + DEPTH);
        for (var s = 0u; s < DEPTH; s = s + 16u) {
            let right_0 = right_of(column, s);
            let right_1 = right_of(column + 16u, s);
            let left_0 = left_of(row, s);
            sums_00 = multiplied(lane, left_0, right_0, sums_00);
            sums_01 = multiplied(lane, left_0, right_1, sums_01);
            let left_1 = left_of(row + 16u, s);
            sums_10 = multiplied(lane, left_1, right_0, sums_10);
            sums_11 = multiplied(lane, left_1, right_1, sums_11);
        }
    }
    store_matrix(at, lane, row, column, sums_00);
    store_matrix(at, lane, row, column + 16u, sums_01);
    store_matrix(at, lane, row + 16u, column, sums_10);
    store_matrix(at, lane, row + 16u, column + 16u, sums_11);
}

// Four rows of two matrices a subgroup.
@compute @workgroup_size(INVOCATIONS)
fn four_by_two(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
               @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = tile_of(group);
    let subgroup = lane / SUBGROUP;
    let row = subgroup / ACROSS * 64u;
    let column = subgroup % ACROSS * 32u;
    var sums_00: Sums;
    var sums_01: Sums;
    var sums_10: Sums;
    var sums_11: Sums;
    var sums_20: Sums;
    var sums_21: Sums;
    var sums_30: Sums;
    var sums_31: Sums;
    var next = fetch(at, lane, at.begin);
    for (var q = at.begin; q < at.end; q = q + DEPTH) {
        workgroupBarrier();
        stash(lane, next);
        workgroupBarrier();
        next = fetch(at, lane, q + DEPTH);
        for (var s = 0u; s < DEPTH; s = s + 16u) {
            let right_0 = right_of(column, s);
            let right_1 = right_of(column + 16u, s);
            let left_0 = left_of(row, s);
            sums_00 = multiplied(lane, left_0, right_0, sums_00);
            sums_01 = multiplied(lane, left_0, right_1, sums_01);
            let left_1 = left_of(row + 16u, s);
            sums_10 = multiplied(lane, left_1, right_0, sums_10);
            sums_11 = multiplied(lane, left_1, right_1, sums_11);
            let left_2 = left_of(row + 32u, s);
            sums_20 = multiplied(lane, left_2, right_0, sums_20);
            sums_21 = multiplied(lane, left_2, right_1, sums_21);
            let left_3 = left_of(row + 48u, s);
            sums_30 = multiplied(lane, left_3, right_0, sums_30);
            sums_31 = multiplied(lane, left_3, right_1, sums_31);
        }
    }
    store_matrix(at, lane, row, column, sums_00);
    store_matrix(at, lane, row, column + 16u, sums_01);
    store_matrix(at, lane, row + 16u, column, sums_10);
    store_matrix(at, lane, row + 16u, column + 16u, sums_11);
    store_matrix(at, lane, row + 32u, column, sums_20);
    store_matrix(at, lane, row + 32u, column + 16u, sums_21);
    store_matrix(at, lane, row + 48u, column, sums_30);
    store_matrix(at, lane, row + 48u, column + 16u, sums_31);
}
