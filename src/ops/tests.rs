//! What must hold for every op: threads and fleet change no bit.

use super::embedding::{Embedding, EmbeddingBackward, EmbeddingSpec};
use super::kernel::{ArgSpec, DType};
use super::optimiser::{Adam, AdamSpec, Sgd, SgdSpec};
use super::reduce::{
    AccumulateLoss, AccumulateLossSpec, Fold, ReduceColumns, ReduceColumnsSpec, ReduceRows, ReduceRowsSpec, SumSquares,
    SumSquaresSpec,
};
use super::testing::{assert_same_bits_on_any_number_of_threads, backends, run_boxed};
use super::{
    Access, Case, Fill, Kernel, Registry, activation, association, attention, columns, gather, keep_best, layer_norm,
    loss, mixed, rng::counter_bits, schedule, softmax,
};

#[test]
fn e10_the_number_of_threads_changes_no_bit() {
    for op in Registry::standard().ops() {
        op.cases().iter().filter(|case| case.tested).for_each(assert_same_bits_on_any_number_of_threads);
    }
}

/// Words for `fleet` members, each with values of its own.
fn filled(arg: &ArgSpec, seed: u32, fleet: usize) -> Vec<u32> {
    let case = Case::new("fleet").fill("schedule", Fill::Values(schedule::sample(7)));
    if arg.name == "schedule" {
        return case.words(arg.name, arg, fleet);
    }
    let count = if arg.shared { arg.len } else { arg.len * fleet };
    let value = |i: usize| {
        let bits = counter_bits(seed, 0, 0, i as u32);
        if arg.dtype == DType::U32 { bits % 3 } else { ((bits >> 8) as f32 / 8e6 + 0.01).to_bits() }
    };
    (0..count).map(value).collect()
}

fn member(arg: &ArgSpec, words: &[u32], member: usize) -> Vec<u32> {
    if arg.shared { words.to_vec() } else { words[member * arg.len..][..arg.len].to_vec() }
}

/// Holds a fleet of three against each of its members alone.
fn assert_members_are_alone(kernel: impl Fn(usize) -> Box<dyn Kernel>) {
    let (three, one) = (kernel(3), kernel(1));
    let args: Vec<ArgSpec> = three.args().into_iter().filter(|arg| arg.access != Access::Scratch).collect();
    let content: Vec<Vec<u32>> = args.iter().enumerate().map(|(i, arg)| filled(arg, i as u32, 3)).collect();
    for backend in backends() {
        let together = run_boxed(three.boxed(), &backend, 1, &content);
        for m in 0..3 {
            let own: Vec<Vec<u32>> = args.iter().zip(&content).map(|(arg, words)| member(arg, words, m)).collect();
            let alone = run_boxed(one.boxed(), &backend, 1, &own);
            for ((arg, together), alone) in args.iter().zip(&together).zip(&alone) {
                assert!(member(arg, together, m) == *alone, "{}, `{}`, {}", one.name(), arg.name, backend.id());
            }
        }
    }
}

fn boxed<K: Kernel + 'static, E: std::fmt::Debug>(kernel: Result<K, E>) -> Box<dyn Kernel> {
    Box::new(kernel.expect("a right shape"))
}

#[test]
fn e12_a_member_of_a_fleet_gets_the_bits_that_it_gets_alone() {
    for (rows, cols) in [(7, 5), (1300, 67), (20_000, 1)] {
        assert_members_are_alone(|fleet| boxed(ReduceColumns::new(ReduceColumnsSpec { fleet, rows, cols })));
    }
    for fold in [Fold::Sum, Fold::Mean, Fold::Max] {
        for (rows, cols) in [(300, 3), (5, 700), (2, 9001)] {
            assert_members_are_alone(|fleet| boxed(ReduceRows::new(ReduceRowsSpec { fleet, rows, cols, fold })));
        }
    }
    for len in [37, 9001] {
        for first in [true, false] {
            assert_members_are_alone(|fleet| boxed(SumSquares::new(SumSquaresSpec { fleet, len, first })));
        }
        assert_members_are_alone(|fleet| boxed(AccumulateLoss::new(AccumulateLossSpec { fleet, n: len, steps: 3 })));
    }
    for c in [3, 70] {
        assert_members_are_alone(|fleet| boxed(softmax::Softmax::new(softmax::SoftmaxSpec { fleet, rows: 9, c })));
        assert_members_are_alone(|fleet| {
            boxed(softmax::SoftmaxBackward::new(softmax::SoftmaxSpec { fleet, rows: 9, c }))
        });
        let weighted = loss::LossKind::BinaryCrossEntropy { positive_weights: true };
        let read_outs = loss::LossKind::ReadOuts { positions: 1, auxiliary: 0.5 };
        for kind in
            [loss::LossKind::CrossEntropy, read_outs, weighted, loss::LossKind::MeanSquare, loss::LossKind::Pearson]
        {
            assert_members_are_alone(|fleet| {
                boxed(loss::Loss::new(loss::LossSpec { fleet, n: 11, c, steps: 3, kind }))
            });
        }
    }
    let adam = |fleet| AdamSpec { clip: Some(1.0), weight_decay: 0.1, ..AdamSpec::usual(fleet, 301, 3) };
    assert_members_are_alone(|fleet| boxed(Adam::new(adam(fleet))));
    let sgd = |fleet| SgdSpec {
        fleet,
        len: 301,
        steps: 3,
        momentum: 0.9,
        nesterov: true,
        weight_decay: 0.1,
        clip: Some(1.0),
        scaled: false,
    };
    assert_members_are_alone(|fleet| boxed(Sgd::new(sgd(fleet))));
    let gelu = |fleet| activation::ActivateSpec { fleet, rows: 1, len: 301, activation: activation::Activation::Gelu };
    assert_members_are_alone(|fleet| boxed(activation::Activate::new(gelu(fleet))));
    assert_members_are_alone(|fleet| boxed(activation::ActivateBackward::new(gelu(fleet))));
    let norm = |fleet| layer_norm::LayerNormSpec {
        fleet,
        n: 150,
        positions: 3,
        c: 19,
        residual: true,
        ..layer_norm::LayerNormSpec::default()
    };
    assert_members_are_alone(|fleet| boxed(layer_norm::LayerNorm::new(norm(fleet))));
    assert_members_are_alone(|fleet| boxed(layer_norm::LayerNormBackward::new(norm(fleet))));
    let heads = |fleet| attention::AttentionSpec { fleet, n: 2, l: 19, d: 10, heads: 2, causal: true, lengths: true };
    assert_members_are_alone(|fleet| boxed(attention::Attention::new(heads(fleet))));
    assert_members_are_alone(|fleet| boxed(attention::AttentionBackward::new(heads(fleet))));
    let pairs = |fleet| association::AssociationSpec { fleet, n: 3, l: 4, d: 10, heads: 2 };
    assert_members_are_alone(|fleet| boxed(association::Association::new(pairs(fleet))));
    assert_members_are_alone(|fleet| boxed(association::AssociationBackward::new(pairs(fleet))));
    let copied = |fleet| columns::CopyColumnsSpec {
        fleet,
        n: 5,
        from_width: 9,
        from: 2,
        to_width: 11,
        to: 3,
        len: 4,
        clears: true,
    };
    assert_members_are_alone(|fleet| boxed(columns::CopyColumns::new(copied(fleet))));
    let added = |fleet| columns::AddColumnsSpec { fleet, n: 5, positions: 3, c: 4, width: 9, from: 2 };
    assert_members_are_alone(|fleet| boxed(columns::AddColumns::new(added(fleet))));
    assert_members_are_alone(|fleet| boxed(mixed::Round::new(mixed::RoundSpec { fleet, len: 301 })));
    assert_members_are_alone(|fleet| boxed(mixed::Scale::new(mixed::ScaleSpec { fleet, rows: 7, width: 43 })));
    assert_members_are_alone(|fleet| boxed(mixed::Judge::new(mixed::JudgeSpec { fleet, steps: 3, clip: Some(1.0) })));
    let best = |fleet| keep_best::KeepBestSpec { fleet, len: 301, dtype: DType::F32 };
    assert_members_are_alone(|fleet| boxed(keep_best::KeepBest::new(best(fleet))));
    let rows = |fleet| gather::GatherSpec { fleet, rows: 3, width: 5, n: 7, steps: 3, dtype: DType::F32 };
    assert_members_are_alone(|fleet| boxed(gather::Gather::new(rows(fleet))));
    let words = |fleet| EmbeddingSpec { fleet, vocab: 4, d: 5, n: 19 };
    assert_members_are_alone(|fleet| boxed(Embedding::new(words(fleet))));
    assert_members_are_alone(|fleet| boxed(EmbeddingBackward::new(words(fleet))));
}
