//! How good the ranking is, and what knowing the managers is worth.

use super::super::baselines::RIDGE;
use super::super::evaluate::RESAMPLES;
use super::super::results::{Evaluation, MadeUp, Results};
use crate::report::chart::{BarChart, Size};
use crate::report::number::{counted, fixed, percent};
use crate::report::{Body, Column, ReportError, Table};

pub(super) fn write(body: &mut Body, results: &Results, found: &Evaluation) -> Result<(), ReportError> {
    body.paragraph(&format!(
        "{} ensembles of {} each, trained on {} of early tasks, judged on the real outcomes of {} of {}, of which {} responded. Inputs ({}) and weight \
         decay ({}) were chosen on the last of the early tasks, as was the number of boosted trees ({}); logistic regression \
         has a ridge of {}.",
        results.seeds,
        counted(results.members, "network"),
        counted(results.train, "contact"),
        counted(found.contacts, "contact"),
        counted(found.tasks, "late task"),
        percent(found.rate, 1),
        results.choice.inputs.name(),
        results.choice.weight_decay,
        found.rounds,
        RIDGE
    ));
    let columns = vec![
        Column::text("ranked by"),
        Column::number("AUC", 3),
        Column::number("\u{b1}", 3),
        Column::number("AUC within a task", 3),
        Column::number("\u{b1}", 3),
        Column::percent("response of the best 10%", 1),
        Column::number("lift at 10%", 2),
        Column::number("\u{b1}", 2),
    ];
    let mut table = Table::new("Means and deviations over seeds", columns).emphasise_row(0);
    for r in &found.ranked {
        let spread = |deviation: f64| (r.seeds > 1).then_some(deviation).into();
        table.row(vec![
            r.name.as_str().into(),
            r.auc.mean.into(),
            spread(r.auc.deviation),
            r.within.mean.into(),
            spread(r.within.deviation),
            r.top_rate.mean.into(),
            r.lift.mean.into(),
            spread(r.lift.deviation),
        ])?;
    }
    body.table(table);
    let [low, high] = found.interval;
    let verdict = if low > 0.0 {
        "the network ranks better"
    } else if high < 0.0 {
        "logistic regression ranks better"
    } else {
        "neither can be said to rank better"
    };
    body.paragraph(&format!(
        "AUC of all ensembles together less that of the logistic regression: {}; the middle 95% when customers are drawn anew \
         ({} times): {} to {}. So {verdict}.",
        fixed(found.difference, 4),
        RESAMPLES,
        fixed(low, 4),
        fixed(high, 4)
    ));
    let mut chart = BarChart::new("AUC on late tasks", "AUC").size(Size::Wide);
    for r in &found.ranked {
        chart = chart.bar(&r.name, r.auc.mean);
    }
    body.figure(chart.reference(0.5, "by chance").render()?, "0.5 is chance, 1 is perfect.");
    choice(body, results)
}

fn choice(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let columns = vec![Column::text("inputs"), Column::number("weight decay", 3), Column::number("AUC", 4)];
    let place = results
        .choice
        .tried
        .iter()
        .position(|t| t.0 == results.choice.inputs && t.1 == results.choice.weight_decay)
        .unwrap_or(0);
    let mut table = Table::new("Chosen on the last of the early tasks", columns).emphasise_row(place);
    for (inputs, decay, auc) in &results.choice.tried {
        table.row(vec![inputs.name().into(), f64::from(*decay).into(), (*auc).into()])?;
    }
    body.table(table);
    Ok(())
}

pub(super) fn managers(body: &mut Body, results: &Results, found: &MadeUp) -> Result<(), ReportError> {
    let spec = &found.spec;
    body.paragraph(&format!(
        "Managers are made up: {} to {} a region, {} in all, each with an aptitude for {}, friends with {} of the customers \
         of the region. Their effect adds to an outcome's log-odds, with a deviation of {}: a part of {} from friendship, the \
         rest from the product of aptitudes and the customer's numbers. Of {} real outcomes {} were turned by it for training; \
         the ranking above is learned and judged without.",
        spec.least,
        spec.most,
        results.managers.len(),
        spec.traits.join(", "),
        percent(spec.friends, 0),
        spec.skill,
        spec.friendship,
        counted(found.contacts, "contact"),
        found.turned
    ));
    let gain = &found.gain;
    let columns = vec![
        Column::text("allocated by"),
        Column::number("expected responses", 1),
        Column::number("\u{b1}", 1),
        Column::number("share of the gain", 2),
        Column::number("\u{b1} ", 2),
    ];
    let mut table = Table::new("Expected responses under the made-up truth, same capacities", columns);
    let none = || None::<f64>.into();
    table.row(vec!["chance".into(), gain.random.into(), none(), none(), none()])?;
    table.row(vec![
        "the customer alone".into(),
        gain.customer.mean.into(),
        gain.customer.deviation.into(),
        0.0.into(),
        none(),
    ])?;
    for (name, value, share) in [
        ("customer and manager (first)", gain.first, gain.share_first),
        ("and their history (third)", gain.third, gain.share_third),
    ] {
        table.row(vec![
            name.into(),
            value.mean.into(),
            value.deviation.into(),
            share.mean.into(),
            share.deviation.into(),
        ])?;
    }
    table.row(vec!["the truth itself".into(), gain.oracle.into(), none(), 1.0.into(), none()])?;
    body.table(table);
    body.paragraph(
        "The share is (learned - customer alone) / (truth - customer alone). How large it can be depends on how the effect was \
         made up: here it follows from numbers that the network sees.",
    );
    Ok(())
}
