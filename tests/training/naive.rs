//! A forward pass in f64, written from the layers' equations and nothing else: what whole plans are held against.

use nightloom::model::{LayerSpec, Loss, Model, TensorShape};
use nightloom::ops::Activation;
use nightloom::ops::rng::counter_bits;

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

fn convolve(row: &[f64], shape: TensorShape, w: &[f64], b: &[f64], layer: &LayerSpec) -> Vec<f64> {
    let LayerSpec::Conv1d { channels, kernel, stride, padding, dilation, activation } = layer else { unreachable!() };
    let pad = match serde_json::to_value(padding).expect("a padding") {
        serde_json::Value::Number(each) => each.as_i64().expect("a whole number"),
        name if name == "same" => ((kernel - 1) / 2 * dilation) as i64,
        _ => 0,
    };
    let mut out = vec![];
    let mut start = -pad;
    while start + ((kernel - 1) * dilation) as i64 <= shape.length as i64 - 1 + pad {
        for o in 0..*channels {
            let mut sum = b[o];
            for k in 0..*kernel {
                let place = start + (k * dilation) as i64;
                if (0..shape.length as i64).contains(&place) {
                    for i in 0..shape.channels {
                        sum += row[place as usize * shape.channels + i] * w[(k * shape.channels + i) * channels + o];
                    }
                }
            }
            out.push(activate(*activation, sum));
        }
        start += *stride as i64;
    }
    out
}

fn pool(row: &[f64], shape: TensorShape, window: usize, stride: usize, fold: fn(&[f64]) -> f64) -> Vec<f64> {
    let stride = if stride == 0 { window } else { stride };
    let mut out = vec![];
    for start in (0..=shape.length - window).step_by(stride) {
        for c in 0..shape.channels {
            let seen: Vec<f64> = (start..start + window).map(|p| row[p * shape.channels + c]).collect();
            out.push(fold(&seen));
        }
    }
    out
}

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

/// The model's outputs for the rows.
pub fn forward(model: &Model, params: &[Vec<f64>], inputs: &[Vec<f64>], pass: Pass) -> Rows {
    let mut rows = inputs.to_vec();
    let mut shape = model.input();
    let mut used = 0;
    for (index, layer) in model.spec().layers.iter().enumerate() {
        let own = &params[used..];
        let width = rows[0].len();
        match layer {
            LayerSpec::Conv1d { channels, .. } => {
                rows = rows.iter().map(|row| convolve(row, shape, &own[0], &own[1], layer)).collect();
                shape = TensorShape { length: rows[0].len() / channels, channels: *channels };
                used += 2;
            }
            LayerSpec::Dense { units, activation } => {
                let output = |row: &Vec<f64>, o: usize| {
                    let sum: f64 = row.iter().enumerate().map(|(i, x)| x * own[0][i * units + o]).sum();
                    activate(*activation, sum + own[1][o])
                };
                rows = rows.iter().map(|row| (0..*units).map(|o| output(row, o)).collect()).collect();
                shape = TensorShape { length: 1, channels: *units };
                used += 2;
            }
            LayerSpec::BatchNorm { epsilon, .. } => {
                normalise(&mut rows, shape.channels, own, f64::from(*epsilon), pass);
                used += 4;
            }
            LayerSpec::Activation { function } => {
                rows.iter_mut().flatten().for_each(|x| *x = activate(*function, *x));
            }
            LayerSpec::MaxPool { window, stride } => {
                rows = rows.iter().map(|row| pool(row, shape, *window, *stride, largest)).collect();
                shape.length = rows[0].len() / shape.channels;
            }
            LayerSpec::AveragePool { window, stride } => {
                rows = rows.iter().map(|row| pool(row, shape, *window, *stride, mean)).collect();
                shape.length = rows[0].len() / shape.channels;
            }
            LayerSpec::GlobalMaxPool => {
                rows = rows.iter().map(|row| pool(row, shape, shape.length, 1, largest)).collect();
                shape.length = 1;
            }
            LayerSpec::GlobalAveragePool => {
                rows = rows.iter().map(|row| pool(row, shape, shape.length, 1, mean)).collect();
                shape.length = 1;
            }
            LayerSpec::Flatten => shape = TensorShape { length: 1, channels: width },
            LayerSpec::Dropout { rate } => {
                if let Pass::Train { seed } = pass {
                    for (i, x) in rows.iter_mut().flatten().enumerate() {
                        let bits = f64::from(counter_bits(seed, index as u32, 1, i as u32));
                        let dropped = bits < f64::from(*rate) * 4_294_967_296.0;
                        *x = if dropped { 0.0 } else { *x / (1.0 - f64::from(*rate)) };
                    }
                }
            }
        }
    }
    rows
}

/// What a row should give.
#[derive(Debug, Clone)]
pub enum Target {
    Label(usize),
    Values(Vec<f64>),
}

/// The weighted mean loss.
pub fn loss(kind: Loss, outputs: &Rows, targets: &[Target], weights: &[f64]) -> f64 {
    if kind == Loss::Pearson {
        return pearson(outputs, targets, weights);
    }
    let row = |z: &[f64], target: &Target| match (kind, target) {
        (Loss::CrossEntropy, Target::Label(label)) => z.iter().map(|v| v.exp()).sum::<f64>().ln() - z[*label],
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
        Target::Label(label) => unreachable!("a label {label}"),
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
