//! What a K-means job has found: tables and report are written from this.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::settings::Distance;
use crate::artifact::table::{Cells, Table, TableFormat};
use crate::artifact::{ArtifactError, ensure_folder};
use crate::cluster::End;
use crate::pipelines::tabular::Layout;

/// What the model file says besides its centres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub data: Layout,
    pub metric: Distance,
    pub k: usize,
    /// The inertia before each move, of the start that was kept.
    pub course: Vec<f64>,
    pub iterations: usize,
    pub end: End,
    pub reseeded: usize,
    /// Numbers of clusters and their inertia.
    pub curve: Vec<(usize, f64)>,
}

/// Everything that was found.
#[derive(Debug)]
pub(super) struct Results {
    pub header: Header,
    pub rows: usize,
    pub inertia: f64,
    /// Ids of the rows in memory; without them rows are numbered from 1.
    pub ids: Option<Vec<String>>,
    pub labels: Vec<u32>,
    /// Distances to the own centre: Euclidean (not squared), or 1 less the cosine.
    pub distances: Vec<f64>,
    pub sizes: Vec<usize>,
    pub quality: Option<Quality>,
    /// The adjusted Rand index beside the known classes.
    pub agreement: Option<f64>,
    pub picture: Option<Picture>,
}

/// How good the clusters are, by a sample of rows.
#[derive(Debug)]
pub(super) struct Quality {
    pub silhouette: f64,
    pub clusters: Vec<Option<f64>>,
    pub davies_bouldin: f64,
    pub rows: usize,
}

/// Rows in the plane of their first two components.
#[derive(Debug)]
pub(super) struct Picture {
    pub points: Vec<(u32, f64, f64)>,
    pub centres: Vec<(f64, f64)>,
    /// The share of all variance that the plane shows.
    pub share: f64,
}

impl Results {
    /// Each cluster's mean distance; `None` for one without rows.
    pub(super) fn mean_distances(&self) -> Vec<Option<f64>> {
        let mut sums = vec![0.0; self.sizes.len()];
        self.labels.iter().zip(&self.distances).for_each(|(label, d)| sums[*label as usize] += d);
        sums.iter().zip(&self.sizes).map(|(sum, &size)| (size > 0).then(|| sum / size as f64)).collect()
    }

    /// Writes the result tables into `folder`.
    ///
    /// # Errors
    /// Any I/O error.
    pub(super) fn write_tables(&self, folder: &Path, format: TableFormat) -> Result<(), ArtifactError> {
        ensure_folder(folder)?;
        let id = self.header.data.id.clone();
        let mut all = vec![
            ("assignments", assignments(id, self.ids.as_deref(), &self.labels, &self.distances)?),
            ("clusters", self.clusters()?),
            ("iterations", self.course()?),
        ];
        if !self.header.curve.is_empty() {
            all.push(("curve", self.curve()?));
        }
        for (name, table) in all {
            table.write(&folder.join(name).with_extension(format.extension()), format)?;
        }
        Ok(())
    }

    fn clusters(&self) -> Result<Table, ArtifactError> {
        let k = self.sizes.len();
        let silhouettes = match &self.quality {
            Some(quality) => quality.clusters.clone(),
            None => vec![None; k],
        };
        Table::new([
            ("cluster", Cells::i64((0..k).map(|j| j as i64))),
            ("rows", Cells::i64(self.sizes.iter().map(|size| *size as i64))),
            ("share", Cells::f64(self.sizes.iter().map(|size| *size as f64 / self.rows as f64))),
            ("mean_distance", Cells::F64(self.mean_distances())),
            ("silhouette", Cells::F64(silhouettes)),
        ])
    }

    fn course(&self) -> Result<Table, ArtifactError> {
        let course = &self.header.course;
        Table::new([
            ("iteration", Cells::i64((0..course.len()).map(|i| i as i64))),
            ("inertia", Cells::f64(course.iter().copied())),
        ])
    }

    fn curve(&self) -> Result<Table, ArtifactError> {
        let curve = &self.header.curve;
        Table::new([
            ("k", Cells::i64(curve.iter().map(|(k, _)| *k as i64))),
            ("inertia", Cells::f64(curve.iter().map(|(_, inertia)| *inertia))),
        ])
    }
}

/// A row's cluster and distance.
pub(super) fn assignments(
    id: Option<String>,
    ids: Option<&[String]>,
    labels: &[u32],
    distances: &[f64],
) -> Result<Table, ArtifactError> {
    let name = id.filter(|name| !["cluster", "distance"].contains(&name.as_str()));
    let own = match ids {
        Some(ids) => Cells::text(ids.iter().map(String::as_str)),
        None => Cells::i64((1..=labels.len()).map(|row| row as i64)),
    };
    Table::new([
        (name.unwrap_or_else(|| "row".to_owned()), own),
        ("cluster".to_owned(), Cells::i64(labels.iter().map(|label| i64::from(*label)))),
        ("distance".to_owned(), Cells::f64(distances.iter().copied())),
    ])
}
