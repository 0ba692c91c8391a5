//! Input that makes no sense, and input that is odd but does.

use crate::site::{JOB, Site, customers, holdings, numbers};

fn refused(job: &str, change: impl FnOnce(&Site)) -> String {
    let site = Site::new(job);
    change(&site);
    site.refused()
}

#[test]
fn p1_tables_that_do_not_fit_are_refused_by_place() {
    let twice = refused(JOB, |site| site.file("customers.csv", &customers().replace("\nu5,", "\nu4,")));
    assert!(
        twice.contains("customers.csv: line 7, column `name`: expected each id once, found `u4` again after line 6"),
        "{twice}"
    );
    let unknown = refused(JOB, |site| site.file("holdings.csv", &format!("{}who,p1\n", holdings())));
    assert!(unknown.contains("column `name`: expected a customer of the customers' table, found `who`"), "{unknown}");
    let nothing = refused(JOB, |site| site.file("holdings.csv", &format!("{}u1,\n", holdings())));
    assert!(nothing.contains("column `product`: expected a product, found nothing"), "{nothing}");
    let product = refused(JOB, |site| site.file("products.csv", "product,title\np1,a\np1,b\n"));
    assert!(product.contains("line 3, column `product`: expected each product once, found `p1` again"), "{product}");
    let text = refused(&JOB.replace("names = [\"town\"]\nkind = \"one_hot\"", "names = [\"b\"]"), |_| ());
    assert!(text.contains("column `town` holds no numbers") && text.contains("customers.ignore"), "{text}");
    let missing = refused(&JOB.replace("[\"town\"]", "[\"city\"]"), |_| ());
    assert!(missing.contains("expected a column `city`, which the job names, found none"), "{missing}");
}

#[test]
fn p1_too_little_to_learn_from_is_refused() {
    let one = refused(JOB, |site| {
        site.file("holdings.csv", "name,product\nu1,p1\nu2,p1\nu3,p1\n");
        site.file("products.csv", "product,title\np1,a\n");
    });
    assert!(one.contains("expected at least two products, found 1"), "{one}");
    let few = refused(JOB, |site| site.file("holdings.csv", "name,product\nu1,p1\nu2,p2\n"));
    assert!(few.contains("expected at least 3 customers who hold something, found 2"), "{few}");
    let classes = refused(&JOB.replace("count = 2", "count = 40"), |_| ());
    assert!(
        classes.contains("40 classes: expected fewer classes than customers who hold something; 40 of them"),
        "{classes}"
    );
}

#[test]
fn e16_settings_that_cannot_be_are_refused_all_at_once() {
    let job = format!(
        "{JOB}max_rounds = 0\ndistance_threshold = -1.0\n[push]\nshrink = -2.0\ntop_k = 0\nweight_min = 2.0\n\
         [evaluation]\nhide = {{ share = 1.5 }}\nk = 0\n"
    );
    let said = refused(&job, |_| ());
    for key in [
        "classes.max_rounds: expected",
        "classes.distance_threshold: expected above 0, got -1",
        "push.shrink: expected at least 0, got -2",
        "push.top_k: expected 1 to 10000, got 0",
        "push.weight_min: expected 0 to 1, got 2",
        "evaluation.hide: expected above 0 and below 1, got 1.5",
        "evaluation.k: expected 1 to 10000, got 0",
    ] {
        assert!(said.contains(key), "{key}: {said}");
    }
    let both = refused(&JOB.replace("[products]", "wide = [\"b\"]\n[products]"), |_| ());
    assert!(both.contains("holdings.wide: expected either `wide` or a table of pairs, got both"), "{both}");
    let order = refused(&JOB.replace("one_hot", "ordinal"), |_| ());
    assert!(order.contains("expected an order for `ordinal` columns"), "{order}");
    let unknown = refused(&JOB.replace("[classes]", "[classes]\ncounts = 3"), |_| ());
    assert!(unknown.contains("did you mean `count`"), "{unknown}");
    let level = refused(&JOB.replace("kind = \"one_hot\"", "kind = \"ordinal\"\norder = [\"east\"]"), |_| ());
    assert!(level.contains("column `town`: expected one of east, found `west`"), "{level}");
}

#[test]
fn p2_columns_of_one_value_of_zeros_and_of_gaps_are_stated_not_fatal() {
    let site = Site::new(JOB);
    let text: String =
        customers().lines().skip(1).enumerate().fold("name,a,b,town,same,zeros,gaps\n".to_owned(), |t, (i, l)| {
            let gap = if i % 4 == 0 { String::new() } else { (i % 7 + 1).to_string() };
            format!("{t}{l},7,0,{gap}\n")
        });
    site.file("customers.csv", &text);
    let run = site.run(&[]);
    let table = run.table("columns");
    let of = |name: &str, column: &str| {
        let place = table["column"].iter().position(|c| c == name).expect("there");
        table[column][place].clone()
    };
    assert_eq!((of("same", "rule"), of("same", "replaced")), ("median".to_owned(), "0".to_owned()));
    assert_eq!(of("zeros", "rule"), "none");
    assert!(of("zeros", "instead").starts_with("the median is 0"), "{}", of("zeros", "instead"));
    assert_eq!(of("gaps", "missing"), "11");
    let cleaning = run.table("cleaning");
    assert_eq!(cleaning["rule"].iter().filter(|rule| *rule == "missing").count(), 11);
    assert!(run.report().contains("Where the rule that was asked for could not speak"));
}

#[test]
fn p2_a_column_of_which_much_is_replaced_gets_a_warning_that_suggests_log1p() {
    let site = Site::new(JOB);
    let text: String = customers()
        .lines()
        .skip(1)
        .enumerate()
        .fold("name,a,b,town,wide\n".to_owned(), |t, (i, l)| format!("{t}{l},{}\n", [1, 30, 30, 30, 900][i % 5]));
    site.file("customers.csv", &text);
    let run = site.run(&[]);
    assert!(run.log.contains("column `wide`: ") && run.log.contains("`log1p = true`"), "{}", run.log);
    assert!(run.report().contains("Column wide: "));
    let logged =
        Site::new(&JOB.replace("[holdings]", "[[customers.columns]]\nnames = [\"wide\"]\nlog1p = true\n[holdings]"));
    logged.file("customers.csv", &text.replace(",900\n", ",60\n").replace(",1\n", ",12\n"));
    assert!(!logged.run(&[]).log.contains("column `wide`"));
}

#[test]
fn p1_wide_holdings_and_customers_without_an_id() {
    let job = "kind = \"push\"\n[customers]\nsource = { path = \"t.csv\" }\n[holdings]\nwide = [\"x\", \"y\"]\n[features]\n\
               method = \"pca\"\n[classes]\ncount = 1\n";
    let site = Site::new(job);
    site.file("t.csv", "a,b,x,y\n1,2,1,0\n2,1,3,1\n1,1,2,0\n2,2,0,1\n2,2,,0\n");
    let run = site.run(&[]);
    let found = run.table("pushes");
    assert_eq!(
        (&found["customer"], numbers(&found["weight"])),
        (&vec!["4".to_owned(), "5".to_owned()], vec![0.75, 0.75])
    );
    assert!(found["product"].iter().all(|p| p == "x"));
    // The new table's own holdings count where its columns are there.
    site.file("new.csv", "a,b,x,y\n1,1,1,0\n1,1,0,0\n");
    assert_eq!(site.predict(&run, "new.csv").0["customer"], ["2"]);
    site.file("t.csv", "a,b,x,y\n1,2,1,0\n2,1,-3,1\n1,1,2,0\n2,2,0,1\n");
    let output = site.output(&["check", "job.toml"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("customer `2`, column `x`: expected 0 or more, found -3"));
}
