//! What a user takes away: the saved contact, the QR code, what is shared.

use std::time::{Duration, Instant};

use calcard::vcard::{VCard, VCardProperty, VCardValue};
use nightloom::card::vcard_short;
use serde_json::json;

use crate::browser::Shared;
use crate::sample::{Folder, Reader, raw};

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
fn i9_a_click_saves_the_contact_as_a_vcard() {
    let (shared, folder, saved) = (Shared::new(), Folder::new(), Folder::new());
    let browser = &mut shared.take();
    browser.save_in(saved.path());
    let page = &browser.page(1280, 900);
    let url = folder.card("card.html", &raw());
    browser.open(page, &url);
    for (selector, version) in [(".contact .links a:first-child", "3.0"), (".contact .links a:last-child", "4.0")] {
        browser.click(page, selector);
        let file = saved.path().join("Maya-Okonjo.vcf");
        let deadline = Instant::now() + Duration::from_secs(10);
        while !file.is_file() {
            assert!(Instant::now() < deadline, "no file {} came", file.display());
            browser.wait(Duration::from_millis(30));
        }
        let text = std::fs::read_to_string(&file).expect("a vCard");
        std::fs::remove_file(&file).expect("it goes away");
        let card = VCard::parse(&text).expect("a vCard");
        assert!(text.contains(&format!("\r\nVERSION:{version}\r\n")), "{text}");
        assert_eq!(value(&card, &VCardProperty::Fn), "Maya Okonjo");
        assert_eq!(value(&card, &VCardProperty::Org), "Harbour; Vale, \\ Motors");
        assert_eq!(value(&card, &VCardProperty::Tel), "+44 20 7946 0101");
        assert_eq!(value(&card, &VCardProperty::Email), "maya.okonjo@harbourvale.example");
        assert!(value(&card, &VCardProperty::Adr).contains("12 Quay Street\nBristol BS1 4DB"));
    }
    assert_eq!(browser.complaints(page), Vec::<String>::new());
    browser.close(page);
}

#[test]
fn i9_the_qr_code_reads_from_the_screen() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let reader = Reader::new(browser);
    let expected = vcard_short(&raw().seller.contact.check().expect("a contact"));
    for (width, scheme) in [(1280, "light"), (390, "dark")] {
        let page = &browser.page(width, 900);
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.ask(page, "Emulation.setEmulatedMedia", &media);
        let url = folder.card("card.html", &raw());
        browser.open(page, &url);
        let picture = browser.picture(page, "figure svg");
        let pixels = reader.read(browser, &picture);
        let grey = |x: usize, y: usize| pixels.bytes[4 * (y * pixels.width + x) + 1];
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(pixels.width, pixels.height, grey);
        let grids = image.detect_grids();
        let (_, text) = grids.first().expect("a code").decode().expect("a readable code");
        assert_eq!(text, expected, "{width} pixels, {scheme}");
        browser.close(page);
    }
}

#[test]
fn i9_share_hands_over_the_seller_s_contact_alone() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let page = &browser.page(1280, 900);
    browser.before(page, "navigator.share = async what => { window.passed = what; }");
    let url = folder.card("card.html", &raw());
    browser.open(page, &url);
    browser.click(page, "#share");
    let passed = browser.eval(page, "passed");
    assert_eq!(passed["title"], "Maya Okonjo");
    assert_eq!(passed["url"], "https://harbourvale.example/a,b;c");
    assert!(passed["text"].as_str().expect("text").contains("+44 20 7946 0101"));
    assert!(!passed.to_string().contains("Alvarez"), "{passed}");
    browser.close(page);

    let page = &browser.page(1280, 900);
    browser.before(page, "delete Navigator.prototype.share");
    browser.open(page, &url);
    assert_eq!(browser.eval(page, "document.getElementById('share').checkVisibility()"), json!(false));
    browser.close(page);
}
