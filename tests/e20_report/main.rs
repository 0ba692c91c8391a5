//! The report from the outside: what it promises to those who open it.

mod example;
mod refusals;
mod xml;

use example::{HOSTILE, report};
use nightloom::artifact::ArtifactError;
use nightloom::report::ReportError;
use nightloom::report::chart::Size;

#[test]
fn e20_report_renders() -> Result<(), ReportError> {
    // NIGHTLOOM_REPORT_EXAMPLE names a folder for those who want to look at the page.
    let temp = tempfile::tempdir().map_err(|e| ArtifactError::io("create", &std::env::temp_dir(), e))?;
    let folder = std::env::var_os("NIGHTLOOM_REPORT_EXAMPLE").map_or(temp.path().to_owned(), Into::into);
    let path = folder.join("report.html");
    let report = report(12, 203)?;
    report.write(&path)?;
    let page = std::fs::read_to_string(&path).map_err(|e| ArtifactError::io("read", &path, e))?;
    assert_eq!(page, report.render());
    assert_eq!(xml::check(&page), Ok(()));
    for id in ["summary", "classifier", "overview", "growth-points", "run"] {
        assert!(page.contains(&format!("<a href=\"#{id}\">")), "{id} in the contents");
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id} as an anchor");
    }
    Ok(())
}

#[test]
fn e20_every_picture_has_a_name_and_a_description() -> Result<(), ReportError> {
    let page = report(3, 40)?.render();
    let pictures = page.matches("role=\"img\"").count();
    assert_eq!(pictures, 4 + 7 + 1 + 3);
    assert_eq!(page.matches("<desc id=").count(), pictures);
    for (i, svg) in page.split("<svg xmlns").skip(1).enumerate() {
        let description = svg.split("<desc").nth(1).and_then(|d| d.split_once('>')).map_or("", |d| d.1);
        assert!(description.find("</desc>") > Some(20), "picture {}: {}", i + 1, &description[..40]);
    }
    Ok(())
}

#[test]
fn e20_report_needs_no_network_and_no_script() -> Result<(), ReportError> {
    let page = report(2, 40)?.render();
    let bare = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for needle in ["http:", "https:", "//", "<script", "@import", "url(", "src=", "onload"] {
        assert!(!bare.contains(needle), "{needle}");
    }
    Ok(())
}

#[test]
fn e20_hostile_ids_are_shown_and_do_nothing() -> Result<(), ReportError> {
    let page = report(2, 40)?.render();
    assert!(!page.contains(HOSTILE));
    let escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &quot;&amp;&quot; 商品甲";
    assert!(page.contains(&format!("<td>{escaped}</td>")), "in a table");
    assert!(page.contains(&format!("{escaped}</text>")), "on a bar");
    Ok(())
}

#[test]
fn e20_same_report_same_bytes() -> Result<(), ReportError> {
    assert_eq!(report(5, 100)?.render(), report(5, 100)?.render());
    Ok(())
}

#[test]
fn e20_report_of_1500_growth_products_stays_light() -> Result<(), ReportError> {
    let page = report(60, 1500)?.render();
    assert!(page.contains("and 500 more: see <a href=\"tables/growth_points.csv\">"));
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    let picture = example::product(1, Size::Small)?.svg("x");
    assert!(picture.len() < 6_000, "a small multiple of {} bytes", picture.len());
    let page = report(250, 1500)?.render();
    assert!(page.len() < 2_000_000, "{} bytes with 250 pictures", page.len());
    Ok(())
}

/// WCAG 2.1: contrast 4.5 for text, 3 for what must be seen in a picture, in both colour schemes.
#[test]
fn e20_colours_have_contrast_in_light_and_dark() -> Result<(), ReportError> {
    let page = report(1, 20)?.render();
    for (i, scheme) in page.split(":root {").skip(1).enumerate() {
        let scheme = scheme.split('}').next().unwrap_or_default();
        for (ink, ground, least) in PAIRS {
            let got = contrast(colour(scheme, ink), colour(scheme, ground));
            assert!(got >= least, "scheme {i}: {ink} on {ground}: {got:.2} < {least}");
        }
        // Cells with text in them are at most this opaque.
        let cell = mix(bytes(scheme, "c0"), bytes(scheme, "panel"), 0.55);
        let got = contrast(colour(scheme, "ink"), linear(cell));
        assert!(got >= 4.5, "scheme {i}: ink on the darkest cell: {got:.2}");
    }
    Ok(())
}

const PAIRS: [(&str, &str, f64); 15] = [
    ("ink", "bg", 4.5),
    ("ink", "soft", 4.5),
    ("ink", "bar", 4.5),
    ("dim", "bg", 4.5),
    ("dim", "soft", 4.5),
    ("link", "bg", 4.5),
    ("warn", "warn-soft", 4.5),
    ("ink", "warn-soft", 4.5),
    ("c0", "panel", 3.0),
    ("c1", "panel", 3.0),
    ("c2", "panel", 3.0),
    ("c3", "panel", 3.0),
    ("c4", "panel", 3.0),
    ("c5", "panel", 3.0),
    ("muted", "panel", 3.0),
];

fn bytes(scheme: &str, name: &str) -> [f64; 3] {
    let start = scheme.find(&format!("--{name}: #")).expect("the scheme defines the colour") + name.len() + 5;
    let byte = |i: usize| u8::from_str_radix(&scheme[start + i..start + i + 2], 16).expect("six hexadecimal digits");
    [0, 2, 4].map(|i| f64::from(byte(i)))
}

fn mix(top: [f64; 3], ground: [f64; 3], opacity: f64) -> [f64; 3] {
    [0, 1, 2].map(|i| top[i] * opacity + ground[i] * (1.0 - opacity))
}

fn linear(bytes: [f64; 3]) -> [f64; 3] {
    bytes.map(|b| b / 255.0).map(|s| if s <= 0.03928 { s / 12.92 } else { ((s + 0.055) / 1.055).powf(2.4) })
}

fn colour(scheme: &str, name: &str) -> [f64; 3] {
    linear(bytes(scheme, name))
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |c: [f64; 3]| 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}
