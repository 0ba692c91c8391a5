//! A QR code as the path of an inline SVG.

use std::fmt::Write;

use fast_qr::{ECL, QRBuilder};

use super::CardError;

/// Beyond this a code printed at 3 cm has modules under 0.4 mm, which cameras miss.
pub(super) const QR_BYTES_MAX: usize = 400;
/// The white margin that the standard wants, in modules.
const QUIET: usize = 4;

/// A QR code to be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrCode {
    /// Width and height in modules, margin included.
    pub side: usize,
    /// Horizontal strokes of width 1, one a run of dark modules.
    pub path: String,
}

impl QrCode {
    /// The code of `content`, with 15% redundancy where that stays coarse and 7% in long ones.
    ///
    /// # Errors
    /// [`CardError::QrLong`].
    pub fn new(content: &str) -> Result<Self, CardError> {
        let long = || CardError::QrLong { limit: QR_BYTES_MAX, found: content.len() };
        if content.len() > QR_BYTES_MAX {
            return Err(long());
        }
        let level = if content.len() > QR_BYTES_MAX / 2 { ECL::L } else { ECL::M };
        let code = QRBuilder::new(content).ecl(level).build().map_err(|_| long())?;
        let mut path = String::with_capacity(code.size * code.size);
        for row in 0..code.size {
            push_row(&mut path, &code[row][..code.size], row + QUIET);
        }
        Ok(Self { side: code.size + 2 * QUIET, path })
    }
}

fn push_row(path: &mut String, row: &[fast_qr::Module], y: usize) {
    let mut pen = None;
    let mut x = 0;
    while x < row.len() {
        let run = row[x..].iter().take_while(|module| module.value()).count();
        if run == 0 {
            x += 1;
            continue;
        }
        let moved = match pen {
            None => write!(path, "M{} {y}.5h{run}", x + QUIET),
            Some(end) => write!(path, "m{} 0h{run}", x - end),
        };
        moved.unwrap_or_default();
        x += run;
        pen = Some(x);
    }
}
