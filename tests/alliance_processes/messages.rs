//! Messages that an honest party would not send (A12, A13): refused with a reason, and the round goes on.

use std::path::Path;

use nightloom::alliance::transport::{Link, TransportError};
use nightloom::alliance::wire::{Message, Upload};
use nightloom::alliance::{AllianceError, Party, PartyParts, Plan, RefusalCode, SharedKey, Step, Trainer, hello};
use nightloom::model::{Weights, initial_weights};
use nightloom::paillier::decrypt::Decryptor;
use nightloom::paillier::encrypt::Obfuscation;
use nightloom::paillier::kernel::Kernel;
use nightloom::paillier::key::{PrivateKey, Sizes};
use nightloom::paillier::public::Scheme;

use crate::site::{Process, Site, Wish};

/// An update of nothing.
struct Still;

impl Trainer for Still {
    fn update(&mut self, _: &Plan, _: u32, start: &Weights) -> Result<Vec<Vec<f32>>, AllianceError> {
        Ok(start.values.iter().map(|values| vec![0.01; values.len()]).collect())
    }
}

fn key(site: &Site) -> PrivateKey {
    PrivateKey::read(&site.path("north.alliance.key"), Sizes::Real).expect("a key")
}

fn say(link: &mut Link, bytes: &[u8]) -> Result<Vec<u8>, TransportError> {
    link.say(bytes, &|| false, &|_| ()).map(|answer| answer.to_vec())
}

/// North's upload for the first round, not sent.
fn upload(site: &Site, link: &mut Link) -> Vec<u8> {
    let key = key(site);
    let scheme = Scheme::new(key.public().clone(), Kernel::all()[0]).expect("a key");
    let start = initial_weights(site.plan.model(), site.plan.raw().seed);
    let parts = PartyParts {
        plan: site.plan.clone(),
        place: 0,
        start,
        scheme: &scheme,
        obfuscation: Obfuscation::Classic,
        opener: Box::new(SharedKey(Decryptor::new(&scheme, &key).expect("its own key"))),
        trainer: Box::new(Still),
    };
    let mut party = Party::open(parts, Path::new(&site.path("crafted"))).expect("a party");
    loop {
        let Ok(Step::Send(bytes)) = party.step() else { panic!("expected something to send") };
        if matches!(Message::decode(&bytes), Ok(Message::Upload(_))) {
            return bytes;
        }
        party.answer(&say(link, &bytes).expect("an answer")).expect("a status");
    }
}

fn changed<'a>(bytes: &'a [u8], change: impl FnOnce(&mut Upload<'a>)) -> Vec<u8> {
    let Ok(Message::Upload(mut upload)) = Message::decode(bytes) else { panic!("expected an upload") };
    change(&mut upload);
    Message::Upload(upload).encode()
}

fn code(link: &mut Link, bytes: &[u8]) -> Option<RefusalCode> {
    let answer = say(link, bytes).expect("an answer");
    match Message::decode(&answer).expect("a message") {
        Message::Refused(refused) => Some(refused.code),
        Message::Taken(_) => None,
        other => panic!("{}", other.name()),
    }
}

fn finish(site: &Site, server: Process) {
    let parties = site.all();
    site.finish(server, parties);
}

#[test]
fn a12_uploads_for_anything_else_are_refused_and_the_round_goes_on() {
    let site = Site::new(&Wish::default());
    let server = site.server(&[]);
    let (mut north, mut south) = (site.link("north"), site.link("south"));
    let good = upload(&site, &mut north);
    let Ok(Message::Upload(Upload { ciphertexts, .. })) = Message::decode(&good) else { panic!("an upload") };
    let size = key(&site).public().ciphertext_bytes();
    let with = |part: Vec<u8>| [part, ciphertexts[size..].to_vec()].concat();
    let (zero, large) = (with(vec![0; size]), with(vec![0xFF; size]));
    let n = with([vec![0; size / 2], key(&site).public().n().to_be_bytes().to_vec()].concat());
    let shorter = &ciphertexts[..ciphertexts.len() - size];
    let cases = [
        (changed(&good, |u| u.party = 1), RefusalCode::OtherParty),
        (changed(&good, |u| u.plan[0] ^= 1), RefusalCode::OtherPlan),
        (changed(&good, |u| u.round = 7), RefusalCode::Early),
        (changed(&good, |u| u.model[31] ^= 0x80), RefusalCode::OtherModel),
        (changed(&good, |u| u.layout[5] ^= 1), RefusalCode::OtherLayout),
        (changed(&good, |u| u.key[5] ^= 1), RefusalCode::OtherKey),
        (changed(&good, |u| u.ciphertexts = shorter), RefusalCode::Length),
        (changed(&good, |u| u.ciphertexts = &zero), RefusalCode::Ciphertext),
        (changed(&good, |u| u.ciphertexts = &large), RefusalCode::Ciphertext),
        (changed(&good, |u| u.ciphertexts = &n), RefusalCode::Ciphertext),
        (b"NLAL".to_vec(), RefusalCode::Malformed),
        (vec![], RefusalCode::Malformed),
    ];
    for (bytes, expected) in cases {
        assert_eq!(code(&mut north, &bytes), Some(expected), "{expected:?}");
    }
    // One flipped bit, wherever it is.
    for at in (0..8 * good.len()).step_by(good.len() / 5) {
        let mut flipped = good.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        assert_eq!(code(&mut north, &flipped), Some(RefusalCode::Malformed), "bit {at}");
    }
    assert_eq!(code(&mut south, &good), Some(RefusalCode::OtherParty), "north's, sent by south");
    assert_eq!(site.seen(&["\"upload\"", "\"taken\""]), 0, "{}", site.read("state/transcript.jsonl"));

    assert_eq!(code(&mut north, &good), None);
    assert_eq!(code(&mut north, &good), None, "the same again is the same");
    assert_eq!(code(&mut north, &changed(&good, |u| u.nonce[0] ^= 1)), Some(RefusalCode::Twice));
    let parties = site.all();
    site.wait_file("state/sum-000000.bin");
    let late = code(&mut north, &changed(&good, |u| u.nonce[0] ^= 1));
    assert_eq!(late, Some(RefusalCode::Late), "after the round");
    site.finish(server, parties);
}

#[test]
fn a13_who_has_no_certificate_of_a_party_is_not_heard() {
    let site = Site::new(&Wish::default());
    let server = site.server(&[]);
    let ask = hello(key(&site).public());
    // Of the right authority, but not in the plan.
    let error = say(&mut site.link("east"), &ask).expect_err("not in the plan").to_string();
    assert!(error.contains("the certificate names no party of the plan"), "{error}");
    // Of another authority, and the server's own, which is none for a client.
    for (authority, name) in [("false", "north"), ("certs", "server")] {
        let mut link = Link::new(&site.settings(authority, name)).expect("credentials");
        let error = say(&mut link, &ask).expect_err("not believed");
        assert!(matches!(error, TransportError::Silent { .. }), "{error}");
    }
    // A party that pretends to be the server, and a server of another name.
    let mut settings = site.settings("certs", "north");
    settings.server_name = Some("elsewhere".to_owned());
    let error = say(&mut Link::new(&settings).expect("credentials"), &ask).expect_err("another name");
    assert!(error.to_string().contains("ertificate"), "{error}");
    assert!(say(&mut site.link("north"), &ask).is_ok());
    finish(&site, server);
}

#[test]
fn a13_keys_that_others_may_read_and_addresses_without_tls_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new(&Wish::default());
    let mut settings = site.settings("certs", "north");
    std::fs::set_permissions(&settings.credentials.key, PermissionsExt::from_mode(0o640)).expect("permissions");
    let error = Link::new(&settings).map(|_| ()).expect_err("a loose key").to_string();
    assert!(error.contains("others may use it (mode 640), expected mode 600"), "{error}");
    settings.server = "http://localhost:1".to_owned();
    let error = Link::new(&settings).map(|_| ()).expect_err("no TLS").to_string();
    assert_eq!(error, "address `http://localhost:1`: expected https://host:port");
    // Swapped files.
    let mut settings = site.settings("certs", "south");
    settings.credentials.certificate.clone_from(&settings.credentials.key);
    let error = Link::new(&settings).map(|_| ()).expect_err("a key").to_string();
    assert!(error.contains("expected a certificate in PEM form"), "{error}");
}

#[test]
fn a2_a_party_does_not_follow_another_plan_than_the_agreed_one() {
    let site = Site::new(&Wish::default());
    let _server = site.server(&[]);
    let text = site.read("plan.toml").replace("clip = 0.5", "clip = 5.0");
    site.put("plan.toml", &text);
    let mut party = site.party("north");
    assert_eq!(party.wait().code(), Some(2));
    assert!(party.said().contains("it is not the one that was agreed upon"), "{}", party.said());
    assert_eq!(site.seen(&["\"upload\""]), 0);
}
