// Places in a schedule row; `ops::schedule` is the Rust twin and says what they mean.
const SCHEDULE_WIDTH: u32 = 8u;
const RATE: u32 = 0u;
const CORRECTION_1: u32 = 1u;
const CORRECTION_2: u32 = 2u;
const LIVE: u32 = 3u;
const LOSS_SCALE: u32 = 4u;
const ACTIVE: u32 = 5u;
const COUNT: u32 = 6u;
const SHARE: u32 = 7u;
