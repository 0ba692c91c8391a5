//! The bundled jobs, made short.

use crate::site::{Site, numbers};

#[test]
fn p7_categories_of_groceries_beat_the_most_popular_and_the_cleaning_table_shows_the_units() {
    let site = Site::bundled("push", |job| {
        job.replace("rounds = 100", "rounds = 12")
            .replace("from = [\"attributes\", \"holdings\", \"both\"]", "from = [\"attributes\", \"holdings\"]")
            .replace("classes = [10, 50, 100]", "classes = [60]")
            .replace("shrink = [0.0, 5.0, 20.0, 200.0]", "shrink = [5.0]")
            .replace("seeds = 5", "seeds = 1")
            .replace("ease = [300.0, 1000.0, 2000.0]", "ease = [1000.0]")
            .replace("max_rounds = 3", "max_rounds = 1")
    });
    let run = site.run(&[]);
    for figure in ["recall", "ndcg", "tail_recall"] {
        let (own, popular) = (run.figure("as chosen", figure), run.figure("most popular", figure));
        assert!(own > popular, "{figure}: {own} {popular}");
    }
    assert!(run.figure("as chosen", "recall") > 0.285 && run.figure("EASE", "recall") > 0.295);
    let cleaning = run.table("cleaning");
    let fuel =
        cleaning["column"].iter().zip(&cleaning["value"]).any(|(c, v)| c == "max_line_quantity" && v == "89638.0");
    assert!(fuel, "the line of 89,638 units");
    let pushes = run.table("pushes");
    assert!(pushes["household_id"].len() > 3 * 2000 && pushes["reason"][0].contains(" in class "));
    assert!(numbers(&pushes["weight"]).iter().all(|w| *w > 0.0 && *w <= 1.0));
    assert_eq!(numbers(&run.table("classes")["customers"]).iter().sum::<f64>(), 2469.0);
    assert!(run.report().contains("The class map of the first round"));
}

#[test]
fn p7_insurance_classes_from_holdings_collapse_and_the_inner_hide_does_not_choose_them() {
    let site = Site::bundled("push_caravan", |job| {
        job.replace("seeds = 5", "seeds = 1")
            .replace("classes = [30, 100, 200]", "classes = [100]")
            .replace("rounds = [1, 20]", "rounds = [1]")
            .replace("shrink = [0.0, 20.0]", "shrink = [0.0]")
            .replace("max_rounds = 3", "max_rounds = 1")
            .replace("hides = 3", "hides = 1")
    });
    let run = site.run(&[]);
    assert!(run.figure("as chosen", "hit_rate") > 0.57, "{}", run.figure("as chosen", "hit_rate"));
    assert!(run.figure("item-item cosine", "hit_rate") > 0.7);
    let choice = run.table("choice");
    let from: Vec<(&String, f64)> = choice["from"].iter().zip(numbers(&choice["recall"])).collect();
    assert!(from.iter().filter(|(f, _)| *f == "holdings").all(|(_, recall)| *recall < 0.4), "{from:?}");
    assert_eq!(run.metrics()["details"]["setting"]["from"], "attributes");
}
