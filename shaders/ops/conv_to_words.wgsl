// The other side of a convolution by strips word by word: what it makes, or dy where it makes the gradient of w.
// `conv_to_quads.wgsl` has the same functions for channels that come in fours.

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> extra: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;

// Four channels from word `at` on, of which the first `live` count (at least one); the others are 0.
fn four_of_dy(at: u32, live: u32) -> vec4<f32> {
    var four = vec4<f32>(dy[at], 0.0, 0.0, 0.0);
    if live > 1u {
        four.y = dy[at + 1u];
    }
    if live > 2u {
        four.z = dy[at + 2u];
    }
    if live > 3u {
        four.w = dy[at + 3u];
    }
    return four;
}

fn four_of_extra(at: u32, live: u32) -> vec4<f32> {
    var four = vec4<f32>(extra[at], 0.0, 0.0, 0.0);
    if live > 1u {
        four.y = extra[at + 1u];
    }
    if live > 2u {
        four.z = extra[at + 2u];
    }
    if live > 3u {
        four.w = extra[at + 3u];
    }
    return four;
}

fn store_four(at: u32, live: u32, four: vec4<f32>) {
    result[at] = four.x;
    if live > 1u {
        result[at + 1u] = four.y;
    }
    if live > 2u {
        result[at + 2u] = four.z;
    }
    if live > 3u {
        result[at + 3u] = four.w;
    }
}
