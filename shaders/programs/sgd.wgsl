// SGD's step of one value (`src/ops/optimiser` has the equations); `first` is where its memory stands; the
// program that includes this numbers its binding.
@group(0) @binding(FIRST) var<storage, read_write> firsts: array<f32>;

fn moved(w: f32, g: f32, first: u32, second: u32, rate: f32, corrections: vec2<f32>, decay: f32) -> f32 {
    let d = g + decay * w;
    let m = KEEP_1 * firsts[first] + d;
    firsts[first] = m;
    return w - rate * select(m, d + KEEP_1 * m, NESTEROV);
}
