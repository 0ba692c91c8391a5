//! The one list of what a step does, from which both executors are made.
//!
//! Tiles 0 to 3 hold the block's results, 4 and 5 the upper and lower rows of a part of `a`, 6 and 7 the left and right
//! columns of a part of `b`. Each `dot` multiplies all four pairs. Neighbouring products share a part, so that
//! it is loaded once; the order is fixed, and with it every bit. `a1` loads part 1 of `a`; the highest part is 0.

/// Calls `$with` with the steps of [`super::AmxMode::Bf16x3`]: mid * high, high * high, high * mid.
macro_rules! bf16x3 {
    ($with:ident) => {
        $with!(a1, b0, dot, a0, dot, b1, dot)
    };
}

/// Calls `$with` with the steps of [`super::AmxMode::Bf16x6`]: low * high, mid * high, mid * mid, high * mid,
/// high * high, high * low.
macro_rules! bf16x6 {
    ($with:ident) => {
        $with!(a2, b0, dot, a1, dot, b1, dot, a0, dot, b0, dot, b2, dot)
    };
}

pub(super) use {bf16x3, bf16x6};
