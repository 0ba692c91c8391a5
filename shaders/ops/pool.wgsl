// Maximum and average over windows of positions, and their gradients; `src/ops/pool` has the equations.
// Members and samples lie side by side: a sample's number runs through the whole fleet.

struct Params {
    step: u32,
    groups: u32,
    elements: u32,
    c: u32,
    h: u32,
    w: u32,
    h_out: u32,
    w_out: u32,
    window_h: u32,
    window_w: u32,
    stride_h: u32,
    stride_w: u32,
    mask: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> argmax: array<u32>;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
// What the activation in front left behind, if there is a mask.
@group(0) @binding(2) var<storage, read> saved: array<f32>;
@group(0) @binding(3) var<storage, read> chosen: array<u32>;

// The position within its sample at which element e's window begins.
fn window_start(e: u32) -> u32 {
    let position = e / p.c % (p.h_out * p.w_out);
    return position / p.w_out * p.stride_h * p.w + position % p.w_out * p.stride_w;
}

// The word of x at a position of the sample that element e of y belongs to.
fn word_of_x(e: u32, position: u32) -> u32 {
    return (e / p.c / (p.h_out * p.w_out) * (p.h * p.w) + position) * p.c + e % p.c;
}

@compute @workgroup_size(256)
fn max_forward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
               @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    let e = group * 256u + lane;
    if group >= p.groups || e >= p.elements {
        return;
    }
    let start = window_start(e);
    var best = x[word_of_x(e, start)];
    var at = start;
    for (var a = 0u; a < p.window_h; a = a + 1u) {
        for (var b = 0u; b < p.window_w; b = b + 1u) {
            let position = start + a * p.w + b;
            let value = x[word_of_x(e, position)];
            if value > best {
                best = value;
                at = position;
            }
        }
    }
    y[e] = best;
    argmax[e] = at;
}

@compute @workgroup_size(256)
fn average_forward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                   @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    let e = group * 256u + lane;
    if group >= p.groups || e >= p.elements {
        return;
    }
    let start = window_start(e);
    var sum = 0.0;
    for (var a = 0u; a < p.window_h; a = a + 1u) {
        for (var b = 0u; b < p.window_w; b = b + 1u) {
            sum = sum + x[word_of_x(e, start + a * p.w + b)];
        }
    }
    y[e] = sum * (1.0 / f32(p.window_h * p.window_w));
}

// The windows that hold position i of a direction: from .x to before .y.
fn windows(i: u32, window: u32, stride: u32, out: u32) -> vec2<u32> {
    let end = min(i / stride + 1u, out);
    var first = 0u;
    if i + 1u > window {
        first = (i - window) / stride + 1u;
    }
    return vec2<u32>(first, end);
}

// The word of dy at window (i, j) of the sample that element e of dx belongs to.
fn word_of_dy(e: u32, i: u32, j: u32) -> u32 {
    return ((e / p.c / (p.h * p.w) * p.h_out + i) * p.w_out + j) * p.c + e % p.c;
}

fn store_dx(e: u32, sum: f32) {
    if p.mask != 0u {
        dx[e] = sum * slope(p.mask, saved[e]);
    } else {
        dx[e] = sum;
    }
}

@compute @workgroup_size(256)
fn max_backward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    let e = group * 256u + lane;
    if group >= p.groups || e >= p.elements {
        return;
    }
    let position = e / p.c % (p.h * p.w);
    let down = windows(position / p.w, p.window_h, p.stride_h, p.h_out);
    let across = windows(position % p.w, p.window_w, p.stride_w, p.w_out);
    var sum = 0.0;
    for (var i = down.x; i < down.y; i = i + 1u) {
        for (var j = across.x; j < across.y; j = j + 1u) {
            let at = word_of_dy(e, i, j);
            if chosen[at] == position {
                sum = sum + dy[at];
            }
        }
    }
    store_dx(e, sum);
}

@compute @workgroup_size(256)
fn average_backward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                    @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    let e = group * 256u + lane;
    if group >= p.groups || e >= p.elements {
        return;
    }
    let position = e / p.c % (p.h * p.w);
    let down = windows(position / p.w, p.window_h, p.stride_h, p.h_out);
    let across = windows(position % p.w, p.window_w, p.stride_w, p.w_out);
    var sum = 0.0;
    for (var i = down.x; i < down.y; i = i + 1u) {
        for (var j = across.x; j < across.y; j = j + 1u) {
            sum = sum + dy[word_of_dy(e, i, j)] * (1.0 / f32(p.window_h * p.window_w));
        }
    }
    store_dx(e, sum);
}
