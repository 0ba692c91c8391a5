// One step of Adam (with AdamW's decay) or SGD, one invocation a parameter; `src/ops/optimiser` has the equations.

struct Params {
    step: u32,
    groups: u32,
    values: u32,
    len: u32,
    steps: u32,
    flags: u32, // 1 clip, 2 Nesterov, 4 scaled
    clip: f32,
    decay: f32,
    keep_1: f32, // beta1, or the momentum
    take_1: f32, // 1 - beta1
    keep_2: f32, // beta2
    take_2: f32, // 1 - beta2
    epsilon: f32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> first: array<f32>;
@group(0) @binding(3) var<storage, read> schedule: array<f32>;
@group(0) @binding(4) var<storage, read> norm: array<f32>; // or the factor, if scaled
@group(0) @binding(5) var<storage, read_write> second: array<f32>;

// Where the member's row of the schedule begins.
fn schedule_row(member: u32) -> u32 {
    return (member * p.steps + min(p.step, p.steps - 1u)) * SCHEDULE_WIDTH;
}

// What the gradient is multiplied by; 0 if the step is to be left out.
fn factor(member: u32) -> f32 {
    if (p.flags & 4u) != 0u {
        return norm[member];
    }
    if (p.flags & 1u) != 0u {
        return min(1.0, p.clip / (sqrt(norm[member]) + 1e-6));
    }
    return 1.0;
}

@compute @workgroup_size(256)
fn adam(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.values {
        return;
    }
    let member = e / p.len;
    let row = schedule_row(member);
    let scale = factor(member);
    if schedule[row + ACTIVE] == 0.0 || ((p.flags & 4u) != 0u && scale == 0.0) {
        return;
    }
    let rate = schedule[row + RATE];
    let g = gradient[e] * scale;
    let m = p.keep_1 * first[e] + p.take_1 * g;
    let v = p.keep_2 * second[e] + p.take_2 * g * g;
    let size = sqrt(v * schedule[row + CORRECTION_2]) + p.epsilon;
    weights[e] = weights[e] * (1.0 - rate * p.decay) - rate * (m * schedule[row + CORRECTION_1]) / size;
    first[e] = m;
    second[e] = v;
}

@compute @workgroup_size(256)
fn sgd(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
       @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.values {
        return;
    }
    let member = e / p.len;
    let row = schedule_row(member);
    let scale = factor(member);
    if schedule[row + ACTIVE] == 0.0 || ((p.flags & 4u) != 0u && scale == 0.0) {
        return;
    }
    let d = gradient[e] * scale + p.decay * weights[e];
    let m = p.keep_1 * first[e] + d;
    let direction = select(m, d + p.keep_1 * m, (p.flags & 2u) != 0u);
    weights[e] = weights[e] - schedule[row + RATE] * direction;
    first[e] = m;
}
