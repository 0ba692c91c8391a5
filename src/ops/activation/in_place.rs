//! Activations and slopes that other operations' CPU kernels apply to what they have just written.

use super::Activation;
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
        // The kind is a constant in each loop, or none of them would vectorise.
        match self.activation {
            Activation::None => {}
            Activation::Relu => self.values.iter_mut().for_each(|v| *v = Activation::Relu.apply(*v)),
            Activation::Gelu => self.values.iter_mut().for_each(|v| *v = Activation::Gelu.apply(*v)),
            Activation::Tanh => self.values.iter_mut().for_each(|v| *v = Activation::Tanh.apply(*v)),
            Activation::Sigmoid => self.values.iter_mut().for_each(|v| *v = Activation::Sigmoid.apply(*v)),
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
        let pairs = self.values.iter_mut().zip(self.saved);
        match self.activation {
            Activation::None => {}
            Activation::Relu => pairs.for_each(|(v, saved)| *v *= Activation::Relu.slope(*saved)),
            Activation::Gelu => pairs.for_each(|(v, saved)| *v *= Activation::Gelu.slope(*saved)),
            Activation::Tanh => pairs.for_each(|(v, saved)| *v *= Activation::Tanh.slope(*saved)),
            Activation::Sigmoid => pairs.for_each(|(v, saved)| *v *= Activation::Sigmoid.slope(*saved)),
        }
    }
}
