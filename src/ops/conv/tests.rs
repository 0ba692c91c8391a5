use super::{Conv, ConvBackwardData, ConvBackwardWeight, ConvOp, ConvShape, ConvSpec};
use crate::ops::testing::{assert_same_bits_on_any_number_of_threads, backends, bits, run};
use crate::ops::{Activation, Kernel, Op, ShapeError};

const SPEC: ConvSpec = ConvSpec {
    fleet: 1,
    n: 70,
    size: [5, 9],
    c_in: 3,
    c_out: 18,
    kernel: [3, 3],
    stride: [1, 2],
    padding: [1, 1],
    dilation: [1, 1],
};

/// A shape whose three kernels are computed by way of `winograd`.
const TRANSFORMED: ConvSpec = ConvSpec { n: 14, c_in: 16, c_out: 32, stride: [1, 1], ..SPEC };

#[test]
fn e10_conv_has_the_same_bits_on_any_number_of_threads() {
    let cases = ConvOp.cases();
    // The one by way of `winograd` on AVX-512, the other directly.
    let large: Vec<_> =
        cases.iter().filter(|case| ["n256_l90", "n430_l9"].iter().any(|sizes| case.id.contains(sizes))).collect();
    assert_eq!(large.len(), 2);
    large.into_iter().for_each(assert_same_bits_on_any_number_of_threads);
}

/// The kernel for a fleet of three gives each member what the kernel for one gives it.
fn assert_fleet_equals_singles<K: Kernel + 'static>(spec: ConvSpec, kernel: impl Fn(ConvShape) -> K) {
    let [single, fleet] = [1, 3].map(|fleet| kernel(ConvShape::new(ConvSpec { fleet, ..spec }).expect("right")));
    let lens: Vec<usize> = single.args().iter().filter(|arg| arg.name != "scratch").map(|arg| arg.len).collect();
    let value = |i: usize| ((i * 2_654_435_761) % 1013) as f32 / 500.0 - 1.0;
    let all: Vec<Vec<u32>> =
        lens.iter().map(|len| bits(&(0..3 * len).map(|i| value(i + len)).collect::<Vec<_>>())).collect();
    for backend in backends() {
        let together = run_any(&fleet, &backend, &all);
        for member in 0..3 {
            let own: Vec<Vec<u32>> =
                all.iter().zip(&lens).map(|(words, len)| words[member * len..][..*len].to_vec()).collect();
            let alone = run_any(&single, &backend, &own);
            let len = lens[2];
            assert!(alone == together[member * len..][..len], "{} {}", backend.id(), single.name());
        }
    }
}

fn run_any(kernel: &impl Kernel, backend: &crate::backend::Backend, words: &[Vec<u32>]) -> Vec<u32> {
    crate::ops::testing::run_boxed(kernel.boxed(), backend, 0, words)[2].clone()
}

#[test]
fn e12_conv_gives_a_member_the_same_bits_alone_and_in_a_fleet() {
    for spec in [SPEC, TRANSFORMED] {
        assert_fleet_equals_singles(spec, |shape| Conv { shape, bias: true, activation: Activation::Gelu });
        assert_fleet_equals_singles(spec, |shape| ConvBackwardData { shape, mask: Activation::None });
        assert_fleet_equals_singles(spec, |shape| ConvBackwardWeight { shape, bias: true });
    }
}

#[test]
fn e7_conv_follows_its_equation_on_numbers_done_by_hand() {
    let shape = ConvShape::new(ConvSpec {
        n: 1,
        size: [1, 4],
        c_in: 1,
        c_out: 1,
        kernel: [1, 3],
        padding: [0, 1],
        stride: [1, 1],
        ..SPEC
    })
    .expect("right");
    let kernel = Conv { shape, bias: true, activation: Activation::Relu };
    // x padded is 0 1 2 3 4 0, the taps 1 -1 2, the bias -4: sums 3, 5, 7, -1, less 4, cut at 0.
    let words = [bits(&[1.0, 2.0, 3.0, 4.0]), bits(&[1.0, -1.0, 2.0]), vec![9; 4], bits(&[-4.0])];
    for backend in backends() {
        assert_eq!(run(kernel, &backend, 0, &words)[2], bits(&[0.0, 1.0, 3.0, 0.0]), "{}", backend.id());
    }
}

#[test]
fn e7_conv_refuses_shapes_without_a_window() {
    let refused = ConvShape::new(ConvSpec { size: [5, 2], kernel: [3, 7], padding: [1, 2], ..SPEC });
    assert!(matches!(refused, Err(ShapeError::Mismatch { op: "conv", .. })), "{refused:?}");
    let refused = ConvShape::new(ConvSpec { dilation: [1, 0], ..SPEC });
    assert!(matches!(refused, Err(ShapeError::Zero { dimension: "dilation", .. })), "{refused:?}");
    let refused = ConvShape::new(ConvSpec { n: usize::MAX, ..SPEC });
    assert!(matches!(refused, Err(ShapeError::TooManyElements { .. })), "{refused:?}");
    let refused = ConvShape::new(ConvSpec { padding: [usize::MAX, 1], ..SPEC });
    assert!(matches!(refused, Err(ShapeError::Mismatch { .. })), "{refused:?}");
}
