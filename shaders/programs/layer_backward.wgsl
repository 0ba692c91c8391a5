// What training adds for one layer. The gradient of the level behind the layer stands in that level's place.

// Blocks of 4 x 4 gradients, BLOCKS_LAYER an invocation, and the bias's where the block is in the first row. SPLITS_LAYER
// invocations share a block: each takes the rows whose number leaves its own remainder.
var<private> sums_LAYER: array<vec4<f32>, 4 * BLOCKS_LAYER>;
var<private> offsets_LAYER: array<vec4<f32>, BLOCKS_LAYER>;

fn clear_LAYER() {
    for (var n = 0u; n < 4u * BLOCKS_LAYER; n = n + 1u) {
        sums_LAYER[n] = vec4<f32>(0.0);
    }
    for (var n = 0u; n < BLOCKS_LAYER; n = n + 1u) {
        offsets_LAYER[n] = vec4<f32>(0.0);
    }
}

fn weights_LAYER(lane: u32) {
    const ALL = QUADS_LAYER * QUADS_NEXT;
    let split = lane / (LANES / SPLITS_LAYER);
    for (var n = 0u; n < BLOCKS_LAYER; n = n + 1u) {
        let block = lane % (LANES / SPLITS_LAYER) + n * LANES;
        if block < ALL {
            let i = block / QUADS_NEXT;
            let q = block % QUADS_NEXT;
            for (var r = split; r < ROWS; r = r + SPLITS_LAYER) {
                let x = acts[LEVEL_LAYER + r * STRIDE_LAYER + i];
                let d = acts[LEVEL_NEXT + r * STRIDE_NEXT + q];
                sums_LAYER[4u * n] = fma(vec4<f32>(x.x), d, sums_LAYER[4u * n]);
                sums_LAYER[4u * n + 1u] = fma(vec4<f32>(x.y), d, sums_LAYER[4u * n + 1u]);
                sums_LAYER[4u * n + 2u] = fma(vec4<f32>(x.z), d, sums_LAYER[4u * n + 2u]);
                sums_LAYER[4u * n + 3u] = fma(vec4<f32>(x.w), d, sums_LAYER[4u * n + 3u]);
                if i == 0u {
                    offsets_LAYER[n] = offsets_LAYER[n] + d;
                }
            }
        }
    }
}

// The gradient in front of the layer, behind the activation there, in that level's place.
fn data_LAYER(lane: u32) {
    const APART = ROWS / BACKWARD_LAYER;
    for (var b = lane; b < APART * QUADS_LAYER; b = b + LANES) {
        let i = b % QUADS_LAYER;
        let r = b / QUADS_LAYER;
        var sums: array<vec4<f32>, BACKWARD_LAYER>;
        for (var q = 0u; q < QUADS_NEXT; q = q + 1u) {
            let at = MATRIX_LAYER + 4u * i * QUADS_NEXT + q;
            let w0 = weights[at];
            let w1 = weights[at + QUADS_NEXT];
            let w2 = weights[at + 2u * QUADS_NEXT];
            let w3 = weights[at + 3u * QUADS_NEXT];
            for (var k = 0u; k < BACKWARD_LAYER; k = k + 1u) {
                let d = acts[LEVEL_NEXT + (r + k * APART) * STRIDE_NEXT + q];
                sums[k] = sums[k] + vec4<f32>(dot(d, w0), dot(d, w1), dot(d, w2), dot(d, w3));
            }
        }
        for (var k = 0u; k < BACKWARD_LAYER; k = k + 1u) {
            let row = r + k * APART;
            let at = LEVEL_LAYER + row * STRIDE_LAYER + i;
            acts[at] = through_LAYER(row, i, sums[k], acts[at]);
        }
    }
}

// Adds up what the invocations that share a block have found, in the order of their splits.
fn join_LAYER(lane: u32) {
    let split = lane / (LANES / SPLITS_LAYER);
    let block = lane % (LANES / SPLITS_LAYER);
    for (var other = 1u; other < SPLITS_LAYER; other = other + 1u) {
        workgroupBarrier();
        if split == other && block < QUADS_LAYER * QUADS_NEXT {
            for (var c = 0u; c < 4u; c = c + 1u) {
                acts[5u * block + c] = sums_LAYER[c];
            }
            acts[5u * block + 4u] = offsets_LAYER[0];
        }
        workgroupBarrier();
        if split == 0u && block < QUADS_LAYER * QUADS_NEXT {
            for (var c = 0u; c < 4u; c = c + 1u) {
                sums_LAYER[c] = sums_LAYER[c] + acts[5u * block + c];
            }
            offsets_LAYER[0] = offsets_LAYER[0] + acts[5u * block + 4u];
        }
    }
}

// The squares of the gradients that this invocation holds.
fn squares_LAYER(lane: u32) -> f32 {
    var sum = 0.0;
    if lane / (LANES / SPLITS_LAYER) == 0u {
        for (var n = 0u; n < BLOCKS_LAYER; n = n + 1u) {
            let block = lane % (LANES / SPLITS_LAYER) + n * LANES;
            if block < QUADS_LAYER * QUADS_NEXT {
                let i = 4u * (block / QUADS_NEXT);
                let j = 4u * (block % QUADS_NEXT);
                for (var c = 0u; c < 4u; c = c + 1u) {
                    for (var k = 0u; k < 4u; k = k + 1u) {
                        if i + c < WIDTH_LAYER && j + k < WIDTH_NEXT {
                            sum = fma(sums_LAYER[4u * n + c][k], sums_LAYER[4u * n + c][k], sum);
                        }
                        if i + c == 0u && j + k < WIDTH_NEXT {
                            sum = fma(offsets_LAYER[n][k], offsets_LAYER[n][k], sum);
                        }
                    }
                }
            }
        }
    }
    return sum;
}

fn update_LAYER(lane: u32, member: u32, rate: f32, corrections: vec2<f32>, factor: f32) {
    if lane / (LANES / SPLITS_LAYER) != 0u {
        return;
    }
    for (var n = 0u; n < BLOCKS_LAYER; n = n + 1u) {
        let block = lane % (LANES / SPLITS_LAYER) + n * LANES;
        if block < QUADS_LAYER * QUADS_NEXT {
            let i = 4u * (block / QUADS_NEXT);
            let q = block % QUADS_NEXT;
            for (var c = 0u; c < 4u; c = c + 1u) {
                if i + c < WIDTH_LAYER {
                    var quad = weights[MATRIX_LAYER + (i + c) * QUADS_NEXT + q];
                    for (var k = 0u; k < 4u; k = k + 1u) {
                        if 4u * q + k < WIDTH_NEXT {
                            let at = (member * WIDTH_LAYER + i + c) * WIDTH_NEXT + 4u * q + k;
                            let g = sums_LAYER[4u * n + c][k] * factor;
                            quad[k] = moved(quad[k], g, FIRST_AT_LAYER + at, SECOND_AT_LAYER + at, rate, corrections, DECAY);
                        }
                    }
                    weights[MATRIX_LAYER + (i + c) * QUADS_NEXT + q] = quad;
                }
            }
            if i == 0u {
                var quad = weights[OFFSET_LAYER + q];
                for (var k = 0u; k < 4u; k = k + 1u) {
                    if 4u * q + k < WIDTH_NEXT {
                        let at = member * WIDTH_NEXT + 4u * q + k;
                        let g = offsets_LAYER[n][k] * factor;
                        quad[k] = moved(quad[k], g, FIRST_BIAS_AT_LAYER + at, SECOND_BIAS_AT_LAYER + at, rate, corrections, 0.0);
                    }
                }
                weights[OFFSET_LAYER + q] = quad;
            }
        }
    }
}

fn store_LAYER(lane: u32, member: u32) {
    for (var e = lane; e < WIDTH_LAYER * WIDTH_NEXT; e = e + LANES) {
        let i = e / WIDTH_NEXT;
        let j = e % WIDTH_NEXT;
        params[KERNEL_AT_LAYER + member * WIDTH_LAYER * WIDTH_NEXT + e] = weights[MATRIX_LAYER + i * QUADS_NEXT + j / 4u][j % 4u];
    }
    for (var j = lane; j < WIDTH_NEXT; j = j + LANES) {
        params[BIAS_AT_LAYER + member * WIDTH_NEXT + j] = weights[OFFSET_LAYER + j / 4u][j % 4u];
    }
}
