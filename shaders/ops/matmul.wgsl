// c[f, i, j] = act((sum_k a[f, i, k] * b[f, k, j] + bias[f, j]) * slope(saved[f, i, j])); `src/ops/matmul` has the shapes.
// `matmul_words.wgsl` or `matmul_quads.wgsl` stands in front and holds the bindings.
//
// A workgroup makes a tile of ROWS x COLUMNS of c. DEPTH places of its rows of a and columns of b at a time lie in shared
// memory, place by place, so that an invocation reads the rows and columns that it multiplies as vec4; what comes next
// is fetched into registers meanwhile. Whatever the tile, each value of c is one chain of fma from k = 0 (of its chunk)
// upwards: candidates differ in speed alone.
// With more than one chunk of k, partial sums go to the scratch and `matmul_sum.wgsl` adds them.

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

override ROWS: u32 = 32u;
override COLUMNS: u32 = 32u;
override DEPTH: u32 = 16u;
override INVOCATIONS: u32 = 64u;
// Whether a is stored as [k, m], and b as [n, k].
override A_TURNED: bool = false;
override B_TURNED: bool = false;
override BIAS: bool = false;
override ACTIVATION: u32 = 0u;
override MASK: u32 = 0u;
// Squares of four by four values that are fetched a tile.
override A_SQUARES: u32 = 32u;
override SQUARES: u32 = 64u;
// vec4 of shared memory.
override A_QUADS: u32 = 128u;
override B_QUADS: u32 = 128u;

var<workgroup> tile_a: array<vec4<f32>, A_QUADS>;
var<workgroup> tile_b: array<vec4<f32>, B_QUADS>;

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

// Where a vec4 of four rows (or columns) lies: the quads of a place are exchanged, by another pattern every four places, so
// that invocations which write a turned square meet other banks. `width` is a power of two.
fn slot(s: u32, quad: u32, width: u32) -> u32 {
    return s * width + (quad ^ ((s / 4u * 2u) & (width - 1u)));
}

// Four by four values of a for place q on, rows i on: column s of the result is place q + s.
fn square_of_a(at: Tile, i: u32, q: u32) -> mat4x4<f32> {
    var square: mat4x4<f32>;
    let base = at.member * p.m * p.k;
    if A_TURNED {
        if i >= p.m {
            return square;
        }
        let live = p.m - i;
        if q < at.end {
            square[0] = four_of_a(base + q * p.m + i, live);
        }
        if q + 1u < at.end {
            square[1] = four_of_a(base + (q + 1u) * p.m + i, live);
        }
        if q + 2u < at.end {
            square[2] = four_of_a(base + (q + 2u) * p.m + i, live);
        }
        if q + 3u < at.end {
            square[3] = four_of_a(base + (q + 3u) * p.m + i, live);
        }
        return square;
    }
    if q >= at.end {
        return square;
    }
    let live = at.end - q;
    if i < p.m {
        square[0] = four_of_a(base + i * p.k + q, live);
    }
    if i + 1u < p.m {
        square[1] = four_of_a(base + (i + 1u) * p.k + q, live);
    }
    if i + 2u < p.m {
        square[2] = four_of_a(base + (i + 2u) * p.k + q, live);
    }
    if i + 3u < p.m {
        square[3] = four_of_a(base + (i + 3u) * p.k + q, live);
    }
    return transpose(square);
}

// The same of b for columns j on.
fn square_of_b(at: Tile, j: u32, q: u32) -> mat4x4<f32> {
    var square: mat4x4<f32>;
    let base = at.member * p.k * p.n;
    if !B_TURNED {
        if j >= p.n {
            return square;
        }
        let live = p.n - j;
        if q < at.end {
            square[0] = four_of_b(base + q * p.n + j, live);
        }
        if q + 1u < at.end {
            square[1] = four_of_b(base + (q + 1u) * p.n + j, live);
        }
        if q + 2u < at.end {
            square[2] = four_of_b(base + (q + 2u) * p.n + j, live);
        }
        if q + 3u < at.end {
            square[3] = four_of_b(base + (q + 3u) * p.n + j, live);
        }
        return square;
    }
    if q >= at.end {
        return square;
    }
    let live = at.end - q;
    if j < p.n {
        square[0] = four_of_b(base + j * p.k + q, live);
    }
    if j + 1u < p.n {
        square[1] = four_of_b(base + (j + 1u) * p.k + q, live);
    }
    if j + 2u < p.n {
        square[2] = four_of_b(base + (j + 2u) * p.k + q, live);
    }
    if j + 3u < p.n {
        square[3] = four_of_b(base + (j + 3u) * p.k + q, live);
    }
    return transpose(square);
}

// The place and the quad of a square within its tile: neighbouring invocations take what is neighbouring in memory.
fn corner(square: u32, width: u32, by_place: bool) -> vec2<u32> {
    if by_place {
        return vec2<u32>(square % (DEPTH / 4u) * 4u, square / (DEPTH / 4u));
    }
    return vec2<u32>(square / width * 4u, square % width);
}

fn fetch(at: Tile, square: u32, q: u32) -> mat4x4<f32> {
    if square < A_SQUARES {
        let to = corner(square, ROWS / 4u, !A_TURNED);
        return square_of_a(at, at.first_i + to.y * 4u, q + to.x);
    }
    if square < SQUARES {
        let to = corner(square - A_SQUARES, COLUMNS / 4u, B_TURNED);
        return square_of_b(at, at.first_j + to.y * 4u, q + to.x);
    }
    return mat4x4<f32>();
}

fn stash(square: u32, values: mat4x4<f32>) {
    if square < A_SQUARES {
        let to = corner(square, ROWS / 4u, !A_TURNED);
        tile_a[slot(to.x, to.y, ROWS / 4u)] = values[0];
        tile_a[slot(to.x + 1u, to.y, ROWS / 4u)] = values[1];
        tile_a[slot(to.x + 2u, to.y, ROWS / 4u)] = values[2];
        tile_a[slot(to.x + 3u, to.y, ROWS / 4u)] = values[3];
    } else if square < SQUARES {
        let to = corner(square - A_SQUARES, COLUMNS / 4u, B_TURNED);
        tile_b[slot(to.x, to.y, COLUMNS / 4u)] = values[0];
        tile_b[slot(to.x + 1u, to.y, COLUMNS / 4u)] = values[1];
        tile_b[slot(to.x + 2u, to.y, COLUMNS / 4u)] = values[2];
        tile_b[slot(to.x + 3u, to.y, COLUMNS / 4u)] = values[3];
    }
}

// Where there are more squares than invocations, each has a second one.
fn fetch_second(at: Tile, lane: u32, q: u32) -> mat4x4<f32> {
    if SQUARES > INVOCATIONS {
        return fetch(at, lane + INVOCATIONS, q);
    }
    return mat4x4<f32>();
}

fn stash_second(lane: u32, values: mat4x4<f32>) {
    if SQUARES > INVOCATIONS {
        stash(lane + INVOCATIONS, values);
    }
}

// The quad of columns and the quad of rows of an invocation, `wide` quads of columns being served side by side: 32
// neighbours form a block of 8 x 4, so that they read few different words of either tile.
fn spot_of(lane: u32, wide: u32) -> vec2<u32> {
    let across = min(8u, wide);
    let block = lane / (4u * across);
    let blocks = wide / across;
    return vec2<u32>(lane % across + across * (block % blocks), lane / across % 4u + 4u * (block / blocks));
}

fn store_row(at: Tile, i: u32, j: u32, sum: vec4<f32>) {
    if i >= p.m || j >= p.n {
        return;
    }
    let live = p.n - j;
    if p.chunks > 1u {
        store_four(at.member * p.scratch_len + (at.chunk * p.m + i) * p.n + j, live, sum);
        return;
    }
    var value = sum;
    if BIAS {
        value = value + four_of_bias(at.member * p.n + j, live);
    }
    let to = (at.member * p.m + i) * p.n + j;
    if MASK != 0u {
        let front = four_of_saved(to, live);
        value = value * vec4<f32>(slope(MASK, front.x), slope(MASK, front.y), slope(MASK, front.z), slope(MASK, front.w));
    }
    if ACTIVATION != 0u {
        value = vec4<f32>(activate(ACTIVATION, value.x), activate(ACTIVATION, value.y), activate(ACTIVATION, value.z),
                          activate(ACTIVATION, value.w));
    }
    store_four(to, live, value);
}

fn store_square(at: Tile, row: u32, column: u32, sums: mat4x4<f32>) {
    let i = at.first_i + row;
    let j = at.first_j + column;
    store_row(at, i, j, sums[0]);
    store_row(at, i + 1u, j, sums[1]);
    store_row(at, i + 2u, j, sums[2]);
    store_row(at, i + 3u, j, sums[3]);
}

// Column r of the result is what row r of four has summed.
fn add_products(rows: vec4<f32>, columns: vec4<f32>, sums: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        fma(vec4<f32>(rows.x), columns, sums[0]),
        fma(vec4<f32>(rows.y), columns, sums[1]),
        fma(vec4<f32>(rows.z), columns, sums[2]),
        fma(vec4<f32>(rows.w), columns, sums[3]),
    );
}

@compute @workgroup_size(INVOCATIONS)
fn four_by_four(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = tile_of(group);
    let spot = spot_of(lane, COLUMNS / 4u);
    var sums: mat4x4<f32>;
    var first = fetch(at, lane, at.begin);
    var second = fetch_second(at, lane, at.begin);
    for (var q = at.begin; q < at.end; q = q + DEPTH) {
        workgroupBarrier();
        stash(lane, first);
        stash_second(lane, second);
        workgroupBarrier();
        first = fetch(at, lane, q + DEPTH);
        second = fetch_second(at, lane, q + DEPTH);
        for (var s = 0u; s < DEPTH; s = s + 1u) {
            let rows = tile_a[slot(s, spot.y, ROWS / 4u)];
            let columns = tile_b[slot(s, spot.x, COLUMNS / 4u)];
            sums = add_products(rows, columns, sums);
        }
    }
    store_square(at, spot.y * 4u, spot.x * 4u, sums);
}

@compute @workgroup_size(INVOCATIONS)
fn eight_by_four(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                 @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = tile_of(group);
    let spot = spot_of(lane, COLUMNS / 4u);
    var upper: mat4x4<f32>;
    var lower: mat4x4<f32>;
    var first = fetch(at, lane, at.begin);
    var second = fetch_second(at, lane, at.begin);
    for (var q = at.begin; q < at.end; q = q + DEPTH) {
        workgroupBarrier();
        stash(lane, first);
        stash_second(lane, second);
        workgroupBarrier();
        first = fetch(at, lane, q + DEPTH);
        second = fetch_second(at, lane, q + DEPTH);
        for (var s = 0u; s < DEPTH; s = s + 1u) {
            let columns = tile_b[slot(s, spot.x, COLUMNS / 4u)];
            upper = add_products(tile_a[slot(s, spot.y, ROWS / 4u)], columns, upper);
            lower = add_products(tile_a[slot(s, spot.y + ROWS / 8u, ROWS / 4u)], columns, lower);
        }
    }
    store_square(at, spot.y * 4u, spot.x * 4u, upper);
    store_square(at, spot.y * 4u + ROWS / 2u, spot.x * 4u, lower);
}

@compute @workgroup_size(INVOCATIONS)
fn eight_by_eight(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                  @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = tile_of(group);
    let spot = spot_of(lane, COLUMNS / 8u);
    var upper_left: mat4x4<f32>;
    var upper_right: mat4x4<f32>;
    var lower_left: mat4x4<f32>;
    var lower_right: mat4x4<f32>;
    var first = fetch(at, lane, at.begin);
    var second = fetch_second(at, lane, at.begin);
    for (var q = at.begin; q < at.end; q = q + DEPTH) {
        workgroupBarrier();
        stash(lane, first);
        stash_second(lane, second);
        workgroupBarrier();
        first = fetch(at, lane, q + DEPTH);
        second = fetch_second(at, lane, q + DEPTH);
        for (var s = 0u; s < DEPTH; s = s + 1u) {
            let upper = tile_a[slot(s, spot.y, ROWS / 4u)];
            let lower = tile_a[slot(s, spot.y + ROWS / 8u, ROWS / 4u)];
            let left = tile_b[slot(s, spot.x, COLUMNS / 4u)];
            let right = tile_b[slot(s, spot.x + COLUMNS / 8u, COLUMNS / 4u)];
            upper_left = add_products(upper, left, upper_left);
            upper_right = add_products(upper, right, upper_right);
            lower_left = add_products(lower, left, lower_left);
            lower_right = add_products(lower, right, lower_right);
        }
    }
    let row = spot.y * 4u;
    let column = spot.x * 4u;
    store_square(at, row, column, upper_left);
    store_square(at, row, column + COLUMNS / 2u, upper_right);
    store_square(at, row + ROWS / 2u, column, lower_left);
    store_square(at, row + ROWS / 2u, column + COLUMNS / 2u, lower_right);
}
