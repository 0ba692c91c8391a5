//! The allocation network (R5, R7): ensembles for several seeds, in three groups by what they see, trained as one fleet.

use super::error::GridError;
use super::inputs::{Group, RowMaker};
use super::settings::NetworkSettings;
use crate::backend::Backend;
use crate::model::{LayerSpec, Loss, Model, ModelSpec, TensorShape, Weights};
use crate::ops::Activation;
use crate::train::{Control, Data, Member, Predictor, SavedFleet, Targets, member_seed, train};

/// The name of these models in model files.
pub(super) const TASK: &str = "grid.allocation";

/// Rows of a batch of predictions.
const BATCH: usize = 1024;

/// The network for rows of this width.
pub(super) fn network(settings: &NetworkSettings, width: usize) -> Result<Model, GridError> {
    let layers = vec![
        LayerSpec::Dense { units: settings.units, activation: Activation::Relu },
        LayerSpec::Dropout { rate: settings.dropout },
        LayerSpec::Dense { units: 1, activation: Activation::None },
    ];
    Ok(Model::new(ModelSpec { input: TensorShape::flat(width), layers })?)
}

/// Rows of one group with what came of them.
pub(super) struct Lesson<'a> {
    pub group: Group,
    /// Contacts, and who made them.
    pub rows: Vec<(usize, u32)>,
    /// Outcomes by contact.
    pub outcomes: &'a dyn Fn(usize) -> bool,
}

/// Trains `settings.seeds` ensembles of `settings.members` for each lesson, all in one fleet.
pub(super) fn fit(
    maker: &RowMaker<'_>,
    settings: &NetworkSettings,
    weight_decay: f32,
    lessons: &[Lesson<'_>],
    seed: u64,
    backend: &Backend,
    control: &mut Control<'_>,
) -> Result<SavedFleet, GridError> {
    let model = network(settings, maker.width())?;
    let (mut inputs, mut targets, mut members, mut names) = (vec![], vec![], vec![], vec![]);
    for lesson in lessons {
        let first = targets.len() as u32;
        for &(row, manager) in &lesson.rows {
            maker.push(&mut inputs, row, manager, lesson.group);
            targets.push(f32::from(u8::from((lesson.outcomes)(row))));
        }
        let own: Vec<u32> = (first..targets.len() as u32).collect();
        let bias = log_odds(&targets[first as usize..]);
        for number in 0..settings.seeds * settings.members {
            // The same place of each group has the same seed: groups differ by what they see alone.
            let one = Member::new(member_seed(seed, number), settings.rate, own.clone(), vec![]);
            members.push(Member { output_bias: Some(vec![bias]), ..one });
            names.push(format!("{} {number}", lesson.group.name()));
        }
    }
    let spec = settings.training(weight_decay);
    let data = Data { inputs: &inputs, targets: Targets::Values(&targets) };
    let trained = train(&model, &spec, Loss::BinaryCrossEntropy, data, &members, backend, control)?;
    Ok(SavedFleet {
        task: TASK.to_owned(),
        model: model.spec().clone(),
        names,
        members: trained.into_iter().map(|t| t.weights).collect(),
        precision: spec.precision,
        settings: serde_json::Value::Null,
    })
}

/// The log-odds of the mean, which is kept off 0 and 1.
fn log_odds(targets: &[f32]) -> f32 {
    let count = targets.len() as f32;
    let share = ((targets.iter().sum::<f32>() + 0.5) / (count + 1.0)).clamp(1e-6, 1.0 - 1e-6);
    (share / (1.0 - share)).ln()
}

/// The ensembles of one group, ready to score.
pub(super) struct Scorer {
    predictor: Predictor,
    seeds: usize,
    members: usize,
}

impl Scorer {
    /// A group's ensembles.
    pub(super) fn new(fleet: &SavedFleet, group: Group, seeds: usize, backend: &Backend) -> Result<Self, GridError> {
        let model = Model::new(fleet.model.clone())?;
        let own = fleet.names.iter().zip(&fleet.members).filter(|(name, _)| name.starts_with(group.name()));
        let own: Vec<Weights> = own.map(|(_, weights)| weights.clone()).collect();
        let members = own.len() / seeds;
        Ok(Self { predictor: Predictor::new(&model, &own, BATCH, backend)?, seeds, members })
    }

    /// Each ensemble's probability of each row: seed after seed.
    pub(super) fn probabilities(&mut self, rows: &[f32]) -> Result<Vec<Vec<f64>>, GridError> {
        let outputs = self.predictor.all_members(rows)?;
        let count = outputs.len() / (self.seeds * self.members);
        let of = |seed: usize| -> Vec<f64> {
            let member = |m: usize| &outputs[(seed * self.members + m) * count..][..count];
            let mean =
                |row: usize| (0..self.members).map(|m| f64::from(member(m)[row])).sum::<f64>() / self.members as f64;
            (0..count).map(|row| 1.0 / (1.0 + (-mean(row)).exp())).collect()
        };
        Ok((0..self.seeds).map(of).collect())
    }

    /// Each ensemble's probability of some contacts, in tiles.
    pub(super) fn contacts(
        &mut self,
        maker: &RowMaker<'_>,
        rows: &[usize],
        tile: usize,
    ) -> Result<Vec<Vec<f64>>, GridError> {
        let mut found = vec![Vec::with_capacity(rows.len()); self.seeds];
        let mut values = vec![];
        for part in rows.chunks(tile) {
            values.clear();
            for &row in part {
                maker.push(&mut values, row, 0, Group::Customer);
            }
            found.iter_mut().zip(self.probabilities(&values)?).for_each(|(all, part)| all.extend(part));
        }
        Ok(found)
    }
}

/// The mean of the ensembles.
pub(super) fn mean(by_seed: &[Vec<f64>]) -> Vec<f64> {
    let rows = by_seed.first().map_or(0, Vec::len);
    (0..rows).map(|row| by_seed.iter().map(|s| s[row]).sum::<f64>() / by_seed.len() as f64).collect()
}

/// A manager for a contact, and what the ensembles say of the two.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub manager: u32,
    /// The ensembles' mean.
    pub score: f64,
    pub by_seed: Vec<f32>,
}

/// Scores all pairs of some contacts and their regions' managers, a tile at a time; keeps the best of each contact.
pub(super) fn candidates(
    scorer: &mut Scorer,
    maker: &RowMaker<'_>,
    group: Group,
    rows: &[usize],
    (tile, keep): (usize, usize),
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Vec<Candidate>>, GridError> {
    let mut found: Vec<Vec<Candidate>> = vec![vec![]; rows.len()];
    let (mut pairs, mut values): (Vec<(usize, u32)>, Vec<f32>) = (vec![], vec![]);
    let mut score = |pairs: &mut Vec<(usize, u32)>, values: &mut Vec<f32>| -> Result<(), GridError> {
        if pairs.is_empty() {
            return Ok(());
        }
        if stop() {
            return Err(GridError::Interrupted);
        }
        let by_seed = scorer.probabilities(values)?;
        let means = mean(&by_seed);
        for (i, (place, manager)) in pairs.drain(..).enumerate() {
            let by_seed = by_seed.iter().map(|s| s[i] as f32).collect();
            push(&mut found[place], Candidate { manager, score: means[i], by_seed }, keep);
        }
        values.clear();
        Ok(())
    };
    for (place, &row) in rows.iter().enumerate() {
        for &manager in &maker.managers.by_region[maker.contacts.rows[row].region as usize] {
            pairs.push((place, manager));
            maker.push(&mut values, row, manager, group);
            if pairs.len() == tile {
                score(&mut pairs, &mut values)?;
            }
        }
    }
    score(&mut pairs, &mut values)?;
    Ok(found)
}

/// Keeps the best, the first of equal ones.
fn push(list: &mut Vec<Candidate>, new: Candidate, keep: usize) {
    let place = list.partition_point(|old| old.score >= new.score);
    list.insert(place, new);
    list.truncate(keep);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r5_only_the_best_candidates_are_kept_in_order() {
        let mut list = vec![];
        for (manager, score) in [(0, 0.2), (1, 0.5), (2, 0.1), (3, 0.5), (4, 0.4)] {
            push(&mut list, Candidate { manager, score, by_seed: vec![] }, 3);
        }
        assert_eq!(list.iter().map(|c| c.manager).collect::<Vec<_>>(), [1, 3, 4]);
    }

    #[test]
    fn r5_the_log_odds_of_no_outcome_are_finite() {
        assert!(log_odds(&[0.0; 4]).is_finite() && log_odds(&[1.0; 4]) > 0.0);
        assert!((log_odds(&[1.0, 0.0])).abs() < 1e-6);
    }
}
