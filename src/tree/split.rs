//! The best split of a node, by its histogram.

use rayon::prelude::*;

use super::bins::{Binned, MISSING};
use super::features::FeatureKind;
use super::histogram::CELLS;

/// What makes a split good: the gain is the children's scores less the node's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Criterion {
    /// `g^2 / (h + lambda)`: the fall of a loss by Newton's step, and with weights as curvature that of the squared error.
    Newton { lambda: f64 },
    /// Gini impurity times weight, negative and without what all splits share: `sum w_c^2 / w`.
    Gini,
    /// Entropy times weight, negative: `sum w_c ln(w_c / w)`.
    Entropy,
}

impl Criterion {
    /// The score of a cell or a sum of cells, whose last number is the count.
    #[inline(always)]
    pub(super) fn score(self, sums: &[f64]) -> f64 {
        match self {
            Self::Newton { lambda } => {
                let curvature = sums[1] + lambda;
                if curvature > 0.0 { sums[0] * sums[0] / curvature } else { 0.0 }
            }
            Self::Gini => {
                let classes = &sums[..sums.len() - 1];
                let weight: f64 = classes.iter().sum();
                if weight > 0.0 { classes.iter().map(|w| w * w).sum::<f64>() / weight } else { 0.0 }
            }
            Self::Entropy => {
                let classes = &sums[..sums.len() - 1];
                let weight: f64 = classes.iter().sum();
                classes.iter().filter(|w| **w > 0.0).map(|w| w * (w / weight).ln()).sum()
            }
        }
    }

    /// What [`SplitRules::weight_min`] is held against: the curvature, or the weight.
    fn weight(self, sums: &[f64]) -> f64 {
        match self {
            Self::Newton { .. } => sums[1],
            Self::Gini | Self::Entropy => sums[..sums.len() - 1].iter().sum(),
        }
    }
}

/// Which splits may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SplitRules {
    pub criterion: Criterion,
    /// The fewest rows of a child.
    pub rows_min: f64,
    /// The least weight of a child.
    pub weight_min: f64,
    /// The least gain; it must be exceeded, unless it is negative.
    pub gain_min: f64,
}

/// Which rows go left.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Side {
    /// Codes up to this; the next one with rows is the other number.
    UpTo(u8, u8),
    /// These categories.
    Categories([u64; 4]),
}

/// A split that may be made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub feature: usize,
    pub side: Side,
    pub missing_left: bool,
    pub gain: f64,
    /// The sums of the left child.
    pub left: Vec<f64>,
}

impl Candidate {
    /// For each code whether it goes left.
    pub(super) fn table(&self) -> [bool; CELLS] {
        let mut table = [false; CELLS];
        for (code, left) in table.iter_mut().enumerate() {
            *left = match &self.side {
                Side::UpTo(last, _) => code <= usize::from(*last),
                Side::Categories(set) => set[code / 64] >> (code % 64) & 1 == 1,
            };
        }
        table[usize::from(MISSING)] = self.missing_left;
        table
    }
}

/// The best split of a node with these sums; of equally good ones that of the lowest feature and the lowest bin.
pub(super) fn best(binned: &Binned, histogram: &[f64], total: &[f64], rules: &SplitRules) -> Option<Candidate> {
    let cells = CELLS * total.len();
    let of = |(feature, cells): (usize, &[f64])| {
        let bins = binned.features[feature].count();
        let search = Search { rules, total, cells, feature, own: rules.criterion.score(total) };
        match binned.kinds[feature] {
            FeatureKind::Number => search.numbers(bins),
            FeatureKind::Category(_) => search.categories(bins),
        }
    };
    let found: Vec<Option<Candidate>> = if binned.width() * total.len() >= 128 {
        histogram.par_chunks(cells).enumerate().map(of).collect()
    } else {
        histogram.chunks(cells).enumerate().map(of).collect()
    };
    let better = |best: Candidate, new: Candidate| if new.gain > best.gain { new } else { best };
    found.into_iter().flatten().reduce(better)
}

/// The search in one feature.
struct Search<'a> {
    rules: &'a SplitRules,
    total: &'a [f64],
    cells: &'a [f64],
    feature: usize,
    own: f64,
}

/// The best found so far: gain, place, whether missing values go left.
type Best<T> = Option<(f64, T, bool)>;

/// The rows of sums: their last number.
fn rows_of(sums: &[f64]) -> f64 {
    sums[sums.len() - 1]
}

impl Search<'_> {
    fn cell(&self, bin: usize) -> &[f64] {
        &self.cells[bin * self.total.len()..][..self.total.len()]
    }

    /// The gain when these rows go left, if they may.
    #[inline(always)]
    fn gain(&self, left: &[f64], right: &mut [f64]) -> Option<f64> {
        for ((right, total), left) in right.iter_mut().zip(self.total).zip(left) {
            *right = total - left;
        }
        let (criterion, rules) = (self.rules.criterion, self.rules);
        let rows = rows_of(left).min(rows_of(right));
        if rows < rules.rows_min.max(1.0) {
            return None;
        }
        let weight = criterion.weight(left).min(criterion.weight(right));
        if weight < rules.weight_min {
            return None;
        }
        let gain = criterion.score(left) + criterion.score(right) - self.own;
        (gain > rules.gain_min).then_some(gain)
    }

    fn numbers(&self, bins: usize) -> Option<Candidate> {
        let missing = self.cell(usize::from(MISSING));
        let any_missing = rows_of(missing) > 0.0;
        let stride = self.total.len();
        let (mut left, mut with, mut right) = (vec![0.0; stride], vec![0.0; stride], vec![0.0; stride]);
        let mut best: Best<(u8, u8)> = None;
        let mut last: Option<usize> = None;
        for bin in 0..bins {
            let cell = self.cell(bin);
            if rows_of(cell) <= 0.0 {
                continue;
            }
            if let Some(last) = last {
                let place = (last as u8, bin as u8);
                if let Some(gain) = self.gain(&left, &mut right)
                    && best.as_ref().is_none_or(|best| gain > best.0)
                {
                    best = Some((gain, place, false));
                }
                if any_missing {
                    with.iter_mut().zip(&left).zip(missing).for_each(|((with, l), m)| *with = l + m);
                    if let Some(gain) = self.gain(&with, &mut right)
                        && best.as_ref().is_none_or(|best| gain > best.0)
                    {
                        best = Some((gain, place, true));
                    }
                }
            }
            left.iter_mut().zip(cell).for_each(|(left, cell)| *left += cell);
            last = Some(bin);
        }
        if let (Some(_), true) = (last, any_missing)
            && let Some(gain) = self.gain(&left, &mut right)
            && best.as_ref().is_none_or(|best| gain > best.0)
        {
            // All numbers to the left, what is missing to the right.
            best = Some((gain, (MISSING - 1, MISSING), false));
        }
        let (gain, (to, next), missing_left) = best?;
        let mut sums = vec![0.0; stride];
        (0..=usize::from(to)).for_each(|bin| add(&mut sums, self.cell(bin)));
        self.candidate(gain, Side::UpTo(to, next), missing_left, sums)
    }

    /// Categories in the order of their mean target (Fisher, "On grouping for maximum homogeneity", 1958), of several
    /// classes in that of each class's share; then as numbers.
    fn categories(&self, bins: usize) -> Option<Candidate> {
        let there: Vec<usize> = (0..bins).filter(|&bin| rows_of(self.cell(bin)) > 0.0).collect();
        let missing = self.cell(usize::from(MISSING));
        let any_missing = rows_of(missing) > 0.0;
        let stride = self.total.len();
        let orders = match self.rules.criterion {
            Criterion::Newton { .. } => 1,
            Criterion::Gini | Criterion::Entropy if stride == 3 => 1,
            Criterion::Gini | Criterion::Entropy => stride - 1,
        };
        let (mut with, mut right) = (vec![0.0; stride], vec![0.0; stride]);
        let mut best: Best<(usize, usize)> = None;
        for order in 0..orders {
            let sorted = self.sorted(&there, order);
            let mut left = vec![0.0; stride];
            for (i, &bin) in sorted.iter().enumerate() {
                add(&mut left, self.cell(bin));
                let all = i + 1 == sorted.len();
                if all && !any_missing {
                    break;
                }
                if let Some(gain) = self.gain(&left, &mut right)
                    && best.as_ref().is_none_or(|best| gain > best.0)
                {
                    best = Some((gain, (order, i), false));
                }
                if any_missing && !all {
                    with.iter_mut().zip(&left).zip(missing).for_each(|((with, l), m)| *with = l + m);
                    if let Some(gain) = self.gain(&with, &mut right)
                        && best.as_ref().is_none_or(|best| gain > best.0)
                    {
                        best = Some((gain, (order, i), true));
                    }
                }
            }
        }
        let (gain, (order, last), missing_left) = best?;
        let (mut set, mut sums) = ([0_u64; 4], vec![0.0; stride]);
        for &bin in &self.sorted(&there, order)[..=last] {
            set[bin / 64] |= 1 << (bin % 64);
            add(&mut sums, self.cell(bin));
        }
        self.candidate(gain, Side::Categories(set), missing_left, sums)
    }

    fn sorted(&self, there: &[usize], order: usize) -> Vec<usize> {
        let key = |bin: usize| {
            let cell = self.cell(bin);
            match self.rules.criterion {
                Criterion::Newton { lambda } => cell[0] / (cell[1] + lambda).max(f64::MIN_POSITIVE),
                Criterion::Gini | Criterion::Entropy => {
                    cell[order] / self.rules.criterion.weight(cell).max(f64::MIN_POSITIVE)
                }
            }
        };
        let mut sorted = there.to_vec();
        sorted.sort_by(|&a, &b| key(a).total_cmp(&key(b)).then(a.cmp(&b)));
        sorted
    }

    /// Where nothing is missing, missing values go where more rows go.
    #[expect(clippy::unnecessary_wraps, reason = "the last word of searches that may find none")]
    fn candidate(&self, gain: f64, side: Side, missing_left: bool, mut left: Vec<f64>) -> Option<Candidate> {
        let missing = self.cell(usize::from(MISSING));
        let missing_left = if rows_of(missing) > 0.0 {
            if missing_left {
                add(&mut left, missing);
            }
            missing_left
        } else {
            rows_of(&left) * 2.0 >= rows_of(self.total)
        };
        Some(Candidate { feature: self.feature, side, missing_left, gain, left })
    }
}

fn add(sums: &mut [f64], cell: &[f64]) {
    sums.iter_mut().zip(cell).for_each(|(sum, value)| *sum += value);
}

#[cfg(test)]
mod tests {
    use super::{Criterion, Side, SplitRules, best};
    use crate::tree::bins::Binned;
    use crate::tree::features::{FeatureKind, Features};
    use crate::tree::histogram::{CELLS, Scratch, Stats, build};

    const NONE: f32 = f32::NAN;

    fn found(values: &[f32], kind: FeatureKind, labels: &[u32], criterion: Criterion) -> Option<super::Candidate> {
        let binned = Binned::new(&Features::new(values, &[kind]).expect("fine"), 255).expect("fine");
        let weights = vec![1.0; labels.len()];
        let count = labels.iter().max().map_or(0, |l| *l as usize + 1);
        let stats = Stats::Classes { labels, weights: &weights, count };
        let mut histogram = vec![0.0; CELLS * stats.stride()];
        let rows: Vec<u32> = (0..labels.len() as u32).collect();
        build(&binned, &stats, &rows, &mut Scratch::default(), &mut histogram);
        let mut total = vec![0.0; stats.stride()];
        histogram.chunks_exact(stats.stride()).for_each(|cell| super::add(&mut total, cell));
        let rules = SplitRules { criterion, rows_min: 1.0, weight_min: 0.0, gain_min: 0.0 };
        best(&binned, &histogram, &total, &rules)
    }

    #[test]
    fn e15_the_best_split_by_gini_and_entropy_worked_out_by_hand() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        let labels = [0, 0, 1, 0, 1];
        // Gini: after 2 rows: 2 + 5/3 - 13/5 = 16/15; after 4 rows: 10/4 + 1 - 13/5 = 9/10.
        let gini = found(&values, FeatureKind::Number, &labels, Criterion::Gini).expect("a split");
        assert_eq!((&gini.side, gini.missing_left), (&Side::UpTo(1, 2), false));
        assert!((gini.gain - 16.0 / 15.0).abs() < 1e-12, "{}", gini.gain);
        assert_eq!(gini.left, [2.0, 0.0, 2.0]);
        let entropy = found(&values, FeatureKind::Number, &labels, Criterion::Entropy).expect("a split");
        let plain = |a: f64, b: f64| [a, b].iter().filter(|w| **w > 0.0).map(|w| w * (w / (a + b)).ln()).sum::<f64>();
        assert!((entropy.gain - (plain(1.0, 2.0) - plain(3.0, 2.0))).abs() < 1e-12);
        assert!(found(&values, FeatureKind::Number, &[1; 5], Criterion::Gini).is_none(), "nothing to gain");
    }

    #[test]
    fn e15_missing_values_go_where_they_fit() {
        let values = [1.0, 2.0, 3.0, 4.0, NONE, NONE];
        let low = found(&values, FeatureKind::Number, &[0, 0, 1, 1, 0, 0], Criterion::Gini).expect("a split");
        assert_eq!((low.side, low.missing_left, &low.left[..]), (Side::UpTo(1, 2), true, &[4.0, 0.0, 4.0][..]));
        let high = found(&values, FeatureKind::Number, &[0, 0, 1, 1, 1, 1], Criterion::Gini).expect("a split");
        assert_eq!((high.side, high.missing_left, &high.left[..]), (Side::UpTo(1, 2), false, &[2.0, 0.0, 2.0][..]));
        let apart = found(&values, FeatureKind::Number, &[0, 0, 0, 0, 1, 1], Criterion::Gini).expect("a split");
        assert_eq!((apart.side, apart.missing_left), (Side::UpTo(254, 255), false));
        let none = found(&[1.0, 2.0, 3.0], FeatureKind::Number, &[0, 0, 1], Criterion::Gini).expect("a split");
        assert!(none.missing_left, "two of three rows go left");
    }

    #[test]
    fn e15_categories_are_grouped_by_their_targets() {
        let values = [0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0, NONE];
        let labels = [1, 0, 1, 0, 1, 0, 1, 0, 1];
        let two = found(&values, FeatureKind::Category(4), &labels, Criterion::Gini).expect("a split");
        assert_eq!((two.side, two.missing_left), (Side::Categories([0b0101, 0, 0, 0]), true));
        let labels = [0, 1, 2, 1, 0, 1, 2, 1, 0];
        let three = found(&values, FeatureKind::Category(4), &labels, Criterion::Gini).expect("a split");
        let sets = [Side::Categories([0b1010, 0, 0, 0]), Side::Categories([0b0101, 0, 0, 0])];
        assert!(sets.contains(&three.side), "{three:?}");
    }
}
