//! The face talks, is silent when told so, and rests afterwards.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::browser::{Browser, Page, Shared};
use crate::sample::{Folder, Pixels, Reader, greeting, raw};

const TALKING: &str = "document.documentElement.dataset.state === 'talking'";
const STILL: &str = "document.documentElement.dataset.state === 'still'";

/// One sentence of about ten seconds.
const LONG: &str = "Aloha wonderful people, welcome all to our house, our harbour and our open air museum of boats and \
                    motor cars.";

/// A voice that writes down what it is told. It starts at once, and ends when a test calls `voice.finish()`.
const VOICE: &str = "(() => {
    window.voice = { said: [], cancelled: 0, now: null,
        finish() { const u = voice.now; voice.now = null; u?.onend?.({}); } };
    window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
    Object.defineProperty(window, 'speechSynthesis', { value: {
        getVoices: () => [{ lang: 'de-DE', name: 'no' }, { lang: 'en_GB', name: 'yes' }],
        speak(u) { voice.said.push(u.voice.name + ': ' + u.text); voice.now = u;
            setTimeout(() => { if (voice.now === u && !window.dumb) u.onstart?.({}); }, 20); },
        cancel() { voice.cancelled++; const u = voice.now; voice.now = null;
            if (u) setTimeout(() => u.onerror?.({ error: 'interrupted' }), 0); },
    } });
})();";

fn face(browser: &mut Browser, page: &Page, reader: &Reader) -> Pixels {
    let picture = browser.picture(page, "#face");
    reader.read(browser, &picture)
}

/// The mouth that was drawn last: open, wide, round.
fn mouth(browser: &mut Browser, page: &Page) -> [f64; 3] {
    let uniform = "(gl => { const p = gl.getParameter(gl.CURRENT_PROGRAM);
        return Array.from(gl.getUniform(p, gl.getUniformLocation(p, 'mouth')), v => Math.round(v * 1e4) / 1e4).slice(0, 3);
        })(face.getContext('webgl2'))";
    serde_json::from_value(browser.eval(page, uniform)).expect("a mouth")
}

/// Counts the frames that the page asks for.
fn count_frames(browser: &mut Browser, page: &Page) {
    let count = "window.frames_asked = 0; const ask = window.requestAnimationFrame;
        window.requestAnimationFrame = f => { frames_asked++; return ask.call(window, f); };";
    browser.before(page, count);
}

#[test]
fn i9_the_face_moves_while_it_talks_and_stops_after() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let reader = Reader::new(browser);
    let page = &browser.page(1280, 900);
    count_frames(browser, page);
    let url = folder.card("card.html", &greeting(LONG));
    browser.open(page, &url);
    let rest = face(browser, page, &reader);
    assert!(rest.colours() > 50, "the canvas has {} colours", rest.colours());
    browser.wait(Duration::from_millis(200));
    assert_eq!(browser.eval(page, "frames_asked"), json!(0), "a face at rest asks for no frames");
    browser.click(page, "#listen");
    // No voice here, so the timed shapes begin within a second.
    browser.wait(Duration::from_millis(900));
    assert_eq!(browser.eval(page, TALKING), json!(true));
    assert_eq!(browser.eval(page, "listen.textContent"), json!("Stop"));
    assert_eq!(browser.eval(page, "caption.textContent"), json!(LONG));
    let mut seen = vec![rest];
    for _ in 0..4 {
        seen.push(face(browser, page, &reader));
    }
    let moves = seen.windows(2).filter(|pair| pair[0].change(&pair[1]) > 0.001).count();
    assert!(moves >= 3, "{moves} of 4 pictures differ from the one before");
    browser.until(page, STILL);
    assert_eq!(browser.eval(page, "[listen.textContent, caption.textContent]"), json!(["Listen", ""]));
    let mut frames = json!(null);
    let deadline = Instant::now() + Duration::from_secs(20);
    while browser.eval(page, "frames_asked") != frames {
        assert!(Instant::now() < deadline, "frames go on after the end");
        frames = browser.eval(page, "frames_asked");
        browser.wait(Duration::from_millis(300));
    }
    assert_eq!(mouth(browser, page), [0.0, 0.55, 0.0], "the mouth is not shut again");
    let end = face(browser, page, &reader);
    browser.wait(Duration::from_millis(300));
    assert_eq!(end.change(&face(browser, page, &reader)), 0.0, "the face moves after the end");
    assert_eq!(browser.eval(page, "frames_asked"), frames, "frames go on after the end");
    assert_eq!(browser.complaints(page), Vec::<String>::new());
    browser.close(page);
}

#[test]
fn i9_mouth_shapes_follow_the_text() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let reader = Reader::new(browser);
    // The mouth alone: the head's slow turn would make any two pictures differ.
    let mut mouths = Vec::new();
    for vowel in ["a", "o", "m"] {
        let page = &browser.page(1280, 900);
        count_frames(browser, page);
        let url = folder.card("card.html", &greeting(&vowel.repeat(99)));
        browser.open(page, &url);
        browser.click(page, "#listen");
        browser.until(page, "frames_asked > 25");
        let values = mouth(browser, page);
        let picture = face(browser, page, &reader);
        mouths.push((vowel, values, picture));
        browser.close(page);
    }
    for (at, (vowel, values, picture)) in mouths.iter().enumerate() {
        for (other, others, others_picture) in &mouths[..at] {
            let apart = values.iter().zip(others).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart > 0.2, "{vowel} and {other}: {values:?} and {others:?}");
            let change = picture.change(others_picture);
            assert!(change > 0.003, "{vowel} and {other} look the same: {change}");
        }
    }
}

#[test]
fn i9_chinese_moves_the_mouth_by_syllables() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let page = &browser.page(1280, 900);
    let mut raw = greeting("您好，欢迎光临。车已备好！");
    raw.offer.language = "zh-CN".to_owned();
    let url = folder.card("card.html", &raw);
    browser.open(page, &url);
    browser.click(page, "#listen");
    browser.until(page, "caption.textContent === '您好，欢迎光临。'");
    let open = "(gl => { const p = gl.getParameter(gl.CURRENT_PROGRAM);
        return gl.getUniform(p, gl.getUniformLocation(p, 'mouth'))[0] > .5; })(face.getContext('webgl2'))";
    browser.until(page, open);
    browser.until(page, "caption.textContent === '车已备好！'");
    assert_eq!(browser.eval(page, "listen.textContent"), json!("停止"));
    browser.until(page, STILL);
    assert_eq!(browser.complaints(page), Vec::<String>::new());
    browser.close(page);
}

#[test]
fn i9_play_then_mute_silences_the_voice_and_the_text_goes_on() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let page = &browser.page(1280, 900);
    browser.before(page, VOICE);
    let url = folder.card("card.html", &greeting("First of all, hello to you. Second, and last, good bye."));
    browser.open(page, &url);
    browser.wait(Duration::from_millis(150));
    assert_eq!(browser.eval(page, "voice.said"), json!([]), "nothing is said before a click");
    browser.click(page, "#listen");
    browser.until(page, "voice.said.length === 1");
    assert_eq!(browser.eval(page, "voice.said[0].trim()"), json!("yes: First of all, hello to you."));
    assert_eq!(browser.eval(page, "caption.getAttribute('aria-live')"), json!("off"), "two voices at once");
    browser.click(page, "#mute");
    assert_eq!(browser.eval(page, "mute.getAttribute('aria-pressed')"), json!("true"));
    assert_eq!(browser.eval(page, "[voice.cancelled > 0, voice.now]"), json!([true, null]), "it is not silent");
    assert_eq!(browser.eval(page, "caption.getAttribute('aria-live')"), json!("polite"));
    assert_eq!(browser.eval(page, TALKING), json!(true));
    browser.until(page, "caption.textContent.startsWith('Second')");
    browser.until(page, STILL);
    assert_eq!(browser.eval(page, "voice.said.length"), json!(1), "a muted card speaks");
    browser.click(page, "#mute");
    assert_eq!(browser.eval(page, "mute.getAttribute('aria-pressed')"), json!("false"));
    browser.click(page, "#listen");
    browser.until(page, "voice.said.length === 2");
    // Stop ends sound and motion both.
    browser.click(page, "#listen");
    assert_eq!(browser.eval(page, "[voice.now, caption.textContent, listen.textContent]"), json!([null, "", "Listen"]));
    assert_eq!(browser.eval(page, STILL), json!(true));
    assert_eq!(browser.complaints(page), Vec::<String>::new());
    browser.close(page);
}

#[test]
fn i9_with_a_voice_the_caption_follows_it_to_the_end() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let page = &browser.page(1280, 900);
    browser.before(page, VOICE);
    let url = folder.card("card.html", &greeting("One thing. Another thing."));
    browser.open(page, &url);
    browser.click(page, "#listen");
    browser.until(page, "voice.now !== null && caption.textContent === 'One thing.'");
    browser.wait(Duration::from_millis(1500));
    assert_eq!(browser.eval(page, "caption.textContent"), json!("One thing."), "the voice is cut off");
    browser.eval(page, "voice.finish()");
    browser.until(page, "voice.now !== null && caption.textContent === 'Another thing.'");
    browser.eval(page, "voice.finish()");
    browser.until(page, STILL);
    // A voice that never starts gives way to the timed shapes within a second or so.
    browser.eval(page, "window.dumb = true");
    browser.click(page, "#listen");
    browser.until(page, "voice.cancelled > 0 && caption.getAttribute('aria-live') === 'polite'");
    browser.until(page, STILL);
    assert_eq!(browser.complaints(page), Vec::<String>::new());
    browser.close(page);
}

#[test]
fn i9_questions_are_answered_by_keyboard() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let page = &browser.page(1280, 900);
    let mut raw = raw();
    raw.offer.questions[1].answer = LONG.to_owned();
    let url = folder.card("card.html", &raw);
    browser.open(page, &url);
    browser.eval(page, "document.querySelector('summary').focus()");
    browser.press(page, "Enter", 13, "\r");
    browser.until(page, "caption.textContent === 'About 410 km.'");
    assert_eq!(browser.eval(page, "document.querySelector('details').open"), json!(true));
    // The second question while the first is being answered; then the first is shut, and the second is still told.
    browser.eval(page, "document.querySelectorAll('summary')[1].focus()");
    browser.press(page, "Enter", 13, "\r");
    browser.until(page, "caption.textContent.startsWith('Aloha')");
    browser.eval(page, "document.querySelector('summary').focus()");
    browser.press(page, "Enter", 13, "\r");
    browser.until(page, "!document.querySelector('details').open");
    browser.wait(Duration::from_millis(60));
    assert_eq!(browser.eval(page, "caption.textContent"), json!(LONG), "another answer was broken off");
    // Tab reaches the controls in their order.
    browser.open(page, &url);
    let mut order = Vec::new();
    for _ in 0..3 {
        browser.press(page, "Tab", 9, "");
        order.push(browser.eval(page, "document.activeElement.id || document.activeElement.tagName"));
    }
    assert_eq!(order[..2], [json!("listen"), json!("mute")], "{order:?}");
    browser.close(page);
}
