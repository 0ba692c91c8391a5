// Sums of columns, folds of rows, the epoch's loss; `src/ops/reduce` has the equations and the rule of the chunks.
// Rows of all members stand one after the other, so the row entries know no fleet.

struct Params {
    step: u32,
    groups: u32,
    rows: u32,
    cols: u32,
    chunks: u32,
    chunk_len: u32,
    width: u32, // `columns` only: invocations beside each other, a power of two
    tiles: u32, // `columns`: tiles of `width` columns; `loss_total`: rows of the schedule
    flags: u32, // 1 maximum, 2 squares, 4 added to what is there
    scale: f32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> schedule: array<f32>;

// One workgroup sums one chunk of rows for `width` columns: y[member, chunk, column].
@compute @workgroup_size(256)
fn columns(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let column = group % p.tiles * p.width + lane % p.width;
    let chunk = group / p.tiles % p.chunks;
    let member = group / p.tiles / p.chunks;
    let end = min(p.rows, (chunk + 1u) * p.chunk_len);
    var sum = 0.0;
    if column < p.cols {
        for (var i = chunk * p.chunk_len + lane / p.width; i < end; i = i + 256u / p.width) {
            sum = sum + x[(member * p.rows + i) * p.cols + column];
        }
    }
    reduce_cells[lane] = sum;
    workgroupBarrier();
    for (var half = 128u; half >= p.width; half = half >> 1u) {
        if lane < half {
            reduce_cells[lane] = reduce_cells[lane] + reduce_cells[lane + half];
        }
        workgroupBarrier();
    }
    if lane < p.width && column < p.cols {
        y[(member * p.chunks + chunk) * p.cols + column] = reduce_cells[lane];
    }
}

fn contribution(value: f32) -> f32 {
    return select(value, value * value, (p.flags & 2u) != 0u);
}

fn finish(at: u32, value: f32) {
    let before = select(0.0, y[at], (p.flags & 4u) != 0u);
    y[at] = before + value * p.scale;
}

// One workgroup folds one chunk of one row: y[row, chunk].
@compute @workgroup_size(256)
fn rows_wide(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
             @builtin(local_invocation_index) lane: u32) {
    let group = group_index(id, count);
    if group >= p.groups {
        return;
    }
    let row = group / p.chunks * p.cols;
    let begin = group % p.chunks * p.chunk_len;
    let end = min(p.cols, begin + p.chunk_len);
    if (p.flags & 1u) != 0u {
        // A lane beyond the end repeats the chunk's first value.
        var best = x[row + begin];
        for (var j = begin + lane; j < end; j = j + 256u) {
            best = max(best, x[row + j]);
        }
        let largest = group_max(lane, best);
        if lane == 0u {
            finish(group, largest);
        }
        return;
    }
    var sum = 0.0;
    for (var j = begin + lane; j < end; j = j + 256u) {
        sum = sum + contribution(x[row + j]);
    }
    let total = group_sum(lane, sum);
    if lane == 0u {
        finish(group, total);
    }
}

// One invocation folds one short row.
@compute @workgroup_size(256)
fn rows_narrow(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
               @builtin(local_invocation_index) lane: u32) {
    let row = group_index(id, count) * 256u + lane;
    if row >= p.rows {
        return;
    }
    var value = contribution(x[row * p.cols]);
    for (var j = 1u; j < p.cols; j = j + 1u) {
        let next = contribution(x[row * p.cols + j]);
        value = select(value + next, max(value, next), (p.flags & 1u) != 0u);
    }
    finish(row, value);
}

// One workgroup a member: y = (step == 0 ? 0 : y) + share * sum(x).
@compute @workgroup_size(256)
fn loss_total(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
              @builtin(local_invocation_index) lane: u32) {
    let member = group_index(id, count);
    if member >= p.groups {
        return;
    }
    var sum = 0.0;
    for (var j = lane; j < p.cols; j = j + 256u) {
        sum = sum + x[member * p.cols + j];
    }
    let total = group_sum(lane, sum);
    if lane == 0u {
        let row = member * p.tiles + min(p.step, p.tiles - 1u);
        let share = schedule[row * SCHEDULE_WIDTH + SHARE];
        var result = 0.0;
        if p.step > 0u {
            result = y[member];
        }
        if share != 0.0 {
            result = result + share * total;
        }
        y[member] = result;
    }
}
