//! Layers of the attention encoder, on one row of positions.

use nightloom::ops::Activation;

use super::activate;

/// `act(x w + b)` at each position.
pub fn dense(x: &[f64], w: &[f64], b: &[f64], activation: Activation) -> Vec<f64> {
    let (outs, ins) = (b.len(), w.len() / b.len());
    let sum = |row: &[f64], o: usize| row.iter().enumerate().map(|(i, x)| x * w[i * outs + o]).sum::<f64>() + b[o];
    x.chunks(ins).flat_map(|row| (0..outs).map(move |o| activate(activation, sum(row, o)))).collect()
}

/// Each position less its mean, over its deviation, scaled and shifted.
pub fn layer_norm(x: &[f64], gamma: &[f64], beta: &[f64], epsilon: f64) -> Vec<f64> {
    let mut out = vec![];
    for position in x.chunks(gamma.len()) {
        let centre = super::mean(position);
        let variance = super::mean(&position.iter().map(|v| (v - centre).powi(2)).collect::<Vec<_>>());
        let scaled = position.iter().map(|v| (v - centre) / (variance + epsilon).sqrt());
        out.extend(scaled.zip(gamma).zip(beta).map(|((v, g), b)| v * g + b));
    }
    out
}

/// Weights and contexts of all pairs of positions i < j: what i takes of j and j of i, head by head.
pub struct Pairs {
    /// [heads, positions, positions].
    pub weights: Vec<f64>,
    /// A stretch of `d` values a pair.
    pub contexts: Vec<f64>,
}

/// The pairs of positions that hold query, key and value one after the other, `d` channels each.
pub fn pairs(qkv: &[f64], d: usize, heads: usize) -> Pairs {
    let (positions, width) = (qkv.len() / (3 * d), d / heads);
    let value = |position: usize, which: usize, c: usize| qkv[(position * 3 + which) * d + c];
    let share = |head: usize, i: usize, j: usize| {
        let score = |k: usize| {
            let products = (head * width..(head + 1) * width).map(|c| value(i, 0, c) * value(k, 1, c));
            (products.sum::<f64>() / (width as f64).sqrt()).exp()
        };
        score(j) / (0..positions).map(score).sum::<f64>()
    };
    let mut found = Pairs { weights: vec![], contexts: vec![] };
    for head in 0..heads {
        for i in 0..positions {
            found.weights.extend((0..positions).map(|j| share(head, i, j)));
        }
    }
    for i in 0..positions {
        for j in i + 1..positions {
            let context = |c: usize| {
                let head = c / width;
                share(head, i, j) * value(j, 2, c) + share(head, j, i) * value(i, 2, c)
            };
            found.contexts.extend((0..d).map(context));
        }
    }
    found
}

/// Attention of positions that hold query, key and value one after the other, `d` channels each.
pub fn attention(qkv: &[f64], d: usize, heads: usize) -> Vec<f64> {
    let (positions, width) = (qkv.len() / (3 * d), d / heads);
    let part =
        |position: usize, which: usize, head: usize| &qkv[position * 3 * d + which * d + head * width..][..width];
    let mut out = vec![0.0; positions * d];
    for head in 0..heads {
        for i in 0..positions {
            let dot = |j: usize| part(i, 0, head).iter().zip(part(j, 1, head)).map(|(q, k)| q * k).sum::<f64>();
            let shares: Vec<f64> = (0..positions).map(|j| (dot(j) / (width as f64).sqrt()).exp()).collect();
            let total: f64 = shares.iter().sum();
            for (j, share) in shares.iter().enumerate() {
                for (c, v) in part(j, 2, head).iter().enumerate() {
                    out[i * d + head * width + c] += share / total * v;
                }
            }
        }
    }
    out
}
