// Behind `conv_strip.wgsl`: the convolution itself, forward and as the gradient of x.

// Whether this is the gradient of x: w is [taps, columns, channels] then, and a mask follows in place of bias and activation.
override TURNED: bool = false;
override EXTRA: bool = false;
override ACTIVATION: u32 = 0u;
override STRIP_QUADS: u32 = 80u;
override WEIGHT_QUADS: u32 = 48u;

@group(0) @binding(1) var<storage, read> w: array<f32>;

var<workgroup> strip: array<vec4<f32>, STRIP_QUADS>;
var<workgroup> weights: array<vec4<f32>, WEIGHT_QUADS>;

struct Tile {
    member: u32,
    first: u32,
    column: u32,
}

fn tile_of(group: u32) -> Tile {
    let rest = group / p.tiles_columns;
    return Tile(rest / p.tiles_positions, rest % p.tiles_positions * POSITIONS, group % p.tiles_columns * COLUMNS);
}

fn load_strip(lane: u32, channel: u32) {
    for (var e = lane; e < SLOTS * (DEPTH / 4u); e = e + INVOCATIONS) {
        let slot = e / (DEPTH / 4u);
        let q = e % (DEPTH / 4u);
        strip[slot * PITCH + q] = source_quad(slot, channel + q * 4u);
    }
}

// Four columns of a tap and channel.
fn weight_quad(member: u32, row: u32, tap: u32, channel: u32, column: u32) -> vec4<f32> {
    if channel >= p.channels || column >= p.columns {
        return vec4<f32>();
    }
    var place: u32;
    var apart = 1u;
    if TURNED {
        let turned = (member * p.kernel_h + p.kernel_h - 1u - row) * TAPS + TAPS - 1u - tap;
        place = (turned * p.columns + column) * p.channels + channel;
        apart = p.channels;
    } else {
        place = (((member * p.kernel_h + row) * TAPS + tap) * p.channels + channel) * p.columns + column;
    }
    let live = p.columns - column;
    var four = vec4<f32>(w[place], 0.0, 0.0, 0.0);
    if live > 1u {
        four.y = w[place + apart];
    }
    if live > 2u {
        four.z = w[place + 2u * apart];
    }
    if live > 3u {
        four.w = w[place + 3u * apart];
    }
    return four;
}

fn load_weights(lane: u32, at: Tile, row: u32, channel: u32) {
    let wide = COLUMNS / 4u;
    for (var e = lane; e < TAPS * DEPTH * wide; e = e + INVOCATIONS) {
        let line = e / wide;
        weights[e] = weight_quad(at.member, row, line / DEPTH, channel + line % DEPTH, at.column + e % wide * 4u);
    }
}

// Channel c of four neighbouring quads in column c.
fn window(places: vec4<u32>, offset: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(strip[places.x + offset], strip[places.y + offset], strip[places.z + offset],
                                 strip[places.w + offset]));
}

fn add_four(rows: mat4x4<f32>, weight: u32, sums: mat4x4<f32>) -> mat4x4<f32> {
    let wide = COLUMNS / 4u;
    var added = add_products(rows[0], weights[weight], sums);
    added = add_products(rows[1], weights[weight + wide], added);
    added = add_products(rows[2], weights[weight + 2u * wide], added);
    return add_products(rows[3], weights[weight + 3u * wide], added);
}

// Where the windows of four positions, `apart` from one to the next, begin in the strip. Positions beyond the last take
// its window, and what they sum is not written.
fn places_of(first: u32, position: u32, apart: u32) -> vec4<u32> {
    let last = p.n * p.h_out * p.w_out - 1u;
    return vec4<u32>(slot_of(first, min(position, last)), slot_of(first, min(position + apart, last)),
                     slot_of(first, min(position + 2u * apart, last)),
                     slot_of(first, min(position + 3u * apart, last))) * PITCH;
}

fn store_row(at: Tile, position: u32, column: u32, sum: vec4<f32>) {
    let positions = p.n * p.h_out * p.w_out;
    if position >= positions || column >= p.columns {
        return;
    }
    let live = p.columns - column;
    let to = (at.member * positions + position) * p.columns + column;
    var value = sum;
    if TURNED {
        if EXTRA {
            let front = four_of_extra(to, live);
            value = value * vec4<f32>(slope(ACTIVATION, front.x), slope(ACTIVATION, front.y), slope(ACTIVATION, front.z),
                                      slope(ACTIVATION, front.w));
        }
    } else {
        if EXTRA {
            value = value + four_of_extra(at.member * p.columns + column, live);
        }
        if ACTIVATION != 0u {
            value = vec4<f32>(activate(ACTIVATION, value.x), activate(ACTIVATION, value.y),
                              activate(ACTIVATION, value.z), activate(ACTIVATION, value.w));
        }
    }
    store_four(to, live, value);
}

fn store_square(at: Tile, position: u32, apart: u32, column: u32, sums: mat4x4<f32>) {
    store_row(at, position, column, sums[0]);
    store_row(at, position + apart, column, sums[1]);
    store_row(at, position + 2u * apart, column, sums[2]);
    store_row(at, position + 3u * apart, column, sums[3]);
}

@compute @workgroup_size(INVOCATIONS)
fn four_by_four(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = tile_of(group);
    let wide = COLUMNS / 4u;
    let apart = POSITIONS / 4u;
    let x = lane % wide;
    let own = at.first + lane / wide;
    let places = places_of(at.first, own, apart);
    var sums: mat4x4<f32>;
    for (var row = 0u; row < p.kernel_h; row = row + 1u) {
        workgroupBarrier();
        find_sources(lane, at.member, at.first, row);
        for (var channel = 0u; channel < p.channels; channel = channel + DEPTH) {
            workgroupBarrier();
            load_strip(lane, channel);
            load_weights(lane, at, row, channel);
            workgroupBarrier();
            for (var q = 0u; q < DEPTH / 4u; q = q + 1u) {
                for (var t = 0u; t < TAPS; t = t + 1u) {
                    sums = add_four(window(places, t * PITCH + q), (t * DEPTH + q * 4u) * wide + x, sums);
                }
            }
        }
    }
    store_square(at, own, apart, at.column + x * 4u, sums);
}

@compute @workgroup_size(INVOCATIONS)
fn eight_by_four(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                 @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = tile_of(group);
    let wide = COLUMNS / 4u;
    let apart = POSITIONS / 8u;
    let x = lane % wide;
    let own = at.first + lane / wide;
    let upper_places = places_of(at.first, own, apart);
    let lower_places = places_of(at.first, own + 4u * apart, apart);
    var upper: mat4x4<f32>;
    var lower: mat4x4<f32>;
    for (var row = 0u; row < p.kernel_h; row = row + 1u) {
        workgroupBarrier();
        find_sources(lane, at.member, at.first, row);
        for (var channel = 0u; channel < p.channels; channel = channel + DEPTH) {
            workgroupBarrier();
            load_strip(lane, channel);
            load_weights(lane, at, row, channel);
            workgroupBarrier();
            for (var q = 0u; q < DEPTH / 4u; q = q + 1u) {
                for (var t = 0u; t < TAPS; t = t + 1u) {
                    let weight = (t * DEPTH + q * 4u) * wide + x;
                    upper = add_four(window(upper_places, t * PITCH + q), weight, upper);
                    lower = add_four(window(lower_places, t * PITCH + q), weight, lower);
                }
            }
        }
    }
    store_square(at, own, apart, at.column + x * 4u, upper);
    store_square(at, own + 4u * apart, apart, at.column + x * 4u, lower);
}

@compute @workgroup_size(INVOCATIONS)
fn eight_by_eight(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                  @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = tile_of(group);
    let wide = COLUMNS / 4u;
    let half = wide / 2u;
    let apart = POSITIONS / 8u;
    let x = lane % half;
    let own = at.first + lane / half;
    let upper_places = places_of(at.first, own, apart);
    let lower_places = places_of(at.first, own + 4u * apart, apart);
    var upper_left: mat4x4<f32>;
    var upper_right: mat4x4<f32>;
    var lower_left: mat4x4<f32>;
    var lower_right: mat4x4<f32>;
    for (var row = 0u; row < p.kernel_h; row = row + 1u) {
        workgroupBarrier();
        find_sources(lane, at.member, at.first, row);
        for (var channel = 0u; channel < p.channels; channel = channel + DEPTH) {
            workgroupBarrier();
            load_strip(lane, channel);
            load_weights(lane, at, row, channel);
            workgroupBarrier();
            for (var q = 0u; q < DEPTH / 4u; q = q + 1u) {
                for (var t = 0u; t < TAPS; t = t + 1u) {
                    let weight = (t * DEPTH + q * 4u) * wide + x;
                    let rows = window(upper_places, t * PITCH + q);
                    upper_left = add_four(rows, weight, upper_left);
                    upper_right = add_four(rows, weight + half, upper_right);
                    let more = window(lower_places, t * PITCH + q);
                    lower_left = add_four(more, weight, lower_left);
                    lower_right = add_four(more, weight + half, lower_right);
                }
            }
        }
    }
    let column = at.column + x * 4u;
    store_square(at, own, apart, column, upper_left);
    store_square(at, own, apart, column + half * 4u, upper_right);
    store_square(at, own + 4u * apart, apart, column, lower_left);
    store_square(at, own + 4u * apart, apart, column + half * 4u, lower_right);
}
