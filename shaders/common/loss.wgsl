// What loss kernels share.

// ln(1 + u) for u from 0 to 1, as in `ops::math`.
fn ln_1p_unit(u: f32) -> f32 {
    let s = u / (2.0 + u);
    let q = s * s;
    var sum = 1.0 / 15.0;
    sum = sum * q + 1.0 / 13.0;
    sum = sum * q + 1.0 / 11.0;
    sum = sum * q + 1.0 / 9.0;
    sum = sum * q + 1.0 / 7.0;
    sum = sum * q + 1.0 / 5.0;
    sum = sum * q + 1.0 / 3.0;
    return 2.0 * s * (sum * q + 1.0);
}

// Binary cross entropy of one logit and its slope; `weighted` is the target times its weight.
fn binary_loss(value: f32, wanted: f32, weighted: f32) -> vec2<f32> {
    let u = safe_exp(-abs(value));
    let near = 1.0 / (1.0 + u);
    let above = select(u * near, near, value >= 0.0);
    let below = select(near, u * near, value >= 0.0);
    let log = ln_1p_unit(u);
    let cost = weighted * (log + max(-value, 0.0)) + (1.0 - wanted) * (log + max(value, 0.0));
    return vec2<f32>(cost, (1.0 - wanted) * above - weighted * below);
}

fn square_loss(value: f32, wanted: f32) -> vec2<f32> {
    let difference = value - wanted;
    return vec2<f32>(difference * difference, 2.0 * difference);
}
