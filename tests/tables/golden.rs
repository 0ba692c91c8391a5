//! Agreement with scikit-learn on the bundled digits: `tests/golden/clusters.py` made the numbers.

use std::path::Path;

use nightloom::backend::Backend;
use nightloom::cluster::quality::{adjusted_rand, davies_bouldin, silhouette};
use nightloom::cluster::{Init, KMeansSpec, Keep, Mode, Pca, Rows};
use nightloom::dataset::RawSource;
use nightloom::dataset::rows::{RowSet, RowSpec, RowTargets, TargetKind};
use nightloom::tree::{FeatureKind, Features, Impurity, Rule, Target, Tree, TreeSpec};
use serde_json::Value;

use crate::site::DIGITS;

fn digits() -> (RowSet, Vec<u32>) {
    let spec = RowSpec {
        source: RawSource::of(DIGITS).check(Path::new("")).unwrap(),
        inputs: Some((1..=64).map(|i| format!("pixel{i}")).collect()),
        target: Some(("digit".to_owned(), TargetKind::Label)),
        id: None,
    };
    let set = spec.read().unwrap();
    let RowTargets::Labels(labels) = &set.targets else { panic!("labels") };
    let digits = labels.iter().map(|label| label.parse().unwrap()).collect();
    (set, digits)
}

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/clusters.json")).unwrap()
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn e15_k_means_and_its_measures_agree_with_scikit_learn() {
    let (set, truth) = digits();
    let wanted = &golden()["kmeans"];
    let rows = Rows::new(&set.inputs, 64).unwrap();
    let mode = Mode::Lloyd { iterations_max: 300, tolerance: 0.0 };
    let kmeans = KMeansSpec::new(10, Init::Given(set.inputs[..640].to_vec()), mode).check().unwrap();
    let found = kmeans.fit(&Backend::cpu().unwrap(), &rows).unwrap();
    let sizes: Vec<f64> = found.sizes.iter().map(|size| *size as f64).collect();
    assert_eq!(sizes, list(&wanted["sizes"]));
    let near = |found: f64, name: &str, tolerance: f64| {
        let wanted = wanted[name].as_f64().unwrap();
        assert!((found / wanted - 1.0).abs() < tolerance, "{name}: {found}, expected {wanted}");
    };
    near(found.inertia, "inertia", 1e-6);
    near(silhouette(&rows, &found.labels, 10, 5000, 0).unwrap().mean, "silhouette", 1e-6);
    near(davies_bouldin(&rows, &found.labels, 10).unwrap(), "davies_bouldin", 1e-6);
    near(adjusted_rand(&truth, &found.labels).unwrap(), "adjusted_rand", 1e-12);
}

#[test]
fn e15_components_agree_with_scikit_learn() {
    let (set, _) = digits();
    let wanted = &golden()["pca"];
    let rows = Rows::new(&set.inputs, 64).unwrap();
    let pca = Pca::fit(&Backend::cpu().unwrap(), &rows, Keep::Dimensions(10)).unwrap();
    for (found, wanted) in pca.variances().iter().zip(list(&wanted["variances"])) {
        assert!((found / wanted - 1.0).abs() < 1e-5, "{found}, expected {wanted}");
    }
    for (found, wanted) in pca.shares().iter().zip(list(&wanted["shares"])) {
        assert!((found - wanted).abs() < 1e-5);
    }
    for (i, wanted) in wanted["components"].as_array().unwrap().iter().enumerate() {
        let wanted = list(wanted);
        let sign = pca.component(i).iter().zip(&wanted).map(|(a, b)| a * b).sum::<f64>().signum();
        let apart = pca.component(i).iter().zip(&wanted).map(|(a, b)| (a - sign * b).abs()).fold(0.0, f64::max);
        assert!(apart < 1e-4, "component {i}: {apart}");
    }
}

/// Feature, threshold and rows of each node, the left side first.
fn splits(tree: &Tree) -> Vec<(i64, f64, i64)> {
    let of = |node: &nightloom::tree::Node| match &node.split {
        Some(split) => {
            let Rule::AtMost(threshold) = split.rule else { panic!("numbers") };
            (split.feature as i64, threshold, node.rows as i64)
        }
        None => (-1, 0.0, node.rows as i64),
    };
    tree.nodes.iter().map(of).collect()
}

#[test]
fn e15_trees_agree_with_scikit_learn() {
    let (set, truth) = digits();
    let wanted = &golden()["trees"];
    let kinds = [FeatureKind::Number; 64];
    let features = Features::new(&set.inputs, &kinds).unwrap();
    let numbers: Vec<f64> = truth.iter().map(|digit| f64::from(*digit)).collect();
    for (name, impurity, target) in [
        ("gini", Impurity::Gini, Target::Classes(&truth, 10)),
        ("entropy", Impurity::Entropy, Target::Classes(&truth, 10)),
        ("squared_error", Impurity::SquaredError, Target::Numbers(&numbers)),
    ] {
        let spec = TreeSpec { depth_max: Some(5), ..TreeSpec::new(impurity) };
        let found = splits(&spec.fit(&features, target, None).unwrap());
        let wanted: Vec<(i64, f64, i64)> = wanted[name]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| (node[0].as_i64().unwrap(), node[1].as_f64().unwrap(), node[2].as_i64().unwrap()))
            .collect();
        // Below, several splits often part the same few rows equally well.
        let large = |nodes: &[(i64, f64, i64)]| nodes.iter().copied().filter(|node| node.2 >= 200).collect::<Vec<_>>();
        assert_eq!(large(&found), large(&wanted), "{name}");
        assert!(large(&found).len() > 10 && found.len() == wanted.len(), "{name}");
    }
    for (alpha, leaves) in wanted["leaves_pruned"].as_object().unwrap() {
        let spec = TreeSpec { prune_alpha: alpha.parse().unwrap(), ..TreeSpec::new(Impurity::Gini) };
        let found = spec.fit(&features, Target::Classes(&truth, 10), None).unwrap().leaves();
        // Ties deep in the tree may be broken otherwise: a leaf or two more or fewer.
        assert!(found.abs_diff(leaves.as_u64().unwrap() as usize) <= 2, "{alpha}: {found} leaves, expected {leaves}");
    }
}
