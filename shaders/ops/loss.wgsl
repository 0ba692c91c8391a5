// Cross entropy (kind 0) of one or more read-outs, binary cross entropy (1), mean square (2) and 1 - Pearson (entries of its own) with their
// gradients; `src/ops/loss` has the equations. Rows of all members stand one after the other.

struct Params {
    step: u32,
    groups: u32,
    rows: u32,
    n: u32,
    c: u32,
    steps: u32,
    kind: u32,
    positive_weights: u32,
    // Read-outs of a row, and what each but the first counts.
    positions: u32,
    share: f32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> t: array<u32>; // labels, or values as bits
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> schedule: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;
@group(0) @binding(6) var<storage, read> positive: array<f32>;
// pearson_columns, pearson_rows
@group(0) @binding(4) var<storage, read_write> new_column_loss: array<f32>;
@group(0) @binding(1) var<storage, read> column_loss: array<f32>;

// What the row's loss is multiplied by.
fn row_factor(row: u32) -> f32 {
    let at = row / p.n * p.steps + min(p.step, p.steps - 1u);
    return w[at * p.n + row % p.n] * schedule[at * SCHEDULE_WIDTH + LOSS_SCALE];
}

// Loss and slope of output j in kinds 1 and 2, before the row's factor.
fn output(row: u32, j: u32) -> vec2<f32> {
    let value = z[row * p.c + j];
    let wanted = bitcast<f32>(t[row * p.c + j]);
    if p.kind == 2u {
        return square_loss(value, wanted);
    }
    var weighted = wanted;
    if p.positive_weights != 0u {
        weighted = wanted * positive[row / p.n * p.c + j];
    }
    return binary_loss(value, wanted, weighted);
}

// Gradient of class j of the read-out at `base` in kind 0: `sum` adds up exp(z - largest).
fn class_slope(base: u32, j: u32, label: u32, largest: f32, sum: f32, factor: f32) -> f32 {
    let share = safe_exp(z[base + j] - largest);
    return select(share, share - sum, j == label) * (factor / sum);
}

fn class_loss(base: u32, label: u32, largest: f32, sum: f32) -> f32 {
    return log(sum) + (largest - z[base + label]);
}

fn position_factor(position: u32, factor: f32) -> f32 {
    return select(factor * p.share, factor, position == 0u);
}

// The cost of the read-out at `base`; writes its gradient.
fn narrow_classes(base: u32, classes: u32, label: u32, factor: f32) -> f32 {
    if factor == 0.0 {
        for (var j = 0u; j < classes; j = j + 1u) {
            dz[base + j] = 0.0;
        }
        return 0.0;
    }
    var largest = z[base];
    for (var j = 1u; j < classes; j = j + 1u) {
        largest = max(largest, z[base + j]);
    }
    var sum = 0.0;
    for (var j = 0u; j < classes; j = j + 1u) {
        sum = sum + safe_exp(z[base + j] - largest);
    }
    for (var j = 0u; j < classes; j = j + 1u) {
        dz[base + j] = class_slope(base, j, label, largest, sum, factor);
    }
    return factor * class_loss(base, label, largest, sum);
}

@compute @workgroup_size(256)
fn narrow(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
          @builtin(local_invocation_index) lane: u32) {
    let row = group_index(id, count) * 256u + lane;
    if row >= p.rows {
        return;
    }
    let base = row * p.c;
    let factor = row_factor(row);
    if factor == 0.0 {
        for (var j = 0u; j < p.c; j = j + 1u) {
            dz[base + j] = 0.0;
        }
        loss[row] = 0.0;
        return;
    }
    var sum = 0.0;
    if p.kind == 0u {
        let classes = p.c / p.positions;
        let label = min(t[row], classes - 1u);
        var cost = 0.0;
        for (var position = 0u; position < p.positions; position = position + 1u) {
            cost = cost + narrow_classes(base + position * classes, classes, label, position_factor(position, factor));
        }
        loss[row] = cost;
        return;
    }
    let part = factor / f32(p.c);
    for (var j = 0u; j < p.c; j = j + 1u) {
        let found = output(row, j);
        sum = sum + found.x;
        dz[base + j] = part * found.y;
    }
    loss[row] = part * sum;
}

@compute @workgroup_size(256)
fn wide(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let row = group_index(id, count);
    if row >= p.groups {
        return;
    }
    let base = row * p.c;
    let factor = row_factor(row);
    let idle = factor == 0.0;
    if p.kind == 0u {
        let classes = p.c / p.positions;
        let label = min(t[row], classes - 1u);
        var cost = 0.0;
        for (var position = 0u; position < p.positions; position = position + 1u) {
            let first = base + position * classes;
            let part = position_factor(position, factor);
            let nothing = part == 0.0;
            var best = z[first];
            for (var j = lane; j < classes; j = j + 256u) {
                best = max(best, z[first + j]);
            }
            let largest = group_max(lane, best);
            var shares = 0.0;
            for (var j = lane; j < classes; j = j + 256u) {
                shares = shares + safe_exp(z[first + j] - largest);
            }
            let sum = group_sum(lane, shares);
            for (var j = lane; j < classes; j = j + 256u) {
                dz[first + j] = select(class_slope(first, j, label, largest, sum, part), 0.0, nothing);
            }
            cost = cost + select(part * class_loss(first, label, largest, sum), 0.0, nothing);
        }
        if lane == 0u {
            loss[row] = cost;
        }
        return;
    }
    let part = factor / f32(p.c);
    var costs = 0.0;
    for (var j = lane; j < p.c; j = j + 256u) {
        let found = output(row, j);
        costs = costs + found.x;
        dz[base + j] = select(part * found.y, 0.0, idle);
    }
    let cost = group_sum(lane, costs);
    if lane == 0u {
        loss[row] = select(part * cost, 0.0, idle);
    }
}

fn is_flat(squares: f32, mean: f32, total: f32) -> bool {
    return squares <= total * (1e-12 * mean * mean + 1e-30);
}

// Column j of a member.
@compute @workgroup_size(256)
fn pearson_columns(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                   @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let first = group / p.c * p.n;
    let j = group % p.c;
    var sums = vec3<f32>(0.0);
    for (var i = lane; i < p.n; i = i + 256u) {
        let factor = row_factor(first + i);
        if factor != 0.0 {
            let at = (first + i) * p.c + j;
            sums = sums + factor * vec3<f32>(1.0, z[at], bitcast<f32>(t[at]));
        }
    }
    let total = group_sum(lane, sums.x);
    let means = vec2<f32>(group_sum(lane, sums.y), group_sum(lane, sums.z)) / total;
    sums = vec3<f32>(0.0);
    for (var i = lane; i < p.n; i = i + 256u) {
        let factor = row_factor(first + i);
        if factor != 0.0 {
            let at = (first + i) * p.c + j;
            let away = vec2<f32>(z[at], bitcast<f32>(t[at])) - means;
            sums = sums + factor * vec3<f32>(away.x * away.x, away.y * away.y, away.x * away.y);
        }
    }
    let squares = vec2<f32>(group_sum(lane, sums.x), group_sum(lane, sums.y));
    let both = group_sum(lane, sums.z);
    let flat_targets = is_flat(squares.y, means.y, total) && !not_a_number(squares.x);
    let flat_column = flat_targets || is_flat(squares.x, means.x, total);
    let spread = sqrt(squares.x) * sqrt(squares.y);
    let correlation = both / spread;
    for (var i = lane; i < p.n; i = i + 256u) {
        let factor = row_factor(first + i);
        let at = (first + i) * p.c + j;
        let away = vec2<f32>(z[at], bitcast<f32>(t[at])) - means;
        let slope = total * factor / f32(p.c) * (correlation * away.x / squares.x - away.y / spread);
        dz[at] = select(slope, 0.0, flat_column || factor == 0.0);
    }
    if lane == 0u {
        new_column_loss[group] = select(1.0 - correlation, 1.0, flat_column);
    }
}

@compute @workgroup_size(256)
fn pearson_rows(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
                @builtin(local_invocation_index) lane: u32) {
    let row = group_index(id, count) * 256u + lane;
    if row >= p.rows {
        return;
    }
    var sum = 0.0;
    for (var j = 0u; j < p.c; j = j + 1u) {
        sum = sum + column_loss[row / p.n * p.c + j];
    }
    let factor = row_factor(row);
    loss[row] = select(factor * (sum / f32(p.c)), 0.0, factor == 0.0);
}
