// Sums over a workgroup of 256 invocations by halving, so that the order is fixed. All invocations must call.
var<workgroup> reduce_cells: array<f32, 256>;

fn group_sum(lane: u32, value: f32) -> f32 {
    workgroupBarrier();
    reduce_cells[lane] = value;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half = half >> 1u) {
        if lane < half {
            reduce_cells[lane] = reduce_cells[lane] + reduce_cells[lane + half];
        }
        workgroupBarrier();
    }
    return reduce_cells[0];
}

fn group_max(lane: u32, value: f32) -> f32 {
    workgroupBarrier();
    reduce_cells[lane] = value;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half = half >> 1u) {
        if lane < half {
            reduce_cells[lane] = max(reduce_cells[lane], reduce_cells[lane + half]);
        }
        workgroupBarrier();
    }
    return reduce_cells[0];
}
