//! Greeting and contact are there, whatever the browser lacks.

use serde_json::json;

use crate::browser::{Browser, Page, Shared};
use crate::sample::{Folder, Pixels, Reader, raw};

const NO_WEBGL: &str = "const get = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind.startsWith('webgl') ? null : get.call(this, kind, ...rest); };";

/// What a reader sees of the page: text that takes part in the layout and is not hidden.
fn visible_text(browser: &mut Browser, page: &Page) -> String {
    let text = browser.eval(page, "document.body.innerText");
    text.as_str().expect("text").to_owned()
}

fn assert_greets(browser: &mut Browser, page: &Page) {
    let text = visible_text(browser, page);
    for part in [
        "Maya Okonjo",
        "Good morning, Mr Alvarez. The Vale E2 is here for you to try.",
        "Vale E2 Touring",
        "+44 20 7946 0101",
        "maya.okonjo@harbourvale.example",
        "harbourvale.example/a,b;c",
        "12 Quay Street\nBristol BS1 4DB",
        "Save to contacts",
        "How far does it go?",
    ] {
        assert!(text.contains(part), "{part:?} is not in the page's visible text:\n{text}");
    }
    let seen = browser.eval(
        page,
        "['#greeting', '.contact'].every(s => document.querySelector(s)
         .checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true }))",
    );
    assert_eq!(seen, json!(true), "greeting or contact is not visible");
    assert_eq!(browser.complaints(page), Vec::<String>::new());
}

/// Which of the two faces is shown; each has its picture in the layout or has not.
fn faces(browser: &mut Browser, page: &Page) -> [bool; 2] {
    ["face", "poster"].map(|id| {
        let shown = format!("document.getElementById('{id}').checkVisibility({{ visibilityProperty: true }})");
        browser.eval(page, &shown) == json!(true)
    })
}

/// The face, whichever it is.
fn shown(browser: &mut Browser, page: &Page, reader: &Reader) -> Pixels {
    let picture = browser.picture(page, ".frame");
    reader.read(browser, &picture)
}

#[test]
fn i9_a_card_greets_with_scripts_and_webgl() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let reader = Reader::new(browser);
    let page = &browser.page(1280, 900);
    let url = folder.card("card.html", &raw());
    browser.open(page, &url);
    assert_greets(browser, page);
    assert_eq!(faces(browser, page), [true, false]);
    assert_eq!(browser.eval(page, "document.getElementById('controls').checkVisibility()"), json!(true));
    let colours = shown(browser, page, &reader).colours();
    assert!(colours > 50, "the canvas has {colours} colours");
}

#[test]
fn i9_a_card_greets_without_scripts() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let reader = Reader::new(browser);
    let page = &browser.page(1280, 900);
    browser.ask(page, "Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    let url = folder.card("card.html", &raw());
    browser.open(page, &url);
    assert_eq!(browser.eval(page, "document.documentElement.dataset.state ?? 'none'"), json!("none"));
    assert_greets(browser, page);
    assert_eq!(faces(browser, page), [false, true]);
    // Buttons that only a script could answer are not shown.
    assert_eq!(browser.eval(page, "document.getElementById('controls').checkVisibility()"), json!(false));
    assert!(shown(browser, page, &reader).colours() > 10, "the poster is not drawn");
}

#[test]
fn i9_a_card_greets_without_webgl() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let reader = Reader::new(browser);
    let page = &browser.page(1280, 900);
    browser.before(page, NO_WEBGL);
    let url = folder.card("card.html", &raw());
    browser.open(page, &url);
    assert_eq!(browser.eval(page, "document.createElement('canvas').getContext('webgl2')"), json!(null));
    assert_greets(browser, page);
    assert_eq!(faces(browser, page), [false, true]);
    assert!(shown(browser, page, &reader).colours() > 10, "the poster is not drawn");
    // It still tells the greeting, sentence by sentence.
    browser.click(page, "#listen");
    browser.until(page, "document.getElementById('caption').textContent === 'Good morning, Mr Alvarez.'");
    browser.until(page, "document.getElementById('caption').textContent.startsWith('The Vale E2')");
    browser.until(page, "document.documentElement.dataset.state === 'still'");
    assert_eq!(browser.complaints(page), Vec::<String>::new());
    browser.close(page);
}

#[test]
fn i9_a_lost_drawing_context_gives_way_to_the_poster() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let page = &browser.page(1280, 900);
    let url = folder.card("card.html", &raw());
    browser.open(page, &url);
    browser.click(page, "#listen");
    browser
        .eval(page, "window.lost = face.getContext('webgl2').getExtension('WEBGL_lose_context'); lost.loseContext()");
    browser.until(page, "face.hidden");
    assert_eq!(faces(browser, page), [false, true]);
    assert_greets(browser, page);
    browser.eval(page, "lost.restoreContext()");
    browser.until(page, "!face.hidden");
    assert_eq!(faces(browser, page), [true, false]);
    assert_eq!(browser.complaints(page), Vec::<String>::new());
    browser.close(page);
}

#[test]
fn i9_reduced_motion_is_a_still_picture() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let reader = Reader::new(browser);
    let page = &browser.page(1280, 900);
    let calm = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
    browser.ask(page, "Emulation.setEmulatedMedia", &calm);
    let url = folder.card("card.html", &raw());
    browser.open(page, &url);
    assert_greets(browser, page);
    assert_eq!(faces(browser, page), [false, true]);
    // A layer of its own: the browser draws it again when it changes, and not when the text beside it does (which gave four
    // pixels at the edge of the hair now one shade, now another).
    browser.eval(page, "document.querySelector('.frame').style.willChange = 'transform'");
    let still = shown(browser, page, &reader);
    browser.click(page, "#listen");
    browser.until(page, "document.getElementById('caption').textContent !== ''");
    for _ in 0..3 {
        let change = shown(browser, page, &reader).change(&still);
        assert_eq!(change, 0.0, "the face moves");
    }
    // Who allows motion in mid-speech sees the face speak.
    browser.ask(page, "Emulation.setEmulatedMedia", &json!({ "features": [] }));
    browser.until(page, "!face.hidden");
    assert_eq!(browser.complaints(page), Vec::<String>::new());
    browser.close(page);
}
