//! Whatever a text holds, it is shown as text and nothing of it runs.

use serde_json::json;

use crate::browser::Shared;
use nightloom::card::QrContent;

use crate::sample::{Folder, raw};

const HOSTILE: [&str; 7] = [
    "</script><script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    "\" onfocus=\"window.hit=1\" autofocus x=\"",
    "' onmouseover='window.hit=1",
    "<!--<script>window.hit=1//",
    "مرحبا \u{202e}gnp.exe <b>",
    "`${window.hit=1}` {{window.hit=1}} \\u003cb\\u003e &lt;b&gt;",
];

#[test]
fn i9_a_hostile_name_is_text_in_the_browser() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let page = &browser.page(1280, 900);
    // A code of the site: a contact of such names is too long for one.
    let mut plain = raw();
    plain.seller.qr = QrContent::Site;
    let url = folder.card("plain.html", &plain);
    browser.open(page, &url);
    let elements = "[...document.querySelectorAll('*')].map(e => e.tagName + e.getAttributeNames().sort()).join()";
    let expected = browser.eval(page, elements);
    for (at, text) in HOSTILE.into_iter().enumerate() {
        let mut raw = plain.clone();
        let some = Some(text.to_owned());
        raw.seller.contact.name = text.to_owned();
        raw.seller.contact.organisation.clone_from(&some);
        raw.seller.contact.title.clone_from(&some);
        raw.seller.contact.address.clone_from(&some);
        raw.offer.display_name = some;
        raw.offer.greeting = text.to_owned();
        raw.offer.questions[0].question = text.to_owned();
        raw.offer.questions[0].answer = text.to_owned();
        let url = folder.card(&format!("{at}.html"), &raw);
        browser.open(page, &url);
        let shown = browser.eval(
            page,
            "[...document.querySelectorAll('h1, .role bdi, .addressed bdi, #greeting, .address, summary, .answer')]
             .map(e => e.textContent)",
        );
        let shown: Vec<String> = serde_json::from_value(shown).expect("texts");
        // The bidirectional override is dropped or kept as the card's own check decides; the rest is what was given.
        let given = text.replace('\u{202e}', "");
        let same = shown.iter().filter(|shown| shown.replace('\u{202e}', "") == given).count();
        assert_eq!(same, 8, "{text:?} is shown as {shown:?}");
        assert_eq!(browser.eval(page, elements), expected, "{text:?} is more than text");
        browser.click(page, "#listen");
        browser.until(page, "caption.textContent !== ''");
        browser.click(page, "h1");
        assert_eq!(browser.eval(page, "window.hit ?? null"), json!(null), "{text:?} runs");
        assert_eq!(browser.complaints(page), Vec::<String>::new(), "{text:?}");
    }
    browser.close(page);
}
