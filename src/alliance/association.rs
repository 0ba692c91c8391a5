//! Which products belong together, and the second related field of one (A10).
//!
//! The degree of association of two products is the correlation of how their sales change from step to step, in
//! logarithms and less what all products' sales do in that step: so neither a common season nor two long trends make an
//! association. Negative correlations count as none.

use std::collections::VecDeque;

/// Degrees between all products, each from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Associations {
    degrees: Vec<f64>,
    count: usize,
}

impl Associations {
    /// From each product's series, all of one length. A product whose sales never change is associated with none.
    pub fn of_series(series: &[Vec<f64>]) -> Self {
        let count = series.len();
        let mut changes: Vec<Vec<f64>> = series
            .iter()
            .map(|values| values.windows(2).map(|pair| pair[1].ln_1p() - pair[0].ln_1p()).collect())
            .collect();
        let steps = changes.first().map_or(0, Vec::len);
        for step in 0..steps {
            let common = changes.iter().map(|c| c[step]).sum::<f64>() / count as f64;
            for c in &mut changes {
                c[step] -= common;
            }
        }
        for change in &mut changes {
            let mean = change.iter().sum::<f64>() / steps.max(1) as f64;
            let length = change.iter().map(|c| (c - mean).powi(2)).sum::<f64>().sqrt();
            for c in change.iter_mut() {
                *c = if length > 1e-12 { (*c - mean) / length } else { 0.0 };
            }
        }
        let mut degrees = vec![0.0; count * count];
        for i in 0..count {
            for j in 0..i {
                let correlation: f64 = changes[i].iter().zip(&changes[j]).map(|(a, b)| a * b).sum();
                degrees[i * count + j] = correlation.clamp(0.0, 1.0);
                degrees[j * count + i] = degrees[i * count + j];
            }
        }
        Self { degrees, count }
    }

    /// The degree between two products.
    pub fn degree(&self, a: usize, b: usize) -> f64 {
        self.degrees[a * self.count + b]
    }

    /// What a product is associated with at least so much, the strongest first; of equals the first.
    pub fn fields(&self, product: usize, least: f64) -> Vec<(usize, f64)> {
        let all = (0..self.count).map(|other| (other, self.degree(product, other)));
        let mut fields: Vec<(usize, f64)> = all.filter(|(other, d)| *other != product && *d >= least).collect();
        fields.sort_by(|a, b| b.1.total_cmp(&a.1));
        fields
    }

    /// What a breadth-first search from a product reaches over edges of at least this degree in so many steps: each with
    /// the number of steps; the product itself with 0.
    pub fn search(&self, from: usize, least: f64, steps: usize) -> Vec<Option<usize>> {
        let mut reached = vec![None; self.count];
        reached[from] = Some(0);
        let mut queue = VecDeque::from([from]);
        while let Some(at) = queue.pop_front() {
            let Some(done) = reached[at].filter(|done| *done < steps) else { continue };
            for (next, _) in self.fields(at, least) {
                if reached[next].is_none() {
                    reached[next] = Some(done + 1);
                    queue.push_back(next);
                }
            }
        }
        reached
    }

    /// The two searches and what comes of them.
    pub fn promotion(
        &self,
        product: usize,
        first_field: usize,
        scenes: [usize; 2],
        least: f64,
        steps: usize,
    ) -> Promotion {
        let searches = scenes.map(|scene| self.search(scene, least, steps));
        let inside = |i: &usize| searches.iter().all(|search| search[*i].is_some());
        let itself = |i: &usize| *i == product || *i == first_field || scenes.contains(i);
        let candidate = |i: usize| Candidate {
            field: i,
            to_field: self.degree(i, first_field),
            to_product: self.degree(i, product),
            steps: [0, 1].map(|s| searches[s][i].unwrap_or(0)),
            flow: None,
        };
        let mut candidates: Vec<Candidate> =
            (0..self.count).filter(|i| inside(i) && !itself(i)).map(candidate).collect();
        candidates.sort_by(|a, b| (b.to_field - b.to_product).total_cmp(&(a.to_field - a.to_product)));
        let total: f64 = candidates.iter().filter(|c| c.kept()).map(|c| c.to_field).sum();
        for candidate in candidates.iter_mut().filter(|c| c.kept()) {
            candidate.flow = Some(candidate.to_field / total);
        }
        let reached = [0, 1].map(|s| searches[s].iter().flatten().count() - 1);
        Promotion { product, first_field, scenes, reached, candidates }
    }
}

/// A field that both searches reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Which product.
    pub field: usize,
    /// Its association with the first field.
    pub to_field: f64,
    /// Its association with the promoted product.
    pub to_product: f64,
    /// Steps of each search to it.
    pub steps: [usize; 2],
    /// Its share of the promotion's flow, in proportion to its association with the first field; none if not kept.
    pub flow: Option<f64>,
}

impl Candidate {
    /// Kept as a second related field: nearer to the first field than to the product.
    pub fn kept(&self) -> bool {
        self.to_field > self.to_product
    }
}

/// What the searches found.
#[derive(Debug, Clone, PartialEq)]
pub struct Promotion {
    /// The promoted product.
    pub product: usize,
    /// Its first field of application.
    pub first_field: usize,
    /// Where the searches began.
    pub scenes: [usize; 2],
    /// How many products each reached besides its scene.
    pub reached: [usize; 2],
    /// What both reached, the most useful first.
    pub candidates: Vec<Candidate>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges of a graph with given degrees.
    fn graph(count: usize, edges: &[(usize, usize, f64)]) -> Associations {
        let mut degrees = vec![0.0; count * count];
        for (a, b, degree) in edges {
            degrees[a * count + b] = *degree;
            degrees[b * count + a] = *degree;
        }
        Associations { degrees, count }
    }

    #[test]
    fn a10_the_second_related_field_is_where_both_searches_meet() {
        // 0 the product, 1 its first field, 2 and 3 the scenes; 4 and 5 are reached by both, 6 by one alone, 7 over an
        // edge that is too weak.
        let edges = [
            (0, 1, 0.9),
            (2, 4, 0.5),
            (3, 4, 0.5),
            (1, 4, 0.6),
            (0, 4, 0.2),
            (2, 5, 0.5),
            (3, 5, 0.5),
            (1, 5, 0.4),
            (0, 5, 0.45),
            (2, 6, 0.8),
            (2, 7, 0.9),
            (3, 7, 0.39),
        ];
        let found = graph(8, &edges).promotion(0, 1, [2, 3], 0.4, 1);
        assert_eq!(found.reached, [4, 2]);
        let fields: Vec<(usize, bool)> = found.candidates.iter().map(|c| (c.field, c.kept())).collect();
        assert_eq!(fields, [(4, true), (5, false)], "5 is nearer to the product");
        assert_eq!((found.candidates[0].flow, found.candidates[1].flow), (Some(1.0), None));
        // Two steps from scene 3 lead over 4 and 2's neighbours.
        let further = graph(8, &edges).promotion(0, 1, [2, 3], 0.4, 3);
        assert!(further.candidates.iter().any(|c| c.field == 6));
        let shares: f64 = further.candidates.iter().filter_map(|c| c.flow).sum();
        assert!((shares - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a10_degrees_are_correlations_without_what_is_common_to_all() {
        // Two pairs that move against each other, on top of a common wave; sales of e^x - 1, so that logarithms are x.
        let series = |own: [f64; 6]| -> Vec<f64> {
            own.iter().enumerate().map(|(i, x)| (10.0 + x + (i as f64 * 1.7).sin()).exp() - 1.0).collect()
        };
        let (up, down) = ([0.0, 1.0, 0.0, 2.0, 1.0, 3.0], [0.0, -1.0, 0.0, -2.0, -1.0, -3.0]);
        let found = Associations::of_series(&[series(up), series(down), series(up), series(down)]);
        assert!((found.degree(0, 2) - 1.0).abs() < 1e-9 && (found.degree(1, 3) - 1.0).abs() < 1e-9);
        assert_eq!((found.degree(0, 1), found.degree(2, 3)), (0.0, 0.0), "opposites are no association");
        assert_eq!(found.fields(0, 0.5).iter().map(|f| f.0).collect::<Vec<_>>(), [2]);
        let constant = Associations::of_series(&[vec![1.0; 5], vec![1.0; 5]]);
        assert_eq!(constant.degree(0, 1), 0.0);
    }
}
