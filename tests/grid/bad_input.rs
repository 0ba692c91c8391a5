//! Jobs and tables that must be refused, with exit code 2 and before anything is written; and what is no error.

use crate::site::{Job, MANAGERS, Site, contacts, small, with_table};

fn says(site: &Site, parts: &[&str]) {
    let message = site.refused();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    assert!(!site.path("index").exists(), "nothing is written");
}

#[test]
fn r2_settings_that_cannot_be_meant_are_refused_with_their_place() {
    let job = small();
    for (old, new, parts) in [
        ("history = \"past\"", "history = \"pest\"", ["data.history", "did you mean `past`?"]),
        ("inner_start = 40", "inner_start = 70", ["data.inner_start", "before `late_start`, 60, got 70"]),
        ("outcome = \"outcome\"", "outcome = \"start\"", ["data.outcome", "a column of its own, got `start`"]),
        ("\"visits\", \"spend\"] }", "\"visits\", \"outcome\"] }", ["data.classes.visits", "neither outcome nor key"]),
        ("first_start = 1", "first_day = 1", ["first_day", "first_start"]),
    ] {
        let site = Site::new(&Job { data: job.data.replace(old, new), ..job.clone() });
        says(&site, &parts);
    }
    for (old, new, parts) in [
        ("skill = 0.8", "skill = -1.0", ["managers.generated.skill", "from 0 to 10, got -1"]),
        ("\"visits\", \"spend\"]", "\"home\"]", ["managers.generated.traits", "got `home`"]),
    ] {
        says(&Site::new(&Job { managers: job.managers.replace(old, new), ..job.clone() }), &parts);
    }
    let network = |old: &str, new: &str| Job { network: job.network.replace(old, new), ..job.clone() };
    says(&Site::new(&network("tile = 50", "tile = 0")), &["network.tile", "got 0"]);
    says(&Site::new(&network("epochs = 10", "epochs = 0")), &["network.epochs"]);
    says(&Site::new(&network("[0.1]", "[]")), &["network.weight_decay: expected at least one"]);
    let tiers = Job { more: "[tiers]\nthresholds = [0.5, 0.75]".to_owned(), ..job };
    says(&Site::new(&tiers), &["tiers.thresholds: expected falling numbers"]);
}

#[test]
fn r2_contacts_that_cannot_be_are_refused_with_their_line() {
    let table = contacts();
    let lines: Vec<&str> = table.lines().collect();
    let with = |text: String| {
        let site = Site::new(&small());
        site.file("contacts.csv", &text);
        site
    };
    let second = lines[2].to_owned();
    let outcome = second.replacen(",1,0,", ",1,2,", 1).replacen(",1,1,", ",1,2,", 1);
    says(&with(table.replacen(&second, &outcome, 1)), &["contacts.csv", "column `outcome`: expected 0 or 1, got 2"]);
    let nobody = second.replacen("c1,", ",", 1);
    says(&with(table.replacen(&second, &nobody, 1)), &["line 3, column `customer`: expected a customer"]);
    // A duplicate id with other values is an error that names both lines.
    let other = lines[1].replacen(",north,", ",south,", 1);
    says(&with(format!("{table}{other}\n")), &["line 482", "customer `c0` with task `t0` stands already in line 2"]);
    let moved = lines[1].replacen("c0,t0,north,1,", "new,t0,north,2,", 1);
    says(&with(format!("{table}{moved}\n")), &["task `t0` starts on day"]);
    let early: Vec<&str> = lines.iter().copied().filter(|l| !l.contains(",t6,") && !l.contains(",t7,")).collect();
    says(&with(early.join("\n")), &["expected contacts from `late_start`, day 60, on, found none"]);
    let one_value: String = lines.iter().map(|l| format!("{l}\n")).collect::<Vec<_>>().concat().replace(",t4,", ",u4,");
    let no_answer: Vec<String> = one_value
        .lines()
        .map(|l| {
            let mut cells: Vec<&str> = l.split(',').collect();
            if ["t0", "t1", "t2", "t3"].contains(&cells[1]) {
                cells[4] = "0";
            }
            cells.join(",")
        })
        .collect();
    says(&with(no_answer.join("\n")), &["contacts of both outcomes before `inner_start`, found 0 that responded"]);
}

#[test]
fn r5_managers_that_cannot_be_are_refused_with_their_line() {
    let with = |text: &str| {
        let site = Site::new(&with_table());
        site.file("managers.csv", text);
        site
    };
    says(
        &with(&format!("{MANAGERS}ann,south,3,1\n")),
        &["managers.csv, line 5", "manager `ann` stands already in line 2"],
    );
    let unknown = MANAGERS.replace("cat,south", "cat,soth");
    says(&with(&unknown), &["managers.csv", "region `soth`, which no customer has; did you mean `south`?"]);
    says(&with(&MANAGERS.replace("15,2", "-1,2")), &["column `capacity`: expected 0 to", "got -1"]);
    says(&with(&MANAGERS.replace("15,2", "15,")), &["line 4, column `talk`: expected a number"]);
    let strangers = "manager,region,capacity,talk\nzoe,north,20,1\nyan,south,1,2\n";
    says(&with(strangers), &["expected training contacts that a manager made, found none"]);
}

#[test]
fn r3_an_index_of_another_version_is_refused_and_left_alone() {
    let site = Site::new(&small());
    std::fs::create_dir(site.path("index")).unwrap();
    site.file("index/index.json", "{\"version\": 99}");
    let message = site.refused();
    assert!(
        message.contains("expected an index of version 1, found 99; name another folder in `index.folder`"),
        "{message}"
    );
    assert_eq!(std::fs::read_to_string(site.path("index/index.json")).unwrap(), "{\"version\": 99}");
}

#[test]
fn r2_repeated_rows_constant_columns_and_missing_regions_are_counted_and_left_out() {
    let site = Site::new(&Job { data: small().data.replace("\"coupons\"", "\"coupons\", \"same\""), ..small() });
    let mut rows: Vec<String> = contacts().lines().map(|l| format!("{l},7")).collect();
    rows[0] = rows[0].replace(",7", ",same");
    rows.push(rows[5].clone());
    rows.push(rows[9].replace("c8,", "lost,").replace(",west,", ",,"));
    site.file("contacts.csv", &rows.join("\n"));
    let run = site.run();
    let left_out = &run.details()["left_out"];
    assert_eq!((left_out["repeated"].as_u64(), left_out["no_region"].as_u64()), (Some(1), Some(1)));
    let features = run.rows("features");
    let same = features.iter().find(|row| row["feature"] == "same").unwrap();
    assert_eq!((same["selected"].as_str(), same["reason"].as_str()), ("false", "one value in all training rows"));
    let missing: u64 = run.rows("cleaning").iter().map(|row| row["missing"].parse::<u64>().unwrap()).sum();
    assert!(missing > 160, "a third has no home, some no visits: {missing}");
}
