//! Replies: what follows from them, and what a run writes of them.

use std::fmt::Write;

use crate::cards::speaking;
use crate::site::Site;

const WORDS: &str = "language,list,word,weight\nen,excited,great,1\nen,dissatisfied,awful,1\nen,calm,fine,1\nen,affirming,yes,1\n\
    en,negating,no,1\nen,purchase,buy,1\nzh,dissatisfied,糟糕,1\nzh,negating,不要,1\nzh,affirming,好,1\nzh,purchase,购买,1\n";
const ANSWERS: &str = "language,emotion,product_type,keywords,text\nen,*,*,price,{product} costs {price}.\nen,excited,*,,Good to hear.\nzh,*,*,,好的。\n";

fn replying(replies: &str) -> Site {
    let site = speaking();
    let job = std::fs::read_to_string(site.path("job.toml")).unwrap();
    let more = "[replies]\nsource = { path = \"replies.csv\" }\nid = \"reply\"\nuser = \"user\"\ntime = \"day\"\ntext = \
                \"text\"\nwords = { path = \"words.csv\" }\nanswers = { path = \"answers.csv\" }\nformula = { alpha = 1.0, beta = \
                -1.0, gamma = 1.0 }\nthresholds = { satisfaction = 0.0, deal_rate = 0.2 }";
    site.file("job.toml", &format!("{job}\n{more}\n"));
    site.file("words.csv", WORDS);
    site.file("answers.csv", ANSWERS);
    site.file("replies.csv", replies);
    site
}

#[test]
fn i10_i11_i12_replies_are_scored_answered_linked_or_handed_over() {
    let mut replies = "reply,user,day,text\n".to_owned();
    let long = "x ".repeat(500_000);
    for (id, user, reply) in [
        ("r1", "u001", "no no awful, rather Product 8"),
        ("r2", "u002", "buy"),
        ("r3", "u003", "yes what is the price"),
        ("r4", "u004", ""),
        ("r5", "u005", "😀"),
        ("r6", "u006", "不要，糟糕"),
        ("r7", "u007", long.as_str()),
        ("r8", "u010", "no, of one without consent"),
        ("r9", "u008", "great </script><script>alert(1)</script>"),
    ] {
        writeln!(replies, "{id},{user},400,\"{reply}\"").unwrap();
    }
    let site = replying(&replies);
    let run = site.run();
    let rows = run.rows("replies");
    let of = |id: &str| rows.iter().find(|row| row["reply"] == id).unwrap_or_else(|| panic!("no {id}"));
    assert_eq!(rows.len(), 8, "the reply of a user without consent is left out");
    assert!(run.mentions("without consent\"").is_empty());
    let decision = |id: &str| of(id)["decision"].as_str();
    assert_eq!(["r1", "r2", "r4", "r6"].map(decision), ["hand_over", "link", "silence", "hand_over"]);
    // An emoji is a word, which no answer speaks of.
    assert_eq!((decision("r5"), decision("r9")), ("hand_over", "answer"));
    assert_eq!(
        (of("r1")["satisfaction"].parse::<f64>().unwrap() < 0.0, of("r1")["emotion"].as_str()),
        (true, "dissatisfied")
    );
    assert!(of("r2")["link"].starts_with("https://shop.example/buy/"));
    assert_eq!(of("r6")["language"], "zh");

    let hand_overs = run.lines("handovers");
    let first = hand_overs.iter().find(|record| record["reply"] == "r1").expect("a record");
    let intents = run.rows("intents");
    let row = intents.iter().find(|row| row["user"] == "u001").unwrap();
    assert_eq!(first["intents"][0]["product"], row["first"].as_str(), "the intents as they are after the reply");
    assert_eq!((row["recomputed"].as_str(), row["purchase"].as_str()), ("true", "false"));
    assert_eq!(first["chat"][0]["speaker"], "card");
    assert_eq!(first["chat"][1]["text"], "no no awful, rather Product 8");
    let unread = hand_overs.iter().find(|record| record["reply"] == "r7").expect("nothing answers a megabyte of x");
    assert_eq!(unread["chat"][1]["characters"], 999_999);
    assert!(unread["chat"][1]["text"].as_str().unwrap().chars().count() <= 2000);

    // The same users without replies: only who rejected something has other intents, and not the rejected one.
    let beside = speaking();
    let before = beside.run().rows("intents");
    for (old, new) in before.iter().zip(&intents) {
        let rejects = ["u001", "u006"].contains(&new["user"].as_str());
        assert_eq!(new["recomputed"] == "true", rejects, "{new:?}");
        let three = ["first", "second", "third"].map(|name| new[name].as_str());
        if rejects {
            assert!(!three.contains(&old["first"].as_str()), "{old:?} {new:?}");
        } else {
            assert_eq!(old["first"], new["first"]);
        }
    }
    let output = site.output(&["card", "u002", "--run", run.folder.to_str().unwrap()]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("https://shop.example/buy/"), "the link is on the card");
}

#[test]
fn i10_i12_wrong_word_lists_answers_and_formulas_are_refused_with_their_place() {
    let says = |file: &str, content: &str, parts: &[&str]| {
        let site = replying("reply,user,day,text\nr1,u001,1,yes\n");
        site.file(file, content);
        let message = site.refused();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    };
    says("words.csv", &WORDS.replace("en,calm", "en,clam"), &["words.csv", "line 4", "clam"]);
    says("answers.csv", &ANSWERS.replace("{price}", "{prise}"), &["answers.csv", "line 2", "prise"]);
    says("replies.csv", "reply,user,day,text\nr1,u001,soon,yes\n", &["replies.csv", "line 2", "`day`", "`soon`"]);
    let site = replying("reply,user,day,text\nr1,u001,1,yes\n");
    let job = std::fs::read_to_string(site.path("job.toml")).unwrap();
    site.file("job.toml", &job.replace("beta = -1.0", "beta = 1.0"));
    assert!(site.refused().contains("`beta` must be a finite number below 0, found 1"));
}
