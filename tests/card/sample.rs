//! Cards as files, and a page that reads pictures.

use std::path::Path;

use nightloom::card::{CardTemplate, RawCard, RawContact, RawOffer, RawProduct, RawQuestion, RawSeller};
use serde_json::json;
use tempfile::TempDir;

use crate::browser::{Browser, Page};

/// A card with all its parts.
pub fn raw() -> RawCard {
    let some = |text: &str| Some(text.to_owned());
    let question = |question: &str, answer: &str| RawQuestion { question: question.into(), answer: answer.into() };
    RawCard {
        seller: RawSeller {
            contact: RawContact {
                name: "Maya Okonjo".to_owned(),
                organisation: some("Harbour; Vale, \\ Motors"),
                title: some("Senior consultant"),
                phone: some("+44 20 7946 0101"),
                email: some("maya.okonjo@harbourvale.example"),
                site: some("https://harbourvale.example/a,b;c"),
                address: some("12 Quay Street\nBristol BS1 4DB"),
            },
            chat: some("https://harbourvale.example/chat"),
            ..RawSeller::default()
        },
        offer: RawOffer {
            language: "en".to_owned(),
            display_name: some("Mr Alvarez"),
            greeting: "Good morning, Mr Alvarez. The Vale E2 is here for you to try.".to_owned(),
            product: Some(RawProduct {
                name: "Vale E2 Touring".to_owned(),
                kind: some("Electric hatchback"),
                colour: some("Slate blue"),
                price: some("from £28,450"),
                page: some("https://harbourvale.example/e2"),
                case: some("https://harbourvale.example/stories"),
            }),
            purchase: None,
            questions: vec![question("How far does it go?", "About 410 km."), question("And at home?", "It charges.")],
        },
    }
}

/// The card that greets with `greeting`.
pub fn greeting(greeting: &str) -> RawCard {
    let mut raw = raw();
    greeting.clone_into(&mut raw.offer.greeting);
    raw
}

/// A folder of pages, as a user's download folder would be.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes the card into a file; its address.
    pub fn card(&self, name: &str, raw: &RawCard) -> String {
        let card = raw.check().expect("a sound card");
        self.page(name, &CardTemplate::new().expect("wordings").render(&card).expect("a card"))
    }

    /// Writes a page into a file; its address.
    #[expect(clippy::disallowed_methods, reason = "test input")]
    pub fn page(&self, name: &str, html: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, html).expect("a file");
        format!("file://{}", path.display())
    }
}

/// A page without a policy that reads the pixels of pictures.
pub struct Reader(Page);

/// A picture: width, height, and 4 bytes a pixel.
pub struct Pixels {
    pub width: usize,
    pub height: usize,
    pub bytes: Vec<u8>,
}

impl Reader {
    pub fn new(browser: &mut Browser) -> Self {
        Self(browser.page(100, 100))
    }

    /// The pixels of a base64 PNG. The browser itself decodes it, so that the tests need no decoder.
    pub fn read(&self, browser: &mut Browser, png: &str) -> Pixels {
        let script = format!(
            "new Promise((done, fail) => {{ const i = new Image(); i.onerror = () => fail(Error('no picture'));
             i.onload = () => {{ const c = document.createElement('canvas'); c.width = i.width; c.height = i.height;
             const d = c.getContext('2d'); d.drawImage(i, 0, 0);
             const bytes = d.getImageData(0, 0, c.width, c.height).data; let hex = '';
             for (const b of bytes) hex += b.toString(16).padStart(2, '0');
             done({{ width: c.width, height: c.height, hex }}); }};
             i.src = 'data:image/png;base64,' + {}; }})",
            json!(png)
        );
        let picture = browser.eval(&self.0, &script);
        let size = |name: &str| usize::try_from(picture[name].as_u64().expect("a size")).expect("a size");
        let hex = picture["hex"].as_str().expect("pixels");
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("a byte");
        Pixels { width: size("width"), height: size("height"), bytes: (0..hex.len()).step_by(2).map(byte).collect() }
    }
}

impl Pixels {
    /// How many colours it has.
    pub fn colours(&self) -> usize {
        let mut all: Vec<&[u8]> = self.bytes.chunks_exact(4).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    }

    /// The share of pixels that differ from `other`'s clearly.
    pub fn change(&self, other: &Self) -> f64 {
        assert_eq!((self.width, self.height), (other.width, other.height));
        let pairs = self.bytes.chunks_exact(4).zip(other.bytes.chunks_exact(4));
        let differ = pairs.filter(|(one, two)| one.iter().zip(*two).any(|(a, b)| a.abs_diff(*b) > 24)).count();
        differ as f64 / (self.width * self.height) as f64
    }
}
