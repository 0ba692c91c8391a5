//! The oracle.

use super::AssociationSpec;

/// One head of one sample.
struct Head<'a> {
    spec: &'a AssociationSpec,
    sample: usize,
    number: usize,
}

impl Head<'_> {
    /// The place of value `t` of query (part 0), key (1) or value (2) at position `i`.
    fn at(&self, part: usize, i: usize, t: usize) -> usize {
        let AssociationSpec { l, d, .. } = *self.spec;
        ((self.sample * l + i) * 3 + part) * d + self.number * self.spec.head() + t
    }

    /// The place of the weight that position `i` gives to `j`.
    fn weight(&self, i: usize, j: usize) -> usize {
        let AssociationSpec { l, heads, .. } = *self.spec;
        ((self.sample * heads + self.number) * l + i) * l + j
    }

    /// The place of value `t` of the context of i and j, in either order.
    fn context(&self, i: usize, j: usize, t: usize) -> usize {
        let place = self.sample * self.spec.places() + self.spec.place(i.min(j), i.max(j));
        place * self.spec.d + self.number * self.spec.head() + t
    }

    /// The softmax of position `i`'s scores.
    fn weights(&self, qkv: &[f64], i: usize) -> Vec<f64> {
        let values = self.spec.head();
        let dot = |j| (0..values).map(|t| qkv[self.at(0, i, t)] * qkv[self.at(1, j, t)]).sum::<f64>();
        let scores: Vec<f64> = (0..self.spec.l).map(|j| dot(j) / (values as f64).sqrt()).collect();
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
        scores.iter().map(|s| (s - largest).exp() / sum).collect()
    }
}

fn heads(spec: &AssociationSpec) -> impl Iterator<Item = Head<'_>> {
    (0..spec.n).flat_map(move |sample| (0..spec.heads).map(move |number| Head { spec, sample, number }))
}

/// Copies the positions of n rows, in which other things may stand behind them.
fn positions(spec: &AssociationSpec, from: &[f64], to: &mut [f64]) {
    let len = spec.l * spec.d;
    for (from, to) in from.chunks(from.len() / spec.n).zip(to.chunks_mut(to.len() / spec.n)) {
        to[..len].copy_from_slice(&from[..len]);
    }
}

pub(super) fn forward(spec: &AssociationSpec, args: &mut [Vec<f64>]) {
    let x = args[1].clone();
    positions(spec, &x, &mut args[2]);
    for head in heads(spec) {
        for i in 0..spec.l {
            for (j, weight) in head.weights(&args[0], i).into_iter().enumerate() {
                args[3][head.weight(i, j)] = weight;
            }
        }
        for i in 0..spec.l {
            for j in i + 1..spec.l {
                for t in 0..spec.head() {
                    args[2][head.context(i, j, t)] = args[3][head.weight(i, j)] * args[0][head.at(2, j, t)]
                        + args[3][head.weight(j, i)] * args[0][head.at(2, i, t)];
                }
            }
        }
    }
}

pub(super) fn backward(spec: &AssociationSpec, args: &mut [Vec<f64>]) {
    let dy = args[2].clone();
    positions(spec, &dy, &mut args[3]);
    args[4].fill(0.0);
    let (values, scale) = (spec.head(), 1.0 / (spec.head() as f64).sqrt());
    for head in heads(spec) {
        for i in 0..spec.l {
            let slope = |j: usize| {
                let each = (0..values).map(|t| dy[head.context(i, j, t)] * args[0][head.at(2, j, t)]);
                if i == j { 0.0 } else { each.sum::<f64>() }
            };
            let slopes: Vec<f64> = (0..spec.l).map(slope).collect();
            let mean: f64 = slopes.iter().enumerate().map(|(j, slope)| args[1][head.weight(i, j)] * slope).sum();
            for (j, slope) in slopes.into_iter().enumerate() {
                let weight = args[1][head.weight(i, j)];
                let ds = weight * (slope - mean) * scale;
                for t in 0..values {
                    args[4][head.at(0, i, t)] += ds * args[0][head.at(1, j, t)];
                    args[4][head.at(1, j, t)] += ds * args[0][head.at(0, i, t)];
                    if i != j {
                        args[4][head.at(2, j, t)] += weight * dy[head.context(i, j, t)];
                    }
                }
            }
        }
    }
}
