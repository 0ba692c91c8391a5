//! The oracle.

use super::{ActivateSpec, Activation};
use crate::ops::math;

const SCALE: f64 = math::GELU_SCALE as f64;
const CUBE: f64 = math::GELU_CUBE as f64;

pub(super) fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Gelu => 0.5 * x * (1.0 + (SCALE * (x + CUBE * x * x * x)).tanh()),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
    }
}

pub(super) fn slope(activation: Activation, saved: f64) -> f64 {
    match activation {
        Activation::None => 1.0,
        Activation::Relu => f64::from(u8::from(saved > 0.0)),
        Activation::Gelu => {
            let t = (SCALE * (saved + CUBE * saved * saved * saved)).tanh();
            0.5 * (1.0 + t) + 0.5 * saved * (1.0 - t * t) * SCALE * (1.0 + 3.0 * CUBE * saved * saved)
        }
        Activation::Tanh => 1.0 - saved * saved,
        Activation::Sigmoid => saved * (1.0 - saved),
    }
}

pub(super) fn forward(spec: &ActivateSpec, args: &mut [Vec<f64>]) {
    args[1] = args[0].iter().map(|&x| activate(spec.activation, x)).collect();
}

pub(super) fn backward(spec: &ActivateSpec, args: &mut [Vec<f64>]) {
    let pairs = args[0].iter().zip(&args[1]);
    args[2] = pairs.map(|(dy, &saved)| dy * slope(spec.activation, saved)).collect();
}
