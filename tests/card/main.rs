//! Smart cards in a real browser (I9): headless Chromium opens them as a user does, from a file.
#![cfg(unix)]

mod browser;
mod contact;
mod hostile;
mod layout;
mod motion;
mod sample;
mod sealed;
mod shown;
