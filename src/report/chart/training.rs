//! Training curves: the loss over the epochs, with the epoch whose weights were kept (E13).

use super::super::error::{ReportError, check_length};
use super::super::number;
use super::line::{LineChart, MarkKind, XLabels};
use super::{Chart, Size};

/// Loss over epochs, for training and validation.
#[derive(Debug, Clone)]
pub struct TrainingCurves {
    title: String,
    train: Vec<f64>,
    validation: Vec<f64>,
    best: Option<usize>,
    size: Size,
}

impl TrainingCurves {
    /// Curves of one value an epoch. The validation curve may be empty.
    pub fn new(title: &str, train: &[f64], validation: &[f64]) -> Self {
        Self {
            title: title.to_owned(),
            train: train.to_vec(),
            validation: validation.to_vec(),
            best: None,
            size: Size::Half,
        }
    }

    /// Marks the epoch (from 0) whose weights were kept.
    #[must_use]
    pub fn best_epoch(mut self, epoch: usize) -> Self {
        self.best = Some(epoch);
        self
    }

    /// Sets the size.
    #[must_use]
    pub fn size(mut self, size: Size) -> Self {
        self.size = size;
        self
    }

    /// Draws the curves.
    ///
    /// # Errors
    /// A loss is not finite, the two curves differ in length, or the best epoch lies beyond them.
    pub fn render(self) -> Result<Chart, ReportError> {
        let what = format!("training curves {:?}", self.title);
        if !self.validation.is_empty() {
            check_length(&format!("{what}, validation"), self.train.len(), self.validation.len())?;
        }
        let mut chart = LineChart::new(&self.title, "epoch", "loss", XLabels::From(1)).size(self.size).series(
            "training",
            0,
            &self.train,
        );
        let mut judged = &self.train;
        if !self.validation.is_empty() {
            chart = chart.series("validation", 0, &self.validation);
            judged = &self.validation;
        }
        if let Some(best) = self.best {
            let Some(&loss) = judged.get(best) else {
                let got = format!("{best} with {} epochs", judged.len());
                return Err(ReportError::Range { what, expected: "a best epoch within the curves", got });
            };
            let name = format!("best: epoch {}, {}", best + 1, number::short(loss));
            chart = chart.marks(MarkKind::Predicted, &name, &[(best, loss)]);
        }
        chart.render()
    }
}
