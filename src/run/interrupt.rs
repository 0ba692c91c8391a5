//! SIGINT and SIGTERM.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::RunError;
use super::exit::ExitCode;

/// A flag that says: come to a stop, and keep what is done.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Raised by the first SIGINT or SIGTERM; the second ends the process at once, with the same exit code: files
    /// appear whole or not at all, so the run can be resumed then too.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn on_signals() -> Result<Self, RunError> {
        let flag = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let code = i32::from(ExitCode::Interrupted.code());
            // The order matters: the first signal must find the flag still down.
            signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&flag.0))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag.0)))
                .map_err(RunError::work)?;
        }
        Ok(flag)
    }

    /// Raises the flag.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it is raised.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// For `?`.
    ///
    /// # Errors
    /// [`RunError::Interrupted`] when the flag is raised.
    pub fn check(&self) -> Result<(), RunError> {
        if self.is_raised() { Err(RunError::Interrupted) } else { Ok(()) }
    }
}
