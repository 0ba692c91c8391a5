// Operands of a matrix product word by word, for rows that begin anywhere; `matmul_quads.wgsl` has the same functions for
// rows that begin at multiples of four words.

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> saved: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;

// Four neighbours from word `at` on, of which the first `live` count (at least one); the others are 0.
fn four_of_a(at: u32, live: u32) -> vec4<f32> {
    var four = vec4<f32>(a[at], 0.0, 0.0, 0.0);
    if live > 1u {
        four.y = a[at + 1u];
    }
    if live > 2u {
        four.z = a[at + 2u];
    }
    if live > 3u {
        four.w = a[at + 3u];
    }
    return four;
}

fn four_of_b(at: u32, live: u32) -> vec4<f32> {
    var four = vec4<f32>(b[at], 0.0, 0.0, 0.0);
    if live > 1u {
        four.y = b[at + 1u];
    }
    if live > 2u {
        four.z = b[at + 2u];
    }
    if live > 3u {
        four.w = b[at + 3u];
    }
    return four;
}

fn four_of_bias(at: u32, live: u32) -> vec4<f32> {
    var four = vec4<f32>(bias[at], 0.0, 0.0, 0.0);
    if live > 1u {
        four.y = bias[at + 1u];
    }
    if live > 2u {
        four.z = bias[at + 2u];
    }
    if live > 3u {
        four.w = bias[at + 3u];
    }
    return four;
}

fn four_of_saved(at: u32, live: u32) -> vec4<f32> {
    var four = vec4<f32>(saved[at], 0.0, 0.0, 0.0);
    if live > 1u {
        four.y = saved[at + 1u];
    }
    if live > 2u {
        four.z = saved[at + 2u];
    }
    if live > 3u {
        four.w = saved[at + 3u];
    }
    return four;
}

fn store_four(at: u32, live: u32, four: vec4<f32>) {
    c[at] = four.x;
    if live > 1u {
        c[at + 1u] = four.y;
    }
    if live > 2u {
        c[at + 2u] = four.z;
    }
    if live > 3u {
        c[at + 3u] = four.w;
    }
}
