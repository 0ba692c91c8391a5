//! The page around the sections: head, title, contents, footer.

use super::body::{Body, Ids};
use super::error::ReportError;
use super::text::escape;
use crate::artifact;
use std::fmt::Write;
use std::path::Path;

const STYLE: &str = include_str!("style.css");

/// Sections fewer than this need no table of contents.
const CONTENTS_FROM: usize = 3;

#[derive(Debug, Clone)]
struct Section {
    title: String,
    id: String,
    body: Body,
}

/// A report: a title and its sections.
///
/// ```
/// use nightloom::report::{Card, Report};
/// let mut report = Report::new("Growth", "201 products, 52 weeks");
/// let summary = report.section("Summary", "summary")?;
/// summary.cards(vec![Card::new("ROC-AUC", "0.81", "held-out products")]);
/// assert!(report.render().contains("0.81"));
/// # Ok::<(), nightloom::report::ReportError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Report {
    title: String,
    subtitle: String,
    language: &'static str,
    sections: Vec<Section>,
    footer: Vec<String>,
}

impl Report {
    /// A report with no sections yet. The subtitle may be empty.
    pub fn new(title: &str, subtitle: &str) -> Self {
        Self {
            title: title.to_owned(),
            subtitle: subtitle.to_owned(),
            language: "en",
            sections: Vec::new(),
            footer: Vec::new(),
        }
    }

    /// Adds a section and gives its body to fill. `id` is its anchor.
    ///
    /// # Errors
    /// The id is not a plain anchor, or is used already.
    pub fn section(&mut self, title: &str, id: &str) -> Result<&mut Body, ReportError> {
        let mut chars = id.chars();
        let starts_well = chars.next().is_some_and(|c| c.is_ascii_lowercase());
        if !starts_well || !chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            return Err(ReportError::BadId { id: id.to_owned() });
        }
        if self.sections.iter().any(|s| s.id == id) {
            return Err(ReportError::DuplicateId { id: id.to_owned() });
        }
        let last = self.sections.len();
        self.sections.push(Section { title: title.to_owned(), id: id.to_owned(), body: Body::new() });
        Ok(&mut self.sections[last].body)
    }

    /// Adds a line to the footer: version, job, input hashes.
    pub fn footer(&mut self, line: &str) -> &mut Self {
        self.footer.push(line.to_owned());
        self
    }

    /// The page. The same report always gives the same text.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(1 << 16);
        self.write_head(&mut out);
        self.write_contents(&mut out);
        out.push_str("<main>\n");
        let mut ids = Ids::default();
        for section in &self.sections {
            let (id, title) = (&section.id, escape(&section.title));
            let _ = writeln!(out, "<section id=\"{id}\" aria-labelledby=\"{id}.h\"><h2 id=\"{id}.h\">{title}</h2>");
            section.body.write(&mut ids, &mut out);
            out.push_str("</section>\n");
        }
        out.push_str("</main>\n");
        self.write_footer(&mut out);
        out.push_str("</body>\n</html>\n");
        out
    }

    /// Writes the page to `path`, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        Ok(artifact::write_bytes(path, self.render().as_bytes())?)
    }

    fn write_head(&self, out: &mut String) {
        let title = escape(&self.title);
        let _ = writeln!(out, "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\"/>", self.language);
        // The policy makes "needs no network" something the browser enforces.
        out.push_str("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n");
        out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
        out.push_str("<meta name=\"color-scheme\" content=\"light dark\"/>\n");
        let _ = writeln!(out, "<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>");
        let _ = writeln!(out, "<header><h1>{title}</h1>");
        if !self.subtitle.is_empty() {
            let _ = writeln!(out, "<p>{}</p>", escape(&self.subtitle));
        }
        out.push_str("</header>\n");
    }

    fn write_contents(&self, out: &mut String) {
        if self.sections.len() < CONTENTS_FROM {
            return;
        }
        out.push_str("<nav aria-label=\"Contents\"><ol>");
        for section in &self.sections {
            let _ = write!(out, "<li><a href=\"#{}\">{}</a></li>", section.id, escape(&section.title));
        }
        out.push_str("</ol></nav>\n");
    }

    fn write_footer(&self, out: &mut String) {
        out.push_str("<footer>");
        for line in &self.footer {
            let _ = write!(out, "<p>{}</p>", escape(line));
        }
        let _ = writeln!(out, "<p>Made by nightloom {}.</p></footer>", env!("CARGO_PKG_VERSION"));
    }
}
