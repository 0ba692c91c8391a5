//! Who holds what.

/// Holdings that make no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecommendError {
    /// A user's list is not what it must be.
    #[error("user {user}: expected products in ascending order, each once and below {products}, found {found}")]
    List {
        /// The user, from 0.
        user: usize,
        /// How many products there are.
        products: usize,
        /// The product at fault.
        found: u32,
    },
    /// There are strengths, but not one a holding.
    #[error("expected a finite strength above 0 for each of {holdings} holdings, found {found}")]
    Strengths {
        /// How many are needed.
        holdings: usize,
        /// What came.
        found: String,
    },
    /// Too few products to choose from.
    #[error("expected at least two products, found {0}")]
    Products(usize),
    /// A matrix that cannot be inverted.
    #[error("EASE with lambda {0}: the matrix cannot be inverted, expected a larger lambda")]
    Singular(f64),
}

/// Products of each user, in ascending order; each with a strength (how often, how much), 1 where none is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Holdings {
    starts: Vec<usize>,
    products: Vec<u32>,
    strengths: Vec<f32>,
    count: usize,
}

impl Holdings {
    /// Checks one list a user; `count` is how many products there are.
    ///
    /// # Errors
    /// If a list is not ascending, names a product that is not there or one twice, or a strength is not above 0.
    pub fn new(lists: &[Vec<(u32, f32)>], count: usize) -> Result<Self, RecommendError> {
        if count < 2 {
            return Err(RecommendError::Products(count));
        }
        let mut all = Self { starts: vec![0], products: vec![], strengths: vec![], count };
        for (user, list) in lists.iter().enumerate() {
            let mut last = None;
            for (product, strength) in list {
                if *product as usize >= count || last.is_some_and(|last| last >= *product) {
                    return Err(RecommendError::List { user, products: count, found: *product });
                }
                if !(strength.is_finite() && *strength > 0.0) {
                    let holdings = lists.iter().map(Vec::len).sum();
                    return Err(RecommendError::Strengths { holdings, found: strength.to_string() });
                }
                last = Some(*product);
                all.products.push(*product);
                all.strengths.push(*strength);
            }
            all.starts.push(all.products.len());
        }
        Ok(all)
    }

    /// How many users there are.
    pub fn users(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many products there are, held or not.
    pub const fn products(&self) -> usize {
        self.count
    }

    /// How many holdings there are.
    pub fn len(&self) -> usize {
        self.products.len()
    }

    /// Whether nobody holds anything.
    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
    }

    /// A user's products, ascending.
    ///
    /// # Panics
    /// If there is no such user.
    pub fn of(&self, user: usize) -> &[u32] {
        &self.products[self.starts[user]..self.starts[user + 1]]
    }

    /// The strengths of a user's products, in their order.
    ///
    /// # Panics
    /// If there is no such user.
    pub fn strengths_of(&self, user: usize) -> &[f32] {
        &self.strengths[self.starts[user]..self.starts[user + 1]]
    }

    /// How many users hold each product.
    pub fn holders(&self) -> Vec<usize> {
        let mut holders = vec![0; self.count];
        self.products.iter().for_each(|product| holders[*product as usize] += 1);
        holders
    }

    /// Users who hold anything.
    pub fn holding_users(&self) -> Vec<usize> {
        (0..self.users()).filter(|user| !self.of(*user).is_empty()).collect()
    }

    /// The share of the holding users who hold each product.
    pub fn shares(&self) -> Vec<f64> {
        let users = self.holding_users().len().max(1) as f64;
        self.holders().iter().map(|holders| *holders as f64 / users).collect()
    }

    /// The holdings for which `keep` says so; `keep` gets their numbers, in order of user and product.
    #[must_use]
    pub fn filtered(&self, mut keep: impl FnMut(usize) -> bool) -> Self {
        let mut kept = Self { starts: vec![0], products: vec![], strengths: vec![], count: self.count };
        for user in 0..self.users() {
            for place in self.starts[user]..self.starts[user + 1] {
                if keep(place) {
                    kept.products.push(self.products[place]);
                    kept.strengths.push(self.strengths[place]);
                }
            }
            kept.starts.push(kept.products.len());
        }
        kept
    }

    /// The number of a user's first holding among all.
    ///
    /// # Panics
    /// If there is no such user.
    pub fn first(&self, user: usize) -> usize {
        self.starts[user]
    }

    /// Where a user's holdings stand among all.
    pub(super) fn places(&self, user: usize) -> std::ops::Range<usize> {
        self.starts[user]..self.starts[user + 1]
    }

    /// [users, products], row-major: how strongly each user holds each product, for components. The logarithm of 1 +
    /// strength over its deviation among all users (which are held to differ a little at least), each row then scaled to
    /// length 1, so that users who hold much and users who hold little can be alike. A user of nothing is all zeros.
    pub fn profile(&self) -> Profile {
        let mut sums = vec![(0.0_f64, 0.0_f64); self.count];
        for (product, strength) in self.products.iter().zip(&self.strengths) {
            let value = f64::from(*strength).ln_1p();
            sums[*product as usize].0 += value;
            sums[*product as usize].1 += value * value;
        }
        let users = self.users().max(1) as f64;
        let scale = |(sum, squares): &(f64, f64)| {
            let mean = sum / users;
            1.0 / ((squares / users - mean * mean).max(0.0).sqrt() + LEAST_DEVIATION)
        };
        Profile { scales: sums.iter().map(scale).collect() }
    }
}

/// Added to a product's deviation: one that hardly anybody holds would else outweigh all others.
const LEAST_DEVIATION: f64 = 0.05;

/// How holdings become rows of numbers; learned from [`Holdings::profile`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Profile {
    scales: Vec<f64>,
}

impl Profile {
    /// Products.
    pub fn width(&self) -> usize {
        self.scales.len()
    }

    /// One user's row, into zeros.
    pub fn row(&self, products: &[u32], strengths: &[f32], row: &mut [f32]) {
        let value = |(product, strength): (&u32, &f32)| {
            (*product as usize, f64::from(*strength).ln_1p() * self.scales[*product as usize])
        };
        let square: f64 = products.iter().zip(strengths).map(value).map(|(_, v)| v * v).sum();
        let inverse = if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 };
        for (place, v) in products.iter().zip(strengths).map(value) {
            row[place] = (v * inverse) as f32;
        }
    }

    /// All users' rows.
    pub fn rows(&self, holdings: &Holdings) -> Vec<f32> {
        let mut rows = vec![0.0; holdings.users() * self.width()];
        for (user, row) in rows.chunks_exact_mut(self.width()).enumerate() {
            self.row(holdings.of(user), holdings.strengths_of(user), row);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Holdings {
        Holdings::new(&[vec![(0, 1.0), (2, 3.0)], vec![], vec![(2, 1.0)]], 4).expect("fine")
    }

    #[test]
    fn p1_holdings_know_users_without_any_and_products_of_nobody() {
        let holdings = small();
        assert_eq!((holdings.users(), holdings.products(), holdings.len()), (3, 4, 3));
        assert_eq!((holdings.of(0), holdings.of(1), holdings.of(2)), (&[0, 2][..], &[][..], &[2][..]));
        assert_eq!(holdings.holders(), [1, 0, 2, 0]);
        assert_eq!((holdings.holding_users(), holdings.shares()), (vec![0, 2], vec![0.5, 0.0, 1.0, 0.0]));
        let fewer = holdings.filtered(|place| place != 1);
        assert_eq!((fewer.of(0), fewer.of(2)), (&[0][..], &[2][..]));
    }

    #[test]
    fn p1_lists_that_cannot_be_are_refused() {
        let refused = |lists: &[Vec<(u32, f32)>], count| Holdings::new(lists, count).expect_err("refused").to_string();
        assert_eq!(
            refused(&[vec![(1, 1.0), (1, 1.0)]], 3),
            "user 0: expected products in ascending order, each once and below 3, found 1"
        );
        assert!(refused(&[vec![(3, 1.0)]], 3).ends_with("found 3"));
        assert!(refused(&[vec![(0, f32::NAN)]], 2).contains("a finite strength above 0"));
        assert_eq!(refused(&[], 1), "expected at least two products, found 1");
    }

    #[test]
    fn p6_profiles_have_length_1_and_weigh_rare_products_up() {
        let holdings = small();
        let rows = holdings.profile().rows(&holdings);
        let length = |row: &[f32]| row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let lengths: Vec<f64> = rows.chunks(4).map(length).collect();
        assert!((lengths[0] - 1.0).abs() < 1e-6 && lengths[1] == 0.0 && (rows[2 * 4 + 2] - 1.0).abs() < 1e-6);
        // By hand: ln 2 at one of three users deviates by ln 2 * sqrt(2) / 3; ln 4, 0 and ln 2 by 0.5659.
        let first = 2f64.ln() / (2f64.ln() * 2f64.sqrt() / 3.0 + 0.05);
        let third = 4f64.ln() / (2f64.ln() * (5.0 / 3.0 - 1.0_f64).sqrt() + 0.05);
        let wanted = first / first.hypot(third);
        assert!((f64::from(rows[0]) - wanted).abs() < 1e-6, "{} {wanted}", rows[0]);
    }
}
