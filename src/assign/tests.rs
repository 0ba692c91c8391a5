//! Against an exact solver, and against the definition.

use pathfinding::prelude::{Matrix, kuhn_munkres};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// A small problem with gains in units of 1/64, so that f32 holds them and the exact solver can count them.
fn small(rng: &mut ChaCha8Rng, step: i64) -> RawProblem {
    let managers = rng.random_range(1..5_usize);
    let customers = rng.random_range(1..9_usize);
    let capacities = (0..managers).map(|_| rng.random_range(0..4)).collect();
    let mut raw = RawProblem { capacities, offsets: vec![0], ..RawProblem::default() };
    for _ in 0..customers {
        for manager in 0..managers as u32 {
            if rng.random_bool(0.6) {
                raw.managers.push(manager);
                raw.gains.push((rng.random_range(-2 * 64..12 * 64) / step * step) as f32 / 64.0);
            }
        }
        raw.offsets.push(raw.managers.len() as u32);
    }
    let stays = if rng.random_bool(0.5) { 1 } else { customers };
    raw.stay =
        (0..stays).map(|_| if rng.random_bool(0.5) { 0.0 } else { rng.random_range(-64..128) as f32 / 64.0 }).collect();
    raw
}

/// The best value, by the Hungarian method on one column a place and one a customer for staying.
fn exact(problem: &Problem) -> f64 {
    let forbidden = -1_000_000_000;
    let places: Vec<u32> = (0..problem.managers() as u32)
        .flat_map(|manager| vec![manager; problem.capacities[manager as usize] as usize])
        .collect();
    let count = |value: f32| (value * 64.0) as i64;
    let rows = (0..problem.customers()).map(|customer| {
        let worth = |place: &u32| {
            let pair = problem.pairs_of(customer).iter().find(|pair| pair.manager == *place);
            pair.map_or(forbidden, |pair| count(pair.gain))
        };
        let stays = (0..problem.customers())
            .map(|other| if other == customer { count(problem.stay(customer)) } else { forbidden });
        places.iter().map(worth).chain(stays).collect::<Vec<i64>>()
    });
    let (sum, _) = kuhn_munkres(&Matrix::from_rows(rows).unwrap());
    sum as f64 / 64.0
}

/// Capacities hold, everybody has a candidate of his own or none, and the value is the sum.
fn assert_feasible(problem: &Problem, found: &Allocation) {
    let mut loads = vec![0; problem.managers()];
    let mut value = 0.0;
    for (customer, manager) in found.manager.iter().enumerate() {
        value += match manager {
            None => f64::from(problem.stay(customer)),
            Some(manager) => {
                loads[*manager as usize] += 1;
                let pair = problem.pairs_of(customer).iter().find(|pair| pair.manager == *manager);
                f64::from(pair.expect("a candidate").gain)
            }
        };
    }
    assert!(loads.iter().zip(&problem.capacities).all(|(load, capacity)| load <= capacity));
    assert_eq!(loads, found.loads);
    assert!((value - found.value).abs() < 1e-9, "{value} {}", found.value);
}

fn tight() -> AuctionSpec {
    AuctionSpec { gap: 1e-5, ..AuctionSpec::default() }
}

#[test]
fn r5_the_auction_finds_what_the_exact_solver_finds() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for round in 0..1500 {
        // Fractions of 1/64, halves (many ties), whole numbers (more of them).
        let problem = small(&mut rng, [1, 32, 64][round % 3]).check().unwrap();
        let found = problem.solve(&tight()).unwrap();
        let best = exact(&problem);
        assert_feasible(&problem, &found);
        assert!((found.value - best).abs() < 1e-9, "round {round}: {} instead of {best}: {problem:?}", found.value);
        assert!(found.bound >= best, "round {round}: bound {} below {best}", found.bound);
        assert!(found.gap() <= 1e-5 || best.abs() < 1e-9, "round {round}: {found:?}");
    }
}

#[test]
fn r5_the_certificate_is_a_bound_whatever_the_prices() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for _ in 0..300 {
        let problem = small(&mut rng, 1).check().unwrap();
        let best = exact(&problem);
        for _ in 0..5 {
            let prices: Vec<f64> = (0..problem.managers()).map(|_| rng.random_range(0.0..8.0)).collect();
            assert!(allocation::bound(&problem, &prices) >= best);
        }
        // Coarse auctions too are feasible, and honest about what they are.
        let found = problem.solve(&AuctionSpec { gap: 0.5, rounds_max: 1, bids_max: 1 }).unwrap();
        assert_feasible(&problem, &found);
        assert!(found.bound >= best && found.value <= best + 1e-9);
        assert!((allocation::bound(&problem, &found.prices) - found.bound).abs() < 1e-9);
    }
}

/// Customers of unequal quality, managers of unequal skill, fewer places than customers.
fn large(customers: usize, managers: u32, places: u32) -> Problem {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let skill: Vec<f32> = (0..managers).map(|_| rng.random()).collect();
    let mut candidates = Candidates::new(vec![places; managers as usize]);
    for _ in 0..customers {
        let first = rng.random_range(0..managers);
        let quality: f32 = rng.random();
        candidates.push((0..16).map(|step| {
            let manager = (first + step * 7) % managers;
            (manager, 0.5 * skill[manager as usize] + 0.5 * quality * rng.random::<f32>())
        }));
    }
    candidates.check(vec![0.0]).unwrap()
}

#[test]
fn r5_a_larger_problem_reaches_the_gap_and_repeats_to_the_bit() {
    let problem = large(20_000, 200, 60);
    let found = problem.solve(&AuctionSpec::default()).unwrap();
    assert_feasible(&problem, &found);
    assert!(found.gap() <= 1e-3, "{}", found.gap());
    assert_eq!(found.loads.iter().sum::<u32>(), 12_000);
    assert_eq!(found.left(&problem).filter(|left| left.reason == LeftReason::AllFull).count(), 8_000);
    assert_eq!(problem.solve(&AuctionSpec::default()).unwrap(), found);
}

#[test]
fn r5_who_is_left_over_is_told_why() {
    let mut candidates = Candidates::new(vec![1, 0, 2]);
    candidates.push([(0, 2.0), (1, 9.0)]);
    candidates.push([(0, 3.0)]);
    candidates.push([]);
    candidates.push([(1, 5.0)]);
    candidates.push([(2, -1.0)]);
    candidates.push([(2, 0.0)]);
    let problem = candidates.check(vec![0.0]).unwrap();
    let found = problem.solve(&AuctionSpec::default()).unwrap();
    assert_eq!(found.manager, [None, Some(0), None, None, None, None]);
    let reasons: Vec<&str> = found.left(&problem).map(|left| left.reason.as_str()).collect();
    assert_eq!(reasons, ["all candidates full", "no candidate", "all candidates full", "better left", "better left"]);
    assert_eq!(found.left(&problem).map(|left| left.customer).collect::<Vec<_>>(), [0, 2, 3, 4, 5]);
}

#[test]
fn r5_ties_fill_all_places_the_same_way_every_time() {
    let mut candidates = Candidates::new(vec![2, 2]);
    for _ in 0..6 {
        candidates.push([(1, 1.0), (0, 1.0)]);
    }
    let problem = candidates.check(vec![0.0]).unwrap();
    let found = problem.solve(&AuctionSpec::default()).unwrap();
    assert_eq!((found.value, found.loads.as_slice()), (4.0, [2, 2].as_slice()));
    assert_eq!(problem.solve(&AuctionSpec::default()).unwrap(), found);
}

#[test]
fn r5_problems_without_customers_managers_or_gain_have_an_answer() {
    for (raw, value) in [
        (RawProblem { offsets: vec![0], stay: vec![1.0], ..RawProblem::default() }, 0.0),
        (RawProblem { offsets: vec![0, 0, 0], stay: vec![1.5], ..RawProblem::default() }, 3.0),
        (
            RawProblem {
                capacities: vec![5],
                offsets: vec![0, 1],
                managers: vec![0],
                gains: vec![-1.0],
                stay: vec![0.0],
            },
            0.0,
        ),
        (
            RawProblem {
                capacities: vec![1],
                offsets: vec![0, 1],
                managers: vec![0],
                gains: vec![-3.0],
                stay: vec![-4.0],
            },
            -3.0,
        ),
    ] {
        let found = raw.check().unwrap().solve(&AuctionSpec::default()).unwrap();
        assert_eq!((found.value, found.gap() < 1e-9), (value, true));
    }
}

#[test]
fn r5_problems_that_make_no_sense_are_refused() {
    let good = RawProblem {
        capacities: vec![1, 1],
        offsets: vec![0, 2, 3],
        managers: vec![0, 1, 1],
        gains: vec![1.0, 2.0, 3.0],
        stay: vec![0.0],
    };
    let told = |change: fn(&mut RawProblem)| {
        let mut raw = good.clone();
        change(&mut raw);
        raw.check().unwrap_err().to_string()
    };
    assert_eq!(told(|raw| raw.managers[2] = 2), "customer 1: expected a manager below 2, found 2");
    assert_eq!(told(|raw| raw.managers[1] = 0), "customer 0: manager 0 is a candidate twice");
    assert_eq!(told(|raw| raw.gains[1] = f32::NAN), "customer 0: expected a gain of magnitude at most 1e15, found NaN");
    assert_eq!(
        told(|raw| raw.stay = vec![0.0, 1e20]),
        "customer 1: expected a stay of magnitude at most 1e15, found 1e20"
    );
    assert_eq!(told(|raw| raw.stay = vec![]), "`stay`: expected 2 values, found 0");
    assert_eq!(told(|raw| raw.gains.truncate(1)), "`gains`: expected 3 values, found 1");
    assert_eq!(told(|raw| raw.offsets = vec![0, 2, 4]), "`managers`: expected 4 values, found 3");
    assert_eq!(
        told(|raw| raw.offsets = vec![0, 2, 1]),
        "offsets: expected numbers that ascend from 0, found 1 behind 2 at customer 1"
    );
    assert!(told(|raw| raw.offsets = vec![1, 2, 3]).contains("found 1 behind 0"));
    assert_eq!(told(|raw| raw.offsets = vec![]), "`offsets`: expected 1 values, found 0");
    let problem = good.check().unwrap();
    let refused = problem.solve(&AuctionSpec { gap: -0.1, ..AuctionSpec::default() }).unwrap_err();
    assert_eq!(refused.to_string(), "`gap`: expected a share from 0 to below 1, found -0.1");
    assert!(problem.solve(&AuctionSpec { rounds_max: 0, ..AuctionSpec::default() }).is_err());
}
