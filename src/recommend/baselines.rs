//! What is held against: most popular, item-item cosine, EASE.

use nalgebra::DMatrix;

use super::{Holdings, RecommendError, Scorer};

/// The most popular products, the same for everybody.
#[derive(Debug, Clone, PartialEq)]
pub struct Popular(Vec<f64>);

impl Popular {
    /// Counts holders.
    pub fn fit(holdings: &Holdings) -> Self {
        Self(holdings.shares())
    }
}

impl Scorer for Popular {
    fn score(&self, _: usize, _: &Holdings, scores: &mut [f64]) {
        scores.copy_from_slice(&self.0);
    }
}

/// How many users hold both of two products, on the diagonal how many hold one.
fn together(holdings: &Holdings) -> DMatrix<f64> {
    let n = holdings.products();
    let mut counts = DMatrix::<f64>::zeros(n, n);
    for user in 0..holdings.users() {
        let held = holdings.of(user);
        for a in held {
            for b in held {
                counts[(*b as usize, *a as usize)] += 1.0;
            }
        }
    }
    counts
}

/// Scores as sums of a matrix's columns over a user's products; columns lie one after the other.
fn sum_columns(matrix: &DMatrix<f64>, held: &[u32], scores: &mut [f64]) {
    scores.fill(0.0);
    for product in held {
        let column = matrix.column(*product as usize);
        scores.iter_mut().zip(column.iter()).for_each(|(score, v)| *score += v);
    }
}

/// The sum of the cosines between a product's holders and those of the products that the user holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Cosine(DMatrix<f64>);

impl Cosine {
    /// Compares all pairs of products.
    pub fn fit(holdings: &Holdings) -> Self {
        let mut matrix = together(holdings);
        let holders: Vec<f64> = holdings.holders().iter().map(|h| *h as f64).collect();
        for a in 0..holders.len() {
            for b in 0..holders.len() {
                let lengths = (holders[a] * holders[b]).sqrt();
                matrix[(b, a)] = if a == b || lengths == 0.0 { 0.0 } else { matrix[(b, a)] / lengths };
            }
        }
        Self(matrix)
    }
}

impl Scorer for Cosine {
    fn score(&self, user: usize, holdings: &Holdings, scores: &mut [f64]) {
        sum_columns(&self.0, holdings.of(user), scores);
    }
}

/// EASE (H. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019): the linear model that predicts each
/// product from all others, with squares of its weights held down by `lambda`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ease(DMatrix<f64>);

impl Ease {
    /// Solves for all products at once.
    ///
    /// # Errors
    /// If the matrix cannot be inverted.
    pub fn fit(holdings: &Holdings, lambda: f64) -> Result<Self, RecommendError> {
        let mut matrix = together(holdings);
        for p in 0..matrix.nrows() {
            matrix[(p, p)] += lambda;
        }
        let inverse = matrix.cholesky().ok_or(RecommendError::Singular(lambda))?.inverse();
        // Scores sum the rows of the held products; the inverse is symmetric, so its columns are its rows, but the
        // divisor belongs to the product that is scored.
        let mut weights = inverse.clone();
        for held in 0..weights.ncols() {
            for scored in 0..weights.nrows() {
                weights[(scored, held)] =
                    if held == scored { 0.0 } else { -inverse[(scored, held)] / inverse[(scored, scored)] };
            }
        }
        Ok(Self(weights))
    }
}

impl Scorer for Ease {
    fn score(&self, user: usize, holdings: &Holdings, scores: &mut [f64]) {
        sum_columns(&self.0, holdings.of(user), scores);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holdings() -> Holdings {
        let lists = [vec![0, 1], vec![0, 1, 2], vec![2], vec![0]];
        let lists: Vec<Vec<(u32, f32)>> = lists.iter().map(|list| list.iter().map(|p| (*p, 1.0)).collect()).collect();
        Holdings::new(&lists, 4).expect("fine")
    }

    fn scores(scorer: &dyn Scorer, user: usize) -> Vec<f64> {
        let mut scores = vec![9.0; 4];
        scorer.score(user, &holdings(), &mut scores);
        scores
    }

    #[test]
    fn p7_popular_and_cosine_by_hand() {
        assert_eq!(scores(&Popular::fit(&holdings()), 2), [0.75, 0.5, 0.5, 0.0]);
        // Of product 2 (two holders): one shared with 0 (three holders), one with 1 (two); nobody holds 3.
        let found = scores(&Cosine::fit(&holdings()), 2);
        assert!((found[0] - 1.0 / 6f64.sqrt()).abs() < 1e-12 && (found[1] - 0.5).abs() < 1e-12, "{found:?}");
        assert_eq!((found[2], found[3]), (0.0, 0.0));
    }

    #[test]
    fn p7_ease_is_the_regression_of_each_product_on_the_others() {
        let ease = Ease::fit(&holdings(), 0.5).expect("fits");
        // Product 1 on 0, 2 and 3 by the normal equations: (G + 0.5 I) w = g, solved by hand for 0 and 2 (3 is 0).
        let (a, b, c) = (3.5, 1.0, 2.5);
        let (x, y) = (2.0, 1.0);
        let determinant = a * c - b * b;
        let (w0, w2) = ((x * c - y * b) / determinant, (a * y - b * x) / determinant);
        assert!((scores(&ease, 3)[1] - w0).abs() < 1e-12);
        assert!((scores(&ease, 2)[1] - w2).abs() < 1e-12);
        assert!((scores(&ease, 1)[1] - w0 - w2).abs() < 1e-12, "its own holding of 1 does not count");
        let lonely = Ease::fit(&holdings(), 0.0).expect_err("product 3 has no holder").to_string();
        assert_eq!(lonely, "EASE with lambda 0: the matrix cannot be inverted, expected a larger lambda");
    }
}
