// One level of values of a small network (network.wgsl) with nothing but an activation behind it; _LAYER stands for its
// number.

fn kept_LAYER(r: u32, q: u32, values: vec4<f32>) -> vec4<f32> {
    return values;
}

// A gradient of the level's values z on its way back through the activation.
fn through_LAYER(r: u32, q: u32, d: vec4<f32>, z: vec4<f32>) -> vec4<f32> {
    return d * slopes(MASK_LAYER, z);
}
