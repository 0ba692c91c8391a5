//! Who is offered what, and why (P6).

use serde::{Deserialize, Serialize};

use super::load::{Exclusions, Products};
use super::settings::Push;
use crate::recommend::{ClassCounts, rank};

/// One push.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Offer {
    pub user: usize,
    pub product: u32,
    pub class: u32,
    pub weight: f64,
    /// Holders of the product in the class, and customers of the class who hold anything.
    pub holders: u64,
    pub users: u64,
}

/// Why a customer is offered nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WhyNot {
    /// Opted out of everything.
    OptedOut,
    /// The class has too few holding customers.
    SmallClass,
    /// No product weighs as much as it must.
    LightProducts,
    /// All that the class is offered is held already.
    HoldsAll,
    /// What is left of it is excluded for this customer.
    Excluded,
}

impl WhyNot {
    pub(super) const ALL: [Self; 5] =
        [Self::OptedOut, Self::SmallClass, Self::LightProducts, Self::HoldsAll, Self::Excluded];

    /// In words.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::OptedOut => "opted out",
            Self::SmallClass => "class too small",
            Self::LightProducts => "no product weighs enough",
            Self::HoldsAll => "holds what the class is offered",
            Self::Excluded => "excluded for this customer",
        }
    }
}

/// The classes of all rounds, with the weights that follow from them.
#[derive(Debug, Clone)]
pub(super) struct Weighed {
    pub counts: Vec<ClassCounts>,
    weights: Vec<Vec<f64>>,
}

impl Weighed {
    pub(super) fn new(counts: Vec<ClassCounts>, shrink: f64) -> Self {
        let weights = counts.iter().map(|round| round.weights(shrink)).collect();
        Self { counts, weights }
    }

    /// Weights of the first round's class.
    pub(super) fn of_class(&self, class: usize) -> &[f64] {
        let products = self.counts[0].products();
        &self.weights[0][class * products..][..products]
    }

    /// The mean weights over a customer's classes, of those rounds in which the class is large enough; how many these are.
    fn of_user(&self, classes: &[u32], size_min: u64, scores: &mut [f64]) -> usize {
        scores.fill(0.0);
        let mut rounds = 0;
        for ((class, counts), weights) in classes.iter().zip(&self.counts).zip(&self.weights) {
            let class = *class as usize;
            if counts.users[class] < size_min {
                continue;
            }
            let own = &weights[class * scores.len()..][..scores.len()];
            scores.iter_mut().zip(own).for_each(|(score, weight)| *score += weight);
            rounds += 1;
        }
        for score in scores.iter_mut() {
            *score /= rounds.max(1) as f64;
        }
        rounds
    }
}

/// What decides about a customer besides the weights.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub push: &'a Push,
    pub exclusions: &'a Exclusions,
    pub products: &'a Products,
}

/// A customer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub number: usize,
    pub id: &'a str,
    /// The class in each round.
    pub classes: &'a [u32],
    /// Products, ascending.
    pub held: &'a [u32],
}

impl Rules<'_> {
    /// The pushes of one customer, the heaviest first, or why there are none. `scores` is scratch, one a product.
    pub(super) fn offer(
        &self,
        user: Candidate<'_>,
        weighed: &Weighed,
        scores: &mut [f64],
        out: &mut Vec<Offer>,
    ) -> Option<WhyNot> {
        if self.exclusions.all.contains(user.id) {
            return Some(WhyNot::OptedOut);
        }
        if weighed.of_user(user.classes, self.push.class_size_min as u64, scores) == 0 {
            return Some(WhyNot::SmallClass);
        }
        let excluded = self.exclusions.products.get(user.id);
        let held = |p: usize| user.held.binary_search(&(p as u32)).is_ok();
        let barred = |p: usize| excluded.is_some_and(|own| own.contains(&self.products.ids[p]));
        // A product that nobody holds weighs 0 and is never offered.
        let heavy = |p: usize| scores[p] > 0.0 && scores[p] >= self.push.weight_min;
        let Push { top_k, next, .. } = *self.push;
        let list = rank(scores, top_k, |p| heavy(p) && (!next || (!held(p) && !barred(p))));
        let cap = self.push.cap.unwrap_or(usize::MAX);
        let (class, before) = (user.classes[0], out.len());
        let counts = &weighed.counts[0];
        for &product in list.iter().filter(|p| !held(**p as usize) && !barred(**p as usize)).take(cap) {
            out.push(Offer {
                user: user.number,
                product,
                class,
                weight: scores[product as usize],
                holders: counts.holders_in(class as usize)[product as usize],
                users: counts.users[class as usize],
            });
        }
        if out.len() > before {
            return None;
        }
        let mut left = (0..scores.len()).filter(|p| heavy(*p)).peekable();
        if left.peek().is_none() {
            return Some(WhyNot::LightProducts);
        }
        let all_held = if next { left.all(held) } else { list.iter().all(|p| held(*p as usize)) };
        Some(if all_held { WhyNot::HoldsAll } else { WhyNot::Excluded })
    }
}

/// What each class is offered, made once: for one round, where weights are those of the class.
#[derive(Debug)]
pub(super) struct ClassOffers {
    /// Products by weight, as many as can be needed; `None` for a class that is too small.
    lists: Vec<Option<Vec<(u32, f64)>>>,
    most: usize,
}

impl ClassOffers {
    pub(super) fn new(push: &Push, weighed: &Weighed) -> Self {
        let counts = &weighed.counts[0];
        let list = |class: usize| {
            if counts.users[class] < push.class_size_min as u64 {
                return None;
            }
            let weights = weighed.of_class(class);
            let most = if push.next { weights.len() } else { push.top_k };
            let order = rank(weights, most, |p| weights[p] > 0.0 && weights[p] >= push.weight_min);
            Some(order.into_iter().map(|p| (p, weights[p as usize])).collect())
        };
        let lists = (0..counts.classes()).map(list).collect();
        Self { lists, most: push.top_k.min(push.cap.unwrap_or(usize::MAX)) }
    }

    /// Calls `take` for each push of a customer of `class`, or says why there is none.
    pub(super) fn offer(
        &self,
        class: u32,
        held: impl Fn(u32) -> bool,
        barred: impl Fn(u32) -> bool,
        mut take: impl FnMut(u32, f64),
    ) -> Option<WhyNot> {
        let Some(list) = &self.lists[class as usize] else { return Some(WhyNot::SmallClass) };
        let mut given = 0;
        for (product, weight) in list {
            if given == self.most {
                break;
            }
            if !held(*product) && !barred(*product) {
                take(*product, *weight);
                given += 1;
            }
        }
        match (given, list.is_empty()) {
            (0, true) => Some(WhyNot::LightProducts),
            (0, false) if list.iter().all(|(product, _)| held(*product)) => Some(WhyNot::HoldsAll),
            (0, false) => Some(WhyNot::Excluded),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::Holdings;

    fn products() -> Products {
        let ids: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        Products { names: ids.clone(), ids }
    }

    /// Two classes: in the first a, b and c are held by 3, 3 and 1 of 3; in the second d by the one customer.
    fn weighed() -> (Weighed, Holdings) {
        let lists = [&[0, 1][..], &[0, 1, 2], &[0, 1], &[3], &[]];
        let lists: Vec<Vec<(u32, f32)>> = lists.iter().map(|l| l.iter().map(|p| (*p, 1.0)).collect()).collect();
        let holdings = Holdings::new(&lists, 4).expect("fine");
        (Weighed::new(vec![ClassCounts::count(&[0, 0, 0, 1, 0], &holdings, 2)], 0.0), holdings)
    }

    fn offer(push: &Push, exclusions: &Exclusions, class: u32, held: &[u32]) -> Result<Vec<(u32, u64)>, WhyNot> {
        let (weighed, _) = weighed();
        let products = products();
        let rules = Rules { push, exclusions, products: &products };
        let user = Candidate { number: 7, id: "u", classes: &[class], held };
        let mut out = vec![];
        match rules.offer(user, &weighed, &mut [0.0; 4], &mut out) {
            None => Ok(out.iter().map(|o| (o.product, o.holders)).collect()),
            Some(why) => Err(why),
        }
    }

    #[test]
    fn p6_all_but_the_holders_of_the_target_product_get_it_and_ties_go_to_the_first_product() {
        let (push, none) = (Push::default(), Exclusions::default());
        assert_eq!(offer(&push, &none, 0, &[]), Ok(vec![(0, 3)]));
        assert_eq!(offer(&push, &none, 0, &[0, 2]), Err(WhyNot::HoldsAll));
        assert_eq!(offer(&push, &none, 1, &[0]), Ok(vec![(3, 1)]));
        let next = Push { next: true, ..Push::default() };
        assert_eq!(offer(&next, &none, 0, &[0]), Ok(vec![(1, 3)]));
        assert_eq!(offer(&next, &none, 0, &[0, 1, 2]), Err(WhyNot::HoldsAll), "nobody in the class holds d");
    }

    #[test]
    fn p6_more_products_least_weights_small_classes_and_caps() {
        let none = Exclusions::default();
        let three = Push { top_k: 3, ..Push::default() };
        assert_eq!(offer(&three, &none, 0, &[1]), Ok(vec![(0, 3), (2, 1)]));
        let capped = Push { cap: Some(1), ..three.clone() };
        assert_eq!(offer(&capped, &none, 0, &[1]), Ok(vec![(0, 3)]));
        let heavy = Push { weight_min: 0.5, ..three.clone() };
        assert_eq!(offer(&heavy, &none, 0, &[1]), Ok(vec![(0, 3)]));
        let never = Push { class_size_min: 2, ..three };
        assert_eq!(offer(&never, &none, 1, &[]), Err(WhyNot::SmallClass));
        let (_, holdings) = weighed();
        let spread = Weighed::new(vec![ClassCounts::count(&[0, 0, 0, 1, 0], &holdings, 2)], 1.0);
        let wanted = [4.0 / 5.0, 0.0];
        assert_eq!(spread.of_class(0)[0] > 0.9, wanted[0] > 0.5);
    }

    #[test]
    fn p6_exclusions_hold_and_say_so() {
        let mut exclusions = Exclusions::default();
        exclusions.products.entry("u".to_owned()).or_default().insert("a".to_owned());
        assert_eq!(offer(&Push::default(), &exclusions, 0, &[]), Err(WhyNot::Excluded));
        let next = Push { next: true, ..Push::default() };
        assert_eq!(offer(&next, &exclusions, 0, &[]), Ok(vec![(1, 3)]));
        exclusions.all.insert("u".to_owned());
        assert_eq!(offer(&next, &exclusions, 0, &[]), Err(WhyNot::OptedOut));
        let light = Push { weight_min: 1.0, ..Push::default() };
        let (weighed, _) = weighed();
        assert!(weighed.of_class(1)[3] >= 1.0);
        assert_eq!(offer(&light, &Exclusions::default(), 0, &[0, 1]), Err(WhyNot::HoldsAll));
    }

    #[test]
    fn p6_lists_by_class_offer_what_the_rules_offer_to_each_customer() {
        let (weighed, _) = weighed();
        let products = products();
        let mut exclusions = Exclusions::default();
        exclusions.products.entry("u".to_owned()).or_default().insert("b".to_owned());
        let mut compared = 0;
        for (next, top_k, cap, weight_min, class_size_min) in [
            (false, 1, None, 0.0, 1),
            (true, 1, None, 0.0, 1),
            (false, 3, Some(1), 0.5, 1),
            (true, 3, Some(2), 0.0, 1),
            (true, 2, None, 1.5 - 1.0, 2),
            (false, 2, None, 0.9, 4),
        ] {
            let push = Push { top_k, next, weight_min, class_size_min, cap, ..Push::default() };
            let rules = Rules { push: &push, exclusions: &exclusions, products: &products };
            let by_class = ClassOffers::new(&push, &weighed);
            for (class, bits) in (0..2).flat_map(|class| (0..16_u32).map(move |bits| (class, bits))) {
                let held: Vec<u32> = (0..4).filter(|p| bits >> p & 1 == 1).collect();
                let user = Candidate { number: 0, id: "u", classes: &[class], held: &held };
                let (mut wanted, mut found) = (vec![], vec![]);
                let why = rules.offer(user, &weighed, &mut [0.0; 4], &mut wanted);
                let own = by_class.offer(class, |p| bits >> p & 1 == 1, |p| p == 1, |p, w| found.push((p, w)));
                assert_eq!(own, why, "{push:?} {class} {bits}");
                assert_eq!(found, wanted.iter().map(|o| (o.product, o.weight)).collect::<Vec<_>>());
                compared += 1;
            }
        }
        assert_eq!(compared, 6 * 32);
    }
}
