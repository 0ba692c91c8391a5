//! Everything that is refused before a training starts, with its words.

use nightloom::model::{Loss, Model, ModelSpec, Weights, initial_weights};
use nightloom::train::{Data, Member, Targets, TrainSpec};

use crate::support::{Table, cpu, model, spec, try_fit};

fn assert_says(found: &str, expected: &str) {
    assert!(found.contains(expected), "{found:?} does not say {expected:?}");
}

#[test]
fn e13_impossible_settings_are_named() {
    let good = "epochs = 4\nbatch = 4\nrate = 0.1\n";
    spec(good).check().expect("a right spec");
    let cases = [
        ("epochs = 0", "training: `epochs` must lie in 1 to 1,000,000, found 0"),
        ("epochs = 1000001", "`epochs` must lie in 1 to 1,000,000, found 1000001"),
        ("batch = 0", "`batch` must lie in 1 to 1,048,576, found 0"),
        ("batch = 1048577", "`batch` must lie in 1 to 1,048,576, found 1048577"),
        ("rate = 0.0", "`rate` must be above 0, found 0"),
        ("rate = nan", "`rate` must be above 0, found NaN"),
        ("rate = inf", "`rate` must be above 0, found inf"),
        ("clip = 0.0", "`clip` must be above 0, found 0"),
        ("early_stop = { patience = 0 }", "`early_stop` needs patience of at least 1"),
        ("early_stop = { patience = 1, min_delta = -0.5 }", "min_delta of at least 0"),
        ("early_stop = { patience = 1, min_delta = nan }", "min_delta of at least 0"),
        (r#"schedule = { kind = "cosine", warmup_epochs = 4.0 }"#, "`schedule` has impossible numbers: Cosine"),
        (r#"schedule = { kind = "cosine", final_share = 1.5 }"#, "`schedule` has impossible numbers"),
        (r#"schedule = { kind = "step", every_epochs = 0, factor = 0.5 }"#, "`schedule` has impossible numbers: Step"),
        (r#"schedule = { kind = "step", every_epochs = 1, factor = 0.0 }"#, "`schedule` has impossible numbers"),
        (r#"optimizer = { kind = "adam", beta1 = 1.0 }"#, "`optimizer` has impossible numbers: Adam"),
        (r#"optimizer = { kind = "adam", beta2 = -0.1 }"#, "`optimizer` has impossible numbers"),
        (r#"optimizer = { kind = "adam", epsilon = 0.0 }"#, "`optimizer` has impossible numbers"),
        (r#"optimizer = { kind = "adam", weight_decay = nan }"#, "`optimizer` has impossible numbers"),
        (r#"optimizer = { kind = "sgd", momentum = 1.0 }"#, "`optimizer` has impossible numbers: Sgd"),
        (r#"optimizer = { kind = "sgd", weight_decay = -1.0 }"#, "`optimizer` has impossible numbers"),
    ];
    for (line, expected) in cases {
        let key = line.split(' ').next().expect("a key");
        let kept: Vec<&str> = good.lines().filter(|l| !l.starts_with(key)).collect();
        let wrong = spec(&format!("{}\n{line}", kept.join("\n")));
        assert_says(&wrong.check().expect_err(line).to_string(), expected);
    }
    toml::from_str::<TrainSpec>("epochs = 4\nbatch = 4\nrate = 0.1\nepoch = 3").expect_err("a typo");
}

#[test]
fn e11_impossible_models_are_named_by_layer() {
    let flat = r#"{"kind": "dense", "units": 2}"#;
    let cases = [
        ((4, 0), flat, "model: the input is empty: length 4, channels 0"),
        ((1, 4), "", "model: there is no layer"),
        ((8, 2), r#"{"kind": "flatten"}"#, "model: no layer has anything to train"),
        ((8, 2), flat, "layer 1 (dense): needs a flat input, found 8 positions of 2 channels"),
        ((1, 4), r#"{"kind": "dense", "units": 0}"#, "layer 1 (dense): units must be at least 1, found 0"),
        ((8, 2), r#"{"kind": "flatten"}, {"kind": "dropout", "rate": 1.0}"#, "layer 2 (dropout): rate must be"),
        ((8, 2), r#"{"kind": "dropout", "rate": -0.1}"#, "layer 1 (dropout): rate must be at least 0 and below 1"),
        (
            (8, 2),
            r#"{"kind": "conv1d", "channels": 0, "kernel": 3}"#,
            "layer 1 (conv1d): channels, kernel and dilation",
        ),
        ((8, 2), r#"{"kind": "conv1d", "channels": 2, "kernel": 0}"#, "must be at least 1, found 2, 0 and 1"),
        ((8, 2), r#"{"kind": "conv1d", "channels": 2, "kernel": 3, "dilation": 0}"#, "found 2, 3 and 0"),
        ((8, 2), r#"{"kind": "conv1d", "channels": 2, "kernel": 3, "stride": 0}"#, "kernel and stride must be"),
        ((8, 2), r#"{"kind": "conv1d", "channels": 2, "kernel": 4}"#, "padding \"same\" needs an odd kernel, found 4"),
        (
            (8, 2),
            r#"{"kind": "conv1d", "channels": 2, "kernel": 9, "padding": "valid"}"#,
            "layer 1 (conv1d): kernel of 9 is longer than the sequence of 8",
        ),
        ((8, 2), r#"{"kind": "max_pool", "window": 0}"#, "layer 1 (max_pool): window and stride must be at least 1"),
        ((8, 2), r#"{"kind": "average_pool", "window": 9}"#, "(average_pool): window of 9 is longer than the sequence"),
        ((8, 2), r#"{"kind": "batch_norm", "momentum": 1.5}"#, "layer 1 (batch_norm): momentum must lie in 0 to 1"),
        ((8, 2), r#"{"kind": "batch_norm", "epsilon": 0.0}"#, "epsilon above 0, found 0.1 and 0"),
        ((1, 4), r#"{"kind": "dense", "units": 4000000000}"#, "layer 1 (dense): expected numbers up to 1073741824"),
        ((1, 40000), r#"{"kind": "dense", "units": 200000}"#, "layer 1 (dense): a parameter of shape [40000, 200000]"),
        (
            (8, 2),
            r#"{"kind": "conv1d", "channels": 2, "kernel": 3, "padding": 9223372036854775807}"#,
            "layer 1 (conv1d): expected numbers up to 1073741824, found 9223372036854775807",
        ),
        (
            (8, 2),
            r#"{"kind": "conv1d", "channels": 2, "kernel": 3, "dilation": 9223372036854775807}"#,
            "layer 1 (conv1d): expected numbers up to 1073741824",
        ),
        (
            (1_000_000, 1),
            r#"{"kind": "conv1d", "channels": 100000, "kernel": 3}"#,
            "layer 1 (conv1d): the output of shape [1000000, 100000]",
        ),
        (
            (8, 2),
            r#"{"kind": "conv2d", "channels": 2, "kernel": [2, 3], "padding": "valid"}"#,
            "layer 1 (conv2d): kernel of 2 is higher than the image of 1",
        ),
        ((8, 2), r#"{"kind": "max_pool", "window": [2, 1]}"#, "(max_pool): window of 2 is higher than the image of 1"),
        ((8, 2), r#"{"kind": "layer_norm", "epsilon": 0.0}"#, "layer 1 (layer_norm): epsilon must be above 0, found 0"),
        ((8, 2), r#"{"kind": "position_dense", "units": 0}"#, "(position_dense): units must be at least 1, found 0"),
        ((8, 2), r#"{"kind": "first_position"}"#, "model: no layer has anything to train"),
        (
            (8, 1),
            r#"{"kind": "position"}, {"kind": "embedding", "vocabulary": 5, "channels": 2}"#,
            "layer 2 (embedding): must be the first layer",
        ),
        (
            (8, 2),
            r#"{"kind": "embedding", "vocabulary": 5, "channels": 2}"#,
            "layer 1 (embedding): needs an input of one channel, found 2",
        ),
        (
            (8, 1),
            r#"{"kind": "embedding", "vocabulary": 0, "channels": 2}"#,
            "(embedding): vocabulary must lie in 1 to 16777216 and channels be at least 1, found 0 and 2",
        ),
        ((8, 1), r#"{"kind": "embedding", "vocabulary": 16777217, "channels": 2}"#, "found 16777217 and 2"),
        ((8, 1), r#"{"kind": "embedding", "vocabulary": 5, "channels": 0}"#, "found 5 and 0"),
        (
            (8, 4),
            r#"{"kind": "encoder", "heads": 0, "feed_forward": 4}"#,
            "layer 1 (encoder): heads and feed_forward must be at least 1, found 0 and 4",
        ),
        ((8, 4), r#"{"kind": "encoder", "heads": 2, "feed_forward": 0}"#, "found 2 and 0"),
        ((8, 4), r#"{"kind": "encoder", "heads": 3, "feed_forward": 4}"#, "(encoder): 3 heads cannot share 4 channels"),
        ((8, 258), r#"{"kind": "encoder", "heads": 2, "feed_forward": 4}"#, "2 heads cannot share 258 channels evenly"),
        (
            (8, 4),
            r#"{"kind": "encoder", "heads": 2, "feed_forward": 4, "dropout": 1.0}"#,
            "layer 1 (encoder): dropout must be at least 0 and below 1, found 1",
        ),
        (
            (1, 8),
            r#"{"kind": "towers", "columns": [4, 5], "units": 2}"#,
            "layer 1 (towers): columns [4, 5] are 9 values, the input has 8 a row",
        ),
        ((1, 8), r#"{"kind": "towers", "columns": [], "units": 2}"#, "(towers): needs at least one tower"),
        ((1, 8), r#"{"kind": "towers", "columns": [4, 0], "units": 2}"#, "found columns [4, 0] and units 2"),
        ((1, 8), r#"{"kind": "towers", "columns": [4], "units": 0}"#, "found columns [4] and units 0"),
        ((1, 8), r#"{"kind": "towers", "columns": [4, 9000000000], "units": 1}"#, "expected numbers up to 1073741824"),
        (
            (3, 4),
            r#"{"kind": "encoder", "heads": 2, "feed_forward": 4}, {"kind": "layer_norm"}, {"kind": "associations"}"#,
            "layer 3 (associations): must come directly behind an encoder",
        ),
        ((3, 4), r#"{"kind": "associations"}"#, "layer 1 (associations): must come directly behind an encoder"),
        (
            (1, 4),
            r#"{"kind": "encoder", "heads": 2, "feed_forward": 4}, {"kind": "associations"}"#,
            "layer 2 (associations): needs 2 to 64 positions, found 1",
        ),
        (
            (65, 4),
            r#"{"kind": "encoder", "heads": 2, "feed_forward": 4}, {"kind": "associations"}"#,
            "needs 2 to 64 positions, found 65",
        ),
        (
            (2, 4),
            r#"{"kind": "position_dense", "units": 5}, {"kind": "skip", "from": 4}"#,
            "layer 2 (skip): adds 5 columns from column 4 on, as many as there are channels; the network's input has 8",
        ),
        ((2, 4), r#"{"kind": "skip", "from": 18446744073709551615}"#, "layer 1 (skip): adds 4 columns"),
        (
            (8, 1),
            r#"{"kind": "embedding", "vocabulary": 5, "channels": 2}, {"kind": "skip", "from": 0}"#,
            "layer 2 (skip): adds columns of the network's input, which holds whole numbers before an embedding",
        ),
        ((9_000_000_000_u64, 9_000_000_000_u64), flat, "model: the input of shape [9000000000, 9000000000]"),
    ];
    for ((length, channels), layers, expected) in cases {
        let text = format!(r#"{{"input": {{"length": {length}, "channels": {channels}}}, "layers": [{layers}]}}"#);
        let wrong: ModelSpec = serde_json::from_str(&text).expect("a model spec");
        assert_says(&Model::new(wrong).expect_err(&text).to_string(), expected);
    }
    serde_json::from_str::<ModelSpec>(
        r#"{"input": {"length": 1, "channels": 1}, "layers": [{"kind": "dense", "unit": 1}]}"#,
    )
    .expect_err("a typo");
}

#[test]
fn e11_impossible_models_of_images_are_named_by_layer() {
    let cases = [
        (r#"{"kind": "dense", "units": 2}"#, "layer 1 (dense): needs a flat input, found 30 positions of 2 channels"),
        (
            r#"{"kind": "conv1d", "channels": 2, "kernel": 3}"#,
            "layer 1 (conv1d): needs a sequence, found an image of height 5: use conv2d",
        ),
        (
            r#"{"kind": "conv2d", "channels": 0, "kernel": 3}"#,
            "layer 1 (conv2d): channels, kernel and dilation must be at least 1, found 0, [3, 3] and [1, 1]",
        ),
        (r#"{"kind": "conv2d", "channels": 2, "kernel": [3, 0]}"#, "must be at least 1, found 2, [3, 0] and [1, 1]"),
        (r#"{"kind": "conv2d", "channels": 2, "kernel": 3, "dilation": [0, 1]}"#, "found 2, [3, 3] and [0, 1]"),
        (
            r#"{"kind": "conv2d", "channels": 2, "kernel": 3, "stride": [1, 0]}"#,
            "kernel and stride must be at least 1, found [3, 3] and [1, 0]",
        ),
        (
            r#"{"kind": "conv2d", "channels": 2, "kernel": [3, 4]}"#,
            "padding \"same\" needs an odd kernel, found [3, 4]: give a number or \"valid\"",
        ),
        (
            r#"{"kind": "conv2d", "channels": 2, "kernel": [1, 7], "padding": "valid"}"#,
            "kernel of 7 is longer than the image's rows of 6",
        ),
        (
            r#"{"kind": "conv2d", "channels": 2, "kernel": 3, "dilation": 3, "padding": [0, 3]}"#,
            "kernel of 7 is higher than the image of 5",
        ),
        (
            r#"{"kind": "conv2d", "channels": 2, "kernel": 3, "padding": [9223372036854775807, 0]}"#,
            "layer 1 (conv2d): expected numbers up to 1073741824, found 9223372036854775807",
        ),
        (r#"{"kind": "max_pool", "window": 6}"#, "layer 1 (max_pool): window of 6 is higher than the image of 5"),
        (r#"{"kind": "average_pool", "window": [2, 7]}"#, "window of 7 is longer than the image's rows of 6"),
        (
            r#"{"kind": "average_pool", "window": [0, 7]}"#,
            "window and stride must be at least 1, found [0, 7] and [0, 7]",
        ),
    ];
    for (layers, expected) in cases {
        let text = format!(r#"{{"input": {{"height": 5, "length": 6, "channels": 2}}, "layers": [{layers}]}}"#);
        let wrong: ModelSpec = serde_json::from_str(&text).expect("a model spec");
        assert_says(&Model::new(wrong).expect_err(&text).to_string(), expected);
    }
    let empty = r#"{"input": {"height": 0, "length": 6, "channels": 2}, "layers": [{"kind": "flatten"}]}"#;
    let empty: ModelSpec = serde_json::from_str(empty).expect("a model spec");
    let error = Model::new(empty).expect_err("no rows").to_string();
    assert_says(&error, "model: the input is empty: height 0, length 6, channels 2");
    let says = |layer: &str, expected: &str| {
        let text = format!(r#"{{"input": {{"length": 6, "channels": 2}}, "layers": [{layer}]}}"#);
        assert_says(&serde_json::from_str::<ModelSpec>(&text).expect_err(layer).to_string(), expected);
    };
    let three = r#"{"kind": "conv2d", "channels": 2, "kernel": [3, 3, 3]}"#;
    says(three, "expected a number or a pair [height, length]");
    let big = r#"{"kind": "conv2d", "channels": 2, "kernel": 3, "padding": "big"}"#;
    says(big, r#"expected a number, a pair [height, length], "same" or "valid""#);
    says(r#"{"kind": "max_pool", "window": "all"}"#, "expected a number or a pair [height, length]");
}

#[test]
fn e13_tokens_outside_of_the_vocabulary_are_named_by_row_and_column() {
    let layers = r#"{"kind": "embedding", "vocabulary": 3, "channels": 2}, {"kind": "flatten"},
        {"kind": "dense", "units": 2}"#;
    let model = model(2, 1, layers);
    let training = spec("epochs = 1\nbatch = 2\nrate = 0.1");
    for wrong in [3.0, -1.0, 0.5] {
        let data = Data { inputs: &[0.0, 2.0, 1.0, wrong], targets: Targets::Labels(&[0, 1]) };
        let member = Member::new(1, 0.1, vec![0, 1], vec![]);
        let error = try_fit(&model, &training, Loss::CrossEntropy, data, &[member], &cpu()).expect_err("no token");
        let expected = format!("row 1 has the input {wrong} in column 1, expected a whole number from 0 to 2");
        assert_says(&error.to_string(), &format!("training data: {expected}"));
    }
}

fn refused(loss: Loss, data: Data<'_>, member: &Member) -> String {
    let model = model(1, 2, r#"{"kind": "dense", "units": 2}"#);
    let training = spec("epochs = 1\nbatch = 2\nrate = 0.1");
    let error = try_fit(&model, &training, loss, data, std::slice::from_ref(member), &cpu());
    error.expect_err("wrong data").to_string()
}

#[test]
fn e13_data_that_do_not_fit_are_named_by_row() {
    let member = Member::new(1, 0.1, vec![0, 1], vec![]);
    let inputs = [0.5_f32, 1.0, 2.0, 3.0];
    let check = |inputs: &[f32], targets: Targets<'_>, loss: Loss, expected: &str| {
        assert_says(&refused(loss, Data { inputs, targets }, &member), expected);
    };
    let (labels, values) = (Targets::Labels(&[0, 1]), Targets::Values(&[0.0, 1.0, 0.5, 0.5]));
    check(&[], labels, Loss::CrossEntropy, "training data: expected at least one member and whole rows of 2 values");
    check(&inputs[..3], labels, Loss::CrossEntropy, "found 1 members and 3 values");
    check(&inputs, Targets::Labels(&[0]), Loss::CrossEntropy, "2 rows have 1 labels");
    check(&inputs, Targets::Labels(&[0, 2]), Loss::CrossEntropy, "row 1 has class 2, the model has 2 classes");
    check(&inputs, Targets::Values(&[0.0; 3]), Loss::MeanSquare, "2 rows of 2 outputs have 3 target values");
    check(&inputs, Targets::Values(&[0.0, 0.0, f32::NAN, 0.0]), Loss::MeanSquare, "row 1 has the target NaN");
    check(
        &inputs,
        Targets::Values(&[0.0, 0.0, 0.0, 1.5]),
        Loss::BinaryCrossEntropy,
        "row 1 has the target 1.5, expected 0 to 1",
    );
    check(&inputs, values, Loss::CrossEntropy, "CrossEntropy does not go with target values");
    check(&inputs, labels, Loss::MeanSquare, "MeanSquare does not go with class labels");
    let infinite = [0.5, 1.0, f32::INFINITY, 3.0];
    check(&infinite, labels, Loss::CrossEntropy, "row 1 has the input inf at place 0");
}

#[test]
fn e13_members_that_do_not_fit_are_named_by_number() {
    let data = Data { inputs: &[0.5, 1.0, 2.0, 3.0], targets: Targets::Labels(&[0, 1]) };
    let check = |change: &dyn Fn(&mut Member), expected: &str| {
        let mut member = Member::new(1, 0.1, vec![0, 1], vec![0]);
        change(&mut member);
        assert_says(&refused(Loss::CrossEntropy, data, &member), &format!("training data: member 0: {expected}"));
    };
    check(&|m| m.train.clear(), "it has no rows to train on");
    check(&|m| m.train[1] = 2, "it asks for row 2 of 2");
    check(&|m| m.validation[0] = 7, "it asks for row 7 of 2");
    check(&|m| m.train_weights = vec![1.0], "2 rows have 1 weights");
    check(&|m| m.validation_weights = vec![1.0, 1.0], "1 rows have 2 weights");
    check(&|m| m.train_weights = vec![1.0, -1.0], "a row has the weight -1");
    check(&|m| m.train_weights = vec![1.0, f32::NAN], "a row has the weight NaN");
    check(&|m| m.train_weights = vec![0.0, 0.0], "all of its 2 rows have the weight 0");
    check(&|m| m.validation_weights = vec![0.0], "all of its 1 rows have the weight 0");
    check(&|m| m.rate = 0.0, "the learning rate must be above 0, found 0");
    check(&|m| m.rate = f32::NAN, "the learning rate must be above 0, found NaN");
    check(&|m| m.output_bias = Some(vec![1.0]), "the output bias needs 2 finite values, found 1");
    check(&|m| m.output_bias = Some(vec![1.0, f32::INFINITY]), "the output bias needs 2 finite values, found 2");
    let mut start = Member::new(1, 0.1, vec![0], vec![]);
    start.start = Some(Weights { values: vec![vec![0.0; 4]] });
    assert_says(&refused(Loss::CrossEntropy, data, &start), "weights: the model has 2 parameters, found 1");
    start.start = Some(Weights { values: vec![vec![0.0; 4], vec![0.0; 3]] });
    assert_says(&refused(Loss::CrossEntropy, data, &start), "weights: `layers.0.dense.bias` has 2 values, found 3");
    start.start = Some(Weights { values: vec![vec![0.0; 4], vec![0.0, f32::NAN]] });
    assert_says(&refused(Loss::CrossEntropy, data, &start), "weights: `layers.0.dense.bias` holds NaN at place 1");
    let error = try_fit(
        &model(1, 2, r#"{"kind": "dense", "units": 2, "activation": "tanh"}"#),
        &spec("epochs = 1\nbatch = 2\nrate = 0.1"),
        Loss::CrossEntropy,
        data,
        &[Member { output_bias: Some(vec![0.0; 2]), ..Member::new(1, 0.1, vec![0], vec![]) }],
        &cpu(),
    );
    assert_says(&error.expect_err("no plain output").to_string(), "the model does not end with a plain dense layer");
}

#[test]
fn e13_more_steps_than_can_be_counted_are_refused() {
    let model = model(1, 2, r#"{"kind": "dense", "units": 2}"#);
    let table = Table::new(&model, 40);
    let training = spec("epochs = 1000000\nbatch = 1\nrate = 0.1");
    let member = Member::new(1, 0.1, (0..40).collect(), vec![]);
    let error = try_fit(&model, &training, Loss::CrossEntropy, table.data(Loss::CrossEntropy), &[member], &cpu());
    assert_says(&error.expect_err("too many").to_string(), "`epochs` of 40 steps each make 40000000 steps");
}

#[test]
fn e12_a_start_and_an_output_bias_are_where_a_member_starts() {
    let model = model(1, 2, r#"{"kind": "dense", "units": 2}"#);
    let table = Table::new(&model, 8);
    // So slow that no weight of this size moves.
    let training = spec("epochs = 1\nbatch = 8\nrate = 1e-20\noptimizer = { kind = \"sgd\", momentum = 0.0 }");
    let mut start = initial_weights(&model, 77);
    start.values[1] = vec![0.25, 0.75];
    let mut member = Member::new(1, 1e-20, (0..8).collect(), vec![]);
    member.start = Some(start.clone());
    let mut biased = member.clone();
    biased.output_bias = Some(vec![3.0, -2.0]);
    let found = crate::support::fit(&model, &training, Loss::CrossEntropy, &table, &[member, biased], &cpu());
    assert_eq!(found[0].weights, start);
    assert_eq!(found[1].weights.values, vec![start.values[0].clone(), vec![3.0, -2.0]]);
}
