//! A forward pass in f64, written from the layers' equations and nothing else: what whole plans are held against.

mod encoder;
mod windows;

use nightloom::model::{LayerSpec, Loss, Model, TensorShape};
use nightloom::ops::Activation;
use nightloom::ops::rng::counter_bits;

pub use encoder::Pairs;

/// How the pass is run.
#[derive(Debug, Clone, Copy)]
pub enum Pass {
    /// Statistics of the batch; the first step's dropout of this seed.
    Train { seed: u32 },
    /// Running statistics, no dropout.
    Evaluate,
}

fn activate(kind: Activation, x: f64) -> f64 {
    match kind {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Gelu => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh())
        }
    }
}

type Rows = Vec<Vec<f64>>;

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[expect(clippy::needless_range_loop, reason = "the channel's number, in rows and parameters alike")]
fn normalise(rows: &mut Rows, channels: usize, params: &[Vec<f64>], epsilon: f64, pass: Pass) {
    for c in 0..channels {
        let seen: Vec<f64> = rows.iter().flat_map(|row| row.iter().skip(c).step_by(channels)).copied().collect();
        let (centre, variance) = match pass {
            Pass::Train { .. } => {
                let centre = mean(&seen);
                (centre, mean(&seen.iter().map(|x| (x - centre).powi(2)).collect::<Vec<f64>>()))
            }
            Pass::Evaluate => (params[2][c], params[3][c]),
        };
        for row in rows.iter_mut() {
            for x in row.iter_mut().skip(c).step_by(channels) {
                *x = (*x - centre) / (variance + epsilon).sqrt() * params[0][c] + params[1][c];
            }
        }
    }
}

/// Values dropped by the first step of `seed`.
fn drop(rows: &mut Rows, stream: u32, rate: f32, pass: Pass) {
    if let Pass::Train { seed } = pass {
        for (i, x) in rows.iter_mut().flatten().enumerate() {
            let bits = f64::from(counter_bits(seed, stream, 1, i as u32));
            let dropped = bits < f64::from(rate) * 4_294_967_296.0;
            *x = if dropped { 0.0 } else { *x / (1.0 - f64::from(rate)) };
        }
    }
}

fn add(rows: &mut Rows, others: &Rows) {
    for (x, other) in rows.iter_mut().flatten().zip(others.iter().flatten()) {
        *x += other;
    }
}

/// The branches of an encoder drop values of their own.
fn branch(index: usize, number: u32) -> u32 {
    index as u32 + (number << 20)
}

/// Returns the pairs of each row's positions.
fn encode(rows: &mut Rows, layer: &LayerSpec, own: &[Vec<f64>], index: usize, pass: Pass) -> Vec<Pairs> {
    let LayerSpec::Encoder { heads, dropout, activation, .. } = *layer else { unreachable!("{layer:?}") };
    let d = own[0].len();
    let norm = |row: &Vec<f64>, p: usize| encoder::layer_norm(row, &own[p], &own[p + 1], 1e-5);
    let dense = |x: &[f64], p: usize, kind| encoder::dense(x, &own[p], &own[p + 1], kind);
    let qkv: Rows = rows.iter().map(|row| dense(&norm(row, 0), 2, Activation::None)).collect();
    let attend = |qkv: &Vec<f64>| dense(&encoder::attention(qkv, d, heads), 4, Activation::None);
    let mut attended: Rows = qkv.iter().map(attend).collect();
    drop(&mut attended, branch(index, 1), dropout, pass);
    add(rows, &attended);
    let feed = |row: &Vec<f64>| dense(&dense(&norm(row, 6), 8, activation), 10, Activation::None);
    let mut fed: Rows = rows.iter().map(feed).collect();
    drop(&mut fed, branch(index, 2), dropout, pass);
    add(rows, &fed);
    qkv.iter().map(|qkv| encoder::pairs(qkv, d, heads)).collect()
}

/// Each tower's dense layer on its own columns, side by side.
fn towers(row: &[f64], columns: &[usize], own: &[Vec<f64>], activation: Activation) -> Vec<f64> {
    let (mut out, mut rest) = (vec![], row);
    for (t, columns) in columns.iter().enumerate() {
        let (seen, others) = rest.split_at(*columns);
        out.extend(encoder::dense(seen, &own[2 * t], &own[2 * t + 1], activation));
        rest = others;
    }
    out
}

/// The model's outputs for the rows.
pub fn forward(model: &Model, params: &[Vec<f64>], inputs: &[Vec<f64>], pass: Pass) -> Rows {
    probe(model, params, inputs, pass).0
}

/// The model's outputs for the rows, and the pairs of each row's positions in the last encoder.
pub fn probe(model: &Model, params: &[Vec<f64>], inputs: &[Vec<f64>], pass: Pass) -> (Rows, Vec<Pairs>) {
    let mut rows = inputs.to_vec();
    let mut pairs = vec![];
    let mut shape = model.input();
    let mut used = 0;
    for (index, layer) in model.spec().layers.iter().enumerate() {
        let own = &params[used..];
        used += match layer {
            LayerSpec::BatchNorm { .. } => 4,
            LayerSpec::Encoder { .. } => 12,
            LayerSpec::Towers { columns, .. } => 2 * columns.len(),
            LayerSpec::Position | LayerSpec::Embedding { .. } => 1,
            LayerSpec::Conv1d { .. }
            | LayerSpec::Conv2d { .. }
            | LayerSpec::LayerNorm { .. }
            | LayerSpec::Dense { .. }
            | LayerSpec::PositionDense { .. } => 2,
            _ => 0,
        };
        match layer {
            LayerSpec::Conv1d { .. } | LayerSpec::Conv2d { .. } => {
                let out: Vec<_> = rows.iter().map(|row| windows::convolve(row, shape, own, layer)).collect();
                shape = out[0].1;
                rows = out.into_iter().map(|(row, _)| row).collect();
            }
            LayerSpec::MaxPool { .. }
            | LayerSpec::AveragePool { .. }
            | LayerSpec::GlobalMaxPool
            | LayerSpec::GlobalAveragePool => {
                let out: Vec<_> = rows.iter().map(|row| windows::pool(row, shape, layer)).collect();
                shape = out[0].1;
                rows = out.into_iter().map(|(row, _)| row).collect();
            }
            LayerSpec::Dense { units, activation } | LayerSpec::PositionDense { units, activation } => {
                rows = rows.iter().map(|row| encoder::dense(row, &own[0], &own[1], *activation)).collect();
                shape.channels = *units;
            }
            LayerSpec::BatchNorm { epsilon, .. } => {
                normalise(&mut rows, shape.channels, own, f64::from(*epsilon), pass);
            }
            LayerSpec::LayerNorm { epsilon } => {
                let norm = |row: &Vec<f64>| encoder::layer_norm(row, &own[0], &own[1], f64::from(*epsilon));
                rows = rows.iter().map(norm).collect();
            }
            LayerSpec::Activation { function } => {
                rows.iter_mut().flatten().for_each(|x| *x = activate(*function, *x));
            }
            LayerSpec::FirstPosition => {
                for row in &mut rows {
                    row.truncate(shape.channels);
                }
                shape = TensorShape::flat(shape.channels);
            }
            LayerSpec::Flatten => shape = TensorShape::flat(rows[0].len()),
            LayerSpec::Dropout { rate } => drop(&mut rows, index as u32, *rate, pass),
            LayerSpec::Embedding { channels, .. } => {
                let look_up = |token: &f64| own[0][*token as usize * channels..][..*channels].to_vec();
                rows = rows.iter().map(|row| row.iter().flat_map(look_up).collect()).collect();
                shape.channels = *channels;
            }
            LayerSpec::Position => rows.iter_mut().flatten().zip(own[0].iter().cycle()).for_each(|(x, p)| *x += p),
            LayerSpec::Encoder { .. } => pairs = encode(&mut rows, layer, own, index, pass),
            LayerSpec::Towers { columns, units, activation } => {
                rows = rows.iter().map(|row| towers(row, columns, own, *activation)).collect();
                shape = TensorShape::sequence(columns.len(), *units);
            }
            LayerSpec::Associations => {
                rows.iter_mut().zip(&pairs).for_each(|(row, pairs)| row.extend(&pairs.contexts));
                shape = TensorShape::flat(rows[0].len());
            }
            LayerSpec::Skip { from } => {
                for (row, input) in rows.iter_mut().zip(inputs) {
                    row.iter_mut().zip(input[*from..][..shape.channels].iter().cycle()).for_each(|(x, s)| *x += s);
                }
            }
        }
    }
    (rows, pairs)
}

/// What a row should give.
#[derive(Debug, Clone)]
pub enum Target {
    Label(usize),
    /// A class of so many, for each of several read-outs.
    Class(usize, usize),
    Values(Vec<f64>),
}

/// The weighted mean loss.
pub fn loss(kind: Loss, outputs: &Rows, targets: &[Target], weights: &[f64]) -> f64 {
    if kind == Loss::Pearson {
        return pearson(outputs, targets, weights);
    }
    let entropy = |z: &[f64], label: usize| z.iter().map(|v| v.exp()).sum::<f64>().ln() - z[label];
    let row = |z: &[f64], target: &Target| match (kind, target) {
        (Loss::CrossEntropy, Target::Label(label)) => entropy(z, *label),
        (Loss::ReadOuts { auxiliary }, Target::Class(label, classes)) => {
            let each: Vec<f64> = z.chunks(*classes).map(|z| entropy(z, *label)).collect();
            each[0] + f64::from(auxiliary) * mean(&each[1..])
        }
        (Loss::BinaryCrossEntropy, Target::Values(t)) => {
            let each = z.iter().zip(t).map(|(z, t)| (1.0 + z.exp()).ln() - t * z);
            each.sum::<f64>() / z.len() as f64
        }
        (Loss::MeanSquare, Target::Values(t)) => {
            z.iter().zip(t).map(|(z, t)| (z - t).powi(2)).sum::<f64>() / z.len() as f64
        }
        other => unreachable!("{other:?}"),
    };
    let sum: f64 = outputs.iter().zip(targets).zip(weights).map(|((z, t), w)| w * row(z, t)).sum();
    sum / weights.iter().sum::<f64>()
}

/// The mean over the outputs of 1 less the weighted correlation with the targets.
fn pearson(outputs: &Rows, targets: &[Target], weights: &[f64]) -> f64 {
    let wanted = |target: &Target, j: usize| match target {
        Target::Values(values) => values[j],
        other => unreachable!("{other:?}"),
    };
    let mean = |values: &[f64]| {
        let sum: f64 = values.iter().zip(weights).map(|(v, w)| v * w).sum();
        sum / weights.iter().sum::<f64>()
    };
    let covariance = |a: &[f64], b: &[f64]| {
        let products: Vec<f64> = a.iter().zip(b).map(|(a, b)| a * b).collect();
        mean(&products) - mean(a) * mean(b)
    };
    let columns = outputs[0].len();
    let losses = (0..columns).map(|j| {
        let z: Vec<f64> = outputs.iter().map(|row| row[j]).collect();
        let t: Vec<f64> = targets.iter().map(|target| wanted(target, j)).collect();
        1.0 - covariance(&z, &t) / (covariance(&z, &z) * covariance(&t, &t)).sqrt()
    });
    losses.sum::<f64>() / columns as f64
}
