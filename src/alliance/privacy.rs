//! Differential privacy of a party's whole update (A11): clip, quantise, add integer noise, account for it.
//!
//! Each party adds noise of Skellam's distribution, the difference of two Poisson numbers, to its whole numbers. A sum of
//! such noise is such noise, so what the parties open hides each of them as the accountant says (Agarwal, Kairouz and Liu:
//! The Skellam mechanism for differentially private federated learning. NeurIPS 2021). Noise in floating point would not
//! keep that promise: its last bits tell where it was added.
//!
//! Every party knows its own noise and can take it off again; so the noise that counts is that of a quorum less one.

use rand::SeedableRng;
use rand::rngs::SysRng;
use rand_chacha::ChaCha20Rng;
use rand_distr::{Distribution, Poisson};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AllianceError;
use super::quantise::{Clipped, step};
use super::terms::{RawPlan, Weighting};
use crate::model::{Model, ParamInfo};

/// Deviations of noise that must fit between the longest update and the bound of a value.
const ROOM: f64 = 6.0;

/// Noise that hides a party's update.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Privacy {
    /// Updates longer than this (the root of the sum of their squares) are shortened to it.
    pub norm: f32,
    /// The deviation of the noise in the sum that counts, as a multiple of `norm`.
    pub noise: f64,
    /// The probability that the promise does not hold.
    pub delta: f64,
}

/// What the noise promises after some rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Rounds.
    pub rounds: u32,
    /// With and without a party's update, nothing becomes more than e^epsilon times as probable,
    pub epsilon: f64,
    /// except with this probability.
    pub delta: f64,
}

impl Privacy {
    /// Checks the numbers against the plan's.
    ///
    /// # Errors
    /// Names the setting.
    pub(super) fn check(&self, plan: &RawPlan, bounds: &[f32], model: &Model) -> Result<(), AllianceError> {
        let refuse = |key, reason: String| Err(AllianceError::plan(key, reason));
        if !(self.norm.is_normal() && self.norm > 0.0) {
            return refuse("privacy.norm", format!("must be above 0, found {}", self.norm));
        }
        if !(1e-3..=1e6).contains(&self.noise) {
            return refuse("privacy.noise", format!("must lie in 0.001 to 1,000,000, found {}", self.noise));
        }
        if !(self.delta > 0.0 && self.delta < 0.5) {
            return refuse("privacy.delta", format!("must lie above 0 and below 0.5, found {}", self.delta));
        }
        if plan.weighting != Weighting::Equal {
            return refuse("weighting", "must be `equal` with `privacy`: one party counts as any other".to_owned());
        }
        if bounds.iter().any(|b| *b != plan.clip) {
            return refuse(
                "clip_layers",
                "must be empty with `privacy`: noise is added in steps of one size".to_owned(),
            );
        }
        let scale = step(plan.clip, plan.value_bits);
        let needed = f64::from(self.norm) + ROOM * self.deviation(plan) * scale;
        if f64::from(plan.clip) < needed {
            let reason =
                format!("must be at least {needed:.4}, to hold `privacy.norm` and the noise, found {}", plan.clip);
            return refuse("clip", reason);
        }
        let epsilon = self.spent(plan, values(model), 1).epsilon;
        if epsilon.is_finite() { Ok(()) } else { refuse("privacy.noise", format!("gives an epsilon of {epsilon}")) }
    }

    /// The deviation of one party's noise, in steps.
    fn deviation(&self, plan: &RawPlan) -> f64 {
        let honest = plan.quorum.saturating_sub(1).max(1) as f64;
        self.noise * f64::from(self.norm) / step(plan.clip, plan.value_bits) / honest.sqrt()
    }

    /// Shortens an update to the norm.
    pub(super) fn shorten(&self, update: &mut Clipped) {
        let length = update.values.iter().flatten().map(|v| v * v).sum::<f64>().sqrt();
        let norm = f64::from(self.norm);
        if length > norm {
            update.values.iter_mut().flatten().for_each(|v| *v *= norm / length);
        }
    }

    /// Adds a party's noise. What leaves the range of values is held there, which gives nothing away.
    ///
    /// # Errors
    /// If the operating system gives no random numbers.
    pub(super) fn add_noise(&self, values: &mut [i32], plan: &RawPlan) -> Result<(), AllianceError> {
        let mut random = ChaCha20Rng::try_from_rng(&mut SysRng)
            .map_err(|e| crate::paillier::PaillierError::Random(e.to_string()))?;
        let mean = self.deviation(plan).powi(2) / 2.0;
        let poisson = Poisson::new(mean).map_err(|e| {
            AllianceError::plan("privacy.noise", format!("makes no Poisson numbers of mean {mean}: {e}"))
        })?;
        let most = (1_i64 << (plan.value_bits - 1)) - 1;
        for value in values {
            let noise = poisson.sample(&mut random) as i64 - poisson.sample(&mut random) as i64;
            *value = (i64::from(*value) + noise).clamp(-most, most) as i32;
        }
        Ok(())
    }

    /// What the noise promises after so many rounds, for updates of so many values.
    pub fn spent(&self, plan: &RawPlan, values: usize, rounds: u32) -> Spent {
        let scale = step(plan.clip, plan.value_bits);
        // Rounding moves each value by at most half a step.
        let l2 = f64::from(self.norm) / scale + (values as f64).sqrt() / 2.0;
        let l1 = ((values as f64).sqrt() * l2).min(l2 * l2);
        let mu = (self.noise * f64::from(self.norm) / scale).powi(2);
        let orders = (2..=64).chain([80, 96, 128, 192, 256, 384, 512, 768, 1024]);
        let of_order = |order: i32| {
            let alpha = f64::from(order);
            let renyi = f64::from(rounds) * renyi(alpha, l1, l2, mu);
            renyi + ((1.0 / self.delta).ln() + (alpha - 1.0) * (-1.0 / alpha).ln_1p() - alpha.ln()) / (alpha - 1.0)
        };
        let epsilon = orders.map(of_order).fold(f64::INFINITY, f64::min).max(0.0);
        Spent { rounds, epsilon, delta: self.delta }
    }
}

/// Renyi's divergence of the Skellam mechanism, of order alpha, for noise of variance mu (the paper's corollary 3.6).
fn renyi(alpha: f64, l1: f64, l2: f64, mu: f64) -> f64 {
    let extra = (((2.0 * alpha - 1.0) * l2 * l2 + 6.0 * l1) / (4.0 * mu * mu)).min(3.0 * l1 / (2.0 * mu));
    alpha * l2 * l2 / (2.0 * mu) + extra
}

fn values(model: &Model) -> usize {
    model.params().iter().map(ParamInfo::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alliance::tests::raw_plan;

    fn plan() -> RawPlan {
        let privacy = Some(Privacy { norm: 0.5, noise: 2.0, delta: 1e-5 });
        RawPlan { clip: 8.0, value_bits: 20, weighting: Weighting::Equal, privacy, ..raw_plan(3) }
    }

    #[test]
    fn a11_noise_is_whole_without_a_mean_and_as_wide_as_stated() {
        let plan = plan();
        let privacy = plan.privacy.expect("set");
        let mut values = vec![100_i32; 40_000];
        privacy.add_noise(&mut values, &plan).expect("random numbers");
        let count = values.len() as f64;
        let noise = || values.iter().map(|v| f64::from(*v) - 100.0);
        let mean = noise().sum::<f64>() / count;
        let deviation = (noise().map(|n| n * n).sum::<f64>() / count).sqrt();
        // The sum of two parties' noise has 2 * 0.5, so that of one 1 / sqrt 2, in steps of 8 / (2^19 - 1).
        let expected = 1.0 / 2.0_f64.sqrt() / (8.0 / 524_287.0);
        assert!((deviation / expected - 1.0).abs() < 0.02, "{deviation} {expected}");
        assert!(mean.abs() < 5.0 * expected / count.sqrt(), "{mean}");
    }

    #[test]
    fn a11_epsilon_is_that_of_the_formula() {
        let plan = plan();
        let privacy = plan.privacy.expect("set");
        // Many steps a deviation: the integer terms vanish, and it is the Gaussian mechanism with a noise of 2:
        // the least of alpha / 8 + (ln 1e5 + (alpha - 1) ln(1 - 1/alpha) - ln alpha) / (alpha - 1) over whole alpha.
        let gauss = |rounds: f64| {
            (2..200)
                .map(f64::from)
                .map(|a| rounds * a / 8.0 + ((1e5_f64).ln() + (a - 1.0) * (1.0 - 1.0 / a).ln() - a.ln()) / (a - 1.0))
                .fold(f64::INFINITY, f64::min)
        };
        for rounds in [1, 10] {
            let found = privacy.spent(&plan, 100, rounds);
            let expected = gauss(f64::from(rounds));
            assert!((found.epsilon / expected - 1.0).abs() < 0.01, "{found:?} {expected}");
            assert!(found.epsilon > expected, "rounding to whole numbers costs something");
        }
        let coarse = RawPlan { value_bits: 8, ..plan };
        assert!(privacy.spent(&coarse, 100, 1).epsilon > 1.3 * gauss(1.0), "coarse steps cost more");
    }

    #[test]
    fn a11_long_updates_are_shortened_and_short_ones_kept() {
        let privacy = Privacy { norm: 1.0, noise: 1.0, delta: 1e-5 };
        let mut long = Clipped { values: vec![vec![3.0], vec![4.0]], held: 0 };
        privacy.shorten(&mut long);
        assert!((long.values[0][0] - 0.6).abs() < 1e-12 && (long.values[1][0] - 0.8).abs() < 1e-12);
        let mut short = Clipped { values: vec![vec![0.3], vec![0.4]], held: 0 };
        privacy.shorten(&mut short);
        assert_eq!(short.values, [[0.3], [0.4]]);
    }

    #[test]
    fn a11_plans_whose_noise_has_no_room_or_no_meaning_are_refused() {
        let with = |change: fn(&mut RawPlan)| {
            let mut raw = plan();
            change(&mut raw);
            raw.check().map(|_| ()).map_err(|e| e.to_string())
        };
        assert_eq!(with(|_| ()), Ok(()));
        let refused = |change, words: &str| {
            let error = with(change).expect_err(words);
            assert!(error.contains(words), "{error}");
        };
        refused(|raw| raw.clip = 2.0, "`clip` must be at least 4.7426, to hold `privacy.norm` and the noise");
        refused(|raw| raw.weighting = Weighting::Samples, "`weighting` must be `equal` with `privacy`");
        refused(|raw| raw.clip_layers = [("layers.0".to_owned(), 9.0)].into(), "`clip_layers` must be empty");
        refused(|raw| raw.privacy.as_mut().expect("set").delta = 0.0, "`privacy.delta` must lie above 0");
        refused(|raw| raw.privacy.as_mut().expect("set").norm = -1.0, "`privacy.norm` must be above 0");
        refused(|raw| raw.privacy.as_mut().expect("set").noise = f64::NAN, "`privacy.noise` must lie in");
    }
}
