// Adam's step of one value (`src/ops/optimiser` has the equations); `first` and `second` are where its memories stand; the
// program that includes this numbers their bindings.
@group(0) @binding(FIRST) var<storage, read_write> firsts: array<f32>;
@group(0) @binding(SECOND) var<storage, read_write> seconds: array<f32>;

fn moved(w: f32, g: f32, first: u32, second: u32, rate: f32, corrections: vec2<f32>, decay: f32) -> f32 {
    let m = KEEP_1 * firsts[first] + TAKE_1 * g;
    let v = KEEP_2 * seconds[second] + TAKE_2 * g * g;
    firsts[first] = m;
    seconds[second] = v;
    return w * (1.0 - rate * decay) - rate * (m * corrections.x) / (sqrt(v * corrections.y) + EPSILON);
}
