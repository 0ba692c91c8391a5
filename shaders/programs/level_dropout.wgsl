// One level of values of a small network (network.wgsl) with dropout; _LAYER stands for its number. The generator is that of
// `src/ops/dropout`, the key what it makes of seed, stream and step.
var<private> key_LAYER: u32;

fn begin_LAYER(seed: u32, count: u32) {
    key_LAYER = pcg_hash(count ^ pcg_hash(STREAM_LAYER ^ pcg_hash(seed)));
}

fn drops_LAYER(r: u32, q: u32) -> vec4<bool> {
    let first = (tile_first + r) * WIDTH_LAYER + 4u * q;
    return vec4<bool>(pcg_hash(first ^ key_LAYER) < THRESHOLD_LAYER, pcg_hash((first + 1u) ^ key_LAYER) < THRESHOLD_LAYER,
                      pcg_hash((first + 2u) ^ key_LAYER) < THRESHOLD_LAYER, pcg_hash((first + 3u) ^ key_LAYER) < THRESHOLD_LAYER);
}

fn kept_LAYER(r: u32, q: u32, values: vec4<f32>) -> vec4<f32> {
    return select(values * SCALE_LAYER, vec4<f32>(0.0), drops_LAYER(r, q));
}

// A gradient of the level's values z on its way back through dropout and activation, whose output is z unscaled where it
// was kept.
fn through_LAYER(r: u32, q: u32, d: vec4<f32>, z: vec4<f32>) -> vec4<f32> {
    let back = d * SCALE_LAYER * slopes(MASK_LAYER, z * SHARE_LAYER);
    return select(back, vec4<f32>(0.0), drops_LAYER(r, q));
}
