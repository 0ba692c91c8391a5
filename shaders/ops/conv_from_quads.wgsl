// What a convolution by strips sweeps over, four channels at a time.

@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;

fn four_of_source(at: u32, live: u32) -> vec4<f32> {
    return source[at / 4u];
}
