// Training, or judging, a small network of dense layers: a workgroup takes a member through several steps, with weights
// and activations in shared memory. `src/ops/network` makes this text for a shape: it writes constants in front, one copy of
// layer.wgsl for each layer and of level.wgsl for each level, and the calls of the layers in place of the lines that begin with @.
//
// A step goes through the batch in tiles of ROWS rows. Rows lie in `acts` at each level (the input, then each layer's
// output) as quads of four values; the backward pass overwrites a level by its gradient when it is done with it. Gradients
// of weights are sums in registers: an invocation holds blocks of 4 x 4 values for all tiles.

struct Params {
    step: u32,
    groups: u32,
    steps: u32,
}

var<immediate> p: Params;

@group(0) @binding(2) var<storage, read> targets: array<u32>; // labels, or values as bits
@group(0) @binding(3) var<storage, read> tables: array<u32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;

var<workgroup> weights: array<vec4<f32>, WEIGHTS>;
var<workgroup> acts: array<vec4<f32>, ACTS>;
var<workgroup> tile_row: array<u32, ROWS>;
var<workgroup> tile_factor: array<f32, ROWS>;
var<workgroup> cells: array<f32, LANES>;

// The tile's first row within the batch.
var<private> tile_first: u32;

// Sums over the workgroup by halving, in a fixed order. All invocations must call.
fn total(lane: u32, value: f32) -> f32 {
    workgroupBarrier();
    cells[lane] = value;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half = half >> 1u) {
        if lane < half {
            cells[lane] = cells[lane] + cells[lane + half];
        }
        workgroupBarrier();
    }
    return cells[0];
}

fn slopes(kind: u32, y: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(slope(kind, y.x), slope(kind, y.y), slope(kind, y.z), slope(kind, y.w));
}

fn schedule_value(member: u32, step: u32, at: u32) -> f32 {
    return bitcast<f32>(tables[SCHEDULE_AT + (member * STEPS + step) * SCHEDULE_WIDTH + at]);
}

// Takes the numbers and factors of the tile's rows; rows behind the batch's end have the factor 0.
fn take_rows(lane: u32, member: u32, step: u32, first: u32, scale: f32) {
    for (var r = lane; r < ROWS; r = r + LANES) {
        let at = (member * STEPS + step) * BATCH + min(first + r, BATCH - 1u);
        tile_row[r] = min(tables[ROWS_AT + at], DATA_ROWS - 1u);
        tile_factor[r] = select(0.0, bitcast<f32>(tables[WEIGHTS_AT + at]) * scale, first + r < BATCH);
    }
}

fn take_inputs(lane: u32) {
    for (var e = lane; e < ROWS * QUADS_0; e = e + LANES) {
        let r = e / QUADS_0;
        let q = e % QUADS_0;
        acts[r * STRIDE_0 + q] = kept_0(r, q, input_quad(tile_row[r], q));
    }
}

fn logit(r: u32, j: u32) -> f32 {
    return acts[OUTPUT_AT + r * OUTPUT_STRIDE + j / 4u][j % 4u];
}

// The loss of row r, whose logits give way to their gradient.
fn row_loss(r: u32) -> f32 {
    let factor = tile_factor[r];
    let at = OUTPUT_AT + r * OUTPUT_STRIDE;
    if factor == 0.0 {
        for (var q = 0u; q < OUTPUT_QUADS; q = q + 1u) {
            acts[at + q] = vec4<f32>(0.0);
        }
        return 0.0;
    }
    if LOSS == 0u {
        let label = min(targets[tile_row[r]], OUTPUTS - 1u);
        var largest = logit(r, 0u);
        for (var j = 1u; j < OUTPUTS; j = j + 1u) {
            largest = max(largest, logit(r, j));
        }
        var sum = 0.0;
        for (var j = 0u; j < OUTPUTS; j = j + 1u) {
            sum = sum + safe_exp(logit(r, j) - largest);
        }
        let cost = log(sum) + (largest - logit(r, label));
        for (var q = 0u; q < OUTPUT_QUADS; q = q + 1u) {
            var slopes = vec4<f32>(0.0);
            for (var c = 0u; c < 4u; c = c + 1u) {
                let j = 4u * q + c;
                if j < OUTPUTS {
                    let share = safe_exp(acts[at + q][c] - largest);
                    slopes[c] = select(share, share - sum, j == label) * (factor / sum);
                }
            }
            acts[at + q] = slopes;
        }
        return factor * cost;
    }
    let part = factor / f32(OUTPUTS);
    var sum = 0.0;
    for (var q = 0u; q < OUTPUT_QUADS; q = q + 1u) {
        var slopes = vec4<f32>(0.0);
        for (var c = 0u; c < 4u; c = c + 1u) {
            let j = 4u * q + c;
            if j < OUTPUTS {
                let wanted = bitcast<f32>(targets[tile_row[r] * OUTPUTS + j]);
                var found = vec2<f32>(0.0);
                if LOSS == 1u {
                    found = binary_loss(acts[at + q][c], wanted, wanted);
                } else {
                    found = square_loss(acts[at + q][c], wanted);
                }
                sum = sum + found.x;
                slopes[c] = part * found.y;
            }
        }
        acts[at + q] = slopes;
    }
    return part * sum;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let member = group_index(id, count);
    if member >= p.groups {
        return;
    }
    @load
    var all = loss[member];
    for (var s = 0u; s < p.steps; s = s + 1u) {
        let step = min(p.step + s, STEPS - 1u);
        if step == 0u {
            all = 0.0;
        }
        if schedule_value(member, step, ACTIVE) == 0.0 {
            continue;
        }
        let live = u32(schedule_value(member, step, LIVE));
        let scale = schedule_value(member, step, LOSS_SCALE);
        @clear
        @keys
        var losses = 0.0;
        for (var first = 0u; first < live; first = first + ROWS) {
            workgroupBarrier();
            tile_first = first;
            take_rows(lane, member, step, first, scale);
            workgroupBarrier();
            take_inputs(lane);
            workgroupBarrier();
            @forward
            for (var r = lane; r < ROWS; r = r + LANES) {
                losses = losses + row_loss(r);
            }
            workgroupBarrier();
            @backward
        }
        let sum = total(lane, losses);
        let share = schedule_value(member, step, SHARE);
        if share != 0.0 {
            all = all + share * sum;
        }
        @update
        workgroupBarrier();
    }
    @store
    if lane == 0u {
        loss[member] = all;
    }
}
