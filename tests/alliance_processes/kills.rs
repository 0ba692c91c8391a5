//! SIGKILL in every phase of a round (A12): nothing is lost, and the models are equal at the end.

use std::time::Duration;

use crate::site::{NAMES, Process, Site, Wish};

#[test]
fn a12_a_server_killed_before_any_upload() {
    let site = Site::new(&Wish::default());
    site.server(&[]).kill();
    let server = site.server(&[]);
    let parties = site.all();
    site.finish(server, parties);
}

#[test]
fn a12_a_server_killed_while_it_collects() {
    let site = Site::new(&Wish::default());
    let server = site.server(&[]);
    let mut parties = vec![site.party("north"), site.party("south")];
    site.wait_seen(&["\"upload\""], 2);
    server.kill();
    let server = site.server(&[]);
    assert!(site.read("server.err").contains("round 0, 2 uploads here"), "{}", site.read("server.err"));
    parties.push(site.party("west"));
    site.finish(server, parties);
    assert_eq!(site.seen(&["\"upload\"", "\"round\":0,"]), 3, "nobody had to send again");
}

#[test]
fn a12_a_server_killed_between_sum_and_votes() {
    let site = Site::new(&Wish::default());
    let server = site.server(&[]);
    let north = site.party("north");
    site.wait_seen(&["\"upload\""], 1);
    // Its upload is there, its vote will be missing.
    north.kill();
    let mut parties = vec![site.party("south"), site.party("west")];
    site.wait_seen(&["\"applied\"", "\"round\":0,"], 2);
    server.kill();
    let server = site.server(&[]);
    parties.push(site.party("north"));
    site.finish(server, parties);
    assert!(site.read("north.out").contains("round 0: 3 contributors"));
}

#[test]
fn a12_a_server_killed_after_the_last_round() {
    let site = Site::new(&Wish { parties: 4, quorum: 3, rounds: 1, ..Wish::default() });
    let server = site.server(&[]);
    let north = site.party("north");
    site.wait_seen(&["\"upload\""], 1);
    north.kill();
    let others: Vec<Process> = NAMES[1..].iter().map(|name| site.party(name)).collect();
    let models: Vec<String> = others.into_iter().map(Process::model).collect();
    server.kill();
    let mut server = site.server(&["--linger", "5"]);
    assert_eq!(site.party("north").model(), models[0]);
    assert!(server.wait().success(), "{}", server.said());
}

#[test]
fn a12_a_party_killed_while_it_trains() {
    let long = r#"{ kind = "fed_avg", epochs = 20000, batch = 4, rate = 0.001 }"#;
    let site = Site::new(&Wish { algorithm: long, rounds: 1, ..Wish::default() });
    let server = site.server(&[]);
    let north = site.party("north");
    site.wait_file("north/state.safetensors");
    north.kill();
    assert!(!site.path("north/upload.bin").exists(), "it was killed too late: let it train longer");
    let parties = site.all();
    site.finish(server, parties);
}

#[test]
fn a12_a_party_killed_after_its_upload_sends_no_other() {
    let site = Site::new(&Wish::default());
    let server = site.server(&[]);
    let north = site.party("north");
    site.wait_file("north/upload.bin");
    north.kill();
    let upload = std::fs::read(site.path("north/upload.bin")).expect("an upload");
    let mut parties = vec![site.party("north")];
    site.wait_seen(&["\"upload\"", "\"north\""], 1);
    assert_eq!(std::fs::read(site.path("north/upload.bin")).expect("an upload"), upload);
    parties.extend([site.party("south"), site.party("west")]);
    site.finish(server, parties);
}

#[test]
fn a12_a_party_killed_after_the_sum_catches_up() {
    let site = Site::new(&Wish { parties: 4, quorum: 3, rounds: 3, deadline_ms: 3000, ..Wish::default() });
    let server = site.server(&[]);
    let mut parties: Vec<Process> = NAMES[1..].iter().map(|name| site.party(name)).collect();
    let north = site.party("north");
    site.wait_seen(&["\"applied\"", "\"north\"", "\"round\":0,"], 1);
    north.kill();
    site.wait_seen(&["\"applied\"", "\"round\":1,"], 3);
    parties.push(site.party("north"));
    site.finish(server, parties);
}

#[test]
fn a12_a_server_whose_journal_was_cut_off_asks_again() {
    // What is missing of the journal: a torn record, a whole upload, all uploads.
    for cut in [1, 20, 1 << 20] {
        let site = Site::new(&Wish { rounds: 1, ..Wish::default() });
        let server = site.server(&[]);
        let mut parties = vec![site.party("north"), site.party("south")];
        site.wait_seen(&["\"upload\""], 2);
        server.kill();
        let journal = site.path("state/journal");
        let file = std::fs::OpenOptions::new().write(true).open(&journal).expect("a journal");
        let len = file.metadata().expect("a file").len();
        // The first record, which begins the round, is about 120 bytes long.
        file.set_len(len.saturating_sub(cut).max(8)).expect("a file");
        let server = site.server(&[]);
        if cut < 100 {
            assert!(
                site.read("server.err").contains("the journal's last record was torn"),
                "{}",
                site.read("server.err")
            );
            assert!(site.read("server.err").contains("round 0, 1 uploads here"), "{}", site.read("server.err"));
        }
        parties.push(site.party("west"));
        site.finish(server, parties);
    }
}

#[test]
fn a12_kills_at_any_time_of_anybody() {
    let site = Site::new(&Wish { rounds: 40, ..Wish::default() });
    let mut server = site.server(&[]);
    let mut parties: Vec<Option<Process>> = site.all().into_iter().map(Some).collect();
    // The same sequence in every run; what it hits depends on the machine.
    let mut dice = 0x9E37_79B9_7F4A_7C15_u64;
    let mut roll = |below: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % below
    };
    let mut kills = 0;
    while kills < 14 {
        std::thread::sleep(Duration::from_millis(150 + roll(900)));
        // On a fast machine the rounds may be over before: nobody comes to a server that is started after that.
        if !server.is_running() || parties.iter_mut().flatten().any(|party| !party.is_running()) {
            break;
        }
        match roll(4) {
            0 => {
                server.kill();
                server = site.server(&[]);
            }
            place => {
                let slot = &mut parties[place as usize - 1];
                if let Some(mut party) = slot.take() {
                    let running = party.is_running();
                    if running {
                        party.kill();
                        *slot = Some(site.party(NAMES[place as usize - 1]));
                    } else {
                        *slot = Some(party);
                    }
                }
            }
        }
        kills += 1;
    }
    assert!(kills >= 4, "only {kills} kills before all was over");
    site.finish(server, parties.into_iter().flatten().collect());
}
