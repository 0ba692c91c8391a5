// Batch normalisation and its gradients; `src/ops/batch_norm` has the equations.
// A member's scratch: for each chunk of rows two sums a channel, then four factors a channel.

struct Params {
    step: u32,
    groups: u32,
    elements: u32,
    n: u32,
    positions: u32,
    c: u32,
    chunks: u32,
    chunk_rows: u32,
    scratch_len: u32,
    schedule_len: u32,
    epsilon: f32,
    momentum: f32,
}

var<immediate> p: Params;

// sum_rows, sum_squares
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> schedule_1: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums_2: array<f32>;
// finish_statistics
@group(0) @binding(0) var<storage, read> sums_0: array<f32>;
@group(0) @binding(2) var<storage, read_write> new_mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> new_rstd: array<f32>;
@group(0) @binding(4) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> running_var: array<f32>;
// normalise, evaluate
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> spread: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
// sum_gradients
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> mean_2: array<f32>;
@group(0) @binding(3) var<storage, read> schedule_3: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums_4: array<f32>;
// finish_gradients
@group(0) @binding(0) var<storage, read> gamma_0: array<f32>;
@group(0) @binding(1) var<storage, read> mean_1: array<f32>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(5) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums_6: array<f32>;
// apply_gradients
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

const CHANNELS: u32 = 16u;
const LANES: u32 = 16u;

// Invocation (local.x, local.y) holds channel local.x of the block and every 16th row from local.y on.
struct Place {
    member: u32,
    chunk: u32,
    channel: u32,
}

fn place(group: u32, chunks: u32, lane: u32) -> Place {
    let blocks = (p.c + CHANNELS - 1u) / CHANNELS;
    let rest = group / blocks;
    return Place(rest / chunks, rest % chunks, group % blocks * CHANNELS + lane);
}

fn live_rows(live: f32) -> u32 {
    return min(u32(live), p.n) * p.positions;
}

fn schedule_at(member: u32) -> u32 {
    return member * p.schedule_len + min(p.step, p.schedule_len / SCHEDULE_WIDTH - 1u) * SCHEDULE_WIDTH + LIVE;
}

fn sum_at(member: u32, chunk: u32, which: u32, channel: u32) -> u32 {
    return member * p.scratch_len + (2u * chunk + which) * p.c + channel;
}

fn factor_at(member: u32, which: u32, channel: u32) -> u32 {
    return member * p.scratch_len + (2u * p.chunks + which) * p.c + channel;
}

var<workgroup> cells: array<vec2<f32>, 256>;

// The sum over local.y, in order; all invocations must call.
fn fold(local: vec3<u32>, value: vec2<f32>) -> vec2<f32> {
    workgroupBarrier();
    cells[local.y * CHANNELS + local.x] = value;
    workgroupBarrier();
    var sum = vec2<f32>(0.0);
    for (var r = 0u; r < LANES; r = r + 1u) {
        sum = sum + cells[r * CHANNELS + local.x];
    }
    return sum;
}

@compute @workgroup_size(16, 16)
fn sum_rows(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
            @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = place(group, p.chunks, local.x);
    let rows = live_rows(schedule_1[schedule_at(at.member)]);
    let end = min(rows, (at.chunk + 1u) * p.chunk_rows);
    var sum = 0.0;
    if at.channel < p.c {
        for (var r = at.chunk * p.chunk_rows + local.y; r < end; r = r + LANES) {
            sum = sum + x[(at.member * p.n * p.positions + r) * p.c + at.channel];
        }
    }
    let total = fold(local, vec2<f32>(sum, 0.0));
    if local.y == 0u && at.channel < p.c {
        sums_2[sum_at(at.member, at.chunk, 0u, at.channel)] = total.x;
    }
}

@compute @workgroup_size(16, 16)
fn sum_squares(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
               @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = place(group, p.chunks, local.x);
    let rows = live_rows(schedule_1[schedule_at(at.member)]);
    let end = min(rows, (at.chunk + 1u) * p.chunk_rows);
    var part = 0.0;
    if at.channel < p.c {
        for (var s = local.y; s < p.chunks; s = s + LANES) {
            part = part + sums_2[sum_at(at.member, s, 0u, at.channel)];
        }
    }
    let centre = fold(local, vec2<f32>(part, 0.0)).x / f32(max(rows, 1u));
    var sum = 0.0;
    if at.channel < p.c {
        for (var r = at.chunk * p.chunk_rows + local.y; r < end; r = r + LANES) {
            let distance = x[(at.member * p.n * p.positions + r) * p.c + at.channel] - centre;
            sum = fma(distance, distance, sum);
        }
    }
    let total = fold(local, vec2<f32>(sum, 0.0));
    if local.y == 0u && at.channel < p.c {
        sums_2[sum_at(at.member, at.chunk, 1u, at.channel)] = total.x;
    }
}

@compute @workgroup_size(16, 16)
fn finish_statistics(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                     @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = place(group, 1u, local.x);
    let rows = live_rows(schedule_1[schedule_at(at.member)]);
    var part = vec2<f32>(0.0);
    if at.channel < p.c {
        for (var s = local.y; s < p.chunks; s = s + LANES) {
            let sum = sum_at(at.member, s, 0u, at.channel);
            part = part + vec2<f32>(sums_0[sum], sums_0[sum + p.c]);
        }
    }
    let total = fold(local, part);
    if local.y != 0u || at.channel >= p.c {
        return;
    }
    let own = at.member * p.c + at.channel;
    let rows_f = f32(max(rows, 1u));
    let centre = total.x / rows_f;
    new_mean[own] = centre;
    new_rstd[own] = 1.0 / sqrt(total.y / rows_f + p.epsilon);
    if rows > 0u {
        let unbiased = total.y / max(rows_f - 1.0, 1.0);
        running_mean[own] = (1.0 - p.momentum) * running_mean[own] + p.momentum * centre;
        running_var[own] = (1.0 - p.momentum) * running_var[own] + p.momentum * unbiased;
    }
}

// The number of e's channel among all members' channels.
fn own_channel(e: u32) -> u32 {
    return e / (p.n * p.positions * p.c) * p.c + e % p.c;
}

@compute @workgroup_size(256)
fn normalise(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
             @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    let e = group * 256u + lane;
    if group >= p.groups || e >= p.elements {
        return;
    }
    let own = own_channel(e);
    y[e] = (x[e] - mean[own]) * (spread[own] * gamma[own]) + beta[own];
}

@compute @workgroup_size(256)
fn evaluate(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    let e = group * 256u + lane;
    if group >= p.groups || e >= p.elements {
        return;
    }
    let own = own_channel(e);
    let scale = gamma[own] / sqrt(spread[own] + p.epsilon);
    y[e] = (x[e] - mean[own]) * scale + beta[own];
}

@compute @workgroup_size(16, 16)
fn sum_gradients(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                 @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = place(group, p.chunks, local.x);
    let rows = live_rows(schedule_3[schedule_at(at.member)]);
    let end = min(rows, (at.chunk + 1u) * p.chunk_rows);
    var sum = vec2<f32>(0.0);
    if at.channel < p.c {
        let centre = mean_2[at.member * p.c + at.channel];
        for (var r = at.chunk * p.chunk_rows + local.y; r < end; r = r + LANES) {
            let e = (at.member * p.n * p.positions + r) * p.c + at.channel;
            sum = sum + vec2<f32>(dy[e], dy[e] * (x[e] - centre));
        }
    }
    let total = fold(local, sum);
    if local.y == 0u && at.channel < p.c {
        sums_4[sum_at(at.member, at.chunk, 0u, at.channel)] = total.x;
        sums_4[sum_at(at.member, at.chunk, 1u, at.channel)] = total.y;
    }
}

@compute @workgroup_size(16, 16)
fn finish_gradients(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                    @builtin(local_invocation_id) local: vec3<u32>) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let at = place(group, 1u, local.x);
    let rows = live_rows(schedule_3[schedule_at(at.member)]);
    var part = vec2<f32>(0.0);
    if at.channel < p.c {
        for (var s = local.y; s < p.chunks; s = s + LANES) {
            let sum = sum_at(at.member, s, 0u, at.channel);
            part = part + vec2<f32>(sums_6[sum], sums_6[sum + p.c]);
        }
    }
    let total = fold(local, part);
    if local.y != 0u || at.channel >= p.c {
        return;
    }
    let own = at.member * p.c + at.channel;
    let rows_f = f32(max(rows, 1u));
    let weight_gradient = total.y * rstd[own];
    dbeta[own] = total.x;
    dgamma[own] = weight_gradient;
    sums_6[factor_at(at.member, 0u, at.channel)] = mean_1[own];
    sums_6[factor_at(at.member, 1u, at.channel)] = gamma_0[own] * rstd[own];
    sums_6[factor_at(at.member, 2u, at.channel)] = total.x / rows_f;
    sums_6[factor_at(at.member, 3u, at.channel)] = weight_gradient * rstd[own] / rows_f;
}

@compute @workgroup_size(256)
fn apply_gradients(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                   @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    let e = group * 256u + lane;
    if group >= p.groups || e >= p.elements {
        return;
    }
    let row = e / p.c;
    let member = row / (p.n * p.positions);
    let channel = e % p.c;
    let centred = x[e] - factors[factor_at(member, 0u, channel)];
    let shifted = dy[e] - factors[factor_at(member, 2u, channel)];
    let gradient = factors[factor_at(member, 1u, channel)] * (shifted - centred * factors[factor_at(member, 3u, channel)]);
    let live = row % (p.n * p.positions) < live_rows(schedule_3[schedule_at(member)]);
    dx[e] = select(0.0, gradient, live);
}
