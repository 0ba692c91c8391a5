//! Draws that follow from the seed, the user and the purpose alone.

use crate::ops::rng::counter_bits;

/// One user's draws.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws {
    seed: u32,
    user: u32,
}

impl Draws {
    pub const fn new(seed: u32, user: u32) -> Self {
        Self { seed, user }
    }

    /// 32 bits for a purpose (`what`) and a number within it.
    pub const fn bits(self, what: What, number: u32) -> u32 {
        counter_bits(self.seed, what as u32, number, self.user)
    }

    /// 0 to just below 1.
    pub fn unit(self, what: What, number: u32) -> f64 {
        f64::from(self.bits(what, number)) / 4_294_967_296.0
    }

    /// 0 to `count - 1`.
    pub const fn below(self, what: What, number: u32, count: u32) -> u32 {
        ((self.bits(what, number) as u64 * count as u64) >> 32) as u32
    }

    /// One of these.
    pub fn pick<T: Copy>(self, what: What, number: u32, from: &[T]) -> T {
        from[self.below(what, number, from.len() as u32) as usize]
    }
}

/// What a draw is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Consent,
    Language,
    Name,
    Age,
    Gender,
    Place,
    Sign,
    Hobby,
    Type,
    Known,
    Income,
    Phone,
    Answer,
    AnswerMore,
    Apps,
    AppCount,
    Minutes,
    Rows,
    Day,
    Hour,
    Source,
    Item,
    Seconds,
    Replies,
    Rating,
    Reply,
    ReplyDay,
}
