//! Windows over positions: sizes, steps and paddings, over the height and over the length.

use serde::{Deserialize, Serialize};

use super::layer::LayerSpec;
use super::shape::{TensorShape, bounded};

/// One number for both directions, or a pair [height, length].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "expected a number or a pair [height, length]")]
pub enum Sides {
    /// As many both ways.
    Each(usize),
    /// Over the height, over the length.
    Both([usize; 2]),
}

impl Default for Sides {
    fn default() -> Self {
        Self::Each(0)
    }
}

impl Sides {
    pub(super) const fn pair(self) -> [usize; 2] {
        match self {
            Self::Each(each) => [each, each],
            Self::Both(pair) => pair,
        }
    }

    /// A number on a sequence is over its length alone.
    const fn over(self, input: TensorShape, height: usize) -> [usize; 2] {
        match self {
            Self::Each(each) if input.height == 1 => [height, each],
            other => other.pair(),
        }
    }
}

/// Paddings by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NamedPadding {
    /// As many zeros as keep the length (for odd kernels and stride 1).
    Same,
    /// None.
    Valid,
}

/// Zeros put around a sequence before a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "expected a number, \"same\" or \"valid\"")]
pub enum Padding {
    /// As many on each side.
    Each(usize),
    /// `"same"` or `"valid"`.
    Named(NamedPadding),
}

impl Default for Padding {
    fn default() -> Self {
        Self::Named(NamedPadding::Same)
    }
}

/// Zeros put around an image before a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "expected a number, a pair [height, length], \"same\" or \"valid\"")]
pub enum PlanePadding {
    /// As many on each side.
    Each(usize),
    /// Above and below, before and behind.
    Both([usize; 2]),
    /// `"same"` or `"valid"`.
    Named(NamedPadding),
}

impl Default for PlanePadding {
    fn default() -> Self {
        Self::Named(NamedPadding::Same)
    }
}

/// The windows of a convolution or a pooling; pairs are [height, length].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub size: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
    /// "kernel" or "window".
    what: &'static str,
    /// Whether messages give both directions.
    plane: bool,
}

impl Window {
    /// The windows of a layer that has some, checked against its input but for their number.
    pub(super) fn of(layer: &LayerSpec, input: TensorShape) -> Result<Option<Self>, String> {
        match *layer {
            LayerSpec::Conv1d { .. } if input.height != 1 => {
                Err(format!("needs a sequence, found an image of height {}: use conv2d", input.height))
            }
            LayerSpec::Conv1d { channels, kernel, stride, padding, dilation, .. } => {
                let padding = match padding {
                    Padding::Each(each) => PlanePadding::Both([0, each]),
                    Padding::Named(name) => PlanePadding::Named(name),
                };
                Self::convolution(channels, [1, kernel], [1, stride], padding, [1, dilation], false).map(Some)
            }
            LayerSpec::Conv2d { channels, kernel, stride, padding, dilation, .. } => {
                Self::convolution(channels, kernel.pair(), stride.pair(), padding, dilation.pair(), true).map(Some)
            }
            LayerSpec::MaxPool { window, stride } | LayerSpec::AveragePool { window, stride } => {
                let size = window.over(input, 1);
                let stride = stride.over(input, 0);
                let stride = std::array::from_fn(|i| if stride[i] == 0 { size[i] } else { stride[i] });
                Ok(Some(Self::pool(size, stride, input.height > 1)))
            }
            LayerSpec::GlobalMaxPool | LayerSpec::GlobalAveragePool => {
                let size = [input.height, input.length];
                Ok(Some(Self::pool(size, size, input.height > 1)))
            }
            LayerSpec::FirstPosition => {
                let stride = [input.height, input.length];
                Ok(Some(Self::pool([1, 1], stride, input.height > 1)))
            }
            _ => Ok(None),
        }
    }

    const fn pool(size: [usize; 2], stride: [usize; 2], plane: bool) -> Self {
        Self { size, stride, padding: [0, 0], dilation: [1, 1], what: "window", plane }
    }

    fn convolution(
        channels: usize,
        size: [usize; 2],
        stride: [usize; 2],
        padding: PlanePadding,
        dilation: [usize; 2],
        plane: bool,
    ) -> Result<Self, String> {
        let mut window = Self { size, stride, padding: [0, 0], dilation, what: "kernel", plane };
        if channels == 0 || size.contains(&0) || dilation.contains(&0) {
            let (size, dilation) = (window.text(size), window.text(dilation));
            return Err(format!(
                "channels, kernel and dilation must be at least 1, found {channels}, {size} and {dilation}"
            ));
        }
        bounded(&[&[channels], &size[..], &stride, &dilation].concat())?;
        window.padding = match padding {
            PlanePadding::Each(each) => [each, each],
            PlanePadding::Both(pair) => pair,
            PlanePadding::Named(NamedPadding::Valid) => [0, 0],
            PlanePadding::Named(NamedPadding::Same) if size.iter().all(|side| side % 2 == 1) => {
                std::array::from_fn(|i| (size[i] - 1) / 2 * dilation[i])
            }
            PlanePadding::Named(NamedPadding::Same) => {
                let size = window.text(size);
                return Err(format!("padding \"same\" needs an odd kernel, found {size}: give a number or \"valid\""));
            }
        };
        bounded(&window.padding)?;
        Ok(window)
    }

    fn text(&self, pair: [usize; 2]) -> String {
        if self.plane { format!("{pair:?}") } else { pair[1].to_string() }
    }

    /// How many windows there are, over the height and over the length.
    pub(super) fn count(&self, input: TensorShape) -> Result<[usize; 2], String> {
        if self.size.contains(&0) || self.stride.contains(&0) {
            let (size, stride) = (self.text(self.size), self.text(self.stride));
            return Err(format!("{} and stride must be at least 1, found {size} and {stride}", self.what));
        }
        let mut count = [0; 2];
        let sides = [(input.height, "higher than the image"), (input.length, "longer than the sequence")];
        for (i, (extent, beyond)) in sides.into_iter().enumerate() {
            let reach = (self.size[i] - 1) * self.dilation[i] + 1;
            let padded = extent + 2 * self.padding[i];
            if reach > padded {
                let beyond = if i == 1 && input.height > 1 { "longer than the image's rows" } else { beyond };
                return Err(format!("{} of {reach} is {beyond} of {padded}", self.what));
            }
            count[i] = (padded - reach) / self.stride[i] + 1;
        }
        Ok(count)
    }
}
