use super::*;
use crate::tree::FeatureKind;
use crate::tree::node::Rule;

const NUMBERS: [FeatureKind; 3] = [FeatureKind::Number; 3];

fn made_up(n: usize) -> (Vec<f32>, Vec<u32>, Vec<f64>) {
    let value = |i: usize| ((i * 7919 + 13) % 1009) as f32;
    let values: Vec<f32> = (0..n * 3).map(value).collect();
    let row = |i: usize| &values[i * 3..][..3];
    let labels = (0..n).map(|i| u32::from(row(i)[0] > 500.0) + u32::from(row(i)[1] > 800.0)).collect();
    let numbers = (0..n).map(|i| f64::from(row(i)[0] * 2.0 - row(i)[2] / 3.0)).collect();
    (values, labels, numbers)
}

/// The best root split by trying every cut with plain sums.
fn plain_root(values: &[f32], cost: impl Fn(&[usize]) -> f64) -> (usize, f64) {
    let n = values.len() / 3;
    let mut best = (f64::INFINITY, 0, 0.0);
    for feature in 0..3 {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| values[a * 3 + feature].total_cmp(&values[b * 3 + feature]));
        for cut in 1..n {
            let (low, high) = (values[order[cut - 1] * 3 + feature], values[order[cut] * 3 + feature]);
            let found = cost(&order[..cut]) + cost(&order[cut..]);
            if low < high && found < best.0 - 1e-9 {
                best = (found, feature, f64::from(low) / 2.0 + f64::from(high) / 2.0);
            }
        }
    }
    (best.1, best.2)
}

#[test]
fn e15_the_root_split_is_that_of_plain_code() {
    let (values, labels, numbers) = made_up(200);
    let features = Features::new(&values, &NUMBERS).expect("fine");
    let shares = |rows: &[usize]| {
        let count = |c: u32| rows.iter().filter(|&&row| labels[row] == c).count() as f64 / rows.len() as f64;
        [count(0), count(1), count(2)]
    };
    let gini = |rows: &[usize]| rows.len() as f64 * (1.0 - shares(rows).iter().map(|p| p * p).sum::<f64>());
    let entropy = |rows: &[usize]| {
        -(rows.len() as f64) * shares(rows).iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>()
    };
    let square = |rows: &[usize]| {
        let mean = rows.iter().map(|&row| numbers[row]).sum::<f64>() / rows.len() as f64;
        rows.iter().map(|&row| (numbers[row] - mean).powi(2)).sum::<f64>()
    };
    let root = |impurity, target| {
        let spec = TreeSpec { depth_max: Some(1), ..TreeSpec::new(impurity) };
        let tree = spec.fit(&features, target, None).expect("fits");
        let split = tree.nodes[0].split.clone().expect("a split");
        let Rule::AtMost(threshold) = split.rule else { panic!("numbers") };
        (split.feature, threshold)
    };
    assert_eq!(root(Impurity::Gini, Target::Classes(&labels, 3)), plain_root(&values, gini));
    assert_eq!(root(Impurity::Entropy, Target::Classes(&labels, 3)), plain_root(&values, entropy));
    assert_eq!(root(Impurity::SquaredError, Target::Numbers(&numbers)), plain_root(&values, square));
}

#[test]
fn e15_a_full_tree_says_what_it_has_learned() {
    let (values, labels, numbers) = made_up(700);
    let features = Features::new(&values, &NUMBERS).expect("fine");
    let classes = TreeSpec::new(Impurity::Entropy).fit(&features, Target::Classes(&labels, 3), None).expect("fits");
    let said = classes.predict(&features);
    assert!(said.chunks_exact(3).zip(&labels).all(|(shares, label)| shares[*label as usize] == 1.0));
    let tree = TreeSpec::new(Impurity::SquaredError).fit(&features, Target::Numbers(&numbers), None).expect("fits");
    let said = tree.predict(&features);
    // More than 255 distinct values share bins: what a leaf cannot tell apart stays together.
    let error: f64 = said.iter().zip(&numbers).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 700.0;
    assert!(error < 60.0, "{error}");
    tree.check(&NUMBERS, 1).expect("a tree that could be read back");
}

#[test]
fn e15_limits_hold_and_weights_are_rows() {
    let (values, labels, _) = made_up(200);
    let features = Features::new(&values, &NUMBERS).expect("fine");
    let target = Target::Classes(&labels, 3);
    let base = TreeSpec::new(Impurity::Gini);
    let shallow = TreeSpec { depth_max: Some(2), ..base }.fit(&features, target, None).expect("fits");
    assert!(shallow.depth() == 2 && shallow.leaves() <= 4);
    let few = TreeSpec { leaves_max: Some(3), ..base }.fit(&features, target, None).expect("fits");
    assert_eq!(few.leaves(), 3);
    let large = TreeSpec { leaf_rows_min: 25, ..base }.fit(&features, target, None).expect("fits");
    assert!(large.nodes.iter().all(|node| node.rows >= 25) && large.leaves() > 1);
    let weights: Vec<f32> = (0..200).map(|i| (i % 3) as f32).collect();
    let weighted = base.fit(&features, target, Some(&weights)).expect("fits");
    let times = |i: usize| i % 3;
    let repeated: Vec<f32> = (0..200).flat_map(|i| values[i * 3..][..3].repeat(times(i))).collect();
    let again: Vec<u32> = (0..200).flat_map(|i| vec![labels[i]; times(i)]).collect();
    let repeated = Features::new(&repeated, &NUMBERS).expect("fine");
    let expected = base.fit(&repeated, Target::Classes(&again, 3), None).expect("fits");
    assert_eq!(weighted.predict(&features), expected.predict(&features));
    let balanced = balanced_weights(&[0, 0, 0, 1], 3, None);
    assert!((balanced[0] * 3.0 - balanced[3]).abs() < 1e-6 && (balanced.iter().sum::<f32>() - 4.0).abs() < 1e-6);
}

#[test]
fn e15_pruning_cuts_what_gains_too_little() {
    // A strong split at 0.5 and one row out of place.
    let values: Vec<f32> = (0..100).map(|i| i as f32).collect();
    let labels: Vec<u32> = (0..100).map(|i| u32::from(i >= 50) ^ u32::from(i == 20)).collect();
    let kinds = [FeatureKind::Number];
    let features = Features::new(&values, &kinds).expect("fine");
    let leaves = |prune_alpha| {
        let spec = TreeSpec { prune_alpha, ..TreeSpec::new(Impurity::Gini) };
        spec.fit(&features, Target::Classes(&labels, 2), None).expect("fits").leaves()
    };
    // The left half weighs 0.5 and has impurity 2 * 0.02 * 0.98: its two more leaves lower the cost by 0.0098 each.
    assert_eq!((leaves(0.0), leaves(0.0097), leaves(0.0099)), (4, 4, 2));
    assert_eq!(leaves(0.6), 1);
}

#[test]
fn e15_a_split_that_gains_nothing_may_lead_to_some_that_do() {
    let values = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    let kinds = [FeatureKind::Number; 2];
    let features = Features::new(&values, &kinds).expect("fine");
    let tree = TreeSpec::new(Impurity::Gini).fit(&features, Target::Classes(&[0, 1, 1, 0], 2), None).expect("fits");
    let right: Vec<f64> = tree.predict(&features).chunks_exact(2).map(|p| p[1]).collect();
    assert_eq!(right, [0.0, 1.0, 1.0, 0.0]);
}

#[test]
fn e15_trees_refuse_what_cannot_be() {
    let (values, labels, numbers) = made_up(10);
    let features = Features::new(&values, &NUMBERS).expect("fine");
    let refused = |spec: TreeSpec, target| spec.fit(&features, target, None).expect_err("refused").to_string();
    let base = TreeSpec::new(Impurity::Gini);
    let classes = Target::Classes(&labels, 3);
    assert!(
        refused(base, Target::Numbers(&numbers)).starts_with("`impurity`: expected `gini` or `entropy` for classes")
    );
    assert!(refused(TreeSpec::new(Impurity::SquaredError), classes).starts_with("`impurity`"));
    assert_eq!(
        refused(TreeSpec { leaves_max: Some(0), ..base }, classes),
        "`leaves_max`: expected at least 1, found 0"
    );
    assert!(refused(TreeSpec { prune_alpha: f64::NAN, ..base }, classes).starts_with("`prune_alpha`"));
    assert!(refused(base, Target::Classes(&[9; 10], 3)).contains("9 of 3"));
    let weights = [0.0; 10];
    assert!(base.fit(&features, classes, Some(&weights)).is_err());
}
