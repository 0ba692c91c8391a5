//! Shapes that make no sense.

/// A shape that an operation refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A dimension is zero.
    #[error("{op}: dimension `{dimension}` is 0, expected at least 1")]
    Zero {
        /// The operation.
        op: &'static str,
        /// The dimension.
        dimension: &'static str,
    },
    /// A tensor has more elements than 32 bits can number.
    #[error("{op}: `{tensor}` of shape {shape:?} has more than {} elements", u32::MAX)]
    TooManyElements {
        /// The operation.
        op: &'static str,
        /// The tensor.
        tensor: &'static str,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Two dimensions do not go together.
    #[error("{op}: {reason}")]
    Mismatch {
        /// The operation.
        op: &'static str,
        /// What was expected and what came.
        reason: String,
    },
}

impl ShapeError {
    /// Refuses dimensions that are 0.
    ///
    /// # Errors
    /// Names the first such dimension.
    pub fn positive(op: &'static str, dimensions: &[(&'static str, usize)]) -> Result<(), Self> {
        match dimensions.iter().find(|(_, size)| *size == 0) {
            Some((dimension, _)) => Err(Self::Zero { op, dimension }),
            None => Ok(()),
        }
    }

    /// Refuses tensors whose elements cannot be numbered in 32 bits, as the shaders do.
    ///
    /// # Errors
    /// Names the first such tensor.
    pub fn countable(op: &'static str, tensors: &[(&'static str, &[usize])]) -> Result<(), Self> {
        for (tensor, shape) in tensors {
            let elements = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
            if elements.is_none_or(|count| count > u32::MAX as usize) {
                return Err(Self::TooManyElements { op, tensor, shape: shape.to_vec() });
            }
        }
        Ok(())
    }

    /// A mismatch, in words.
    pub fn mismatch(op: &'static str, reason: impl Into<String>) -> Self {
        Self::Mismatch { op, reason: reason.into() }
    }
}
