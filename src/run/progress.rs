//! How far a piece of work has come.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde_json::json;

use super::console::{Console, Style};
use super::events::event;

/// Counts a piece of work; may be shared by threads. A bar on a terminal; elsewhere a line every so often and one at
/// the end. Progress is shown, not recorded: it never enters `events.jsonl`.
#[derive(Debug)]
pub struct Progress {
    what: String,
    total: u64,
    done: AtomicU64,
    console: Console,
    bar: Option<ProgressBar>,
    shown: Mutex<Instant>,
}

impl Progress {
    pub(super) fn new(console: &Console, what: &str, total: u64) -> Self {
        Self {
            what: what.to_owned(),
            total,
            done: AtomicU64::new(0),
            console: console.clone(),
            bar: console.bar(what, total),
            shown: Mutex::new(Instant::now()),
        }
    }

    /// `n` more are done.
    pub fn advance(&self, n: u64) {
        let done = self.done.fetch_add(n, Ordering::Relaxed) + n;
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None if self.is_due(done) => self.show(done),
            None => {}
        }
    }

    fn is_due(&self, done: u64) -> bool {
        let pause = if self.console.style() == Style::Json { Duration::from_secs(1) } else { Duration::from_secs(10) };
        // Whoever finds the lock taken leaves the line to its holder.
        let Ok(mut shown) = self.shown.try_lock() else { return done == self.total };
        let due = done == self.total || shown.elapsed() >= pause;
        if due {
            *shown = Instant::now();
        }
        due
    }

    fn show(&self, done: u64) {
        let percent = if self.total == 0 { 100.0 } else { 100.0 * done as f64 / self.total as f64 };
        self.console.note(&format!("{}: {done}/{} ({percent:.0}%)", self.what, self.total));
        self.console.event(&event("progress", json!({ "what": self.what, "done": done, "total": self.total })));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
