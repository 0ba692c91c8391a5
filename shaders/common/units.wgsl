// Matrices of 16 x 16 on the device's matrix units (tensor cores), held by a subgroup together: f16 factors, f32 sums.
// `units_emulated.wgsl` has the same functions in plain arithmetic, for tests where there are no such units.
// What stands behind declares `tile_a` and `tile_b` of vec4<f16> and `stage` of f32 in workgroup memory, and the overrides A_TURNED
// and B_TURNED: whether a tile holds columns in place of rows.
enable f16;
enable wgpu_cooperative_matrix;

alias Left = coop_mat16x16<f16, A>;
alias Right = coop_mat16x16<f16, B>;
alias Sums = coop_mat16x16<f32, C>;

// From place `at` of tile_a on, with rows (or columns) `pitch` apart, both in f16 and multiples of 8.
fn left_at(at: u32, pitch: u32) -> Left {
    if A_TURNED {
        return coopLoad<Left>(&tile_a[at / 4u], pitch / 4u);
    }
    return coopLoadT<Left>(&tile_a[at / 4u], pitch / 4u);
}

fn right_at(at: u32, pitch: u32) -> Right {
    if B_TURNED {
        return coopLoad<Right>(&tile_b[at / 4u], pitch / 4u);
    }
    return coopLoadT<Right>(&tile_b[at / 4u], pitch / 4u);
}

// The invocation's number is of use to the emulation alone, here and below.
fn multiplied(lane: u32, left: Left, right: Right, sums: Sums) -> Sums {
    return coopMultiplyAdd(left, right, sums);
}

// Row by row.
fn put_on_stage(lane: u32, sums: Sums, at: u32) {
    coopStoreT(sums, &stage[at], 16u);
}
