// Activations by number: 0 none, 1 relu, 2 gelu (tanh form), 3 tanh, 4 sigmoid. `ops::activation` is the Rust twin.
// exp and tanh are clamped: some drivers return NaN from tanh of a large number. But NaN stays NaN, which clamp may lose:
// a model that has diverged must show it. WGSL has no isNan, and compilers may take `x != x` for false.
fn not_a_number(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn safe_tanh(x: f32) -> f32 {
    return select(tanh(clamp(x, -15.0, 15.0)), x, not_a_number(x));
}

fn safe_exp(x: f32) -> f32 {
    return select(exp(clamp(x, -87.0, 88.0)), x, not_a_number(x));
}

fn sigmoid(x: f32) -> f32 {
    return 1.0 / (1.0 + safe_exp(-x));
}

fn activate(kind: u32, x: f32) -> f32 {
    switch kind {
        case 1u: { return select(x, 0.0, x < 0.0); }
        case 2u: { return 0.5 * x * (1.0 + safe_tanh(0.7978845608 * (x + 0.044715 * x * x * x))); }
        case 3u: { return safe_tanh(x); }
        case 4u: { return sigmoid(x); }
        default: { return x; }
    }
}

// The derivative, from the output y for relu, tanh and sigmoid and from the input x for gelu.
fn slope(kind: u32, saved: f32) -> f32 {
    switch kind {
        case 1u: { return select(0.0, 1.0, saved > 0.0); }
        case 2u: {
            // Beyond 20 the slope is 0 or 1 to the last bit, and the cube would leave the range of f32.
            let v = clamp(saved, -20.0, 20.0);
            let square = v * v;
            let t = safe_tanh(0.7978845608 * v * (1.0 + 0.044715 * square));
            return 0.5 * (1.0 + t) + 0.5 * v * (1.0 - t * t) * 0.7978845608 * (1.0 + 0.134145 * square);
        }
        case 3u: { return 1.0 - saved * saved; }
        case 4u: { return saved * (1.0 - saved); }
        default: { return 1.0; }
    }
}
