use super::*;

fn hash(i: usize) -> f64 {
    let mut x = i as u64;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn table(n: usize, d: usize) -> Vec<f32> {
    (0..n * d).map(|i| hash(i + 1) as f32).collect()
}

#[test]
fn e15_boosting_learns_numbers_and_the_loss_falls_every_round() {
    let values = table(3000, 3);
    let kinds = vec![FeatureKind::Number; 3];
    let truth = |row: &[f32]| f64::from((row[0] * 6.0).sin() * 3.0 + row[1] * row[2] * 4.0);
    let numbers: Vec<f64> = values.chunks_exact(3).map(truth).collect();
    let features = Features::new(&values[..6000], &kinds).expect("fine");
    let rows = Rows { features, target: Target::Numbers(&numbers[..2000]), weights: None };
    let mut losses = vec![];
    let spec = BoostSpec { train_loss: true, ..BoostSpec::default() };
    let model = spec
        .fit(rows, None, &mut |round| {
            losses.push(round.train_loss.expect("asked for"));
            true
        })
        .expect("fits");
    assert!(losses.len() == 100 && losses.windows(2).all(|pair| pair[1] < pair[0]), "{losses:?}");
    let beside = Features::new(&values[6000..], &kinds).expect("fine");
    let said = model.predict(&beside);
    let error = said.iter().zip(&numbers[2000..]).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 1000.0;
    let mean = numbers[2000..].iter().sum::<f64>() / 1000.0;
    let variance = numbers[2000..].iter().map(|b| (b - mean).powi(2)).sum::<f64>() / 1000.0;
    assert!(error < 0.02 * variance, "{error} of {variance}");
    // The last loss is that of the finished model on its own rows.
    let own = model.predict(&features);
    let half = own.iter().zip(&numbers).map(|(a, b)| 0.5 * (a - b).powi(2)).sum::<f64>() / 2000.0;
    assert!((half / losses[99] - 1.0).abs() < 1e-9, "{half} {}", losses[99]);
}

#[test]
fn e15_one_round_of_one_split_worked_out_by_hand() {
    let values = [1.0, 2.0, 3.0, 4.0];
    let kinds = [FeatureKind::Number];
    let features = Features::new(&values, &kinds).expect("fine");
    let spec = BoostSpec { rounds: 1, rate: 0.5, leaves_max: 2, leaf_rows_min: 1, lambda: 1.0, ..BoostSpec::default() };
    let numbers = Rows { features, target: Target::Numbers(&[0.0, 0.0, 0.0, 8.0]), weights: None };
    // The mean is 2; gradients 2, 2, 2, -6. Best cut before the last: steps -6 / 4 and 6 / 2, half of each.
    let found = spec.fit(numbers, None, &mut |_| true).expect("fits").predict(&features);
    assert_eq!(found, [1.25, 1.25, 1.25, 3.5]);
    // Two classes, even odds: gradients 1/2 and -1/2, curvatures 1/4.
    let classes = Rows { target: Target::Classes(&[0, 0, 1, 1], 2), ..numbers };
    let model = BoostSpec { lambda: 0.0, ..spec }.fit(classes, None, &mut |_| true).expect("fits");
    let said = model.predict(&features);
    let right = 1.0 / (1.0 + (-1.0_f64).exp());
    assert!((said[1] - (1.0 - right)).abs() < 1e-12 && (said[7] - right).abs() < 1e-12, "{said:?}");
}

#[test]
fn e15_boosting_tells_several_classes_and_is_the_same_on_any_threads() {
    let (n, d) = (40_000, 9);
    let values = table(n, d);
    let mut kinds = vec![FeatureKind::Number; d];
    kinds[4] = FeatureKind::Category(4);
    let mut values = values;
    for (i, value) in values.iter_mut().enumerate() {
        if i % d == 4 {
            *value = (*value * 4.0).floor();
        } else if i % 97 == 0 {
            *value = f32::NAN;
        }
    }
    let class = |row: &[f32]| {
        let first = u32::from(row[0].is_nan() || row[0] > 0.4);
        if [1.0, 3.0].contains(&row[4]) { first } else { 2 }
    };
    let labels: Vec<u32> = values.chunks_exact(d).map(class).collect();
    let features = Features::new(&values, &kinds).expect("fine");
    let rows = Rows { features, target: Target::Classes(&labels, 3), weights: None };
    let fit = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let spec = BoostSpec { rounds: 12, rate: 0.3, ..BoostSpec::default() };
        pool.install(|| spec.fit(rows, None, &mut |_| true).expect("fits"))
    };
    let model = fit(1);
    assert_eq!(model, fit(3));
    let said = model.predict(&features);
    let right = said.chunks_exact(3).zip(&labels).filter(|(p, label)| {
        let own = p[**label as usize];
        p.iter().all(|other| *other <= own)
    });
    // The bin that holds 0.4 has rows of both sides.
    assert!(right.count() >= n - n / 255);
    assert!(said.chunks_exact(3).all(|p| (p.iter().sum::<f64>() - 1.0).abs() < 1e-12));
    let gains = model.gains(d);
    assert!(gains[0] > 100.0 * gains[1] && gains[4] > 100.0 * gains[1], "{gains:?}");
}

#[test]
fn e15_boosting_stops_when_validation_no_longer_gains() {
    let values = table(600, 2);
    let kinds = [FeatureKind::Number; 2];
    // Nothing to learn: the second column decides nothing.
    let labels: Vec<u32> = (0..600).map(|i| u32::from(hash(i + 90_000) > 0.5)).collect();
    let part = |from: usize, to: usize| Rows {
        features: Features::new(&values[from * 2..to * 2], &kinds).expect("fine"),
        target: Target::Classes(&labels[from..to], 2),
        weights: None,
    };
    let spec = BoostSpec { rounds: 400, patience: Some(5), ..BoostSpec::default() };
    let mut losses = vec![];
    let mut watch = |round: Round| {
        losses.push(round.validation_loss.expect("validation rows"));
        true
    };
    let model = spec.fit(part(0, 400), Some(part(400, 600)), &mut watch).expect("fits");
    let best = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b])).expect("some");
    assert!(losses.len() < 400, "it ends early");
    assert_eq!((model.trees.len(), losses.len()), (best + 1, best + 6));
}

#[test]
fn e15_boosting_refuses_what_cannot_be() {
    let values = [1.0, 2.0, 3.0, 4.0];
    let kinds = [FeatureKind::Number];
    let features = Features::new(&values, &kinds).expect("fine");
    let rows = Rows { features, target: Target::Numbers(&[0.0; 4]), weights: None };
    let refused = |spec: BoostSpec, rows| spec.fit(rows, None, &mut |_| true).expect_err("refused").to_string();
    let base = BoostSpec::default();
    assert_eq!(refused(BoostSpec { rounds: 0, ..base }, rows), "`rounds`: expected at least 1, found 0");
    assert_eq!(
        refused(BoostSpec { rate: 2.0, ..base }, rows),
        "`rate`: expected a number above 0 and at most 1, found 2"
    );
    assert!(refused(BoostSpec { lambda: -1.0, ..base }, rows).starts_with("`lambda`: expected a finite number"));
    assert!(refused(BoostSpec { patience: Some(2), ..base }, rows).contains("validation rows to judge by"));
    assert!(refused(BoostSpec { bins: 1, ..base }, rows).contains("`bins`: expected 2 to 255, found 1"));
    let short = Rows { target: Target::Numbers(&[0.0]), ..rows };
    assert_eq!(refused(base, short), "`targets`: expected one a row, found 1 for 4 rows");
    let nan = Rows { target: Target::Numbers(&[0.0, f64::NAN, 0.0, 0.0]), ..rows };
    assert!(refused(base, nan).contains("NaN at row 1"));
    assert!(matches!(base.fit(rows, None, &mut |_| false), Err(TreeError::Stopped)));
    let message = |values: &[f32], kind| Features::new(values, &[kind]).expect_err("refused").to_string();
    let infinite = message(&[1.0, f32::INFINITY], FeatureKind::Number);
    assert_eq!(infinite, "row 1, feature 0: expected a finite number, or nothing, found inf");
    assert!(message(&[3.0], FeatureKind::Category(3)).contains("a whole number below the number of categories"));
    assert_eq!(Features::new(&[], &kinds).expect_err("empty").to_string(), "no rows, expected at least 1");
    assert_eq!(
        Features::new(&[1.0], &[]).expect_err("narrow").to_string(),
        "rows of width 0, expected at least 1 feature"
    );
}
