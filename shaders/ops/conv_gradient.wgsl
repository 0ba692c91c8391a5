// Behind `conv_strip.wgsl`: the gradient of w, and of the bias.
//
// A workgroup makes the gradients of one row of the kernel for DEPTH channels of x and COLUMNS of dy, from a chunk of the
// positions: it walks over them POSITIONS at a time, with the strip of x and dy in shared memory. In the strip all taps and
// channels of a window are neighbours: rows of the gradient, PAIRS times eight. A team of invocations holds all of it, eight rows by
// eight columns each; TEAMS teams share the positions, and their sums are added in order at the end. Partial sums
// of chunks are added by `conv.wgsl`.

override TEAMS: u32 = 2u;
override PAIRS: u32 = 2u;
override BIAS: bool = false;
override MEMORY_QUADS: u32 = 512u;

@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

// The strip, behind it dy; at the end sums on their way from a team to the first.
var<workgroup> memory: array<vec4<f32>, MEMORY_QUADS>;
// Where the window of each position begins.
var<workgroup> windows: array<u32, POSITIONS>;

fn store_sums(to: u32, live: u32, four: vec4<f32>) {
    sums[to] = four.x;
    if live > 1u {
        sums[to + 1u] = four.y;
    }
    if live > 2u {
        sums[to + 2u] = four.z;
    }
    if live > 3u {
        sums[to + 3u] = four.w;
    }
}

struct Place {
    // The first word of this chunk's sums.
    base: u32,
    row: u32,
    channel: u32,
    column: u32,
}

// Rows 4 q to 4 q + 3 of the gradient: four channels of a tap.
fn store_rows(at: Place, q: u32, column: u32, square: mat4x4<f32>) {
    let tap = q / (DEPTH / 4u);
    let channel = at.channel + q % (DEPTH / 4u) * 4u;
    if tap >= TAPS || column >= p.columns {
        return;
    }
    let first = (at.row * TAPS + tap) * p.channels + channel;
    let live = p.columns - column;
    if channel < p.channels {
        store_sums(at.base + first * p.columns + column, live, square[0]);
    }
    if channel + 1u < p.channels {
        store_sums(at.base + (first + 1u) * p.columns + column, live, square[1]);
    }
    if channel + 2u < p.channels {
        store_sums(at.base + (first + 2u) * p.columns + column, live, square[2]);
    }
    if channel + 3u < p.channels {
        store_sums(at.base + (first + 3u) * p.columns + column, live, square[3]);
    }
}

fn pass_on(spot: u32, square: mat4x4<f32>) {
    memory[spot] = square[0];
    memory[spot + 1u] = square[1];
    memory[spot + 2u] = square[2];
    memory[spot + 3u] = square[3];
}

fn passed_on(spot: u32) -> mat4x4<f32> {
    return mat4x4<f32>(memory[spot], memory[spot + 1u], memory[spot + 2u], memory[spot + 3u]);
}

@compute @workgroup_size(INVOCATIONS)
fn gradient(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    var rest = group / p.tiles_columns;
    let column = group % p.tiles_columns * COLUMNS;
    let channel = rest % p.tiles_channels * DEPTH;
    rest = rest / p.tiles_channels;
    let row = rest % p.kernel_h;
    rest = rest / p.kernel_h;
    let chunk = rest % p.chunks;
    let member = rest / p.chunks;
    let rows = p.kernel_h * TAPS * p.channels + select(0u, 1u, BIAS);
    let at = Place(member * p.member_len + chunk * rows * p.columns, row, channel, column);
    let positions = p.n * p.h_out * p.w_out;
    let end = min(positions, (chunk + 1u) * p.chunk_len);

    let wide = COLUMNS / 4u;
    let half = wide / 2u;
    let x = lane % half;
    let pair = lane / half % PAIRS;
    let team = lane / half / PAIRS;
    let dy_first = SLOTS * PITCH + 1u;
    var upper_left: mat4x4<f32>;
    var upper_right: mat4x4<f32>;
    var lower_left: mat4x4<f32>;
    var lower_right: mat4x4<f32>;
    var bias_sum: vec4<f32>;
    for (var first = chunk * p.chunk_len; first < end; first = first + POSITIONS) {
        workgroupBarrier();
        find_sources(lane, member, first, row);
        for (var i = lane; i < POSITIONS; i = i + INVOCATIONS) {
            windows[i] = slot_of(first, min(first + i, positions - 1u)) * PITCH;
        }
        workgroupBarrier();
        for (var e = lane; e < SLOTS * PITCH; e = e + INVOCATIONS) {
            memory[e] = source_quad(e / PITCH, channel + e % PITCH * 4u);
        }
        // An invocation loads the same four columns each time: INVOCATIONS is a multiple of `wide`.
        for (var e = lane; e < POSITIONS * wide; e = e + INVOCATIONS) {
            let position = first + e / wide;
            let j = column + e % wide * 4u;
            var four: vec4<f32>;
            if position < end && j < p.columns {
                four = four_of_dy((member * positions + position) * p.columns + j, p.columns - j);
            }
            memory[dy_first + e] = four;
            bias_sum = bias_sum + four;
        }
        workgroupBarrier();
        for (var i = team; i < POSITIONS; i = i + TEAMS) {
            let spot = windows[i] + 2u * pair;
            let upper = memory[spot];
            let lower = memory[spot + 1u];
            let left = memory[dy_first + i * wide + x];
            let right = memory[dy_first + i * wide + x + half];
            upper_left = add_products(upper, left, upper_left);
            upper_right = add_products(upper, right, upper_right);
            lower_left = add_products(lower, left, lower_left);
            lower_right = add_products(lower, right, lower_right);
        }
    }
    let spot = (lane % (half * PAIRS)) * 16u;
    for (var other = 1u; other < TEAMS; other = other + 1u) {
        workgroupBarrier();
        if team == other {
            pass_on(spot, upper_left);
            pass_on(spot + 4u, upper_right);
            pass_on(spot + 8u, lower_left);
            pass_on(spot + 12u, lower_right);
        }
        workgroupBarrier();
        if team == 0u {
            upper_left = upper_left + passed_on(spot);
            upper_right = upper_right + passed_on(spot + 4u);
            lower_left = lower_left + passed_on(spot + 8u);
            lower_right = lower_right + passed_on(spot + 12u);
        }
    }
    if team == 0u {
        let j = column + x * 4u;
        store_rows(at, 2u * pair, j, upper_left);
        store_rows(at, 2u * pair, j + half * 4u, upper_right);
        store_rows(at, 2u * pair + 1u, j, lower_left);
        store_rows(at, 2u * pair + 1u, j + half * 4u, lower_right);
    }
    if BIAS && row == 0u && channel == 0u {
        workgroupBarrier();
        memory[lane] = bias_sum;
        workgroupBarrier();
        let j = column + lane * 4u;
        if lane < wide && j < p.columns {
            var total = memory[lane];
            for (var other = lane + wide; other < INVOCATIONS; other = other + wide) {
                total = total + memory[other];
            }
            store_sums(at.base + (rows - 1u) * p.columns + j, p.columns - j, total);
        }
    }
}
