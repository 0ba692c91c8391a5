//! Against plain loops in f64, at every level that the machine has.

use super::{Finish, Sizes, add_gradient, finish_gradient, pack, pack_turned, sweep};
use crate::backend::simd::SimdLevel;
use crate::ops::activation::Activation;

/// Values of a linear congruential generator, in -1..1.
fn values(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// Calls `visit` with the indices into x, w and y of every product.
fn products(s: &Sizes, mut visit: impl FnMut(usize, usize, usize)) {
    for n in 0..s.n {
        for (i, j) in (0..s.h_out()).flat_map(|i| (0..s.w_out()).map(move |j| (i, j))) {
            for (a, b) in (0..s.kh).flat_map(|a| (0..s.kw).map(move |b| (a, b))) {
                let (Some(row), Some(place)) = ((i + a).checked_sub(s.pad_h), (j + b).checked_sub(s.pad_w)) else {
                    continue;
                };
                if row >= s.h || place >= s.w {
                    continue;
                }
                for (c, o) in (0..s.c_in).flat_map(|c| (0..s.c_out).map(move |o| (c, o))) {
                    let x = ((n * s.h + row) * s.w + place) * s.c_in + c;
                    let w = ((a * s.kw + b) * s.c_in + c) * s.c_out + o;
                    visit(x, w, ((n * s.h_out() + i) * s.w_out() + j) * s.c_out + o);
                }
            }
        }
    }
}

fn nmse(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let error: f64 = got.iter().zip(want).map(|(g, w)| (f64::from(*g) - w).powi(2)).sum();
    error / want.iter().map(|w| w * w).sum::<f64>()
}

fn levels() -> impl Iterator<Item = SimdLevel> {
    SimdLevel::ALL.into_iter().filter(|level| *level <= SimdLevel::detect())
}

const fn sizes(n: usize, hw: [usize; 2], c: [usize; 2], k: [usize; 2], pad: [usize; 2]) -> Sizes {
    Sizes { n, h: hw[0], w: hw[1], c_in: c[0], c_out: c[1], kh: k[0], kw: k[1], pad_h: pad[0], pad_w: pad[1] }
}

/// Every number of taps, channels beside and between whole registers, widths beside whole tiles, strips of less than an
/// image, kernels higher than the image.
const SHAPES: [Sizes; 12] = [
    sizes(1, [1, 4], [8, 8], [1, 5], [0, 2]),
    sizes(9, [1, 28], [16, 32], [1, 5], [0, 2]),
    sizes(70, [1, 13], [9, 16], [1, 3], [0, 1]),
    sizes(5, [1, 90], [17, 33], [1, 5], [0, 0]),
    sizes(3, [1, 31], [40, 24], [1, 7], [0, 3]),
    sizes(2, [1, 23], [13, 11], [1, 4], [0, 1]),
    sizes(2, [1, 22], [8, 50], [1, 6], [0, 5]),
    sizes(2, [28, 28], [24, 24], [3, 3], [1, 1]),
    sizes(2, [14, 14], [16, 32], [5, 5], [2, 2]),
    sizes(2, [60, 37], [32, 16], [3, 3], [2, 0]),
    sizes(3, [2, 9], [8, 20], [3, 3], [1, 2]),
    sizes(2, [7, 12], [20, 10], [2, 6], [0, 3]),
];

struct Sample {
    s: Sizes,
    x: Vec<f32>,
    w: Vec<f32>,
    bias: Vec<f32>,
    dy: Vec<f32>,
}

impl Sample {
    fn new(s: Sizes) -> Self {
        let y_len = s.n * s.h_out() * s.w_out() * s.c_out;
        let x = values(s.n * s.h * s.w * s.c_in, 1);
        Self { s, x, w: values(s.kh * s.kw * s.c_in * s.c_out, 2), bias: values(s.c_out, 3), dy: values(y_len, 4) }
    }

    fn forward(&self, level: SimdLevel, s: &Sizes, x: &[f32], activation: Activation) -> Vec<f32> {
        let mut packed = vec![f32::NAN; s.packed_len()];
        let mut strip = vec![f32::NAN; s.strip_len()];
        let mut y = vec![f32::NAN; s.n * s.h_out() * s.w_out() * s.c_out];
        pack(level, s, &self.w, &mut packed);
        sweep(level, s, x, &packed, Finish::Activate(&self.bias, activation), &mut y, &mut strip);
        y
    }

    fn data(&self, level: SimdLevel, activation: Activation) -> Vec<f32> {
        let turned = self.s.turned();
        let mut packed = vec![f32::NAN; turned.packed_len()];
        let mut strip = vec![f32::NAN; turned.strip_len()];
        let mut dx = vec![f32::NAN; self.x.len()];
        pack_turned(level, &self.s, &self.w, &mut packed);
        sweep(level, &turned, &self.dy, &packed, Finish::Slope(&self.x, activation), &mut dx, &mut strip);
        dx
    }

    /// The gradients of w and of the bias, the images in two calls, and twice.
    fn weight(&self, level: SimdLevel) -> (Vec<f32>, Vec<f32>) {
        let s = &self.s;
        let mut sums = vec![0.0; s.sums_len()];
        let first = s.n.div_ceil(2);
        for part in [0..first, first..s.n] {
            if !part.is_empty() {
                let some = Sizes { n: part.len(), ..*s };
                let x = self.x.len() / s.n;
                let dy = self.dy.len() / s.n;
                let mut strip = vec![f32::NAN; some.gradient_strip_len()];
                let (x, dy) = (&self.x[part.start * x..part.end * x], &self.dy[part.start * dy..part.end * dy]);
                add_gradient(level, &some, x, dy, &mut sums, &mut strip);
            }
        }
        let (mut dw, mut db) = (vec![f32::NAN; self.w.len()], vec![f32::NAN; s.c_out]);
        finish_gradient(level, s, &sums, &mut dw, &mut db, false);
        finish_gradient(level, s, &sums, &mut dw, &mut db, true);
        (dw, db)
    }
}

#[test]
fn e9_forward_holds_the_bound_with_a_margin() {
    for s in SHAPES {
        let sample = Sample::new(s);
        let mut want: Vec<f64> = (0..sample.dy.len()).map(|i| f64::from(sample.bias[i % s.c_out])).collect();
        products(&s, |x, w, y| want[y] += f64::from(sample.x[x]) * f64::from(sample.w[w]));
        for level in levels() {
            for activation in [Activation::None, Activation::Relu, Activation::Tanh] {
                let want: Vec<f64> = want
                    .iter()
                    .map(|v| match activation {
                        Activation::None => *v,
                        Activation::Relu => v.max(0.0),
                        _ => v.tanh(),
                    })
                    .collect();
                let error = nmse(&sample.forward(level, &s, &sample.x, activation), &want);
                assert!(error < 5e-12, "{s:?} {level} {activation:?}: {error:e}");
            }
        }
    }
}

#[test]
fn e9_the_gradient_of_x_holds_the_bound_with_a_margin() {
    for s in SHAPES {
        let sample = Sample::new(s);
        let mut want = vec![0.0; sample.x.len()];
        products(&s, |x, w, y| want[x] += f64::from(sample.dy[y]) * f64::from(sample.w[w]));
        for level in levels() {
            for activation in [Activation::None, Activation::Relu, Activation::Tanh] {
                let saved = sample.x.iter().map(|v| f64::from(*v));
                let want: Vec<f64> = want
                    .iter()
                    .zip(saved)
                    .map(|(v, y)| match activation {
                        Activation::None => *v,
                        Activation::Relu => v * f64::from(u8::from(y > 0.0)),
                        _ => v * (1.0 - y * y),
                    })
                    .collect();
                let error = nmse(&sample.data(level, activation), &want);
                assert!(error < 5e-12, "{s:?} {level} {activation:?}: {error:e}");
            }
        }
    }
}

#[test]
fn e9_the_gradients_of_weights_and_bias_hold_the_bound_with_a_margin() {
    for s in SHAPES {
        let sample = Sample::new(s);
        let mut want_w = vec![0.0; sample.w.len()];
        products(&s, |x, w, y| want_w[w] += 2.0 * f64::from(sample.dy[y]) * f64::from(sample.x[x]));
        let mut want_b = vec![0.0; s.c_out];
        sample.dy.iter().enumerate().for_each(|(i, dy)| want_b[i % s.c_out] += 2.0 * f64::from(*dy));
        for level in levels() {
            let (dw, db) = sample.weight(level);
            let error = nmse(&dw, &want_w);
            assert!(error < 1e-11, "{s:?} {level}: {error:e}");
            let error = nmse(&db, &want_b);
            assert!(error < 1e-11, "{s:?} {level}, bias: {error:e}");
        }
    }
}

#[test]
fn e10_an_images_bits_do_not_depend_on_the_images_beside_it() {
    for s in SHAPES {
        let sample = Sample::new(s);
        for level in levels() {
            let together = sample.forward(level, &s, &sample.x, Activation::None);
            let len = sample.x.len() / s.n;
            let alone: Vec<f32> = sample
                .x
                .chunks(len)
                .flat_map(|x| sample.forward(level, &Sizes { n: 1, ..s }, x, Activation::None))
                .collect();
            let same = together.iter().zip(&alone).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{s:?} {level}");
        }
    }
}

#[test]
fn a_nan_stays_one() {
    let mut sample = Sample::new(SHAPES[0]);
    sample.x[5] = f32::NAN;
    for level in levels() {
        let y = sample.forward(level, &sample.s, &sample.x, Activation::Relu);
        assert!(y.iter().any(|v| v.is_nan()), "{level}");
    }
}
