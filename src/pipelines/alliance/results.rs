//! What an alliance job has found: tables and report are written from this.

use serde::{Deserialize, Serialize};

use crate::alliance::adoption::Finding;
use crate::alliance::privacy::Spent;

/// How good forecasts are.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Quality {
    /// The root of the mean squared error, in logarithms.
    pub rmse: f64,
    /// The mean absolute error, in logarithms.
    pub mae: f64,
}

impl Quality {
    /// Of outputs against what is true.
    pub fn of(outputs: &[f32], targets: &[f32]) -> Self {
        let errors = || outputs.iter().zip(targets).map(|(o, t)| f64::from(*o) - f64::from(*t));
        let count = targets.len().max(1) as f64;
        let square = errors().map(|e| e * e).sum::<f64>() / count;
        Self { rmse: square.sqrt(), mae: errors().map(f64::abs).sum::<f64>() / count }
    }
}

/// A company.
#[derive(Debug, Clone, PartialEq)]
pub struct Company {
    /// Its name.
    pub name: String,
    /// Its training examples.
    pub train: usize,
    /// Its weight in the mean.
    pub weight: u64,
    /// Its held-out examples.
    pub held_out: usize,
    /// Forecast: as much as on average over the known steps.
    pub as_average: Quality,
    /// Forecast: as much as in the last known step.
    pub as_last: Quality,
    /// The model that it trained alone.
    pub alone: Quality,
    /// The model that all trained in the clear.
    pub clear: Quality,
    /// The model that all trained on encrypted updates.
    pub encrypted: Quality,
    /// How much smaller its mean squared error is than alone.
    pub gain: Gain,
}

/// The difference of two mean squared errors on the same examples.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Gain {
    /// The difference; above 0 if the second is better.
    pub mean: f64,
    /// Its standard error. A product's examples overlap: each product counts as one observation.
    pub error: f64,
}

impl Gain {
    /// Of two models' outputs for the same examples, the products of which stand together.
    pub fn of(first: &[f32], second: &[f32], targets: &[f32], products: &[usize]) -> Self {
        let square = |o: f32, t: f32| (f64::from(o) - f64::from(t)).powi(2);
        let count = targets.len().max(1) as f64;
        let all: Vec<f64> =
            (0..targets.len()).map(|i| square(first[i], targets[i]) - square(second[i], targets[i])).collect();
        let mean = all.iter().sum::<f64>() / count;
        let mut at = 0;
        let squares: f64 = products
            .chunk_by(|a, b| a == b)
            .map(|chunk| {
                let sum: f64 = all[at..at + chunk.len()].iter().map(|d| d - mean).sum();
                at += chunk.len();
                sum * sum
            })
            .sum();
        Self { mean, error: squares.sqrt() / count }
    }
}

/// One round's aggregate, decrypted, against the mean of the same updates in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundCheck {
    /// The largest difference of a value, in units of the stated error: half a step.
    pub difference: f64,
    /// The largest difference of a value.
    pub largest: f64,
    /// The length of the mean update.
    pub moved: f64,
    /// Values that were held at their bounds, of all companies.
    pub held: usize,
}

/// The rounds on encrypted updates against those in the clear (A8).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Equivalence {
    /// Of each round.
    pub rounds: Vec<RoundCheck>,
    /// The stated error of a round's mean: half a step of the widest bound.
    pub error: f64,
    /// The largest difference between the two models after all rounds.
    pub models_largest: f64,
    /// What is stated for it: the error of all rounds added up, if the update is a plain step.
    pub models_stated: Option<f64>,
    /// Whether all companies ended with the same bits.
    pub equal_models: bool,
}

/// What was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Values of the model.
    pub values: usize,
    /// Values in a ciphertext.
    pub slots: usize,
    /// Ciphertexts of an upload.
    pub ciphertexts: usize,
    /// Bytes of an upload.
    pub upload_bytes: usize,
    /// Bytes of a completed sum.
    pub sum_bytes: usize,
    /// Rounds.
    pub rounds: usize,
    /// Parties.
    pub parties: usize,
}

impl Sent {
    /// Bytes on the wire for a value of an upload.
    pub fn bytes_a_value(&self) -> f64 {
        self.upload_bytes as f64 / self.values.max(1) as f64
    }

    /// Bytes of all uploads and all sums.
    pub fn total(&self) -> usize {
        self.rounds * self.parties * (self.upload_bytes + self.sum_bytes)
    }
}

/// Seconds of the encrypted rounds, over all companies and all processes that worked on them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Seconds {
    /// Local training.
    pub training: f64,
    /// Quantising, packing, encrypting.
    pub encryption: f64,
    /// Checking and multiplying ciphertexts at the server.
    pub aggregation: f64,
    /// Opening and checking sums.
    pub decryption: f64,
}

/// A product that two companies are compared on.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The product.
    pub product: String,
    /// The places of the two companies.
    pub pair: [usize; 2],
    /// What was found.
    pub finding: Finding,
}

/// Whether to adopt what another does.
#[derive(Debug, Clone, PartialEq)]
pub struct Adoption {
    /// The p-value that decides.
    pub alpha: f64,
    /// The steps of the balance.
    pub span: usize,
    /// The first step.
    pub first_step: i64,
    /// Every product with enough buyers.
    pub products: Vec<Compared>,
    /// Products of which a company had too few buyers.
    pub left_out: usize,
}

/// A field that a product could be promoted to.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Which.
    pub name: String,
    /// Its association with the first field.
    pub to_field: f64,
    /// Its association with the product.
    pub to_product: f64,
    /// Edges from each scene.
    pub steps: [usize; 2],
    /// Its share of the flow; none if it is not kept.
    pub flow: Option<f64>,
    /// Its flow tag; none if it is not kept.
    pub tag: Option<String>,
}

/// Where a product could be promoted.
#[derive(Debug, Clone, PartialEq)]
pub struct Promoted {
    /// The product.
    pub product: String,
    /// Its first field of application.
    pub first_field: String,
    /// Its fields of application with their degrees, the strongest first.
    pub fields: Vec<(String, f64)>,
    /// Where the searches began.
    pub scenes: [String; 2],
    /// How many products each reached.
    pub reached: [usize; 2],
    /// The smallest degree of an edge.
    pub degree_least: f64,
    /// Edges that a search may follow.
    pub search_steps: usize,
    /// Products that were looked at.
    pub products: usize,
    /// What both searches reached.
    pub candidates: Vec<Field>,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// The table's file name.
    pub file: String,
    /// What a reader must know of the data.
    pub note: String,
    /// Products in the table.
    pub products: usize,
    /// Rows outside of the steps.
    pub rows_left_out: usize,
    /// What is forecast.
    pub target: String,
    /// The companies.
    pub companies: Vec<Company>,
    /// Root mean squared errors by round: alone, in the clear, encrypted; for each round the companies in order.
    pub courses: [Vec<Vec<f64>>; 3],
    /// The network, layer by layer.
    pub layers: Vec<String>,
    /// The plan in words.
    pub plan: Vec<(String, String)>,
    /// Encrypted against clear.
    pub equivalence: Equivalence,
    /// What was sent.
    pub sent: Sent,
    /// What was spent of privacy, a round and in all.
    pub privacy: Option<[Spent; 2]>,
    /// Whether to adopt.
    pub adoption: Option<Adoption>,
    /// Where to promote.
    pub promotion: Option<Promoted>,
    /// The device and why it was taken.
    pub device: String,
}

impl Results {
    /// The mean over the companies.
    pub fn mean(&self, of: impl Fn(&Company) -> f64) -> f64 {
        self.companies.iter().map(of).sum::<f64>() / self.companies.len().max(1) as f64
    }

    /// How much smaller the error of the common model is than alone, as a share, for the company that gains least.
    pub fn least_gain(&self) -> f64 {
        self.companies.iter().map(|c| 1.0 - c.encrypted.rmse / c.alone.rmse).fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a8_errors_and_their_difference_are_those_by_hand() {
        let quality = Quality::of(&[1.0, 2.0], &[1.0, 4.0]);
        assert_eq!((quality.rmse, quality.mae), (2.0_f64.sqrt(), 1.0));
        // Squared errors 4, 4, 1, 1 and 1, 1, 1, 1: differences 3, 3, 0, 0 around 1.5; two products of two examples.
        let gain = Gain::of(&[2.0, 2.0, 1.0, 1.0], &[1.0; 4], &[0.0; 4], &[5, 5, 9, 9]);
        assert_eq!((gain.mean, gain.error), (1.5, 18.0_f64.sqrt() / 4.0));
        assert_eq!(Gain::of(&[1.0], &[1.0], &[0.0], &[0]), Gain { mean: 0.0, error: 0.0 });
    }
}
