//! Where a product could be promoted (A10).

use super::super::results::Promoted;
use crate::report::chart::{BarChart, Size};
use crate::report::number::{count, counted, fixed, short};
use crate::report::{Body, Column, ReportError, Table};

/// Fields in the table and in the picture.
const ROWS: usize = 20;

pub(super) fn write(body: &mut Body, found: &Promoted) -> Result<(), ReportError> {
    let kept = found.candidates.iter().filter(|c| c.flow.is_some()).count();
    body.paragraph(&format!(
        "`{}` has `{}` as its first field of application. Two searches begin at the scenes `{}` and `{}` and follow \
         associations of at least {}, at most {} far, among {} that sell enough. They reach {} and {}; {} by both, and {} of \
         these nearer to the first field than to the product itself: second related fields, worth promoting to.",
        found.product,
        found.first_field,
        found.scenes[0],
        found.scenes[1],
        short(found.degree_least),
        counted(found.search_steps, "edge"),
        counted(found.products, "product"),
        count(found.reached[0]),
        count(found.reached[1]),
        counted(found.candidates.len(), "is reached").replace("is reacheds", "are reached"),
        count(kept)
    ));
    body.paragraph(
        "Associations are correlations of how weekly sales of all companies change, less what all products' sales do in the \
         same week. They say what is bought in the same weeks, not why.",
    );
    let columns = vec![Column::text("field of application"), Column::number("degree", 3).with_bar()];
    let mut table = Table::new(&format!("Fields of application of {}", found.product), columns);
    for (field, degree) in &found.fields {
        table.row(vec![field.as_str().into(), (*degree).into()])?;
    }
    body.table(table);
    if kept > 0 {
        let flows = found.candidates.iter().filter_map(|c| c.flow.map(|flow| (&c.name, flow)));
        let chart = flows
            .take(ROWS)
            .fold(BarChart::new("Flow of the promotion", "share").size(Size::Wide), |chart, (name, flow)| {
                chart.bar(name, flow)
            });
        let caption =
            "In proportion to the association with the first field; the largest advantages over the product first.";
        body.figure(chart.render()?, caption);
    }
    let columns = vec![
        Column::text("second field"),
        Column::number("to the first field", 3),
        Column::number("to the product", 3),
        Column::text("edges"),
        Column::percent("flow", 1),
        Column::text("flow tag"),
    ];
    let mut table = Table::new("What both searches reached", columns);
    for c in &found.candidates {
        table.row(vec![
            c.name.as_str().into(),
            c.to_field.into(),
            c.to_product.into(),
            format!("{} and {}", c.steps[0], c.steps[1]).into(),
            c.flow.into(),
            c.tag.clone().unwrap_or_else(|| "not kept".to_owned()).into(),
        ])?;
    }
    body.table(table.cut(ROWS, "tables/promotion.csv"));
    let total: f64 = found.candidates.iter().filter_map(|c| c.flow).sum();
    if kept > 0 {
        body.paragraph(&format!(
            "The flows add up to {}. A tag stays the same for the same alliance, product and field.",
            fixed(total, 3)
        ));
    }
    Ok(())
}
