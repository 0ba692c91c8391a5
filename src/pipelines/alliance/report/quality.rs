//! Is the common model better than what each company could do alone?

use super::super::results::{Company, Quality, Results};
use crate::report::chart::{BarChart, LineChart, Size, XLabels};
use crate::report::{Body, Cell, Column, ReportError, Table};

type Way = (&'static str, fn(&Company) -> Quality);

const WAYS: [Way; 5] = [
    ("as in the last step", |c| c.as_last),
    ("as on average", |c| c.as_average),
    ("alone", |c| c.alone),
    ("together, in the clear", |c| c.clear),
    ("together, encrypted", |c| c.encrypted),
];

pub(super) fn write(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    table(body, results)?;
    let names: Vec<&str> = WAYS.iter().map(|(name, _)| *name).collect();
    let mut chart = BarChart::new("Held-out error", "RMSE, logarithms").size(Size::Wide).groups(&names);
    for company in &results.companies {
        for (name, of) in WAYS {
            chart = chart.grouped(name, &company.name, of(company).rmse);
        }
    }
    body.figure(
        chart.render()?,
        "Smaller is better. All ways are judged on the same held-out examples of each company.",
    );
    gains(body, results)?;
    for (place, company) in results.companies.iter().enumerate() {
        let course = |which: usize| -> Vec<f64> { results.courses[which].iter().map(|round| round[place]).collect() };
        let chart = LineChart::new(&format!("{}, round by round", company.name), "round", "RMSE", XLabels::From(1))
            .series("alone", 0, &course(0))
            .context("together, in the clear", 0, &course(1))
            .series("together, encrypted", 0, &course(2));
        body.figure(chart.render()?, "");
    }
    body.paragraph(
        "Alone means the same number of rounds of the same local training, on the company's own examples only, from the same \
         starting model. The clear and the encrypted course lie on top of each other where only quantising separates them.",
    );
    Ok(())
}

/// How much smaller the error is than alone, round by round.
fn gains(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let [alone, _, encrypted] = &results.courses;
    let title = "Error less than alone";
    let mut chart = LineChart::new(title, "round", "percent of the error alone", XLabels::From(1)).size(Size::Wide);
    for (place, company) in results.companies.iter().enumerate() {
        let gain = |(alone, together): (&Vec<f64>, &Vec<f64>)| 100.0 * (1.0 - together[place] / alone[place]);
        let gains: Vec<f64> = alone.iter().zip(encrypted).map(gain).collect();
        chart = chart.series(&company.name, 0, &gains);
    }
    let caption = "Each company's held-out error with the common model against that of the model it trained alone for as \
                   many rounds; above 0 the alliance is better.";
    body.figure(chart.reference(0.0, "as alone").render()?, caption);
    Ok(())
}

fn table(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let mut columns = vec![Column::text("forecast")];
    for company in &results.companies {
        columns.push(Column::number(&format!("{}: RMSE", company.name), 4));
        columns.push(Column::number(&format!("{}: MAE", company.name), 4));
    }
    let best = |of: &dyn Fn(&Company) -> [f64; 5]| -> Vec<f64> {
        results.companies.iter().map(|c| of(c).into_iter().fold(f64::INFINITY, f64::min)).collect()
    };
    let least_rmse = best(&|c| WAYS.map(|(_, of)| of(c).rmse));
    let least_mae = best(&|c| WAYS.map(|(_, of)| of(c).mae));
    let cell = |value: f64, best: f64| if value <= best { Cell::Best(value) } else { Cell::Number(value) };
    let mut table = Table::new("Errors on held-out examples", columns);
    for (name, of) in WAYS {
        let mut row: Vec<Cell> = vec![name.into()];
        for (place, company) in results.companies.iter().enumerate() {
            let quality = of(company);
            row.push(cell(quality.rmse, least_rmse[place]));
            row.push(cell(quality.mae, least_mae[place]));
        }
        table.row(row)?;
    }
    body.table(table);
    Ok(())
}
