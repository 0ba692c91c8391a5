//! Nearest centres for rows that pass by once, in blocks: the plan stays, only the rows change.

use super::{ClusterError, Metric, Rows};
use crate::backend::Backend;
use crate::ops::distance::{Distance, DistanceSpec};
use crate::plan::{ListId, Plan, PlanBuilder, TensorId};

/// Centres that rows are held against, block after block.
pub struct Classifier<'a> {
    backend: &'a Backend,
    centres: Vec<f32>,
    width: usize,
    /// The plan for blocks of as many rows as the last one.
    stage: Option<Stage>,
}

struct Stage {
    rows: usize,
    plan: Plan,
    list: ListId,
    x: TensorId,
    label: TensorId,
    distance: TensorId,
}

impl std::fmt::Debug for Classifier<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Classifier").field("width", &self.width).finish_non_exhaustive()
    }
}

impl<'a> Classifier<'a> {
    /// For rows as wide as the centres, by squared Euclidean distance.
    ///
    /// # Errors
    /// If there is no centre, or one holds a value that cannot be compared.
    pub fn new(backend: &'a Backend, centres: &[f32], width: usize) -> Result<Self, ClusterError> {
        let checked = Rows::named("centres", centres, width)?;
        Ok(Self { backend, centres: checked.values().to_vec(), width, stage: None })
    }

    /// Writes each row's nearest centre (of equally near ones the lowest) and its squared distance.
    ///
    /// # Errors
    /// If the rows have another width, there are too many of them for the device at once, or it fails.
    pub fn classify(
        &mut self,
        rows: &Rows<'_>,
        labels: &mut Vec<u32>,
        distances: &mut Vec<f32>,
    ) -> Result<(), ClusterError> {
        rows.expect_width("centres", self.width)?;
        let stage = match self.stage.take().filter(|stage| stage.rows == rows.count()) {
            Some(stage) => stage,
            None => Stage::new(self.backend, &self.centres, rows.count(), self.width)?,
        };
        let stage = self.stage.insert(stage);
        stage.plan.upload_f32(stage.x, rows.values())?;
        stage.plan.replay(stage.list, 0..1)?;
        labels.resize(rows.count(), 0);
        distances.resize(rows.count(), 0.0);
        stage.plan.download_into(stage.label, labels)?;
        stage.plan.download_into(stage.distance, bytemuck::cast_slice_mut(distances))?;
        Ok(())
    }
}

impl Stage {
    fn new(backend: &Backend, centres: &[f32], n: usize, d: usize) -> Result<Self, ClusterError> {
        let k = centres.len() / d;
        let mut builder = PlanBuilder::new(1);
        let x = builder.tensor("rows", n * d);
        let c = builder.tensor("centres", k * d);
        let label = builder.tensor_u32("labels", n);
        let distance = builder.tensor("distances", n);
        let list = builder.list();
        let op = Distance::new(DistanceSpec { fleet: 1, n, k, d, metric: Metric::Euclidean, nearest: 1 })?;
        builder.push(list, op, &[x, c, label, distance])?;
        let mut plan = builder.build(backend)?;
        plan.upload_f32(c, centres)?;
        Ok(Self { rows: n, plan, list, x, label, distance })
    }
}

#[cfg(test)]
mod tests {
    use super::Classifier;
    use crate::cluster::{ClusterError, Init, KMeansSpec, Mode, Rows};
    use crate::ops::rng::counter_bits;
    use crate::ops::testing::backends;

    #[test]
    fn p4_blocks_get_the_classes_that_all_rows_at_once_get() {
        let values: Vec<f32> = (0..1000 * 7).map(|i| counter_bits(5, 0, 0, i) as f32 / 1e9).collect();
        let centres = values[..9 * 7].to_vec();
        let rows = Rows::new(&values, 7).expect("fine");
        for backend in backends() {
            let fixed = KMeansSpec::new(9, Init::Given(centres.clone()), Mode::Fixed).check().expect("fine");
            let whole = fixed.fit(&backend, &rows).expect("fits");
            let mut classifier = Classifier::new(&backend, &centres, 7).expect("fine");
            let (mut labels, mut distances, mut found) = (vec![], vec![], vec![]);
            for block in values.chunks(300 * 7) {
                let block = Rows::new(block, 7).expect("fine");
                classifier.classify(&block, &mut labels, &mut distances).expect("classifies");
                found.extend_from_slice(&labels);
            }
            assert_eq!(found, whole.labels, "{}", backend.id());
            let narrow = Rows::new(&values[..8], 4).expect("fine");
            let refused = classifier.classify(&narrow, &mut labels, &mut distances);
            assert!(matches!(refused, Err(ClusterError::Width { .. })));
        }
    }
}
