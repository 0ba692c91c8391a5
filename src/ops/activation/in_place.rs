//! Activations and slopes of slices: what other operations' CPU kernels apply to what they have just written.

use super::Activation;
use super::functions::{Function, Gelu, Relu, Sigmoid, Tanh};
use crate::backend::simd::{Simd, Vector};

/// `values = act(values)`.
pub(in crate::ops) struct InPlace<'a> {
    pub values: &'a mut [f32],
    pub activation: Activation,
}

impl Simd for InPlace<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        match self.activation {
            Activation::None => {}
            Activation::Relu => apply::<V, Relu>(self.values),
            Activation::Gelu => apply::<V, Gelu>(self.values),
            Activation::Tanh => apply::<V, Tanh>(self.values),
            Activation::Sigmoid => apply::<V, Sigmoid>(self.values),
        }
    }
}

/// `values *= act'`, from what [`Activation::saves_output`] says.
pub(in crate::ops) struct MaskInPlace<'a> {
    pub values: &'a mut [f32],
    pub saved: &'a [f32],
    pub activation: Activation,
}

impl Simd for MaskInPlace<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { values, saved, activation } = self;
        match activation {
            Activation::None => {}
            Activation::Relu => mask::<V, Relu>(values, saved),
            Activation::Gelu => mask::<V, Gelu>(values, saved),
            Activation::Tanh => mask::<V, Tanh>(values, saved),
            Activation::Sigmoid => mask::<V, Sigmoid>(values, saved),
        }
    }
}

#[inline(always)]
fn apply<V: Vector, F: Function>(values: &mut [f32]) {
    let mut blocks = values.chunks_exact_mut(V::LANES);
    for block in &mut blocks {
        F::value(V::load(block)).store(block);
    }
    let rest = blocks.into_remainder();
    if !rest.is_empty() {
        F::value(V::load_part(rest)).store_part(rest);
    }
}

/// The first `values.len()` words of `saved` count.
#[inline(always)]
fn mask<V: Vector, F: Function>(values: &mut [f32], saved: &[f32]) {
    let saved = &saved[..values.len()];
    let (mut blocks, saved) = (values.chunks_exact_mut(V::LANES), saved.chunks_exact(V::LANES));
    let saved_rest = saved.remainder();
    for (block, saved) in (&mut blocks).zip(saved) {
        V::load(block).mul(F::slope(V::load(saved))).store(block);
    }
    let rest = blocks.into_remainder();
    if !rest.is_empty() {
        V::load_part(rest).mul(F::slope(V::load_part(saved_rest))).store_part(rest);
    }
}
