//! What people and programs see on stderr while a run goes on: bars on a terminal, plain lines elsewhere, JSON lines
//! when asked. A closed stderr stops no run.

use std::ffi::OsStr;
use std::io::{IsTerminal, Write};
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::events::event;

/// `--log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogChoice {
    /// Progress bars on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// Plain lines everywhere.
    Plain,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Bars,
    Plain,
    Json,
}

impl Style {
    fn choose(log: LogChoice, terminal: bool) -> Self {
        match log {
            LogChoice::Json => Self::Json,
            LogChoice::Auto if terminal => Self::Bars,
            LogChoice::Auto | LogChoice::Plain => Self::Plain,
        }
    }
}

/// Colour only on a terminal, and not where `NO_COLOR` is set and not empty (no-color.org).
pub fn colour_wanted(no_color: Option<&OsStr>, terminal: bool) -> bool {
    terminal && no_color.is_none_or(OsStr::is_empty)
}

/// The program's stderr. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Console(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    style: Style,
    quiet: bool,
    colour: bool,
    bars: MultiProgress,
}

impl Console {
    /// A console on stderr; `quiet` leaves warnings and errors.
    pub fn on_stderr(log: LogChoice, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let no_color = std::env::var_os("NO_COLOR");
        let style = Style::choose(log, terminal);
        let colour = style != Style::Json && colour_wanted(no_color.as_deref(), terminal);
        let bars = match style {
            Style::Bars if !quiet => MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            _ => MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
        };
        Self(Arc::new(Inner { style, quiet, colour, bars }))
    }

    /// A line for people.
    pub fn note(&self, text: &str) {
        if self.0.style != Style::Json && !self.0.quiet {
            self.write(text);
        }
    }

    /// A warning for people.
    pub fn warn(&self, text: &str) {
        if self.0.style != Style::Json {
            self.write(&format!("{} {text}", self.painted("warning:", "33")));
        }
    }

    /// An error, in the log's own form.
    pub fn error(&self, text: &str) {
        match self.0.style {
            Style::Json => self.write(&event("error", json!({ "message": text })).to_string()),
            _ => self.write(&format!("{} {text}", self.painted("error:", "31"))),
        }
    }

    /// An event for programs; with `quiet`, warnings only.
    pub fn event(&self, event: &Value) {
        if self.0.style == Style::Json && (!self.0.quiet || event["event"] == "warning") {
            self.write(&event.to_string());
        }
    }

    pub(super) fn style(&self) -> Style {
        self.0.style
    }

    /// A bar; `None` where bars are not drawn.
    pub(super) fn bar(&self, what: &str, total: u64) -> Option<ProgressBar> {
        if self.0.style != Style::Bars || self.0.quiet {
            return None;
        }
        let bar = if self.0.colour { "{bar:30.cyan/dim}" } else { "{bar:30}" };
        let template = format!("{{msg:24}} {bar} {{pos}}/{{len}} {{elapsed}} left {{eta}}");
        // The template is this file's own text; without it the bar is drawn in indicatif's default form.
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.0.bars.add(ProgressBar::new(total).with_style(style));
        bar.set_message(what.to_owned());
        Some(bar)
    }

    fn painted(&self, text: &str, colour: &str) -> String {
        if self.0.colour { format!("\x1b[1;{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn write(&self, text: &str) {
        let line = format!("{text}\n");
        let put = || drop(std::io::stderr().lock().write_all(line.as_bytes()));
        if self.0.style == Style::Bars { self.0.bars.suspend(put) } else { put() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e19_bars_only_on_a_terminal() {
        assert_eq!(Style::choose(LogChoice::Auto, true), Style::Bars);
        assert_eq!(Style::choose(LogChoice::Auto, false), Style::Plain);
        assert_eq!(Style::choose(LogChoice::Plain, true), Style::Plain);
        assert_eq!(Style::choose(LogChoice::Json, true), Style::Json);
    }

    #[test]
    fn e19_no_color_is_respected() {
        assert!(colour_wanted(None, true));
        assert!(colour_wanted(Some(OsStr::new("")), true));
        assert!(!colour_wanted(Some(OsStr::new("1")), true));
        assert!(!colour_wanted(None, false));
    }
}
