//! Escaping, links, vCards, QR codes and sizes, without a browser; `tests/card` opens cards in one.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use calcard::vcard::{VCard, VCardProperty, VCardValue};

use super::*;

const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "\"onmouseover=\"alert(1)",
    "' onfocus='alert(1)",
    "<!--<script>",
    "{{ 7 * 7 }}${7}\u{2028}&lt;b&gt;",
];

fn raw() -> RawCard {
    let some = |text: &str| Some(text.to_owned());
    RawCard {
        seller: RawSeller {
            contact: RawContact {
                name: "Maya Okonjo".to_owned(),
                organisation: some("Harbour; Vale, \\ Motors"),
                title: some("Senior consultant"),
                phone: some("+44 20 7946 0101"),
                email: some("maya@harbour.example"),
                site: some("https://harbour.example/a,b;c"),
                address: some("12 Quay Street\nBristol"),
            },
            chat: some("https://harbour.example/chat"),
            ..RawSeller::default()
        },
        offer: RawOffer {
            language: "en".to_owned(),
            display_name: some("Mr Alvarez"),
            greeting: "Good morning.".to_owned(),
            product: Some(RawProduct { name: "Vale E2".to_owned(), price: some("£28,450"), ..RawProduct::default() }),
            purchase: None,
            questions: vec![RawQuestion { question: "How far?".to_owned(), answer: "410 km.".to_owned() }],
        },
    }
}

fn render(raw: &RawCard) -> String {
    let card = raw.check().expect("a sound card");
    CardTemplate::new().expect("the built-in wordings").render(&card).expect("a card of the usual size")
}

fn message(raw: &RawCard) -> String {
    raw.check().expect_err("a card with a fault").to_string()
}

/// The text of the first `property` by a parser of other people's making.
fn value(card: &VCard, property: &VCardProperty) -> String {
    let entry = card.property(property).expect("the property is there");
    let texts = entry.values.iter().flat_map(|value| match value {
        VCardValue::Text(text) => vec![text.clone()],
        VCardValue::Component(parts) => parts.clone(),
        other => panic!("expected text, found {other:?}"),
    });
    texts.collect::<Vec<_>>().join("|")
}

#[test]
fn i9_a_hostile_text_is_text_in_every_place() {
    let plain = render(&raw());
    for text in HOSTILE {
        let mut raw = raw();
        raw.seller.contact.name = text.to_owned();
        raw.seller.contact.organisation = Some(text.to_owned());
        raw.seller.contact.title = Some(text.to_owned());
        raw.seller.contact.address = Some(text.to_owned());
        raw.offer.display_name = Some(text.to_owned());
        raw.offer.greeting = text.to_owned();
        raw.offer.questions[0] = RawQuestion { question: text.to_owned(), answer: text.to_owned() };
        let html = render(&raw);
        for mark in ["<script", "</script", "<!--"] {
            assert_eq!(html.matches(mark).count(), plain.matches(mark).count(), "{mark} in a card of {text}");
        }
        assert_eq!(html.matches('<').count(), plain.matches('<').count(), "tags in a card of {text}");
        // The script's data may hold quotes: there they are behind a backslash.
        let quotes = |html: &str| html.split("id=\"data\">").next().unwrap_or_default().matches('"').count();
        assert_eq!(quotes(&html), quotes(&plain), "attributes in a card of {text}");
    }
}

#[test]
fn i9_json_for_the_script_holds_nothing_that_html_reads() {
    let mut raw = raw();
    raw.seller.contact.name = "</script>\u{2028}\u{2029}&".to_owned();
    let html = render(&raw);
    let start = html.find("id=\"data\">").expect("the data") + 10;
    let json = &html[start..start + html[start..].find("</script>").expect("its end")];
    assert!(json.contains(r"\u003c/script\u003e\u2028\u2029\u0026"), "{json}");
    let data: serde_json::Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(data["share"]["title"], "</script>\u{2028}\u{2029}&");
}

#[test]
fn i9_the_script_reads_nothing_of_the_user() {
    let mut raw = raw();
    raw.offer.display_name = Some("Zebulon Quill".to_owned());
    let html = render(&raw);
    assert_eq!(html.matches("Zebulon").count(), 1, "the name stands above the greeting and nowhere else");
}

#[test]
fn i9_a_link_is_a_web_address_or_refused() {
    let bad = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        " \u{1}javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example",
        "/relative",
        "https:evil",
        "https://",
        "https://a b",
        "https://user:pass@evil.example",
        "https:///path",
        "mailto:",
        "blob:https://x",
        "https://:80/",
    ];
    for url in bad {
        assert!(WebUrl::check("f", url).is_err(), "{url} was taken");
    }
    let error = WebUrl::check("seller.chat", "javascript:alert(1)").expect_err("a script").to_string();
    let expected = "an address that begins with https://, http://, mailto: or tel:, without spaces";
    assert_eq!(error, format!("seller.chat: expected {expected}, found `javascript:alert(1)`"));
    let encoded = WebUrl::check("f", "HTTPS://a.example/\"><b>'?x={1}").expect("an address");
    assert_eq!(encoded.as_str(), "https://a.example/%22%3E%3Cb%3E%27?x=%7B1%7D");
    for url in ["https://例子.example/路", "http://a.example", "mailto:a@b.example", "tel:+4420"] {
        assert_eq!(WebUrl::check("f", url).expect("an address").as_str(), url);
    }
}

#[test]
fn i9_phones_and_mails_link_to_themselves_only() {
    assert_eq!(Phone::check("f", "+44 (20) 7946-0101").expect("a phone").link(), "tel:+442079460101");
    assert_eq!(Email::check("f", "a+b&c=d?e@x.example").expect("a mail").link(), "mailto:a+b%26c%3Dd%3Fe@x.example");
    for bad in ["12", "javascript:1234", "1+234", "12345678901234567890123"] {
        assert!(Phone::check("f", bad).is_err(), "{bad}");
    }
    for bad in ["a", "@x", "a@", "a@b@c", "a b@c", "a@b..c", "a@b/c", "<a>@b"] {
        assert!(Email::check("f", bad).is_err(), "{bad}");
    }
}

#[test]
fn i9_a_vcard_parses_back_to_what_was_said() {
    let mut raw = raw();
    raw.seller.contact.name = "O\\nora, \"Li\"; 林悦 🚗".to_owned();
    raw.seller.contact.address = Some("1 Road, Flat; 2\\n\nLine \\, two".to_owned());
    let contact = raw.seller.contact.check().expect("a contact");
    for version in [VcardVersion::V3, VcardVersion::V4] {
        let parsed = VCard::parse(vcard(&contact, version)).expect("a vCard");
        assert_eq!(value(&parsed, &VCardProperty::Fn), "O\\nora, \"Li\"; 林悦 🚗");
        assert_eq!(value(&parsed, &VCardProperty::Org), "Harbour; Vale, \\ Motors");
        assert_eq!(value(&parsed, &VCardProperty::Tel), "+44 20 7946 0101");
        assert_eq!(value(&parsed, &VCardProperty::Email), "maya@harbour.example");
        assert_eq!(value(&parsed, &VCardProperty::Url), "https://harbour.example/a,b;c");
        assert_eq!(value(&parsed, &VCardProperty::Adr), "||1 Road, Flat; 2\\n\nLine \\, two||||");
    }
}

#[test]
fn i9_a_vcard_is_folded_at_75_octets_between_characters() {
    let mut raw = raw();
    raw.seller.contact.name = "名".repeat(80);
    let contact = raw.seller.contact.check().expect("a contact");
    let text = vcard(&contact, VcardVersion::V4);
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert!(lines.iter().all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])), "{lines:?}");
    assert!(lines.iter().any(|line| line.len() > 72), "a folded line is filled");
    assert!(text.replace("\r\n ", "").contains(&format!("FN:{}\r\n", "名".repeat(80))));
    assert!(text.starts_with("BEGIN:VCARD\r\nVERSION:4.0\r\n") && text.ends_with("END:VCARD\r\n"));
}

#[test]
fn i9_the_download_links_hold_the_vcards() {
    let raw = raw();
    let contact = raw.seller.contact.check().expect("a contact");
    let html = render(&raw);
    let links: Vec<&str> = html.split("data:text/vcard;charset=utf-8;base64,").skip(1).collect();
    let held: Vec<String> = links
        .iter()
        .map(|link| link.split('"').next().unwrap_or_default().replace("&#43;", "+").replace("&#61;", "="))
        .map(|coded| String::from_utf8(STANDARD.decode(coded).expect("base64")).expect("UTF-8"))
        .collect();
    assert_eq!(held, [vcard(&contact, VcardVersion::V3), vcard(&contact, VcardVersion::V4)]);
}

/// What a phone reads from the strokes of a code's path, drawn at 4 pixels a module.
fn scan(code: &QrCode) -> String {
    let mut dark = vec![false; code.side * code.side];
    for row in code.path.split('M').skip(1) {
        let numbers: Vec<f64> = row.split(['h', 'm', ' ']).map(|n| n.parse().expect("a number")).collect();
        let (mut x, y) = (numbers[0] as usize, numbers[1] as usize);
        let mut rest = &numbers[2..];
        loop {
            let run = rest[0] as usize;
            dark[y * code.side + x..][..run].fill(true);
            x += run;
            let [_, gap, _, more @ ..] = rest else { break };
            x += *gap as usize;
            rest = more;
            assert!(!rest.is_empty());
        }
    }
    let scale = 4;
    let pixel = |x: usize, y: usize| if dark[y / scale * code.side + x / scale] { 0 } else { 255 };
    let side = code.side * scale;
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, pixel);
    let grids = image.detect_grids();
    grids.first().expect("a code").decode().expect("a readable code").1
}

#[test]
fn i9_the_qr_code_reads_as_the_contact_or_the_site() {
    let mut raw = raw();
    let contact = raw.seller.contact.check().expect("a contact");
    let seller = raw.seller.check().expect("a seller");
    assert_eq!(scan(&seller.qr.expect("a code").code), vcard_short(&contact));
    raw.seller.qr = QrContent::Site;
    let code = raw.seller.check().expect("a seller").qr.expect("a code");
    assert_eq!(scan(&code.code), "https://harbour.example/a,b;c");
    let long = "x".repeat(400);
    assert_eq!(scan(&QrCode::new(&long).expect("a code")), long);
    let error = QrCode::new(&"x".repeat(401)).expect_err("too long").to_string();
    assert!(error.starts_with("seller.qr: expected at most 400 bytes in the code, found 401"), "{error}");
}

#[test]
fn i9_the_largest_card_that_is_taken_keeps_the_limit_or_says_so() {
    let wide = "\u{10348}";
    let some = |length: usize| Some(wide.repeat(length));
    let mut raw = raw();
    raw.seller.qr = QrContent::Site;
    raw.seller.contact.name = wide.repeat(80);
    raw.seller.contact.organisation = some(100);
    raw.offer.greeting = wide.repeat(600);
    raw.offer.questions = vec![RawQuestion { question: wide.repeat(150), answer: wide.repeat(400) }; 6];
    let card = raw.check().expect("a card within its limits");
    let template = CardTemplate::new().expect("wordings");
    let error = template.render(&card).expect_err("too large").to_string();
    assert!(error.starts_with("card: expected at most 40960 bytes, found "), "{error}");
    raw.offer.questions.truncate(2);
    let html = template.render(&raw.check().expect("a card")).expect("a card that fits");
    assert!(html.len() <= CARD_BYTES_MAX);
}

#[test]
fn i9_what_is_too_long_or_missing_is_named() {
    let mut card = raw();
    card.offer.greeting = " \n\u{0} ".to_owned();
    assert_eq!(message(&card), "offer.greeting: expected a text, found none");
    card.offer.greeting = "x".repeat(601);
    assert_eq!(message(&card), "offer.greeting: expected at most 600 characters, found 601");
    let mut card = raw();
    card.offer.questions = vec![card.offer.questions[0].clone(); 7];
    assert_eq!(message(&card), "offer.questions: expected at most 6, found 7");
    card.offer.questions.truncate(2);
    card.offer.questions[1].answer.clear();
    assert_eq!(message(&card), "offer.questions[1].answer: expected a text, found none");
    let mut card = raw();
    card.offer.language = "中文".to_owned();
    assert_eq!(message(&card), "offer.language: expected a language tag such as zh-CN, en or ar, found `中文`");
    let mut card = raw();
    card.seller.contact = RawContact { name: "Maya".to_owned(), ..RawContact::default() };
    assert_eq!(message(&card), "seller.contact: expected a phone, an e-mail or a site, found none of them");
}

#[test]
fn i9_what_is_not_given_is_not_shown() {
    let mut raw = raw();
    raw.seller.chat = None;
    raw.seller.contact =
        RawContact { name: "Maya".to_owned(), phone: Some("12345".to_owned()), ..RawContact::default() };
    raw.seller.qr = QrContent::None;
    let offer = RawOffer { language: "en".to_owned(), greeting: "Hello".to_owned(), ..RawOffer::default() };
    raw.offer = offer;
    let html = render(&raw);
    for gone in [
        "E-mail",
        "Website",
        "Address",
        "Chat with us",
        "Buy now",
        "You may want",
        "For ",
        "<nav",
        "<figure",
        "<details",
    ] {
        assert!(!html.contains(gone), "{gone} is shown");
    }
    assert!(html.contains("tel:12345"));
    raw.offer.purchase = Some("https://shop.example/1".to_owned());
    assert!(render(&raw).contains("class=\"main\" href=\"https://shop.example/1\""));
}

#[test]
fn i9_a_card_speaks_its_language_and_its_parts_chinese_or_english() {
    let of = |language: &str| {
        let mut raw = raw();
        raw.offer.language = language.to_owned();
        render(&raw)
    };
    let english = of("EN-gb");
    assert!(english.contains("<html lang=\"en-GB\" dir=\"ltr\">") && english.contains("Save to contacts"));
    for dialect in ["zh-CN", "zh-TW", "yue", "wuu-CN"] {
        assert!(of(dialect).contains("存入通讯录"), "{dialect}");
    }
    let arabic = of("ar");
    assert!(arabic.contains("<html lang=\"ar\" dir=\"rtl\">"));
    assert!(arabic.contains("<h2 id=\"contact-title\" lang=\"en\" dir=\"ltr\">Contact</h2>"));
    assert!(of("uz-Arab").contains("dir=\"rtl\">") && of("ar-Latn").contains("lang=\"ar-Latn\" dir=\"ltr\">"));
}

#[test]
fn i9_wordings_are_data() {
    let built_in = Wordings::built_in().expect("the built-in file");
    let error = built_in.clone().and("[words.fr]\nlisten = \"Écouter\"").expect_err("half a table").to_string();
    assert!(error.starts_with("wordings: ") && error.contains("missing field"), "{error}");
    let error = built_in.clone().and("[alias]\nxx = \"yy\"").expect_err("an alias of nothing").to_string();
    assert_eq!(error, "wordings: alias.xx: expected a language with a table, found `yy`");
    let table =
        include_str!("words.toml").split("[words.zh]").next().expect("the English half").split_once("[words.en]");
    let french = format!("[words.fr]{}", table.expect("a table").1.replace("Listen", "Écouter"));
    let template = CardTemplate::with_wordings(built_in.clone().and(&french).expect("a table"));
    let mut raw = raw();
    raw.offer.language = "fr-CA".to_owned();
    let html = template.render(&raw.check().expect("a card")).expect("a card");
    assert!(html.contains(">Écouter</button>") && !html.contains("lang=\"en\""));
    let error = built_in.and(&french.replace("{name}", "you")).expect_err("no name").to_string();
    assert_eq!(error, "wordings: words.fr.addressed: expected `{name}` in it once, found `For you`");
}

#[test]
fn i9_the_policy_names_the_page_s_own_script_and_style() {
    use sha2::{Digest, Sha256};
    let html = render(&raw());
    let between = |from: &str, to: &str| {
        let start = html.rfind(from).expect("the start") + from.len();
        &html[start..start + html[start..].find(to).expect("the end")]
    };
    for source in [between("<script>", "</script>"), between("<style>", "</style>")] {
        let hash = STANDARD.encode(Sha256::digest(source)).replace('+', "&#43;").replace('=', "&#61;");
        let bare = html.replace("&#43;", "+").replace("&#61;", "=");
        let hash = hash.replace("&#43;", "+").replace("&#61;", "=");
        assert!(bare.contains(&format!("sha256-{hash}")), "the hash {hash} is not in the policy");
    }
    assert!(!html.contains(" style=") && !html.contains("unsafe") && !html.contains(" src="));
}

#[test]
fn i9_a_buffer_is_used_again_and_parts_are_shared() {
    let raw = raw();
    let template = CardTemplate::new().expect("wordings");
    let seller = Arc::new(raw.seller.check().expect("a seller"));
    let mut out = String::from("rest of another card");
    for greeting in ["One", "Two"] {
        let mut offer = raw.offer.clone();
        offer.greeting = greeting.to_owned();
        let card = Card { seller: Arc::clone(&seller), offer: offer.check().expect("an offer") };
        template.render_into(&card, &mut out).expect("a card");
        assert_eq!(out, template.render(&card).expect("a card"));
        assert!(out.starts_with("<!doctype html>") && out.contains(&format!(">{greeting}</p>")));
    }
}

#[test]
fn i9_an_unknown_key_is_refused() {
    let error = serde_json::from_str::<RawCard>(
        r#"{"seller":{"contact":{"name":"x"}},"offer":{"language":"en","greeting":"x","age":41}}"#,
    )
    .expect_err("a card has no age");
    assert!(error.to_string().contains("unknown field `age`"), "{error}");
}
