// The self-test of matrix units; `src/backend/gpu/units.rs` holds it against whole numbers.

override SUBGROUP: u32 = 32u;
override INVOCATIONS: u32 = 64u;
override A_TURNED: bool = false;
override B_TURNED: bool = false;

@group(0) @binding(0) var<storage, read> lefts: array<f32>;
@group(0) @binding(1) var<storage, read> rights: array<f32>;
@group(0) @binding(2) var<storage, read_write> products: array<f32>;

// Two matrices, rows (or columns) 24 apart: neither the width of a matrix nor without a gap.
const PITCH: u32 = 24u;
const MATRIX: u32 = 384u;
var<workgroup> tile_a: array<vec4<f16>, 192>;
var<workgroup> tile_b: array<vec4<f16>, 192>;
var<workgroup> stage: array<f32, 512>;

@compute @workgroup_size(INVOCATIONS)
fn multiply(@builtin(local_invocation_index) lane: u32) {
    for (var e = lane * 4u; e < 512u; e = e + INVOCATIONS * 4u) {
        let to = (e / 256u * MATRIX + e % 256u / 16u * PITCH + e % 16u) / 4u;
        tile_a[to] = vec4<f16>(vec4<f32>(lefts[e], lefts[e + 1u], lefts[e + 2u], lefts[e + 3u]));
        tile_b[to] = vec4<f16>(vec4<f32>(rights[e], rights[e + 1u], rights[e + 2u], rights[e + 3u]));
    }
    workgroupBarrier();
    let own = lane / SUBGROUP;
    let left = left_at(own * MATRIX, PITCH);
    let right = right_at(own * MATRIX, PITCH);
    var sums: Sums;
    sums = multiplied(lane, left, right, sums);
    sums = multiplied(lane, left, right, sums);
    put_on_stage(lane, sums, own * 256u);
    workgroupBarrier();
    for (var e = lane; e < 512u; e = e + INVOCATIONS) {
        products[e] = stage[e];
    }
}
