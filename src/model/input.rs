//! Inputs as plans hold them.

use std::borrow::Cow;

use super::{Model, ModelError};

/// How rows of inputs become the words of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputForm {
    /// Values a row.
    pub width: usize,
    /// How many whole numbers there are, if the model begins with an embedding.
    pub vocabulary: Option<usize>,
}

impl InputForm {
    /// Values as they are; before an embedding, the whole numbers that they stand for.
    ///
    /// # Errors
    /// Names row and column of a value that is no number of the vocabulary.
    pub fn words(self, values: &[f32]) -> Result<Cow<'_, [u32]>, ModelError> {
        let Some(vocabulary) = self.vocabulary else {
            return Ok(Cow::Borrowed(bytemuck::cast_slice(values)));
        };
        let word = |(at, &value): (usize, &f32)| {
            let (row, column) = (at / self.width, at % self.width);
            // Also false for NaN. A vocabulary is at most 2^24: each of its numbers is exact in f32.
            let known = value >= 0.0 && value < vocabulary as f32 && value.fract() == 0.0;
            if known { Ok(value as u32) } else { Err(ModelError::Token { row, column, value, last: vocabulary - 1 }) }
        };
        values.iter().enumerate().map(word).collect::<Result<Vec<u32>, _>>().map(Cow::Owned)
    }
}

impl Model {
    /// How its rows of inputs become words.
    pub fn input_form(&self) -> InputForm {
        InputForm { width: self.input().len(), vocabulary: self.vocabulary() }
    }
}

#[cfg(test)]
mod tests {
    use super::InputForm;

    #[test]
    fn e11_tokens_become_whole_numbers_and_others_are_named_by_row_and_column() {
        let form = InputForm { width: 3, vocabulary: Some(10) };
        assert_eq!(form.words(&[0.0, 9.0, 5.0]).expect("tokens").as_ref(), [0, 9, 5]);
        for wrong in [-1.0, 10.0, 2.5, f32::NAN, f32::INFINITY] {
            let error = form.words(&[1.0, 2.0, 3.0, 4.0, wrong, 6.0]).expect_err("no token").to_string();
            let expected = format!("row 1 has the input {wrong} in column 1, expected a whole number from 0 to 9");
            assert_eq!(error, expected);
        }
        let plain = InputForm { vocabulary: None, ..form };
        assert_eq!(plain.words(&[2.5]).expect("values").as_ref(), [2.5_f32.to_bits()]);
    }
}
