//! How good it is, on the events that come last: beside counting, beside a plain regression, and without the prior.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::IntentError;
use super::features::{Maker, Moment};
use super::load::Loaded;
use super::measure::{Difference, FIGURES, Ranked, Rows, figures, mean, of_ranks, over_seeds, rank};
use super::network::{Scorer, TOKENS};
use super::prior::{Counted, counted, target};
use super::settings::Evaluation as Settings;
use super::trees::Trees;
use crate::backend::Backend;
use crate::train::SavedFleet;

/// Rows whose features lie in memory at a time.
pub(super) const TILE: usize = 4096;

/// Products that the report lists.
const LISTED: usize = 15;

/// All figures of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Evaluation {
    pub rows: usize,
    pub users: usize,
    pub ranked: Vec<Ranked>,
    pub differences: Vec<Difference>,
    /// On the last events of users whose whole history was held out.
    pub held: Option<Held>,
    pub trees: Vec<TreeFigures>,
    pub products: Vec<ProductFigures>,
    /// Over the rows, head by head.
    pub attention: Vec<Attention>,
}

/// Mean weights of one head: from each token (row) to each (column).
type Attention = [[f64; TOKENS.len()]; TOKENS.len()];

/// Users that training has never seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Held {
    pub rows: usize,
    pub users: usize,
    pub ranked: Vec<Ranked>,
    pub difference: Difference,
}

/// What the three trees of one network reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TreeFigures {
    pub network: String,
    /// How often the product that came was the first, second or third intent.
    pub each: [f64; 3],
    /// How often it was any of the three.
    pub any: f64,
    /// The network's own first three.
    pub network_hit3: f64,
    /// How often a pair's first candidate came.
    pub read_outs: [f64; 3],
}

/// One product's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ProductFigures {
    pub name: String,
    pub rows: usize,
    /// Among the first three: of the model, the regression, the prior, and popularity.
    pub hit3: [f64; 4],
}

/// What is judged.
pub(super) struct Judged<'a> {
    pub loaded: &'a Loaded,
    pub maker: &'a Maker<'a>,
    pub train: &'a [Moment],
    pub test: &'a [Moment],
    pub held: &'a [Moment],
    /// With classes `all` and `other users`, and `all` alone.
    pub full: &'a SavedFleet,
    pub without: &'a SavedFleet,
    pub logistic: &'a SavedFleet,
    pub trees: &'a Trees,
    pub trees_without: &'a Trees,
    pub settings: &'a Settings,
    pub seed: u64,
    pub backend: &'a Backend,
    pub stop: &'a dyn Fn() -> bool,
}

impl Judged<'_> {
    /// Ranks by each network of a class, and by their ensemble.
    fn ranks(&self, fleet: &SavedFleet, class: &str, moments: &[Moment]) -> Result<(Vec<Rows>, Rows), IntentError> {
        let mut scorer = Scorer::new(fleet, class, self.backend)?;
        let products = self.maker.prep.products;
        let (mut seeds, mut ensemble): (Vec<Rows>, Rows) = (vec![], vec![]);
        for tile in moments.chunks(TILE) {
            if (self.stop)() {
                return Err(IntentError::Interrupted);
            }
            let by_member = scorer.by_member(&self.maker.rows(tile))?;
            seeds.resize(by_member.len(), vec![]);
            for (row, moment) in tile.iter().enumerate() {
                let target = target(self.loaded, *moment);
                let own = |member: &Vec<f32>| member[row * products..][..products].to_vec();
                let mut sum = vec![0.0; products];
                for (member, to) in by_member.iter().zip(&mut seeds) {
                    let values = own(member);
                    to.push(figures(rank(&values, target)));
                    sum.iter_mut().zip(&values).for_each(|(sum, v)| *sum += v);
                }
                ensemble.extend(of_ranks(&[rank(&sum, target)]));
            }
        }
        Ok((seeds, ensemble))
    }

    /// What trees make of a network's associations, and the mean attention.
    fn judge_trees(
        &self,
        name: &str,
        fleet: &SavedFleet,
        trees: &Trees,
    ) -> Result<(TreeFigures, Vec<Attention>), IntentError> {
        let mut scorer = Scorer::new(fleet, "all", self.backend)?;
        let products = self.maker.prep.products;
        let (mut each, mut read_outs, mut own, mut rows) = ([0.0; 3], [0.0; 3], 0.0, 0.0);
        let mut attention = vec![[[0.0; 3]; 3]; scorer.heads()];
        for tile in self.test.chunks(TILE) {
            if (self.stop)() {
                return Err(IntentError::Interrupted);
            }
            for (said, moment) in scorer.say(&self.maker.rows(tile))?.iter().zip(tile) {
                let target = target(self.loaded, *moment);
                for (hit, intent) in each.iter_mut().zip(trees.intents(said, products, &[])) {
                    *hit += f64::from(u8::from(intent.product == target));
                }
                own += figures(rank(said.read_out(0, products), target))[1];
                for (pair, hit) in read_outs.iter_mut().enumerate() {
                    *hit += figures(rank(said.read_out(1 + pair, products), target))[0];
                }
                for (head, weights) in attention.iter_mut().zip(said.attention.chunks_exact(9)) {
                    head.as_flattened_mut().iter_mut().zip(weights).for_each(|(sum, w)| *sum += f64::from(*w));
                }
                rows += 1.0;
            }
        }
        for weight in attention.iter_mut().flat_map(|head| head.as_flattened_mut()) {
            *weight /= rows;
        }
        let found = TreeFigures {
            network: name.to_owned(),
            each: each.map(|hits| hits / rows),
            any: each.iter().sum::<f64>() / rows,
            network_hit3: own / rows,
            read_outs: read_outs.map(|hits| hits / rows),
        };
        Ok((found, attention))
    }

    /// All figures.
    pub(super) fn judge(&self) -> Result<Evaluation, IntentError> {
        let prep = self.maker.prep;
        let Counted { popular, own, prior } = counted(self.loaded, prep, self.train, self.test);
        let (seeds, ensemble) = self.ranks(self.full, "all", self.test)?;
        let (without, _) = self.ranks(self.without, "all", self.test)?;
        let (regression, _) = self.ranks(self.logistic, "all", self.test)?;
        let model = over_seeds(&seeds);
        let ranked = vec![
            Ranked::many("three towers with attention and the prior", &seeds),
            Ranked::one("their ensemble", &ensemble),
            Ranked::one("smoothed prior", &prior),
            Ranked::many("three towers without the prior", &without),
            Ranked::many("multinomial logistic regression", &regression),
            Ranked::one("own frequency", &own),
            Ranked::one("most popular", &popular),
        ];
        let beside = |name: &str, rows: &Rows| {
            let settings = (self.settings.draws, self.seed);
            Difference::of(("model", &model), (name, rows), self.test, settings.0, settings.1)
        };
        let differences = vec![beside("own frequency", &own), beside("smoothed prior", &prior)];
        let (of_trees, attention) = self.judge_trees("with the prior", self.full, self.trees)?;
        let (of_trees_without, _) = self.judge_trees("without the prior", self.without, self.trees_without)?;
        let hits = [&model, &over_seeds(&regression), &prior, &popular];
        Ok(Evaluation {
            rows: self.test.len(),
            users: count_users(self.test),
            ranked,
            differences,
            held: self.held_users()?,
            trees: vec![of_trees, of_trees_without],
            products: self.products(hits),
            attention,
        })
    }

    fn held_users(&self) -> Result<Option<Held>, IntentError> {
        if self.held.is_empty() {
            return Ok(None);
        }
        let (seeds, _) = self.ranks(self.full, "other users", self.held)?;
        let Counted { popular, own, prior } = counted(self.loaded, self.maker.prep, self.train, self.held);
        let model = over_seeds(&seeds);
        let draws = self.settings.draws;
        let difference = Difference::of(("model", &model), ("smoothed prior", &prior), self.held, draws, self.seed);
        let ranked = vec![
            Ranked::many("three towers with attention and the prior", &seeds),
            Ranked::one("smoothed prior", &prior),
            Ranked::one("own frequency", &own),
            Ranked::one("most popular", &popular),
        ];
        Ok(Some(Held { rows: self.held.len(), users: count_users(self.held), ranked, difference }))
    }

    fn products(&self, hits: [&Rows; 4]) -> Vec<ProductFigures> {
        let mut by_product: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (row, moment) in self.test.iter().enumerate() {
            by_product.entry(target(self.loaded, *moment)).or_default().push(row);
        }
        let mut list: Vec<(u32, Vec<usize>)> = by_product.into_iter().collect();
        list.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.cmp(&b.0)));
        let one = |(product, rows): (u32, Vec<usize>)| {
            let share = |hits: &Rows| mean(&rows.iter().map(|row| hits[*row]).collect::<Rows>())[1];
            ProductFigures {
                name: self.loaded.products[product as usize].name.clone(),
                rows: rows.len(),
                hit3: hits.map(share),
            }
        };
        list.into_iter().take(LISTED).map(one).collect()
    }
}

fn count_users(moments: &[Moment]) -> usize {
    moments.chunk_by(|a, b| a.user == b.user).count()
}

impl Evaluation {
    /// A figure of a way of ranking.
    pub(super) fn figure(&self, name: &str, figure: &str) -> Option<f64> {
        let at = FIGURES.iter().position(|known| *known == figure)?;
        self.ranked.iter().find(|ranked| ranked.name == name).map(|ranked| ranked.figures[at])
    }
}
