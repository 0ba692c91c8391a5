// `units.wgsl` in plain arithmetic for subgroups of 16 or 32, for tests alone: invocations r and r + 16 of a subgroup hold
// row r of its sums, and factors are read where they lie. What lies in the tiles must stay until it is multiplied; it does.
enable f16;

struct Left {
    at: u32,
    pitch: u32,
}

struct Right {
    at: u32,
    pitch: u32,
}

alias Sums = mat4x4<f32>;

fn left_at(at: u32, pitch: u32) -> Left {
    return Left(at, pitch);
}

fn right_at(at: u32, pitch: u32) -> Right {
    return Right(at, pitch);
}

fn right_value(right: Right, row: u32, column: u32) -> f32 {
    if B_TURNED {
        let turned = right.at + column * right.pitch + row;
        return f32(tile_b[turned / 4u][turned % 4u]);
    }
    let place = right.at + row * right.pitch + column;
    return f32(tile_b[place / 4u][place % 4u]);
}

fn right_four(right: Right, row: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(right_value(right, row, column), right_value(right, row, column + 1u),
                     right_value(right, row, column + 2u), right_value(right, row, column + 3u));
}

fn multiplied(lane: u32, left: Left, right: Right, sums: Sums) -> Sums {
    let row = lane % 16u;
    var added = sums;
    for (var q = 0u; q < 16u; q = q + 1u) {
        var place = left.at + row * left.pitch + q;
        if A_TURNED {
            place = left.at + q * left.pitch + row;
        }
        let factor = vec4<f32>(f32(tile_a[place / 4u][place % 4u]));
        added[0] = fma(factor, right_four(right, q, 0u), added[0]);
        added[1] = fma(factor, right_four(right, q, 4u), added[1]);
        added[2] = fma(factor, right_four(right, q, 8u), added[2]);
        added[3] = fma(factor, right_four(right, q, 12u), added[3]);
    }
    return added;
}

fn put_four(at: u32, four: vec4<f32>) {
    stage[at] = four.x;
    stage[at + 1u] = four.y;
    stage[at + 2u] = four.z;
    stage[at + 3u] = four.w;
}

fn put_on_stage(lane: u32, sums: Sums, at: u32) {
    let row = at + lane % 16u * 16u;
    put_four(row, sums[0]);
    put_four(row + 4u, sums[1]);
    put_four(row + 8u, sums[2]);
    put_four(row + 12u, sums[3]);
}
