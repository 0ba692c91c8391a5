//! Shapes for agreement, gradients and benches.

use super::{Batch, Matmul, MatmulSpec};
use crate::ops::activation::Activation;
use crate::ops::{Call, Case};

/// One forward product, and the two backward ones when the activation leaves the gradient alone.
fn case(id: &'static str, spec: MatmulSpec) -> Case {
    let forward = checked(spec);
    if spec.activation != Activation::None {
        return Case::new(id).call(Call::new(forward).names(&["x", "w", "y", "s", "bias"]));
    }
    // y = x w: dx = dy w^T and dw = x^T dy, each stored as x and w are.
    let MatmulSpec { fleet, m, k, n, a_transposed, b_transposed, .. } = spec;
    let base = MatmulSpec { fleet, ..MatmulSpec::default() };
    let (dx, dx_names) = if a_transposed {
        let dx = MatmulSpec { m: k, k: n, n: m, a_transposed: b_transposed, b_transposed: true, ..base };
        (dx, ["w", "dy", "dx", "s"])
    } else {
        let dx = MatmulSpec { m, k: n, n: k, a_transposed: false, b_transposed: !b_transposed, ..base };
        (dx, ["dy", "w", "dx", "s"])
    };
    let (dw, dw_names) = if b_transposed {
        let dw = MatmulSpec { m: n, k: m, n: k, a_transposed: true, b_transposed: a_transposed, ..base };
        (dw, ["dy", "x", "dw", "s"])
    } else {
        let dw = MatmulSpec { m: k, k: m, n, a_transposed: !a_transposed, b_transposed: false, ..base };
        (dw, ["x", "dy", "dw", "s"])
    };
    Case::new(id)
        .call(Call::new(forward).names(&["x", "w", "y", "s", "bias"]))
        .call(Call::new(checked(dx)).names(&dx_names))
        .call(Call::new(checked(dw)).names(&dw_names))
}

/// The forward product alone. The backward products are the same kernel with other strides, and a grid beyond 65,535
/// workgroups takes a software GPU seconds.
fn forward_only(id: &'static str, spec: MatmulSpec) -> Case {
    Case::new(id).call(Call::new(checked(spec)).names(&["x", "w", "y", "s", "bias"]))
}

/// A dense layer behind an activation: forward, dw with db, dx with the slope of the activation in front.
fn layer(id: &'static str, fleet: usize, batch: usize, ins: usize, outs: usize, mask: Activation) -> Case {
    layer_at(1, id, fleet, batch, ins, outs, mask)
}

/// The same at each of several positions of the batch's rows.
fn layer_at(
    positions: usize,
    id: &'static str,
    fleet: usize,
    batch: usize,
    ins: usize,
    outs: usize,
    mask: Activation,
) -> Case {
    let base = MatmulSpec { fleet, positions, ..MatmulSpec::default() };
    let batch = batch * positions;
    let forward = MatmulSpec { m: batch, k: ins, n: outs, bias: true, batch: Batch::M, ..base };
    let dw = MatmulSpec { m: ins, k: batch, n: outs, a_transposed: true, sums: true, batch: Batch::K, ..base };
    let dx = MatmulSpec { m: batch, k: outs, n: ins, b_transposed: true, mask, batch: Batch::M, ..base };
    let relu = MatmulSpec { activation: Activation::Relu, ..forward };
    // The masked gradient is that of what stands in front of the activation, which is no argument here: its own name.
    let dx_names = ["dy", "w", if mask == Activation::None { "dx" } else { "dsum" }, "s", "front"];
    Case::new(id)
        .call(Call::new(checked(forward)).names(&["x", "w", "y", "s", "bias"]))
        .call(Call::new(checked(dw)).names(&["x", "dy", "dw", "s", "dbias"]))
        .call(Call::new(checked(dx)).names(&dx_names))
        .call(Call::new(checked(relu)).names(&["x", "w", "relu_y", "s", "bias"]))
}

fn checked(spec: MatmulSpec) -> Matmul {
    Matmul::new(spec).expect("the case's shape is right")
}

pub(super) fn cases() -> Vec<Case> {
    let plain = |fleet, m, k, n| MatmulSpec { fleet, m, k, n, ..MatmulSpec::default() };
    // As networks have them: rows of a batch, by weights that all rows share.
    let rows = |fleet, m, k, n| MatmulSpec { batch: Batch::M, ..plain(fleet, m, k, n) };
    let fused = |fleet, m, k, n, activation| MatmulSpec { bias: true, activation, ..plain(fleet, m, k, n) };
    vec![
        case("f1_1x1x1", plain(1, 1, 1, 1)),
        case("f3_7x13x5", plain(3, 7, 13, 5)),
        case("f2_33x17x65_ta", MatmulSpec { a_transposed: true, ..plain(2, 33, 17, 65) }),
        case("f2_67x31x70_tb", MatmulSpec { b_transposed: true, ..plain(2, 67, 31, 70) }),
        case("f1_19x23x29_ta_tb", MatmulSpec { a_transposed: true, b_transposed: true, ..plain(1, 19, 23, 29) }),
        case("f5_64x28x32_relu", fused(5, 64, 28, 32, Activation::Relu)),
        case("f2_40x21x50_gelu", fused(2, 40, 21, 50, Activation::Gelu)),
        case("f2_40x21x50_tanh", fused(2, 40, 21, 50, Activation::Tanh)),
        case("f2_40x21x50_sigmoid", fused(2, 40, 21, 50, Activation::Sigmoid)),
        case("f2_37x11x41_bias", fused(2, 37, 11, 41, Activation::None)),
        case("f2_17x1500x19_chunks", MatmulSpec { bias: true, ..plain(2, 17, 1500, 19) }),
        case("f1_100x2049x40_ta_chunks", MatmulSpec { a_transposed: true, ..plain(1, 100, 2049, 40) }),
        layer("f1_layer_1x1x1", 1, 1, 1, 1, Activation::None),
        layer_at(7, "f2_layer_23x7x19x35_relu", 2, 23, 19, 35, Activation::Relu),
        layer_at(3, "f1_layer_1x3x64x33", 1, 1, 64, 33, Activation::None),
        layer("f2_layer_143x28x64_relu", 2, 143, 28, 64, Activation::Relu),
        layer("f3_layer_75x33x1_tanh", 3, 75, 33, 1, Activation::Tanh),
        layer("f2_layer_90x70x17_sigmoid", 2, 90, 70, 17, Activation::Sigmoid),
        layer("f1_layer_300x300x130_relu", 1, 300, 300, 130, Activation::Relu),
        case("f1_50x400x150_packed", plain(1, 50, 400, 150)),
        // For the tile unit: no dimension a multiple of 32, more than one stretch of k.
        case("f2_135x70x150_ta_tb", MatmulSpec { a_transposed: true, b_transposed: true, ..plain(2, 135, 70, 150) }),
        layer("f1_layer_131x550x130_tanh", 1, 131, 550, 130, Activation::Tanh),
        forward_only("f70000_1x2x1_many_groups", plain(70_000, 1, 2, 1)),
        case("f1_256x64x32", rows(1, 256, 64, 32)).bench(),
        forward_only("f1_256x256x256", plain(1, 256, 256, 256)).bench_only(),
        case("f1_512x512x512", plain(1, 512, 512, 512)).bench_only(),
        forward_only("f1_1024x1024x1024", plain(1, 1024, 1024, 1024)).bench_only(),
        forward_only("f1_2048x2048x2048", plain(1, 2048, 2048, 2048)).bench_only(),
        forward_only("f1_4096x4096x4096", plain(1, 4096, 4096, 4096)).bench_only(),
        case("f1_4096x64x128", rows(1, 4096, 64, 128)).bench_only(),
        forward_only(
            "f1_64x4096x128_ta",
            MatmulSpec { a_transposed: true, batch: Batch::K, ..plain(1, 64, 4096, 128) },
        )
        .bench_only(),
        case("f1000_32x16x16", rows(1000, 32, 16, 16)).bench_only(),
    ]
}
