//! The fuzz targets over the saved corpus, and over what small changes make of it.

use std::path::{Path, PathBuf};

use nightloom::alliance::RefusalCode;
use nightloom::alliance::wire::{
    Applied, Hello, Message, Objection, Phase, Poll, Refused, Share, Shares, Status, Sum, Taken, Terms, Upload, Wanted,
};

#[path = "../fuzz/targets.rs"]
mod targets;

type Target = fn(&[u8]) -> bool;

const TARGETS: [(&str, Target, usize); 5] = [
    ("message", targets::message, 4000),
    ("plan", targets::plan, 2000),
    ("key", targets::key, 1500),
    ("ciphertexts", targets::ciphertexts, 1500),
    ("journal", targets::journal, 600),
];

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder(target)).expect("a corpus");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// The same changes in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    fn change(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.roll(seeds.len())].clone();
        for _ in 0..=self.roll(3) {
            let at = self.roll(bytes.len());
            match self.roll(6) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.roll(8),
                1 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF, b'"', b'0'][self.roll(7)],
                2 => bytes.truncate(at),
                3 => bytes.insert(at, self.roll(256) as u8),
                4 if !bytes.is_empty() => drop(bytes.remove(at)),
                _ => {
                    let other = &seeds[self.roll(seeds.len())];
                    let from = self.roll(other.len());
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
            }
        }
        bytes
    }
}

fn check((name, target, changes): (&str, Target, usize)) {
    let seeds = corpus(name);
    let accepted = seeds.iter().filter(|seed| target(seed)).count();
    assert!(accepted > 0 && accepted < seeds.len(), "{name}: {accepted} of {} are accepted", seeds.len());
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for _ in 0..changes {
        target(&dice.change(&seeds));
    }
}

#[test]
fn a13_messages_are_read_without_a_fault() {
    check(TARGETS[0]);
}

#[test]
fn a13_plans_are_read_without_a_fault() {
    check(TARGETS[1]);
}

#[test]
fn a6b_keys_are_read_without_a_fault() {
    check(TARGETS[2]);
}

#[test]
fn a13_ciphertexts_are_read_without_a_fault() {
    check(TARGETS[3]);
}

#[test]
fn a12_journals_are_read_without_a_fault() {
    check(TARGETS[4]);
}

/// Writes the seeds anew, when the formats have changed: `cargo test --test alliance_corpus -- --ignored`.
#[test]
#[ignore = "writes into the source tree"]
fn write_the_corpus() {
    let values = [7u8; 64];
    let messages = [
        Message::Hello(Hello { key: [1; 32] }),
        Message::Terms(Terms { plan: "{}", weights: &values }),
        Message::Upload(Upload {
            plan: [1; 32],
            round: 2,
            model: [3; 32],
            layout: [4; 32],
            key: [5; 32],
            party: 1,
            nonce: [6; 16],
            ciphertexts: &values,
        }),
        Message::Taken(Taken { round: 1, message: [2; 32] }),
        Message::Poll(Poll { plan: [1; 32], round: 1, wanted: Wanted::Sum }),
        Message::Poll(Poll { plan: [1; 32], round: 1, wanted: Wanted::Shares }),
        Message::Status(Status { phase: Phase::Published, round: 1, have: true, came: 2 }),
        Message::Sum(Sum { plan: [1; 32], round: 1, contributors: [255; 128], weights: 9, ciphertexts: &values }),
        Message::Share(Share { plan: [1; 32], round: 1, party: 2, sum: [3; 32], values: &values }),
        Message::Shares(Shares { round: 1, shares: vec![(0, &values), (2, &values)] }),
        Message::Applied(Applied { plan: [1; 32], round: 1, model: [2; 32] }),
        Message::Objection(Objection { plan: [1; 32], round: 1, reason: "no" }),
        Message::Refused(Refused { code: RefusalCode::Twice, reason: "again" }),
    ];
    for (i, message) in messages.iter().enumerate() {
        let bytes = message.encode();
        // The target adds the seal itself.
        put("message", &format!("{i:02}-{}", message.name()), &bytes[..bytes.len() - 32]);
    }
    put("message", "empty", b"");
    put("message", "long", &[b"NLAL\x01\x00\x05".as_slice(), &[0; 200]].concat());

    let raw: nightloom::alliance::RawPlan = toml::from_str(PLAN).expect("a plan");
    let plan = serde_json::to_string(&raw).expect("JSON");
    put("plan", "good", plan.as_bytes());
    put("plan", "no-rounds", plan.replace("\"rounds\":3", "\"rounds\":0").as_bytes());
    put("plan", "deep", &[b'['; 4096]);

    let private = include_str!("../src/paillier/fixtures/512.key");
    put("key", "private", private.as_bytes());
    let key = nightloom::paillier::key::PrivateKey::from_text(private, SMALL).expect("a fixture is a key");
    put("key", "public", key.public().to_text().as_bytes());
    let key = nightloom::paillier::key::generate_to_share(512, SMALL).expect("random numbers");
    let quorum = nightloom::paillier::key::Quorum::new(2, 3).expect("a quorum");
    let shares = nightloom::paillier::threshold::deal(&key, quorum).expect("a key made for it");
    put("key", "share", shares[1].to_text().as_bytes());
    put("key", "torn", &private.as_bytes()[..200]);

    // Ciphertexts of small messages: 1 + m n, without anything that hides it.
    let n = nightloom::paillier::key::PrivateKey::from_text(private, SMALL).expect("a key").public().n().to_be_bytes();
    let mut one = vec![0; 128];
    one[127] = 1;
    let mut two = [vec![0; 64], n.to_vec()].concat();
    two[127] += 1;
    put("ciphertexts", "two", &[one.clone(), two].concat());
    put("ciphertexts", "nothing", b"");
    put("ciphertexts", "multiple-of-n", &[vec![0; 64], n.to_vec()].concat());
    put("ciphertexts", "zero", &[0; 128]);
    put("ciphertexts", "large", &[255; 128]);
    put("ciphertexts", "short", &one[..127]);

    let file = tempfile::NamedTempFile::new().expect("a file");
    let nothing = |_: &[u8]| Ok::<(), nightloom::artifact::ArtifactError>(());
    let (mut journal, _) = nightloom::artifact::Journal::open(file.path(), 1000, nothing).expect("a journal");
    for record in [b"first".as_slice(), b"", &[9; 300]] {
        journal.append(record).expect("a record");
    }
    let bytes = std::fs::read(file.path()).expect("a journal");
    put("journal", "three", &bytes);
    put("journal", "torn", &bytes[..bytes.len() - 7]);
    let mut damaged = bytes.clone();
    damaged[30] ^= 1;
    put("journal", "damaged", &damaged);
    put("journal", "another-file", b"something else");
}

const PLAN: &str = r#"
name = "corpus"
parties = [{ name = "a", samples = 20 }, { name = "b", samples = 30 }, { name = "c", samples = 1 }]
rounds = 3
algorithm = { kind = "fed_avg", epochs = 2, batch = 8, rate = 0.1 }
update = { kind = "adam", rate = 0.1 }
clip = 0.5
clip_layers = { "layers.0" = 0.25 }
value_bits = 16
weighting = { parts = 100 }
mode = { kind = "threshold", needed = 2 }
quorum = 3
deadline_ms = 1000
missing = "go_on"
allow_two = false
loss = "mean_square"
seed = 7
key_bits = 2048
key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
[model]
input = { length = 1, channels = 3 }
layers = [{ kind = "dense", units = 4, activation = "tanh" }, { kind = "dense", units = 2 }]
"#;

const SMALL: nightloom::paillier::key::Sizes = nightloom::paillier::key::Sizes::SmallForTests;

#[expect(clippy::disallowed_methods, reason = "the corpus")]
fn put(target: &str, name: &str, bytes: &[u8]) {
    std::fs::create_dir_all(folder(target)).expect("a folder");
    std::fs::write(folder(target).join(name), bytes).expect("a file");
}
