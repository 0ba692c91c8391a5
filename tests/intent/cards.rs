//! Personality, greetings and cards of a run.

use crate::site::{Job, Run, Site, small, text};

const COMMUNICATION: &str = "personality,communication_type\nplayer,playful\n*,warm\n";
const LOOK_UP: &str = "hobby,personality\nchess,player\n";
const GREETINGS: &str = "communication_type,product_type,language,text\nplayful,game,en,\"Your move, {name}: {product} for {price}!\"\n\
    playful,*,en,\"Play on, {name}\"\nwarm,*,en,Dear {name}: {product}\nwarm,*,zh,{name}，您好：{product}\nplayful,*,zh,{name}，来一局\n";

/// The small job with ways of speaking and cards; every name holds markup.
pub fn speaking() -> Site {
    let more = "[personality]\nlook_up = { path = \"look_up.csv\" }\n[speaking]\ncommunication = { path = \"communication.csv\" \
                }\ngreetings = { path = \"greetings.csv\" }\n[cards]\nwrite = 5\nby_name = true\nseller = { contact = { name = \
                \"Ann <b>\", phone = \"+1 555 0100\" } }";
    let job = small();
    let site = Site::new(&Job { more: format!("{}\n{more}", job.more), ..job });
    site.file("look_up.csv", LOOK_UP);
    site.file("communication.csv", COMMUNICATION);
    site.file("greetings.csv", GREETINGS);
    site.file("users.csv", &crate::site::users().replace(",Name ", ",</script><b>"));
    site
}

fn card(site: &Site, run: &Run, user: &str) -> String {
    let output = site.output(&["card", user, "--run", run.folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn i6_i7_i8_every_user_is_greeted_in_their_way_of_speaking() {
    let site = speaking();
    let run = site.run();
    for row in run.rows("intents") {
        let user: usize = row["user"][1..].parse().unwrap();
        let player = user.is_multiple_of(3);
        let said = [row["personality"].as_str(), row["personality_by"].as_str(), row["communication"].as_str()];
        assert_eq!(said, if player { ["player", "look_up", "playful"] } else { ["", "nobody", "warm"] }, "{row:?}");
        // zh, en, and a dialect of zh.
        let language = ["zh", "en", "zh"][user % 3];
        assert_eq!(row["language"], language, "{row:?}");
        assert!(row["greeting"].contains("</script><b>"), "texts are texts: {row:?}");
        assert!(player || row["greeting"].contains(&row["first_name"]), "{row:?}");
    }
    let spoken = &run.json("metrics.json")["details"]["spoken"];
    assert_eq!((spoken["greetings"]["none"].as_u64(), spoken["greetings"]["base"].as_u64()), (Some(0), Some(27)));
}

#[test]
fn i9_cards_are_written_made_on_demand_and_hold_no_more_than_the_greeting_says() {
    let site = speaking();
    let run = site.run();
    let written: Vec<String> = std::fs::read_dir(run.folder.join("cards"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(written.len(), 5);
    assert!(written.contains(&"u001.html".to_owned()), "{written:?}");
    let same = card(&site, &run, "u001");
    assert_eq!(same.trim_end(), text(&run.read("cards/u001.html")).trim_end(), "on demand as in the run");
    let other = card(&site, &run, "u064");
    assert!(other.len() <= 40 * 1024 && !other.contains("</script><b>"), "{}", other.len());
    assert!(other.contains("Ann &lt;b&gt;") || other.contains("Ann &#60;b&#62;"), "the seller is there, as text");
    // Nothing of the users' table but the name stands on a card.
    for part in ["u064", "running", "tealog", "high-value", "potential"] {
        assert!(!other.contains(part), "{part}");
    }
    let nobody = site.output(&["card", "nobody", "--run", run.folder.to_str().unwrap()]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(text(&nobody.stderr).contains("expected a row of the user `nobody`, found none"));
    let forget = site.output(&["forget", "u001", "--run", run.folder.to_str().unwrap()]);
    assert_eq!(forget.status.code(), Some(0), "{}", text(&forget.stderr));
    assert!(!run.folder.join("cards/u001.html").exists());
    assert_eq!(run.mentions("u001"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn i8_i9_wrong_tables_of_words_and_links_are_refused_with_their_place() {
    let says = |file: &str, content: &str, parts: &[&str]| {
        let site = speaking();
        site.file(file, content);
        let message = site.refused();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    };
    let unknown = GREETINGS.replace("{price}", "{prize}");
    says("greetings.csv", &unknown, &["greetings.csv", "line 2", "prize"]);
    says("communication.csv", "personality,communication_type\nplayer,playful\n", &["communication.csv", "`*`"]);
    says("look_up.csv", "hoby,personality\nchess,player\n", &["users.csv", "hoby"]);
    let script = crate::site::products().replace("https://shop.example/p3", "javascript:alert(1)");
    says("products.csv", &script, &["products.csv", "product `p3`"]);
}
