// Maximum and average over windows of positions, and their gradients; `src/ops/pool` has the equations.
// Members and samples lie side by side: a sample's number runs through the whole fleet.

struct Params {
    step: u32,
    groups: u32,
    elements: u32,
    l: u32,
    l_out: u32,
    c: u32,
    window: u32,
    stride: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> argmax: array<u32>;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
@group(0) @binding(2) var<storage, read> chosen: array<u32>;

// The word of x where element e's window begins.
fn window_start(e: u32) -> u32 {
    let row = e / p.c;
    return (row / p.l_out * p.l + row % p.l_out * p.stride) * p.c + e % p.c;
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
    var best = x[start];
    var at = 0u;
    for (var w = 1u; w < p.window; w = w + 1u) {
        let value = x[start + w * p.c];
        if value > best {
            best = value;
            at = w;
        }
    }
    y[e] = best;
    argmax[e] = e / p.c % p.l_out * p.stride + at;
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
    for (var w = 0u; w < p.window; w = w + 1u) {
        sum = sum + x[start + w * p.c];
    }
    y[e] = sum * (1.0 / f32(p.window));
}

// The windows that hold position i: from .x to before .y.
fn windows(i: u32) -> vec2<u32> {
    let end = min(i / p.stride + 1u, p.l_out);
    var first = 0u;
    if i + 1u > p.window {
        first = (i - p.window) / p.stride + 1u;
    }
    return vec2<u32>(first, end);
}

@compute @workgroup_size(256)
fn max_backward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    let e = group * 256u + lane;
    if group >= p.groups || e >= p.elements {
        return;
    }
    let row = e / p.c;
    let i = row % p.l;
    let range = windows(i);
    var sum = 0.0;
    for (var o = range.x; o < range.y; o = o + 1u) {
        let at = (row / p.l * p.l_out + o) * p.c + e % p.c;
        if chosen[at] == i {
            sum = sum + dy[at];
        }
    }
    dx[e] = sum;
}

@compute @workgroup_size(256)
fn average_backward(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                    @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    let e = group * 256u + lane;
    if group >= p.groups || e >= p.elements {
        return;
    }
    let row = e / p.c;
    let range = windows(row % p.l);
    var sum = 0.0;
    for (var o = range.x; o < range.y; o = o + 1u) {
        sum = sum + dy[(row / p.l * p.l_out + o) * p.c + e % p.c] * (1.0 / f32(p.window));
    }
    dx[e] = sum;
}
