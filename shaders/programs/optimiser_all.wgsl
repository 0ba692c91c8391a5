// One step of all parameters of all members, an invocation a value; `src/ops/optimiser/all.rs` writes the constants, the
// function `found` and, from adam.wgsl or sgd.wgsl, `moved`.

struct Params {
    step: u32,
    groups: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<storage, read> schedule: array<f32>;
@group(0) @binding(3) var<storage, read> norm: array<f32>; // or the factor, if scaled

// Where a value stands in each binding, whose it is, and how it decays.
struct Found {
    member: u32,
    weight: u32,
    gradient: u32,
    first: u32,
    second: u32,
    decay: f32,
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= VALUES {
        return;
    }
    let at = found(e);
    let row = (at.member * STEPS + min(p.step, STEPS - 1u)) * SCHEDULE_WIDTH;
    var factor = 1.0;
    if SCALED {
        factor = norm[at.member];
    } else if CLIPPED {
        factor = min(1.0, CLIP / (sqrt(norm[at.member]) + 1e-6));
    }
    if schedule[row + ACTIVE] == 0.0 || (SCALED && factor == 0.0) {
        return;
    }
    let corrections = vec2<f32>(schedule[row + CORRECTION_1], schedule[row + CORRECTION_2]);
    let g = gradients[at.gradient] * factor;
    weights[at.weight] = moved(weights[at.weight], g, at.first, at.second, schedule[row + RATE], corrections, at.decay);
}
