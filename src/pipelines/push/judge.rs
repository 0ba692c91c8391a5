//! Hiding holdings: to choose settings (an inner hide), and to judge the method (P7).

use serde::{Deserialize, Serialize};

use super::classes::{self, HoldingSpace, Space};
use super::error::PushError;
use super::features::{self, Extracted};
use super::load::{Loaded, NamedColumn};
use super::settings::{Choose, Counts, Evaluation, From, Settings};
use crate::backend::Backend;
use crate::prep::Attribute;
use crate::recommend::{Bag, ClassCounts, Cosine, Ease, Hide, Holdings, Judged, Popular, hide, judge};

/// One way to make classes and weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setting {
    pub from: From,
    pub classes: usize,
    pub shrink: f64,
    pub rounds: usize,
}

impl Setting {
    /// In words.
    pub(super) fn text(&self) -> String {
        let rounds = if self.rounds == 1 { "1 round".to_owned() } else { format!("{} rounds", self.rounds) };
        format!("{}, {} classes, shrink {}, {rounds}", self.from.name(), self.classes, self.shrink)
    }
}

/// What an inner hide says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choice {
    /// The method as it is written: attributes, one round, nothing shrunk.
    pub plain: Setting,
    /// The same with shrinking.
    pub shrunk: Setting,
    /// The best of all.
    pub best: Setting,
    /// EASE's regularisation.
    pub ease: Option<f64>,
    /// All that was tried, with recall and NDCG on the inner hide; empty if there was nothing to choose.
    pub tried: Vec<(Setting, f64, f64)>,
}

/// Figures of one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedFigures {
    pub choice: Choice,
    /// By method, in the order of the report.
    pub methods: Vec<(String, Judged)>,
}

/// What the work needs besides the data.
pub(super) struct Work<'a> {
    pub settings: &'a Settings,
    pub loaded: &'a Loaded,
    pub backend: &'a Backend,
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// The settings to choose among.
struct Grid {
    from: Vec<From>,
    classes: Vec<usize>,
    shrink: Vec<f64>,
    rounds: Vec<usize>,
    hide: Hide,
    hides: usize,
}

impl Grid {
    fn of(settings: &Settings) -> Self {
        fn or<T: Clone>(list: &[T], own: T) -> Vec<T> {
            if list.is_empty() { vec![own] } else { list.to_vec() }
        }
        let nothing = Choose::default();
        let choose = settings.choose.as_ref().unwrap_or(&nothing);
        Self {
            from: or(&choose.from, settings.classes.from),
            classes: or(&choose.classes, settings.classes.count),
            shrink: or(&choose.shrink, settings.push.shrink),
            rounds: or(&choose.rounds, settings.push.rounds),
            hide: choose.hide,
            hides: choose.hides,
        }
    }

    fn first(&self) -> Setting {
        Setting { from: self.from[0], classes: self.classes[0], shrink: self.shrink[0], rounds: self.rounds[0] }
    }

    fn is_choice(&self) -> bool {
        [self.from.len(), self.classes.len(), self.shrink.len(), self.rounds.len()].iter().any(|n| *n > 1)
    }
}

/// Attributes as they are when only `left` is held: what counts the others is taken off, and what cannot be taken apart is
/// left out.
pub(super) fn rebuilt(loaded: &Loaded, left: &Holdings) -> Vec<NamedColumn> {
    let gone = |user: usize, weight: &dyn Fn(usize) -> f64| -> f64 {
        let first: usize = loaded.first_holding(user);
        let own = loaded.holdings.of(user).iter().enumerate();
        own.filter(|(_, product)| left.of(user).binary_search(product).is_err()).map(|(i, _)| weight(first + i)).sum()
    };
    let pairs = loaded.columns.iter().zip(&loaded.counts);
    let kept = pairs.filter(|(_, counts)| **counts != Some(Counts::Mixed));
    kept.map(|((name, spec, values), counts)| {
        let values = match (values, counts) {
            (Attribute::Numbers(values), Some(counts)) => {
                let sums = if let Counts::Sum(column) = counts { loaded.sums.get(column) } else { None };
                let weight = |place: usize| sums.map_or(1.0, |sums| sums[place]);
                let less = |(user, value): (usize, &Option<f64>)| value.map(|value| value - gone(user, &weight));
                Attribute::Numbers(values.iter().enumerate().map(less).collect())
            }
            (values, _) => values.clone(),
        };
        (name.clone(), spec.clone(), values)
    })
    .collect()
}

/// Data of which a part is hidden, with what is fitted to the rest.
struct World {
    left: Holdings,
    hidden: Vec<Vec<u32>>,
    learn: Vec<usize>,
    tail: Vec<bool>,
    extracted: Extracted,
    held: Option<(HoldingSpace, Vec<f32>)>,
    seed: u64,
}

impl World {
    fn new(work: &Work<'_>, base: &Holdings, how: Hide, seed: u64, from: &[From]) -> Result<Self, PushError> {
        let (left, hidden) = hide(base, how, seed);
        let learn = left.holding_users();
        let columns = rebuilt(work.loaded, &left);
        let extracted = features::extract(&columns, &learn, &work.settings.features, (work.backend, seed), work.stop)?;
        let dimensions = work.settings.classes.holdings_dimensions;
        let needed = from.iter().any(|from| *from != From::Attributes);
        let held = needed.then(|| HoldingSpace::fit(&left, &learn, dimensions, work.backend)).transpose()?;
        let limit = work.settings.evaluation.as_ref().map_or(0.3, |evaluation| evaluation.tail);
        let tail = left.shares().iter().map(|share| *share <= limit).collect();
        Ok(Self { left, hidden, learn, tail, extracted, held, seed })
    }

    fn labels(&self, work: &Work<'_>, from: From, classes: usize, rounds: usize) -> Result<Vec<Vec<u32>>, PushError> {
        let space = Space::of(from, &self.extracted, self.held.as_ref(), &self.learn)?;
        let settings = &work.settings.classes;
        let found =
            classes::rounds(&space, &self.learn, settings, (classes, rounds), (work.backend, self.seed), work.stop)?;
        Ok(found.labels)
    }

    fn bag(&self, labels: &[Vec<u32>], classes: usize, shrink: f64) -> Bag {
        let mut bag = Bag::default();
        for labels in labels {
            bag.push(labels.clone(), ClassCounts::count(labels, &self.left, classes).weights(shrink));
        }
        bag
    }

    fn judge(&self, bag: &dyn crate::recommend::Scorer, k: usize) -> Judged {
        judge(bag, &self.left, &self.hidden, &self.tail, k)
    }

    fn setting(&self, work: &Work<'_>, setting: &Setting, k: usize) -> Result<Judged, PushError> {
        let labels = self.labels(work, setting.from, setting.classes, setting.rounds)?;
        Ok(self.judge(&self.bag(&labels, setting.classes, setting.shrink), k))
    }
}

/// Chooses by hiding some of `base`; judged by NDCG, of equal ones the first.
pub(super) fn choose(work: &Work<'_>, base: &Holdings, seed: u64) -> Result<Choice, PushError> {
    let grid = Grid::of(work.settings);
    let nothing = Evaluation::default();
    let evaluation = work.settings.evaluation.as_ref().unwrap_or(&nothing);
    let best = grid.first();
    let shrunk = Setting { from: From::Attributes, rounds: 1, ..best };
    let mut choice = Choice {
        plain: Setting { shrink: 0.0, ..shrunk },
        shrunk,
        best,
        ease: evaluation.ease.first().copied(),
        tried: vec![],
    };
    if !grid.is_choice() && evaluation.ease.len() < 2 {
        return Ok(choice);
    }
    let mut eases = vec![0.0; evaluation.ease.len()];
    for number in 0..grid.hides {
        let world = World::new(work, base, grid.hide, seed.wrapping_add((number as u64) << 40), &grid.from)?;
        try_all(work, &grid, &world, evaluation.k, &mut choice.tried)?;
        for (sum, &lambda) in eases.iter_mut().zip(&evaluation.ease) {
            *sum += world.judge(&Ease::fit(&world.left, lambda)?, evaluation.k).all.ndcg;
        }
    }
    let hides = grid.hides as f64;
    choice.tried.iter_mut().for_each(|(_, recall, ndcg)| (*recall, *ndcg) = (*recall / hides, *ndcg / hides));
    let better = |wanted: &dyn Fn(&Setting) -> bool, known: Setting| {
        let mut best = (f64::NEG_INFINITY, known);
        for (setting, _, ndcg) in choice.tried.iter().filter(|(setting, ..)| wanted(setting)) {
            if *ndcg > best.0 {
                best = (*ndcg, *setting);
            }
        }
        best.1
    };
    let single = |s: &Setting| s.from == From::Attributes && s.rounds == 1;
    let plain = better(&|s| single(s) && s.shrink == 0.0, choice.plain);
    let shrunk = better(&|s| single(s) && grid.shrink.contains(&s.shrink), choice.shrunk);
    let of_grid =
        |s: &Setting| grid.from.contains(&s.from) && grid.rounds.contains(&s.rounds) && grid.shrink.contains(&s.shrink);
    choice.best = better(&of_grid, choice.best);
    (choice.plain, choice.shrunk) = (plain, shrunk);
    let mut ease = (f64::NEG_INFINITY, choice.ease);
    for (sum, &lambda) in eases.iter().zip(&evaluation.ease) {
        if *sum > ease.0 {
            ease = (*sum, Some(lambda));
        }
    }
    choice.ease = ease.1;
    Ok(choice)
}

/// Adds each setting's recall and NDCG to those of the hides before, in one order.
fn try_all(
    work: &Work<'_>,
    grid: &Grid,
    world: &World,
    k: usize,
    tried: &mut Vec<(Setting, f64, f64)>,
) -> Result<(), PushError> {
    let mut from = grid.from.clone();
    if !from.contains(&From::Attributes) {
        from.push(From::Attributes);
    }
    for (&from, &classes) in from.iter().flat_map(|from| grid.classes.iter().map(move |classes| (from, classes))) {
        let of_grid = grid.from.contains(&from);
        let most = if of_grid { grid.rounds.iter().copied().max().unwrap_or(1) } else { 1 };
        let labels = world.labels(work, from, classes, most)?;
        let mut shrinks = grid.shrink.clone();
        shrinks.extend((from == From::Attributes && !shrinks.contains(&0.0)).then_some(0.0));
        let mut rounds = if of_grid { grid.rounds.clone() } else { vec![] };
        rounds.extend((from == From::Attributes && !rounds.contains(&1)).then_some(1));
        for (&rounds, &shrink) in rounds.iter().flat_map(|r| shrinks.iter().map(move |s| (r, s))) {
            let setting = Setting { from, classes, shrink, rounds };
            let found = world.judge(&world.bag(&labels[..rounds], classes, shrink), k).all;
            match tried.iter_mut().find(|(other, ..)| *other == setting) {
                Some((_, recall, ndcg)) => (*recall, *ndcg) = (*recall + found.recall, *ndcg + found.ndcg),
                None => tried.push((setting, found.recall, found.ndcg)),
            }
        }
    }
    Ok(())
}

/// The names of the methods, in the order of [`SeedFigures::methods`].
pub(super) const POPULAR: &str = "most popular";
pub(super) const COSINE: &str = "item-item cosine";
pub(super) const EASE: &str = "EASE";
pub(super) const PLAIN: &str = "classes, as written";
pub(super) const SHRUNK: &str = "classes with shrink";
pub(super) const BEST: &str = "as chosen";

/// Hides holdings by `seed`, chooses on what is left, and judges all methods on what was hidden.
pub(super) fn evaluate(work: &Work<'_>, evaluation: &Evaluation, seed: u64) -> Result<SeedFigures, PushError> {
    let grid = Grid::of(work.settings);
    let world = World::new(work, &work.loaded.holdings, evaluation.hide, seed, &grid.from)?;
    // The inner hide is another draw.
    let choice = choose(work, &world.left, seed ^ 0x5eed_0000_0000)?;
    let k = evaluation.k;
    let mut methods = vec![
        (POPULAR, world.judge(&Popular::fit(&world.left), k)),
        (COSINE, world.judge(&Cosine::fit(&world.left), k)),
    ];
    if let Some(lambda) = choice.ease {
        methods.push((EASE, world.judge(&Ease::fit(&world.left, lambda)?, k)));
    }
    for (name, setting) in [(PLAIN, &choice.plain), (SHRUNK, &choice.shrunk), (BEST, &choice.best)] {
        methods.push((name, world.setting(work, setting, k)?));
    }
    let methods = methods.into_iter().map(|(name, judged)| (name.to_owned(), judged)).collect();
    Ok(SeedFigures { choice, methods })
}
