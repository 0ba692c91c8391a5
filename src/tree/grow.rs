//! Growing one tree: the leaf whose split gains most is split next.
//!
//! Of two children only the smaller one's histogram is summed; the larger one's is what is left of the parent's. Rows lie in
//! one list in which every node's rows are together, in ascending order.

use std::ops::Range;

use rayon::prelude::*;

use super::bins::{Binned, MISSING};
use super::histogram::{CELLS, Scratch, Stats, build, subtract};
use super::node::{Node, Rule, Split, Tree};
use super::split::{Candidate, Side, SplitRules, best};

/// Rows that one task of a partition takes.
const TASK_ROWS: usize = 1 << 14;

/// How far a tree may grow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    pub rules: SplitRules,
    pub depth_max: usize,
    pub leaves_max: usize,
    /// Nodes of fewer rows are not split.
    pub split_rows_min: usize,
}

/// A tree with what its nodes were made of.
pub(super) struct Grown {
    pub tree: Tree,
    /// Each node's sums, [nodes, stride].
    pub sums: Vec<f64>,
    /// Each node's place in `rows`.
    pub places: Vec<Range<usize>>,
    /// For each split which codes go left.
    pub tables: Vec<Option<Box<[bool; CELLS]>>>,
}

/// A leaf that may be split.
struct Open {
    node: usize,
    depth: usize,
    histogram: Vec<f64>,
    split: Candidate,
}

/// Memory of a growth, kept from tree to tree.
#[derive(Debug, Default)]
pub(super) struct Grower {
    scratch: Scratch,
    pool: Vec<Vec<f64>>,
    moved: Vec<u32>,
}

impl Grower {
    /// Grows a tree on `rows`, which are put in the order of its leaves.
    pub(super) fn grow(&mut self, binned: &Binned, stats: &Stats<'_>, limits: &Limits, rows: &mut [u32]) -> Grown {
        let stride = stats.stride();
        let mut grown = Grown { tree: Tree { nodes: vec![] }, sums: vec![], places: vec![], tables: vec![] };
        let mut histogram = self.histogram(binned.width() * CELLS * stride);
        build(binned, stats, rows, &mut self.scratch, &mut histogram);
        let mut total = vec![0.0; stride];
        for cell in histogram[..CELLS * stride].chunks_exact(stride) {
            total.iter_mut().zip(cell).for_each(|(sum, value)| *sum += value);
        }
        grown.add(&total, 0..rows.len());
        let mut open = vec![];
        self.offer(binned, limits, &grown, 0, 0, histogram, &mut open);
        let mut leaves = 1;
        while leaves < limits.leaves_max {
            // Without a limit the order does not matter: the newest needs the fewest histograms at a time.
            let next = if limits.leaves_max == usize::MAX { open.len().checked_sub(1) } else { most(&open) };
            let Some(next) = next else { break };
            leaves += 1;
            self.split(binned, stats, limits, rows, open.swap_remove(next), leaves, &mut grown, &mut open);
        }
        self.pool.extend(open.into_iter().map(|open| open.histogram));
        grown
    }

    fn histogram(&mut self, len: usize) -> Vec<f64> {
        let mut histogram = self.pool.pop().unwrap_or_default();
        histogram.resize(len, 0.0);
        histogram
    }

    /// Puts a leaf among those that may be split, if there is a split for it.
    fn offer(
        &mut self,
        binned: &Binned,
        limits: &Limits,
        grown: &Grown,
        node: usize,
        depth: usize,
        histogram: Vec<f64>,
        open: &mut Vec<Open>,
    ) {
        let total = grown.sums_of(node);
        let found =
            if grown.splittable(node, depth, limits) { best(binned, &histogram, total, &limits.rules) } else { None };
        match found {
            Some(split) => open.push(Open { node, depth, histogram, split }),
            None => self.pool.push(histogram),
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a step of the loop above, in a function of its own to be read alone"
    )]
    fn split(
        &mut self,
        binned: &Binned,
        stats: &Stats<'_>,
        limits: &Limits,
        rows: &mut [u32],
        parent: Open,
        leaves: usize,
        grown: &mut Grown,
        open: &mut Vec<Open>,
    ) {
        let Open { node, depth, histogram: mut rest, split } = parent;
        let table = split.table();
        let place = grown.places[node].clone();
        let cut = place.start + partition(binned, split.feature, &table, &mut rows[place.clone()], &mut self.moved);
        let right: Vec<f64> = grown.sums_of(node).iter().zip(&split.left).map(|(all, left)| all - left).collect();
        let children = [grown.add(&split.left, place.start..cut), grown.add(&right, cut..place.end)];
        grown.set_split(node, binned, &split, children, table);
        let last = leaves >= limits.leaves_max || !children.iter().any(|&c| grown.splittable(c, depth + 1, limits));
        if last {
            return self.pool.push(rest);
        }
        let [left, right] = children;
        let (small, large) =
            if grown.places[left].len() <= grown.places[right].len() { (left, right) } else { (right, left) };
        let mut histogram = self.histogram(rest.len());
        build(binned, stats, &rows[grown.places[small].clone()], &mut self.scratch, &mut histogram);
        subtract(&mut rest, &histogram);
        self.offer(binned, limits, grown, small, depth + 1, histogram, open);
        self.offer(binned, limits, grown, large, depth + 1, rest, open);
    }
}

impl Grown {
    fn sums_of(&self, node: usize) -> &[f64] {
        let stride = self.sums.len() / self.tree.nodes.len();
        &self.sums[node * stride..][..stride]
    }

    /// A new leaf; its value is set when the tree is grown.
    fn add(&mut self, sums: &[f64], place: Range<usize>) -> usize {
        let rows = place.len();
        self.tree.nodes.push(Node { split: None, rows, weight: 0.0, impurity: 0.0, value: vec![] });
        self.sums.extend_from_slice(sums);
        self.places.push(place);
        self.tables.push(None);
        self.tree.nodes.len() - 1
    }

    fn set_split(
        &mut self,
        node: usize,
        binned: &Binned,
        split: &Candidate,
        children: [usize; 2],
        table: [bool; CELLS],
    ) {
        let bins = &binned.features[split.feature];
        let rule = match &split.side {
            Side::UpTo(_, next) if *next == MISSING => Rule::AtMost(f64::MAX),
            Side::UpTo(last, next) => Rule::AtMost(bins.threshold(usize::from(*last), usize::from(*next))),
            Side::Categories(set) => {
                Rule::In((0..=254).filter(|c| set[usize::from(c / 64)] >> (c % 64) & 1 == 1).collect())
            }
        };
        self.tree.nodes[node].split = Some(Split {
            feature: split.feature,
            rule,
            missing_left: split.missing_left,
            left: children[0],
            right: children[1],
            gain: split.gain,
        });
        self.tables[node] = Some(Box::new(table));
    }

    fn splittable(&self, node: usize, depth: usize, limits: &Limits) -> bool {
        depth < limits.depth_max && self.places[node].len() >= limits.split_rows_min.max(2)
    }
}

/// The open leaf of the largest gain; of equal ones the lowest node.
fn most(open: &[Open]) -> Option<usize> {
    let order = |a: &usize, b: &usize| {
        open[*a].split.gain.total_cmp(&open[*b].split.gain).then(open[*b].node.cmp(&open[*a].node))
    };
    (0..open.len()).max_by(order)
}

/// Puts rows that go left before the others, each side in its order; returns how many go left.
fn partition(binned: &Binned, feature: usize, table: &[bool; CELLS], rows: &mut [u32], moved: &mut Vec<u32>) -> usize {
    let codes = binned.column(feature);
    let left = |row: u32| table[usize::from(codes[row as usize])];
    moved.resize(moved.len().max(rows.len()), 0);
    let moved = &mut moved[..rows.len()];
    let counts: Vec<usize> =
        rows.par_chunks(TASK_ROWS).map(|rows| rows.iter().filter(|row| left(**row)).count()).collect();
    let cut = counts.iter().sum();
    let (mut lefts, mut rights) = moved.split_at_mut(cut);
    let mut tasks = Vec::with_capacity(counts.len());
    for (rows, count) in rows.chunks(TASK_ROWS).zip(&counts) {
        let (own_left, rest) = std::mem::take(&mut lefts).split_at_mut(*count);
        lefts = rest;
        let (own_right, rest) = std::mem::take(&mut rights).split_at_mut(rows.len() - count);
        rights = rest;
        tasks.push((rows, own_left, own_right));
    }
    tasks.into_par_iter().for_each(|(rows, lefts, rights)| {
        let (mut l, mut r) = (0, 0);
        for &row in rows {
            if left(row) {
                lefts[l] = row;
                l += 1;
            } else {
                rights[r] = row;
                r += 1;
            }
        }
    });
    rows.par_chunks_mut(TASK_ROWS).zip(moved.par_chunks(TASK_ROWS)).for_each(|(to, from)| to.copy_from_slice(from));
    cut
}
