//! The oracle: with the score matrix, row by row.

use super::AttentionSpec;

/// One head of one sample.
struct Head<'a> {
    spec: &'a AttentionSpec,
    sample: usize,
    number: usize,
    /// Positions that may be attended to.
    length: usize,
}

impl Head<'_> {
    /// The place of value `t` of query (part 0), key (1) or value (2) at position `i`.
    fn at(&self, part: usize, i: usize, t: usize) -> usize {
        let AttentionSpec { l, d, .. } = *self.spec;
        ((self.sample * l + i) * 3 + part) * d + self.number * self.spec.head() + t
    }

    /// The place of value `t` of the output at position `i`.
    fn out(&self, i: usize, t: usize) -> usize {
        (self.sample * self.spec.l + i) * self.spec.d + self.number * self.spec.head() + t
    }

    fn lse(&self, i: usize) -> usize {
        (self.sample * self.spec.heads + self.number) * self.spec.l + i
    }

    /// The scores of position `i`.
    fn scores(&self, qkv: &[f64], i: usize) -> Vec<f64> {
        let keys = if self.spec.causal { self.length.min(i + 1) } else { self.length };
        let values = self.spec.head();
        let dot = |j| (0..values).map(|t| qkv[self.at(0, i, t)] * qkv[self.at(1, j, t)]).sum::<f64>();
        (0..keys).map(|j| dot(j) / (values as f64).sqrt()).collect()
    }
}

fn heads<'a>(spec: &'a AttentionSpec, lengths: Option<&[f64]>) -> Vec<Head<'a>> {
    let length = |sample: usize| lengths.map_or(spec.l, |lengths| (lengths[sample] as usize).clamp(1, spec.l));
    let each = |sample| (0..spec.heads).map(move |number| Head { spec, sample, number, length: length(sample) });
    (0..spec.n).flat_map(each).collect()
}

pub(super) fn forward(spec: &AttentionSpec, args: &mut [Vec<f64>]) {
    for head in heads(spec, spec.lengths.then(|| args[4].as_slice())) {
        for i in 0..spec.l {
            let scores = head.scores(&args[0], i);
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let lse = largest + scores.iter().map(|s| (s - largest).exp()).sum::<f64>().ln();
            for t in 0..spec.head() {
                let part = |(j, s): (usize, &f64)| (s - lse).exp() * args[0][head.at(2, j, t)];
                args[1][head.out(i, t)] = scores.iter().enumerate().map(part).sum();
            }
            args[2][head.lse(i)] = lse;
        }
    }
}

pub(super) fn backward(spec: &AttentionSpec, args: &mut [Vec<f64>]) {
    let values = spec.head();
    let scale = 1.0 / (values as f64).sqrt();
    args[4].fill(0.0);
    for head in heads(spec, spec.lengths.then(|| args[6].as_slice())) {
        for i in 0..spec.l {
            let delta: f64 = (0..values).map(|t| args[3][head.out(i, t)] * args[1][head.out(i, t)]).sum();
            for (j, score) in head.scores(&args[0], i).into_iter().enumerate() {
                let p = (score - args[2][head.lse(i)]).exp();
                let dp: f64 = (0..values).map(|t| args[3][head.out(i, t)] * args[0][head.at(2, j, t)]).sum();
                let ds = p * (dp - delta) * scale;
                for t in 0..values {
                    args[4][head.at(0, i, t)] += ds * args[0][head.at(1, j, t)];
                    args[4][head.at(1, j, t)] += ds * args[0][head.at(0, i, t)];
                    args[4][head.at(2, j, t)] += p * args[3][head.out(i, t)];
                }
            }
        }
    }
}
