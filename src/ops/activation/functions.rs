//! The functions as vectors, each a type of its own: a loop over one of them has no choice in it.

use crate::backend::simd::Vector;
use crate::ops::math;

/// An activation and its slope, lane by lane.
pub(super) trait Function {
    /// act(x)
    fn value<V: Vector>(x: V) -> V;
    /// act', from what [`Activation::saves_output`](super::Activation::saves_output) says.
    fn slope<V: Vector>(saved: V) -> V;
}

pub(super) struct Relu;
pub(super) struct Gelu;
pub(super) struct Tanh;
pub(super) struct Sigmoid;

impl Function for Relu {
    /// Not `max`, which turns NaN into 0.
    #[inline(always)]
    fn value<V: Vector>(x: V) -> V {
        let zero = V::splat(0.0);
        x.if_less(zero, zero, x)
    }
    #[inline(always)]
    fn slope<V: Vector>(saved: V) -> V {
        let zero = V::splat(0.0);
        zero.if_less(saved, V::splat(1.0), zero)
    }
}

impl Function for Gelu {
    #[inline(always)]
    fn value<V: Vector>(x: V) -> V {
        math::gelu(x)
    }
    #[inline(always)]
    fn slope<V: Vector>(saved: V) -> V {
        math::gelu_slope(saved)
    }
}

impl Function for Tanh {
    #[inline(always)]
    fn value<V: Vector>(x: V) -> V {
        math::tanh(x)
    }
    #[inline(always)]
    fn slope<V: Vector>(saved: V) -> V {
        V::splat(1.0).sub(saved.mul(saved))
    }
}

impl Function for Sigmoid {
    #[inline(always)]
    fn value<V: Vector>(x: V) -> V {
        math::sigmoid(x)
    }
    #[inline(always)]
    fn slope<V: Vector>(saved: V) -> V {
        saved.mul(V::splat(1.0).sub(saved))
    }
}
