//! Phone, paper, and what assistive technology is told.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::browser::Shared;
use crate::sample::{Folder, raw};

#[test]
fn i9_a_phone_has_nothing_to_scroll_sideways() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let page = &browser.page(390, 844);
    let mut long = raw();
    long.seller.contact.name = "Wolfeschlegelsteinhausenbergerdorff".repeat(2);
    long.offer.greeting = "x".repeat(300);
    let mut arabic = raw();
    arabic.offer.language = "ar".to_owned();
    arabic.offer.greeting = "صباح الخير يا سيدي، السيارة جاهزة للتجربة.".to_owned();
    let mut chinese = raw();
    chinese.offer.language = "zh-CN".to_owned();
    chinese.offer.greeting = "早上好，您询问的车已经到店。".to_owned();
    for (name, raw) in [("plain", raw()), ("long", long), ("arabic", arabic), ("chinese", chinese)] {
        let url = folder.card(&format!("{name}.html"), &raw);
        for width in [390, 320] {
            browser.resize(page, width, 844);
            browser.open(page, &url);
            let fits = browser.eval(page, "[document.documentElement.scrollWidth, innerWidth]");
            assert!(fits[0].as_u64() <= fits[1].as_u64(), "{name}, {width} pixels: {fits}");
            assert_eq!(fits[1], json!(width));
            let small = browser.eval(
                page,
                "[...document.querySelectorAll('button, .links a')].filter(e => e.checkVisibility())
                 .map(e => e.getBoundingClientRect()).filter(r => r.height < 43 || r.right > innerWidth || r.left < 0).length",
            );
            assert_eq!(small, json!(0), "{name}: buttons under a finger's size or cut off");
        }
    }
    browser.close(page);
}

#[test]
fn i9_the_print_has_greeting_contact_and_answers() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let page = &browser.page(1280, 900);
    let url = folder.card("card.html", &raw());
    browser.open(page, &url);
    browser.ask(page, "Emulation.setEmulatedMedia", &json!({ "media": "print" }));
    let seen = |selector: &str| {
        format!(
            "[...document.querySelectorAll('{selector}')].every(e => e.checkVisibility({{ visibilityProperty: true }})
             && e.getBoundingClientRect().height > 0)"
        )
    };
    for part in ["h1", "#greeting", ".contact dl a", ".contact .address", "figure svg", "#poster", "summary", ".answer"]
    {
        assert_eq!(browser.eval(page, &seen(part)), json!(true), "{part} is not printed");
    }
    for part in ["#face", "#controls"] {
        assert_eq!(browser.eval(page, &seen(part)), json!(false), "{part} is printed");
    }
    let answer = browser.ask(page, "Page.printToPDF", &json!({ "printBackground": false }));
    let pdf = STANDARD.decode(answer["data"].as_str().expect("a PDF")).expect("base64");
    assert!(pdf.starts_with(b"%PDF-"));
    // The text is packed, but the targets of links are plain: the contact's are among them.
    let text = String::from_utf8_lossy(&pdf);
    for link in ["tel:+442079460101", "mailto:maya.okonjo@harbourvale.example"] {
        assert!(text.contains(link), "the PDF has no link {link}");
    }
    browser.close(page);
}

/// Role and name of every part of the page that assistive technology hears of, in order.
fn heard(nodes: &Value) -> Vec<(String, String)> {
    let nodes = nodes["nodes"].as_array().expect("nodes");
    let told = nodes.iter().filter(|node| node["ignored"] != json!(true));
    let text = |node: &Value, part: &str| node[part]["value"].as_str().unwrap_or_default().to_owned();
    told.map(|node| (text(node, "role"), text(node, "name"))).collect()
}

#[test]
fn i9_assistive_technology_hears_names_and_roles() {
    let (shared, folder) = (Shared::new(), Folder::new());
    let browser = &mut shared.take();
    let page = &browser.page(1280, 900);
    let url = folder.card("card.html", &raw());
    browser.open(page, &url);
    let all = heard(&browser.ask(page, "Accessibility.getFullAXTree", &json!({})));
    for (role, name) in [
        ("heading", "Maya Okonjo"),
        ("button", "Listen"),
        ("button", "Mute"),
        ("region", "Greeting"),
        ("region", "Vale E2 Touring"),
        ("navigation", "Links"),
        ("link", "View product"),
        ("region", "You may want to ask"),
        ("region", "Contact"),
        ("link", "+44 20 7946 0101"),
        ("image", "QR code of the contact"),
        ("link", "Save to contacts"),
    ] {
        assert!(all.iter().any(|told| told.0 == role && told.1 == name), "no {role} {name:?} in {all:#?}");
    }
    let faces = all.iter().filter(|told| told.1 == "Drawn face of the assistant").count();
    assert_eq!(faces, 1, "the face is told once: {all:#?}");
    let nameless = all.iter().filter(|told| ["button", "link", "image", "region"].contains(&told.0.as_str()));
    assert_eq!(nameless.filter(|told| told.1.is_empty()).count(), 0, "{all:#?}");
    browser.close(page);
}
