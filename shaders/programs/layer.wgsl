// One layer of a small network (network.wgsl): _LAYER stands for its number, _NEXT for the following level's.

fn load_LAYER(lane: u32, member: u32) {
    for (var e = lane; e < 4u * QUADS_LAYER * QUADS_NEXT; e = e + LANES) {
        let i = e / QUADS_NEXT;
        let j = 4u * (e % QUADS_NEXT);
        var quad = vec4<f32>(0.0);
        for (var c = 0u; c < 4u; c = c + 1u) {
            if i < WIDTH_LAYER && j + c < WIDTH_NEXT {
                quad[c] = params[KERNEL_AT_LAYER + (member * WIDTH_LAYER + i) * WIDTH_NEXT + j + c];
            }
        }
        weights[MATRIX_LAYER + e] = quad;
    }
    for (var q = lane; q < QUADS_NEXT; q = q + LANES) {
        var quad = vec4<f32>(0.0);
        for (var c = 0u; c < 4u; c = c + 1u) {
            if 4u * q + c < WIDTH_NEXT {
                quad[c] = params[BIAS_AT_LAYER + member * WIDTH_NEXT + 4u * q + c];
            }
        }
        weights[OFFSET_LAYER + q] = quad;
    }
}

// An invocation makes one quad of columns of FORWARD_LAYER rows at a time.
fn forward_LAYER(lane: u32) {
    const APART = ROWS / FORWARD_LAYER;
    for (var b = lane; b < APART * QUADS_NEXT; b = b + LANES) {
        let q = b % QUADS_NEXT;
        let r = b / QUADS_NEXT;
        var sums: array<vec4<f32>, FORWARD_LAYER>;
        for (var k = 0u; k < FORWARD_LAYER; k = k + 1u) {
            sums[k] = weights[OFFSET_LAYER + q];
        }
        for (var i = 0u; i < QUADS_LAYER; i = i + 1u) {
            let at = MATRIX_LAYER + 4u * i * QUADS_NEXT + q;
            let w0 = weights[at];
            let w1 = weights[at + QUADS_NEXT];
            let w2 = weights[at + 2u * QUADS_NEXT];
            let w3 = weights[at + 3u * QUADS_NEXT];
            for (var k = 0u; k < FORWARD_LAYER; k = k + 1u) {
                let x = acts[LEVEL_LAYER + (r + k * APART) * STRIDE_LAYER + i];
                sums[k] = fma(vec4<f32>(x.w), w3, fma(vec4<f32>(x.z), w2, fma(vec4<f32>(x.y), w1, fma(vec4<f32>(x.x), w0, sums[k]))));
            }
        }
        for (var k = 0u; k < FORWARD_LAYER; k = k + 1u) {
            let row = r + k * APART;
            let z = sums[k];
            let y = vec4<f32>(activate(ACTIVATION_LAYER, z.x), activate(ACTIVATION_LAYER, z.y),
                              activate(ACTIVATION_LAYER, z.z), activate(ACTIVATION_LAYER, z.w));
            acts[LEVEL_NEXT + row * STRIDE_NEXT + q] = kept_NEXT(row, q, y);
        }
    }
}
