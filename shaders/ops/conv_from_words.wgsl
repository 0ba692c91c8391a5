// What a convolution by strips sweeps over, word by word; `conv_from_quads.wgsl` has the same function for channels that
// come in fours.

@group(0) @binding(0) var<storage, read> source: array<f32>;

// Four channels from word `at` on, of which the first `live` count (at least one); the others are 0.
fn four_of_source(at: u32, live: u32) -> vec4<f32> {
    var four = vec4<f32>(source[at], 0.0, 0.0, 0.0);
    if live > 1u {
        four.y = source[at + 1u];
    }
    if live > 2u {
        four.z = source[at + 2u];
    }
    if live > 3u {
        four.w = source[at + 3u];
    }
    return four;
}
