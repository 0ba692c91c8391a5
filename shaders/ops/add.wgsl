// y = a + b, one invocation a value; b may be one row that is added to every row of a member.

struct Params {
    step: u32,
    groups: u32,
    values: u32,
    // Values of a member, values of a row, and whether b is one row.
    member: u32,
    len: u32,
    broadcast: u32,
}

var<immediate> p: Params;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn add(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
       @builtin(local_invocation_index) lane: u32) {
    let e = group_index(id, count) * 256u + lane;
    if e < p.values {
        var at = e;
        if p.broadcast != 0u {
            at = e / p.member * p.len + e % p.len;
        }
        y[e] = a[e] + b[at];
    }
}
