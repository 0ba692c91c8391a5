//! The preset faces: parameters of one drawing, nobody's likeness.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A preset face.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// Light skin, dark long hair.
    #[default]
    Rowan,
    /// Tan skin, black short hair.
    Jasper,
    /// Pale skin, chestnut long hair.
    Maple,
    /// Olive skin, dark short hair.
    Olive,
    /// Dark skin, black long hair.
    Hazel,
    /// Pale skin, grey short hair.
    Birch,
}

/// What the shader and the still picture draw with: colours as `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Colours {
    /// The skin in full light.
    pub skin: &'static str,
    /// Hair and brows.
    pub hair: &'static str,
    /// The iris.
    pub eyes: &'static str,
    /// The lips.
    pub lips: &'static str,
    /// The jacket.
    pub top: &'static str,
    /// Whether the hair falls to the shoulders.
    pub long: bool,
}

impl Face {
    /// All presets.
    pub const ALL: [Self; 6] = [Self::Rowan, Self::Jasper, Self::Maple, Self::Olive, Self::Hazel, Self::Birch];

    /// The preset's parameters.
    pub const fn colours(self) -> Colours {
        let (skin, hair, eyes, lips, top, long) = match self {
            Self::Rowan => ("#f0c6a6", "#35251f", "#4a3324", "#c4665f", "#2f6066", true),
            Self::Jasper => ("#e3b18a", "#1e1a1b", "#2e2019", "#b0605a", "#34466b", false),
            Self::Maple => ("#f6d6c0", "#8a5530", "#4c6f5c", "#cd7770", "#7b3c49", true),
            Self::Olive => ("#c68e64", "#2b1d16", "#3b281c", "#9c5047", "#4d6340", false),
            Self::Hazel => ("#8f5b3d", "#19130f", "#2b1c14", "#83443b", "#b9752f", true),
            Self::Birch => ("#f0cfb6", "#a3a09b", "#54697a", "#bd6f67", "#46505c", false),
        };
        Colours { skin, hair, eyes, lips, top, long }
    }
}
