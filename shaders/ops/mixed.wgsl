// Mixed precision: copies, the scale of gradients, and the judgement of a step; `src/ops/mixed` has the equations.

struct Params {
    step: u32,
    groups: u32,
    values: u32, // or members
    len: u32,
    steps: u32,
    clipped: u32,
    clip: f32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> scale_state: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> norm: array<u32>;
@group(0) @binding(1) var<storage, read> schedule: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> factor: array<f32>;

const STATE: u32 = 3u;
const EXPONENT: u32 = 0u;
const GOOD: u32 = 1u;
const SKIPPED: u32 = 2u;

// 2 to the power of FIRST plus the state's exponent, exactly: -14 to 24.
fn power(exponent: f32, sign: i32) -> f32 {
    let e = clamp(15 + i32(exponent), -14, 24) * sign;
    return bitcast<f32>(u32(127 + e) << 23u);
}

@compute @workgroup_size(256)
fn copy_values(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
               @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e < p.values {
        y[e] = x[e];
    }
}

@compute @workgroup_size(256)
fn scale(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
         @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e < p.values {
        y[e] = x[e] * power(scale_state[(e / p.len) * STATE + EXPONENT], 1);
    }
}

@compute @workgroup_size(64)
fn judge(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
         @builtin(local_invocation_index) lane: u32) {
    let member = group_index(id, count) * 64u + lane;
    if member >= p.values {
        return;
    }
    let row = (member * p.steps + min(p.step, p.steps - 1u)) * SCHEDULE_WIDTH;
    if schedule[row + ACTIVE] == 0.0 {
        factor[member] = 0.0;
        return;
    }
    let at = member * STATE;
    let exponent = state[at + EXPONENT];
    // The bits, since a compiler may take for granted that no number is infinite.
    if (norm[member] & 0x7f800000u) == 0x7f800000u {
        factor[member] = 0.0;
        state[at + EXPONENT] = max(exponent - 1.0, -29.0);
        state[at + GOOD] = 0.0;
        state[at + SKIPPED] = state[at + SKIPPED] + 1.0;
        return;
    }
    let back = power(exponent, -1);
    var own = back;
    if p.clipped != 0u {
        own = back * min(1.0, p.clip / (sqrt(bitcast<f32>(norm[member])) * back + 1e-6));
    }
    factor[member] = own;
    let good = state[at + GOOD] + 1.0;
    let grows = good >= 200.0;
    state[at + GOOD] = select(good, 0.0, grows);
    state[at + EXPONENT] = select(exponent, min(exponent + 1.0, 9.0), grows);
}
