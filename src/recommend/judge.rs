//! How good rankings are: hidden holdings should stand high.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Holdings;

/// Gives every product a score for one user; the larger, the sooner it is offered.
pub trait Scorer: Sync {
    /// Writes a score for each product.
    fn score(&self, user: usize, holdings: &Holdings, scores: &mut [f64]);
}

/// The first `k` products by score that `allowed` lets through; equal scores in order of the products' numbers.
pub fn rank(scores: &[f64], k: usize, allowed: impl Fn(usize) -> bool) -> Vec<u32> {
    let mut order: Vec<u32> = (0..scores.len() as u32).filter(|p| allowed(*p as usize)).collect();
    let by_score = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
    if order.len() > k && k > 0 {
        order.select_nth_unstable_by(k - 1, by_score);
        order.truncate(k);
    }
    order.truncate(k);
    order.sort_unstable_by(by_score);
    order
}

/// Means over the users of whom something was hidden.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// The share of users with a hidden product among the first k.
    pub hit_rate: f64,
    /// The share of a user's hidden products among the first k.
    pub recall: f64,
    /// Each hit weighs 1 / log2(1 + its place), over what the best order would give.
    pub ndcg: f64,
    /// The users.
    pub users: usize,
}

/// Figures on all products, and on the tail alone: only its products are ranked, only its hidden ones count.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Judged {
    /// All products.
    pub all: Figures,
    /// Products that few hold.
    pub tail: Figures,
}

/// Judges a scorer by `hidden` products of each user, its ranking cut at `k`. `tail` tells which products are rare.
pub fn judge(scorer: &dyn Scorer, holdings: &Holdings, hidden: &[Vec<u32>], tail: &[bool], k: usize) -> Judged {
    let each = |user: usize| -> [Option<[f64; 3]>; 2] {
        if hidden[user].is_empty() {
            return [None; 2];
        }
        let mut scores = vec![0.0; holdings.products()];
        scorer.score(user, holdings, &mut scores);
        let held = |product: usize| holdings.of(user).binary_search(&(product as u32)).is_ok();
        let rare: Vec<u32> = hidden[user].iter().copied().filter(|p| tail[*p as usize]).collect();
        let all = figures(&rank(&scores, k, |p| !held(p)), &hidden[user], k);
        let of_tail = (!rare.is_empty()).then(|| figures(&rank(&scores, k, |p| tail[p] && !held(p)), &rare, k));
        [Some(all), of_tail]
    };
    let found: Vec<[Option<[f64; 3]>; 2]> = (0..holdings.users()).into_par_iter().map(each).collect();
    let mean = |part: usize| {
        let mut sums = Figures::default();
        // In the order of the users, whatever the threads.
        for [hit_rate, recall, ndcg] in found.iter().filter_map(|both| both[part]) {
            sums.hit_rate += hit_rate;
            sums.recall += recall;
            sums.ndcg += ndcg;
            sums.users += 1;
        }
        let users = sums.users.max(1) as f64;
        let Figures { hit_rate, recall, ndcg, users: count } = sums;
        Figures { hit_rate: hit_rate / users, recall: recall / users, ndcg: ndcg / users, users: count }
    };
    Judged { all: mean(0), tail: mean(1) }
}

fn figures(list: &[u32], hidden: &[u32], k: usize) -> [f64; 3] {
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let hits: Vec<usize> = (0..list.len()).filter(|place| hidden.binary_search(&list[*place]).is_ok()).collect();
    let best: f64 = (0..hidden.len().min(k)).map(gain).sum();
    let found: f64 = hits.iter().map(|place| gain(*place)).sum();
    [f64::from(u8::from(!hits.is_empty())), hits.len() as f64 / hidden.len() as f64, found / best]
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<f64>);

    impl Scorer for Fixed {
        fn score(&self, _: usize, _: &Holdings, scores: &mut [f64]) {
            scores.copy_from_slice(&self.0);
        }
    }

    #[test]
    fn p6_ties_break_by_the_product_and_lists_are_cut() {
        let scores = [1.0, 3.0, 3.0, 0.5, 3.0];
        assert_eq!(rank(&scores, 2, |_| true), [1, 2]);
        assert_eq!(rank(&scores, 9, |p| p != 2), [1, 4, 0, 3]);
        assert!(rank(&scores, 0, |_| true).is_empty());
    }

    #[test]
    fn p7_figures_by_hand() {
        let holdings = Holdings::new(&[vec![(0, 1.0)], vec![(1, 1.0)], vec![(0, 1.0)]], 5).expect("fine");
        // Ranked 0 1 2 3 4. User 0 holds 0: her list is 1, 2; hidden 2 and 4. User 1: list 0, 2; hidden 0.
        let hidden = vec![vec![2, 4], vec![0], vec![]];
        let tail = [false, false, false, true, true];
        let found = judge(&Fixed(vec![5.0, 4.0, 3.0, 2.0, 1.0]), &holdings, &hidden, &tail, 2);
        let second = 1.0 / 3f64.log2();
        let wanted =
            Figures { hit_rate: 1.0, recall: 0.75, ndcg: f64::midpoint(second / (1.0 + second), 1.0), users: 2 };
        assert!((found.all.ndcg - wanted.ndcg).abs() < 1e-12, "{found:?}");
        assert_eq!(Figures { ndcg: wanted.ndcg, ..found.all }, wanted);
        // The tail: user 0's list is 3, 4, her hidden one is 4.
        assert_eq!((found.tail.users, found.tail.recall, found.tail.ndcg), (1, 1.0, second));
        assert_eq!(judge(&Fixed(vec![0.0; 5]), &holdings, &vec![vec![]; 3], &tail, 2), Judged::default());
    }
}
