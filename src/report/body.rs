//! What a section holds: paragraphs, key figures, tables, charts, notes, and blocks to open.

use super::chart::Chart;
use super::error::{ReportError, check_finite};
use super::table::{Column, Table};
use super::text::escape;
use std::fmt::Write;

/// A key figure: a label, its value and, where it helps, what to hold it against.
#[derive(Debug, Clone)]
pub struct Card {
    /// What it is.
    pub label: String,
    /// The value, already written.
    pub value: String,
    /// A line below, may be empty.
    pub note: String,
}

impl Card {
    /// A key figure.
    pub fn new(label: &str, value: impl Into<String>, note: &str) -> Self {
        Self { label: label.to_owned(), value: value.into(), note: note.to_owned() }
    }
}

/// How loud a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// Worth knowing.
    Note,
    /// Changes how the result should be read.
    Warning,
}

/// One step of the run: what ran, where, and for how long.
#[derive(Debug, Clone)]
pub struct StepTiming {
    /// The step.
    pub step: String,
    /// The device, as its driver names it.
    pub device: String,
    /// Wall-clock time.
    pub seconds: f64,
}

#[derive(Debug, Clone)]
enum Block {
    Heading(String),
    Paragraph(String),
    Preformatted(String),
    Note(NoteKind, String),
    Cards(Vec<Card>),
    Table(Table),
    Figure(Chart, String),
    Grid(String, Vec<(String, Chart)>),
    Details(String, Body),
}

/// The content of a section or of a block to open, in order.
#[derive(Debug, Clone, Default)]
pub struct Body {
    blocks: Vec<Block>,
}

impl Body {
    /// An empty body, for [`Body::details`].
    pub fn new() -> Self {
        Self::default()
    }

    /// A heading inside the section.
    pub fn heading(&mut self, text: &str) -> &mut Self {
        self.push(Block::Heading(text.to_owned()))
    }

    /// A paragraph of plain text.
    pub fn paragraph(&mut self, text: &str) -> &mut Self {
        self.push(Block::Paragraph(text.to_owned()))
    }

    /// Text that keeps its spaces and line breaks: a decision tree, a resolved job.
    pub fn preformatted(&mut self, text: &str) -> &mut Self {
        self.push(Block::Preformatted(text.to_owned()))
    }

    /// A note or a warning.
    pub fn note(&mut self, kind: NoteKind, text: &str) -> &mut Self {
        self.push(Block::Note(kind, text.to_owned()))
    }

    /// Key figures, side by side.
    pub fn cards(&mut self, cards: Vec<Card>) -> &mut Self {
        self.push(Block::Cards(cards))
    }

    /// A table.
    pub fn table(&mut self, table: Table) -> &mut Self {
        self.push(Block::Table(table))
    }

    /// A chart with a caption, which may be empty. Neighbouring charts of half width stand side by side.
    pub fn figure(&mut self, chart: Chart, caption: &str) -> &mut Self {
        self.push(Block::Figure(chart, caption.to_owned()))
    }

    /// Small multiples: compact charts, each under its own heading, under one legend and one caption.
    pub fn grid(&mut self, caption: &str, charts: Vec<(String, Chart)>) -> &mut Self {
        self.push(Block::Grid(caption.to_owned(), charts))
    }

    /// A block that is closed until the reader opens it (and open in print).
    pub fn details(&mut self, summary: &str, body: Body) -> &mut Self {
        self.push(Block::Details(summary.to_owned(), body))
    }

    /// What ran on which device and how long: one row a step and the total.
    ///
    /// # Errors
    /// A duration is negative or not finite.
    pub fn timings(&mut self, steps: &[StepTiming]) -> Result<&mut Self, ReportError> {
        check_finite("step timings", steps.iter().map(|s| s.seconds))?;
        if let Some(step) = steps.iter().find(|s| s.seconds < 0.0) {
            let (what, got) = (format!("duration of step {:?}", step.step), step.seconds.to_string());
            return Err(ReportError::Range { what, expected: "at least 0 s", got });
        }
        let columns = vec![
            Column::text("step"),
            Column::text("device"),
            Column::duration("time"),
            Column::percent("share", 0).with_bar(),
        ];
        let total: f64 = steps.iter().map(|s| s.seconds).sum();
        let share = |seconds: f64| (total > 0.0).then(|| seconds / total);
        let mut table = Table::new("Where the time went", columns);
        for s in steps {
            table.row(vec![
                s.step.as_str().into(),
                s.device.as_str().into(),
                s.seconds.into(),
                share(s.seconds).into(),
            ])?;
        }
        table.row(vec!["total".into(), "".into(), total.into(), super::Cell::Missing])?;
        Ok(self.table(table.emphasise_row(steps.len())))
    }

    fn push(&mut self, block: Block) -> &mut Self {
        self.blocks.push(block);
        self
    }

    pub(super) fn write(&self, ids: &mut Ids, out: &mut String) {
        let mut blocks = self.blocks.as_slice();
        while let Some((first, rest)) = blocks.split_first() {
            let halves = blocks.iter().take_while(|b| is_half(b)).count();
            if halves > 1 {
                out.push_str("<div class=\"pair\">\n");
                blocks[..halves].iter().for_each(|b| b.write(ids, out));
                out.push_str("</div>\n");
                blocks = &blocks[halves..];
            } else {
                first.write(ids, out);
                blocks = rest;
            }
        }
    }
}

/// Hands out the ids of charts in the order of writing.
#[derive(Debug, Default)]
pub(super) struct Ids(usize);

impl Ids {
    /// An id that no section can have: theirs hold no full stop.
    fn next(&mut self) -> String {
        self.0 += 1;
        format!("chart.{}", self.0)
    }
}

fn is_half(block: &Block) -> bool {
    matches!(block, Block::Figure(chart, _) if !chart.is_wide())
}

impl Block {
    fn write(&self, ids: &mut Ids, out: &mut String) {
        // A String cannot fail to be written to.
        let _ = match self {
            Self::Heading(text) => writeln!(out, "<h3>{}</h3>", escape(text)),
            Self::Paragraph(text) => writeln!(out, "<p>{}</p>", escape(text)),
            Self::Preformatted(text) => writeln!(out, "<pre tabindex=\"0\">{}</pre>", escape(text)),
            Self::Note(kind, text) => write_note(*kind, text, out),
            Self::Cards(cards) => write_cards(cards, out),
            Self::Table(table) => {
                table.write(out);
                Ok(())
            }
            Self::Figure(chart, caption) => write_figure(chart, caption, ids, out),
            Self::Grid(caption, charts) => write_grid(caption, charts, ids, out),
            Self::Details(summary, body) => {
                let _ = writeln!(out, "<details><summary>{}</summary>", escape(summary));
                body.write(ids, out);
                writeln!(out, "</details>")
            }
        };
    }
}

fn write_note(kind: NoteKind, text: &str, out: &mut String) -> std::fmt::Result {
    let (class, word) = match kind {
        NoteKind::Note => ("note", "Note"),
        NoteKind::Warning => ("note warning", "Warning"),
    };
    writeln!(out, "<p class=\"{class}\" role=\"note\"><strong>{word}</strong> {}</p>", escape(text))
}

fn write_cards(cards: &[Card], out: &mut String) -> std::fmt::Result {
    out.push_str("<dl class=\"cards\">\n");
    for card in cards {
        write!(out, "<div><dt>{}</dt><dd>{}</dd>", escape(&card.label), escape(&card.value))?;
        if !card.note.is_empty() {
            write!(out, "<dd class=\"sub\">{}</dd>", escape(&card.note))?;
        }
        out.push_str("</div>\n");
    }
    writeln!(out, "</dl>")
}

fn write_figure(chart: &Chart, caption: &str, ids: &mut Ids, out: &mut String) -> std::fmt::Result {
    let (class, title) = (if chart.is_wide() { "wide" } else { "half" }, escape(chart.title()));
    writeln!(out, "<figure class=\"{class}\"><div class=\"title\">{title}</div>")?;
    if chart.is_wide() {
        // On a phone it scrolls sideways, which must work from the keyboard too.
        write!(out, "<div class=\"plot\" role=\"group\" tabindex=\"0\" aria-label=\"{title}\">")?;
    } else {
        out.push_str("<div class=\"plot\">");
    }
    chart.write_svg(&ids.next(), out);
    out.push_str("</div>\n");
    if !caption.is_empty() {
        writeln!(out, "<figcaption>{}</figcaption>", escape(caption))?;
    }
    writeln!(out, "</figure>")
}

fn write_grid(caption: &str, charts: &[(String, Chart)], ids: &mut Ids, out: &mut String) -> std::fmt::Result {
    out.push_str("<figure class=\"wide\">\n");
    write_shared_legend(charts, out);
    out.push_str("<div class=\"grid\">\n");
    for (heading, chart) in charts {
        write!(out, "<div><h4>{}</h4>", escape(heading))?;
        chart.write_svg(&ids.next(), out);
        out.push_str("</div>\n");
    }
    out.push_str("</div>\n");
    if !caption.is_empty() {
        writeln!(out, "<figcaption>{}</figcaption>", escape(caption))?;
    }
    writeln!(out, "</figure>")
}

/// One legend for all charts of the grid: each different entry once, in order of appearance.
fn write_shared_legend(charts: &[(String, Chart)], out: &mut String) {
    let mut entries: Vec<String> = Vec::new();
    for entry in charts.iter().flat_map(|(_, chart)| chart.legend_html()) {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    if !entries.is_empty() {
        let _ = writeln!(out, "<ul class=\"legend\">{}</ul>", entries.concat());
    }
}
