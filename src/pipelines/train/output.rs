//! What comes out of the networks, and what it means.

use serde::{Deserialize, Serialize};

/// The meaning of a network's outputs; saved with the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Output {
    /// One of these classes.
    Classes {
        /// Their names, in order.
        names: Vec<String>,
        /// Two classes by one output: the log-odds of the second.
        one_logit: bool,
    },
    /// A number: the output times `deviation`, plus `mean`.
    Number {
        /// The mean of the training rows.
        mean: f64,
        /// Their deviation.
        deviation: f64,
    },
}

impl Output {
    /// Outputs of a network.
    pub fn units(&self) -> usize {
        match self {
            Self::Classes { names, one_logit: false } => names.len(),
            Self::Classes { .. } | Self::Number { .. } => 1,
        }
    }

    /// Values of an answer: a probability for each class, or the number.
    pub fn width(&self) -> usize {
        match self {
            Self::Classes { names, .. } => names.len(),
            Self::Number { .. } => 1,
        }
    }

    /// What the members say together, [rows, width], from their outputs, [members, rows, units].
    pub fn answers(&self, outputs: &[f32], members: usize) -> Vec<f64> {
        let (units, width, members) = (self.units(), self.width(), members.max(1));
        let rows = outputs.len() / (members * units);
        let mut mean = vec![0.0; rows * width];
        let mut own = vec![0.0; width];
        for (number, row) in outputs.chunks_exact(units).enumerate() {
            self.answer(row, &mut own);
            let place = number % rows.max(1) * width;
            for (sum, value) in mean[place..][..width].iter_mut().zip(&own) {
                *sum += value / members as f64;
            }
        }
        mean
    }

    /// One member's answer for one row.
    fn answer(&self, outputs: &[f32], own: &mut [f64]) {
        match self {
            Self::Number { mean, deviation } => own[0] = f64::from(outputs[0]) * deviation + mean,
            Self::Classes { one_logit: true, .. } => {
                let second = 1.0 / (1.0 + (-f64::from(outputs[0])).exp());
                own.copy_from_slice(&[1.0 - second, second]);
            }
            Self::Classes { .. } => {
                let largest = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                own.iter_mut().zip(outputs).for_each(|(p, o)| *p = f64::from(o - largest).exp());
                let sum: f64 = own.iter().sum();
                own.iter_mut().for_each(|p| *p /= sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Output;

    fn near(found: &[f64], wanted: &[f64]) {
        assert_eq!(found.len(), wanted.len());
        assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {wanted:?}");
    }

    #[test]
    fn e12_members_are_averaged_as_probabilities() {
        let names = vec!["a".to_owned(), "b".to_owned()];
        let three = (3.0_f32).ln();
        let softmax = Output::Classes { names: names.clone(), one_logit: false };
        // Two members, two rows: 1/2 and 3/4 of the first row are `b`, 1/4 and 1/2 of the second.
        near(
            &softmax.answers(&[0.0, 0.0, three, 0.0, 100.0, 100.0 + three, 0.0, 0.0], 2),
            &[0.375, 0.625, 0.625, 0.375],
        );
        let logit = Output::Classes { names, one_logit: true };
        near(&logit.answers(&[0.0, -three, three, 0.0], 2), &[0.375, 0.625, 0.625, 0.375]);
    }

    #[test]
    fn e12_numbers_are_put_back_to_their_scale() {
        near(&Output::Number { mean: 10.0, deviation: 2.0 }.answers(&[1.0, 0.0, 3.0, -1.0], 2), &[14.0, 9.0]);
    }
}
