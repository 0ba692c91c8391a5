// Activations by number: 0 none, 1 relu, 2 gelu (tanh form), 3 tanh, 4 sigmoid. `ops::activation` is the Rust twin.
// exp and tanh are clamped: some drivers return NaN from tanh of a large number.
fn safe_tanh(x: f32) -> f32 {
    return tanh(clamp(x, -15.0, 15.0));
}

fn safe_exp(x: f32) -> f32 {
    return exp(clamp(x, -87.0, 88.0));
}

fn sigmoid(x: f32) -> f32 {
    return 1.0 / (1.0 + safe_exp(-x));
}

fn activate(kind: u32, x: f32) -> f32 {
    switch kind {
        case 1u: { return max(x, 0.0); }
        case 2u: { return 0.5 * x * (1.0 + safe_tanh(0.7978845608 * (x + 0.044715 * x * x * x))); }
        case 3u: { return safe_tanh(x); }
        case 4u: { return sigmoid(x); }
        default: { return x; }
    }
}
