//! Jobs and tables that must be refused, with exit code 2 and before anything is written; and what is no error.

use crate::site::{Job, Site, history, products, small, usage, users};

fn says(site: &Site, parts: &[&str]) {
    let message = site.refused();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn i3_settings_that_cannot_be_meant_are_refused_with_their_place() {
    let job = small();
    let network = |old: &str, new: &str| Job { network: job.network.replace(old, new), ..job.clone() };
    says(&Site::new(&network("heads = 2", "heads = 3")), &["network.heads", "a divisor of the 8 channels, got 3"]);
    says(&Site::new(&network("dropout = 0.1", "dropout = 1.0")), &["network.dropout", "0 to below 1, got 1"]);
    says(&Site::new(&network("epochs = 3", "epochs = 0")), &["network.epochs"]);
    says(&Site::new(&network("rate = 0.005", "rates = 0.005")), &["rates", "rate"]);
    let users = |old: &str, new: &str| Job { users: job.users.replace(old, new), ..job.clone() };
    says(&Site::new(&users("column = \"consent\"", "assumed = \" \"")), &["users.consent.assumed", "the reason"]);
    says(&Site::new(&users("[\"hobby\"]", "[\"age\"]")), &["users.categories", "`age` again"]);
    let more = |old: &str, new: &str| Job { more: job.more.replace(old, new), ..job.clone() };
    says(&Site::new(&more(", at_least = 8.0", "")), &["levels[1].all[0]", "`at_least`, `at_most` or `one_of`"]);
    says(&Site::new(&more("\"high-value\"", "\"high\"")), &["high", "high-value"]);
}

#[test]
fn i2_tables_with_wrong_cells_are_refused_with_file_line_and_column() {
    let cell = |file: &str, text: String, parts: &[&str]| {
        let site = Site::new(&small());
        site.file(file, &text);
        says(&site, parts);
    };
    let of = |text: String, line: usize, old: &str, new: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert!(lines[line - 1].contains(old), "{}", lines[line - 1]);
        lines[line - 1] = lines[line - 1].replacen(old, new, 1);
        lines.join("\n") + "\n"
    };
    let history_of_u001 = history().lines().position(|line| line.starts_with("u001")).unwrap() + 1;
    let unknown = of(history(), history_of_u001, ",p", ",q");
    let line = format!("history.csv, line {history_of_u001}");
    cell("history.csv", unknown, &[&line, "column `item`", "a product of the products' table, found `q"]);
    let line_3 = of(users(), 3, ",21,", ",old,");
    cell("users.csv", line_3, &["users.csv, line 3", "column `age`", "expected a number, found `old`"]);
    cell("users.csv", of(users(), 3, "true", "maybe"), &["users.csv, line 3", "column `consent`", "`true` or `false`"]);
    cell("users.csv", of(users(), 4, "u002", "u001"), &["users.csv, line 4", "user `u001`"]);
    cell("usage.csv", of(usage(), 4, ",11", ",2000"), &["usage.csv, line 4", "minutes a day from 0 to 1440"]);
    let twice = format!("{}{}\n", usage(), usage().lines().nth(3).unwrap());
    let line = format!("usage.csv, line {}", twice.lines().count());
    cell("usage.csv", twice, &[&line, "column `app`", "each app of a user once, found `tealog`"]);
    cell("products.csv", of(products(), 3, "p1", "p0"), &["products.csv, line 3", "product `p0`"]);
    cell(
        "users.csv",
        users().replace(",true,", ",false,"),
        &["users.csv", "expected users who agreed, found none among 90"],
    );
    let few = history().lines().take(30).collect::<Vec<_>>().join("\n");
    cell("history.csv", few, &["expected at least 20 events of users with a past"]);
}

#[test]
fn i2_hours_outside_a_day_and_unknown_columns_are_refused() {
    let site = Site::new(&small());
    let text = history().replacen("hour,", "hours,", 1);
    site.file("history.csv", &text);
    says(&site, &["history.csv", "`hour`", "hours"]);
    let job = Job { more: small().more.replace("\"hobby\"", "\"hoby\""), ..small() };
    says(&Site::new(&job), &["users.csv", "hoby"]);
}
