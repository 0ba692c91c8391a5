//! Three trees, one a pair of tokens: each judges the candidates of its pair's read-out (I5).

use serde::{Deserialize, Serialize};

use super::error::IntentError;
use super::network::{PAIRS, Said, TOKENS};
use super::settings::TreeSettings;
use crate::tree::export::{self, Names};
use crate::tree::{FeatureKind, Features, Impurity, Target, Tree, TreeSpec};

/// What a tree sees of a candidate.
pub(super) const FEATURES: [&str; 6] =
    ["log-probability by the pair", "gap to the best", "rank", "attention to", "attention back", "log-probability"];

/// Their kinds.
const KINDS: [FeatureKind; FEATURES.len()] = [FeatureKind::Number; FEATURES.len()];

/// A candidate of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub product: u32,
    pub features: [f32; FEATURES.len()],
}

/// A tree's answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Intent {
    pub product: u32,
    pub probability: f64,
}

/// The trees of the first, second and third intent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Trees {
    pub list: Vec<Tree>,
    pub candidates: usize,
    /// What was chosen to cut subtrees off.
    pub prune_alpha: f64,
}

/// The candidates of a pair, the most probable first; of equal ones the first product.
pub(super) fn candidates(said: &Said, pair: usize, products: usize, count: usize) -> Vec<Candidate> {
    let own = said.read_out(1 + pair, products);
    let main = said.read_out(0, products);
    let mut order: Vec<u32> = (0..products as u32).collect();
    let by = |a: &u32, b: &u32| own[*b as usize].total_cmp(&own[*a as usize]).then(a.cmp(b));
    let count = count.min(products);
    if count < products {
        order.select_nth_unstable_by(count - 1, by);
        order.truncate(count);
    }
    order.sort_unstable_by(by);
    let best = own[order[0] as usize];
    let [to, back] = said.association(pair);
    let one = |(rank, product): (usize, u32)| {
        let at = product as usize;
        Candidate { product, features: [own[at], best - own[at], rank as f32 + 1.0, to, back, main[at]] }
    };
    order.into_iter().enumerate().map(one).collect()
}

/// What the trees learn from: rows with the candidates of each pair, and what came.
#[derive(Debug, Default)]
pub(super) struct Grounds {
    rows: Vec<Ground>,
}

#[derive(Debug)]
struct Ground {
    candidates: [Vec<Candidate>; 3],
    came: u32,
    /// Which half it is in where pruning is chosen: users are not split.
    second_half: bool,
}

impl Grounds {
    /// Adds what was said at some moments, and what came.
    pub(super) fn add(&mut self, said: &[Said], came: &[(u32, u32)], products: usize, settings: &TreeSettings) {
        let one = |(said, (user, came)): (&Said, &(u32, u32))| Ground {
            candidates: std::array::from_fn(|pair| candidates(said, pair, products, settings.candidates)),
            came: *came,
            second_half: user % 2 == 1,
        };
        self.rows.extend(said.iter().zip(came).map(one));
    }
}

impl Trees {
    /// Fits the trees one after the other: each to whether its candidates come that those before it have not named. How much
    /// is cut off is chosen by how often any of the three is right, on half of the users with trees of the other half.
    pub(super) fn fit(grounds: &Grounds, settings: &TreeSettings) -> Result<Self, IntentError> {
        let half = |second: bool| grounds.rows.iter().filter(|row| row.second_half == second).collect::<Vec<_>>();
        let (first, second) = (half(false), half(true));
        let mut best = (settings.prune_alphas[0], -1.0);
        if settings.prune_alphas.len() > 1 && !first.is_empty() && !second.is_empty() {
            for &alpha in &settings.prune_alphas {
                let trees = Self::grow(&first, settings, alpha)?;
                let right =
                    second.iter().filter(|row| trees.name(&row.candidates, &[]).iter().any(|i| i.product == row.came));
                let share = right.count() as f64 / second.len() as f64;
                if share > best.1 {
                    best = (alpha, share);
                }
            }
        }
        Self::grow(&grounds.rows.iter().collect::<Vec<_>>(), settings, best.0)
    }

    fn grow(rows: &[&Ground], settings: &TreeSettings, prune_alpha: f64) -> Result<Self, IntentError> {
        let mut trees = vec![];
        let mut taken: Vec<Vec<u32>> = vec![vec![]; rows.len()];
        for pair in 0..PAIRS.len() {
            let (mut values, mut came) = (vec![], vec![]);
            for (row, taken) in rows.iter().zip(&taken) {
                for candidate in row.candidates[pair].iter().filter(|c| !taken.contains(&c.product)) {
                    values.extend(candidate.features);
                    came.push(u32::from(candidate.product == row.came));
                }
            }
            let spec = TreeSpec {
                depth_max: Some(settings.depth),
                leaf_rows_min: settings.leaf_rows.min(came.len() / 4).max(1),
                prune_alpha,
                ..TreeSpec::new(Impurity::Entropy)
            };
            let tree = spec.fit(&Features::new(&values, &KINDS)?, Target::Classes(&came, 2), None)?;
            for (row, taken) in rows.iter().zip(&mut taken) {
                let named = pick(&tree, &row.candidates[pair], taken);
                taken.push(named.product);
            }
            trees.push(tree);
        }
        Ok(Self { list: trees, candidates: settings.candidates, prune_alpha })
    }

    /// The three intents: the second is not the first, the third neither, and none is among `without`.
    pub(super) fn intents(&self, said: &Said, products: usize, without: &[u32]) -> [Intent; 3] {
        // There are always more candidates than can be taken already.
        let count = self.candidates.max(3 + without.len());
        self.name(&std::array::from_fn(|pair| candidates(said, pair, products, count)), without)
    }

    fn name(&self, candidates: &[Vec<Candidate>; 3], without: &[u32]) -> [Intent; 3] {
        let mut taken: Vec<u32> = without.to_vec();
        std::array::from_fn(|pair| {
            let found = pick(&self.list[pair], &candidates[pair], &taken);
            taken.push(found.product);
            found
        })
    }

    /// A tree in words.
    pub(super) fn text(&self, pair: usize) -> String {
        let features = FEATURES.map(str::to_owned);
        let categories = vec![vec![]; FEATURES.len()];
        let classes = ["does not come".to_owned(), "comes".to_owned()];
        export::text(&self.list[pair], &Names { features: &features, categories: &categories, classes: &classes })
    }
}

/// The most probable candidate that is not taken; of equal ones the pair's more probable.
fn pick(tree: &Tree, candidates: &[Candidate], taken: &[u32]) -> Intent {
    let mut best: Option<Intent> = None;
    for candidate in candidates.iter().filter(|candidate| !taken.contains(&candidate.product)) {
        let probability = tree.nodes[tree.leaf(&candidate.features)].value[1];
        if best.is_none_or(|best| probability > best.probability) {
            best = Some(Intent { product: candidate.product, probability });
        }
    }
    best.unwrap_or(Intent { product: candidates[0].product, probability: 0.0 })
}

/// A pair's name.
pub(super) fn pair_name(pair: usize) -> String {
    let (i, j) = PAIRS[pair];
    format!("{} × {}", TOKENS[i], TOKENS[j])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(logs: [[f32; 4]; 4]) -> Said {
        let attention = vec![0.2, 0.5, 0.3, 0.1, 0.6, 0.3, 0.4, 0.4, 0.2];
        Said { logs: logs.concat(), attention }
    }

    #[test]
    fn i5_candidates_are_the_most_probable_of_their_pair() {
        let said = said([[-1.0; 4], [-3.0, -1.0, -2.0, -1.0], [-1.0; 4], [-1.0; 4]]);
        let found = candidates(&said, 0, 4, 3);
        assert_eq!(found.iter().map(|c| c.product).collect::<Vec<_>>(), [1, 3, 2]);
        assert_eq!(found[2].features[..3], [-2.0, 1.0, 3.0]);
        assert_eq!(found[0].features[3..5], [0.5, 0.1]);
        assert_eq!(said.association(2), [0.3, 0.4]);
    }

    #[test]
    fn i5_three_intents_differ_and_the_trees_learn_who_comes() {
        // The product that comes is the best of the first pair in every row.
        let rows: Vec<Said> = (0..64)
            .map(|row| {
                let mut own = [-4.0; 4];
                own[row % 4] = -0.1;
                said([own; 4])
            })
            .collect();
        let targets: Vec<u32> = (0..64).map(|row| row % 4).collect();
        let settings = TreeSettings { candidates: 4, leaf_rows: 1, ..TreeSettings::default() };
        let mut grounds = Grounds::default();
        let came: Vec<(u32, u32)> = targets.iter().map(|target| (target / 4, *target)).collect();
        grounds.add(&rows, &came, 4, &settings);
        let trees = Trees::fit(&grounds, &settings).expect("trees");
        for (said, target) in rows.iter().zip(&targets) {
            let [first, second, third] = trees.intents(said, 4, &[]);
            assert_eq!(first.product, *target);
            assert!(first.probability > 0.99 && second.probability < 0.01);
            assert!(second.product != first.product && third.product != first.product);
            assert_ne!(second.product, third.product);
            let others = trees.intents(said, 4, &[*target]);
            assert!(others.iter().all(|intent| intent.product != *target), "{others:?}");
        }
        assert!(trees.text(0).contains("log-probability by the pair > "), "{}", trees.text(0));
    }
}
