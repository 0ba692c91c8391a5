//! The kinds of job that this program knows.

use crate::pipelines::alliance::Alliance;
use crate::pipelines::grid::Grid;
use crate::pipelines::growth::Growth;
use crate::pipelines::intent::INTENT;
use crate::pipelines::kmeans::KMEANS;
use crate::pipelines::neighbours::NEIGHBOURS;
use crate::pipelines::pca::PCA;
use crate::pipelines::push::PUSH;
use crate::pipelines::train::Train;
use crate::pipelines::tree::TREE;
use crate::run::{JobKind, Kinds, SelfTest};

/// All of them.
static ALL: [&dyn JobKind; 11] =
    [&Growth, &Train, &Alliance, &PUSH, &INTENT, &Grid, &KMEANS, &NEIGHBOURS, &PCA, &TREE, &SelfTest];

/// One line a kind.
pub fn kinds() -> Kinds {
    Kinds(&ALL)
}
