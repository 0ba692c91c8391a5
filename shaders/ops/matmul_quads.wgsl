// Operands of a matrix product four words at a time: every row begins at a multiple of four words, so that four neighbours
// of a row are all in it or all beyond it. `matmul_words.wgsl` has the same functions for all other rows.

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> saved: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> c: array<vec4<f32>>;

fn four_of_a(at: u32, live: u32) -> vec4<f32> {
    return a[at / 4u];
}

fn four_of_b(at: u32, live: u32) -> vec4<f32> {
    return b[at / 4u];
}

fn four_of_bias(at: u32, live: u32) -> vec4<f32> {
    return bias[at / 4u];
}

fn four_of_saved(at: u32, live: u32) -> vec4<f32> {
    return saved[at / 4u];
}

fn store_four(at: u32, live: u32, four: vec4<f32>) {
    c[at / 4u] = four;
}
