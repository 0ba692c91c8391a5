//! Where training starts.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Uniform};

use super::{Model, ParamKind, Weights};

/// Parameters drawn from `seed`: He's normal distribution before relu and gelu, Glorot's uniform one elsewhere; biases 0.
/// Each parameter has its own stream, so that a change in one layer leaves the draws of the others as they were.
pub fn initial_weights(model: &Model, seed: u64) -> Weights {
    let values = model.params().iter().enumerate().map(|(i, param)| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(i as u64 + 1);
        draw(param.kind, param.len(), &mut rng)
    });
    Weights { values: values.collect() }
}

fn draw(kind: ParamKind, len: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    match kind {
        ParamKind::Constant(value) | ParamKind::State(value) => vec![value; len],
        ParamKind::Normal(deviation) => match Normal::new(0.0, deviation) {
            Ok(normal) => normal.sample_iter(rng).take(len).collect(),
            Err(_) => vec![0.0; len],
        },
        ParamKind::Uniform(limit) => match Uniform::new_inclusive(-limit, limit) {
            Ok(uniform) => uniform.sample_iter(rng).take(len).collect(),
            Err(_) => vec![0.0; len],
        },
    }
}
