// Columns of rows: copied to a place in other rows, or added at every position; `src/ops/columns` has the equations.
// Rows of all members stand one after the other.

struct Params {
    step: u32,
    groups: u32,
    words: u32,
    // Words of a row of which each has an invocation.
    width: u32,
    from_width: u32,
    first: u32,
    to_width: u32,
    place: u32,
    len: u32,
    clears: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> s: array<f32>;

@compute @workgroup_size(256)
fn copy(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e >= p.words {
        return;
    }
    let row = e / p.width;
    // The column of y, and its number among those that are copied.
    var column = e % p.width;
    var number = column;
    if p.clears != 0u {
        if column < p.place || column >= p.place + p.len {
            y[e] = 0.0;
            return;
        }
        number = column - p.place;
    } else {
        column = column + p.place;
    }
    y[row * p.to_width + column] = x[row * p.from_width + p.first + number];
}

@compute @workgroup_size(256)
fn add(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
       @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e < p.words {
        y[e] = x[e] + s[e / p.width * p.from_width + p.first + e % p.len];
    }
}
