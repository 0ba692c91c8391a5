//! Prepared rows, in memory or in a scratch file.

use super::data::DataSettings;
use super::error::TabularError;
use super::recipe::{Recipe, TableJob};
use super::saved::Layout;
use crate::artifact::{ScratchFile, ensure_folder};
use crate::cluster::{RowBlocks, Rows, Spool};
use crate::dataset::Source;
use crate::dataset::rows::{RowSet, RowSpec, RowTargets, TargetKind};
use crate::prep::{RowPrep, Scale, Scaling};
use crate::run::{RunContext, RunError};

/// Prepared rows in memory, or what is needed to read them into a file.
#[derive(Debug)]
pub(in crate::pipelines) enum Points {
    /// In memory.
    Memory {
        /// [rows, inputs], prepared.
        values: Vec<f32>,
        /// Ids, or numbers from 1.
        ids: Vec<String>,
        /// What each row weighs.
        weights: Option<Vec<f32>>,
        /// Each row's known class.
        truth: Option<Vec<String>>,
        /// Columns and preparation.
        layout: Layout,
    },
    /// To be read in the run.
    Later {
        /// The table.
        spec: RowSpec,
        /// Its columns.
        names: Vec<String>,
    },
}

impl Points {
    /// Reads and prepares the table; of a table that does not go into memory only the first rows.
    pub(in crate::pipelines) fn load<R: Recipe>(
        job: &TableJob<R>,
        data: &DataSettings,
        weight: Option<&str>,
        truth: Option<&str>,
    ) -> Result<Self, TabularError> {
        let source: Source = job.source(0)?;
        let mut inputs = data.names()?;
        if let (Some(inputs), Some(weight)) = (&mut inputs, weight) {
            inputs.push(weight.to_owned());
        }
        let target = truth.map(|name| (name.to_owned(), TargetKind::Label));
        let spec = RowSpec { source, inputs, target, id: data.id.clone() };
        if data.out_of_core {
            let names = if let Some(names) = &spec.inputs { names.clone() } else { spec.numeric_names()? };
            let spec = RowSpec { inputs: Some(names.clone()), ..spec };
            // The first rows alone: the others are checked as they are read.
            match spec.read_parts(|_| Err(Head(None))) {
                Err(Head(Some(error))) => return Err(error.into()),
                Ok(_) | Err(Head(None)) => return Ok(Self::Later { spec, names }),
            }
        }
        let RowSet { names, mut inputs, places, ids, targets, .. } = spec.read()?;
        let (names, weights) = match weight {
            Some(_) => {
                let width = names.len();
                let weights = inputs.iter().skip(width - 1).step_by(width).copied().collect();
                inputs = inputs.chunks_exact(width).flat_map(|row| &row[..width - 1]).copied().collect();
                (names[..width - 1].to_vec(), Some(weights))
            }
            None => (names, None),
        };
        let prep = RowPrep::fit(data.scale, &inputs, names.len(), 1)?;
        prep.apply(&mut inputs, names.len())?;
        let truth = match targets {
            RowTargets::Labels(labels) => Some(labels),
            RowTargets::None | RowTargets::Numbers(_) => None,
        };
        let ids = ids.unwrap_or_else(|| (1..=places.len()).map(|row| row.to_string()).collect());
        let layout = Layout { source: data.source.clone(), inputs: names, id: data.id.clone(), prep };
        Ok(Self::Memory { values: inputs, ids, weights, truth, layout })
    }

    /// What is worth showing before the work starts.
    pub(in crate::pipelines) fn facts(&self) -> Vec<String> {
        match self {
            Self::Memory { ids, layout, .. } => {
                vec![format!("rows: {}", ids.len()), format!("inputs: {} columns", layout.inputs.len())]
            }
            Self::Later { names, .. } => {
                vec![
                    "rows: out of core, checked as they are read".to_owned(),
                    format!("inputs: {} columns", names.len()),
                ]
            }
        }
    }

    /// Passes over the rows, and their layout. Rows that are not in memory are read into a file in the run's folder.
    pub(in crate::pipelines) fn open(
        &self,
        ctx: &RunContext,
        data: &DataSettings,
    ) -> Result<(Held<'_>, Layout), RunError> {
        match self {
            Self::Memory { values, layout, .. } => {
                let rows = Rows::new(values, layout.inputs.len()).map_err(TabularError::from)?;
                Ok((Held::Memory(rows), layout.clone()))
            }
            Self::Later { spec, names } => {
                let folder = ctx.folder().checkpoints();
                ensure_folder(&folder)?;
                let raw = read(ctx, spec, names.len(), ScratchFile::new(&folder)?)?;
                let prep = raw.prep(data.scale);
                let layout = Layout { source: data.source.clone(), inputs: names.clone(), id: None, prep };
                let spool = raw.prepared(&layout, ScratchFile::new(&folder)?)?;
                Ok((Held::Disk(Box::new(spool)), layout))
            }
        }
    }
}

/// Ends the reading after the first rows, or an error there.
struct Head(Option<crate::dataset::DataError>);

impl From<crate::dataset::DataError> for Head {
    fn from(error: crate::dataset::DataError) -> Self {
        Self(Some(error))
    }
}

/// Rows to pass over.
pub(in crate::pipelines) enum Held<'a> {
    /// All at hand.
    Memory(Rows<'a>),
    /// In a file.
    Disk(Box<Spool>),
}

impl Held<'_> {
    pub(in crate::pipelines) fn count(&self) -> usize {
        match self {
            Self::Memory(rows) => rows.count(),
            Self::Disk(spool) => spool.count(),
        }
    }

    /// Some rows.
    pub(in crate::pipelines) fn pick(&mut self, rows: &[usize]) -> Result<Vec<f32>, TabularError> {
        match self {
            Self::Memory(all) => Ok(rows.iter().flat_map(|&row| all.row(row)).copied().collect()),
            Self::Disk(spool) => Ok(spool.pick(rows)?),
        }
    }
}

/// Rows as they came, with what their standardisation needs.
struct Raw {
    spool: Spool,
    count: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

fn read(ctx: &RunContext, spec: &RowSpec, width: usize, file: ScratchFile) -> Result<Raw, RunError> {
    let spool = Spool::new(file, width).map_err(TabularError::from)?;
    let mut raw = Raw { spool, count: 0.0, mean: vec![0.0; width], squares: vec![0.0; width] };
    spec.read_parts(|part: &RowSet| -> Result<(), TabularError> {
        if ctx.interrupted() {
            return Err(crate::cluster::ClusterError::Stopped.into());
        }
        raw.add(&part.inputs)
    })?;
    Ok(raw)
}

impl Raw {
    fn add(&mut self, values: &[f32]) -> Result<(), TabularError> {
        self.spool.append(values)?;
        for row in values.chunks_exact(self.mean.len()) {
            self.count += 1.0;
            // Welford's update: nothing cancels, however far from 0 the values are.
            for ((mean, squares), value) in self.mean.iter_mut().zip(&mut self.squares).zip(row) {
                let apart = f64::from(*value) - *mean;
                *mean += apart / self.count;
                *squares += apart * (f64::from(*value) - *mean);
            }
        }
        Ok(())
    }

    fn prep(&self, scaling: Scaling) -> RowPrep {
        match scaling {
            Scaling::None => RowPrep::None,
            Scaling::Divide(by) => RowPrep::Divide(by),
            Scaling::Row => RowPrep::Row { channels: 1 },
            Scaling::Standard => {
                let deviation: Vec<f64> = self.squares.iter().map(|s| (s / self.count.max(1.0)).sqrt()).collect();
                RowPrep::Standard(Scale::of(&self.mean, &deviation))
            }
        }
    }

    /// The prepared rows, in a file of their own unless they stay as they are.
    fn prepared(mut self, layout: &Layout, file: ScratchFile) -> Result<Spool, TabularError> {
        if layout.prep == RowPrep::None {
            return Ok(self.spool);
        }
        let width = self.mean.len();
        let mut spool = Spool::new(file, width)?;
        let mut block = vec![];
        self.spool.pass(&mut |_, values| {
            block.clear();
            block.extend_from_slice(values);
            let prepared = layout.prep.apply(&mut block, width);
            prepared.map_err(|e| crate::cluster::ClusterError::Source { reason: e.to_string() })?;
            spool.append(&block)
        })?;
        Ok(spool)
    }
}
