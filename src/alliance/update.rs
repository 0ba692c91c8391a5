//! What every party does with the opened mean update (A3, A7).
//!
//! All arithmetic is f64 addition, multiplication, division and square root, one value after another: the same bits on
//! every machine. The model is f32, rounded once a round.

use super::AllianceError;
use super::terms::ServerUpdate;
use crate::artifact::tensors::{TensorData, TensorFile};
use crate::model::{Model, Weights};

/// A model with what its update remembers.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelState {
    /// The model.
    pub weights: Weights,
    /// The mean of updates that fades: momentum's and Adam's.
    first: Vec<Vec<f64>>,
    /// The mean of their squares: Adam's.
    second: Vec<Vec<f64>>,
}

impl ModelState {
    /// A model before the first round.
    pub fn new(weights: Weights) -> Self {
        let zeros: Vec<Vec<f64>> = weights.values.iter().map(|v| vec![0.0; v.len()]).collect();
        Self { weights, first: zeros.clone(), second: zeros }
    }

    /// Moves the model by the mean update.
    ///
    /// # Errors
    /// If a weight stops being a number.
    pub fn apply(&mut self, mean: &[Vec<f64>], update: ServerUpdate) -> Result<(), AllianceError> {
        for (place, mean) in mean.iter().enumerate() {
            let (first, second) = (&mut self.first[place], &mut self.second[place]);
            for (i, d) in mean.iter().enumerate() {
                let weight = &mut self.weights.values[place][i];
                *weight = (f64::from(*weight) + move_by(*d, &mut first[i], &mut second[i], update)) as f32;
                if !weight.is_finite() {
                    return Err(AllianceError::Update(format!("a weight of the common model became {weight}")));
                }
            }
        }
        Ok(())
    }

    /// The state as a file's content.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub fn to_file(&self, model: &Model, update: ServerUpdate) -> Result<TensorFile, AllianceError> {
        let mut file = TensorFile::new();
        let bits =
            |values: &[f64]| values.iter().flat_map(|v| [v.to_bits() as u32, (v.to_bits() >> 32) as u32]).collect();
        for (i, param) in model.params().iter().enumerate() {
            file.insert(&param.name, &param.shape, TensorData::F32(self.weights.values[i].clone()))?;
            let memories = [("first", &self.first[i]), ("second", &self.second[i])];
            for (name, memory) in memories.iter().take(memories_of(update)) {
                file.insert(&format!("{name}.{i}"), &[memory.len(), 2], TensorData::U32(bits(memory)))?;
            }
        }
        Ok(file)
    }

    /// Reads what [`Self::to_file`] wrote.
    ///
    /// # Errors
    /// If it is another model's.
    pub fn of_file(file: &TensorFile, model: &Model, update: ServerUpdate) -> Result<Self, AllianceError> {
        let mut weights = Weights::default();
        for param in model.params() {
            weights.values.push(file.f32(&param.name, &param.shape)?.to_vec());
        }
        weights.check(model)?;
        let mut state = Self::new(weights);
        let numbers = |words: &[u32]| {
            words.as_chunks::<2>().0.iter().map(|w| f64::from_bits(u64::from(w[0]) | u64::from(w[1]) << 32)).collect()
        };
        for (i, param) in model.params().iter().enumerate() {
            let memories = [("first", &mut state.first[i]), ("second", &mut state.second[i])];
            for (name, memory) in memories.into_iter().take(memories_of(update)) {
                *memory = numbers(file.u32(&format!("{name}.{i}"), &[param.len(), 2])?);
            }
        }
        Ok(state)
    }
}

/// How many numbers a value a rule remembers.
fn memories_of(update: ServerUpdate) -> usize {
    match update {
        ServerUpdate::Plain { .. } => 0,
        ServerUpdate::Momentum { .. } => 1,
        ServerUpdate::Adam { .. } => 2,
    }
}

/// How far a value moves.
fn move_by(d: f64, first: &mut f64, second: &mut f64, update: ServerUpdate) -> f64 {
    match update {
        ServerUpdate::Plain { rate } => f64::from(rate) * d,
        ServerUpdate::Momentum { rate, beta } => {
            *first = f64::from(beta) * *first + d;
            f64::from(rate) * *first
        }
        ServerUpdate::Adam { rate, beta1, beta2, epsilon } => {
            let (beta1, beta2) = (f64::from(beta1), f64::from(beta2));
            *first = beta1 * *first + (1.0 - beta1) * d;
            *second = beta2 * *second + (1.0 - beta2) * d * d;
            f64::from(rate) * *first / (second.sqrt() + f64::from(epsilon))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> ModelState {
        ModelState::new(Weights { values: vec![vec![1.0, 2.0]] })
    }

    #[test]
    fn a3_the_mean_moves_the_model_as_each_rule_says() {
        let mut plain = state();
        plain.apply(&[vec![0.5, -1.0]], ServerUpdate::Plain { rate: 0.5 }).expect("numbers");
        assert_eq!(plain.weights.values[0], [1.25, 1.5]);
        let mut momentum = state();
        let rule = ServerUpdate::Momentum { rate: 1.0, beta: 0.5 };
        for _ in 0..2 {
            momentum.apply(&[vec![1.0, 0.0]], rule).expect("numbers");
        }
        // 1, then 0.5 + 1.
        assert_eq!(momentum.weights.values[0], [3.5, 2.0]);
        let mut adam = state();
        let rule = ServerUpdate::Adam { rate: 1.0, beta1: 0.5, beta2: 0.75, epsilon: 0.5 };
        adam.apply(&[vec![1.0, 0.0]], rule).expect("numbers");
        // m = 0.5, v = 0.25: 0.5 / (0.5 + 0.5).
        assert_eq!(adam.weights.values[0], [1.5, 2.0]);
        let error =
            plain.apply(&[vec![f64::MAX, 0.0]], ServerUpdate::Plain { rate: 0.5 }).expect_err("no number").to_string();
        assert_eq!(error, "local training: a weight of the common model became inf");
    }
}
