// The other side of a convolution by strips, four channels at a time.

@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> extra: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4<f32>>;

fn four_of_dy(at: u32, live: u32) -> vec4<f32> {
    return dy[at / 4u];
}

fn four_of_extra(at: u32, live: u32) -> vec4<f32> {
    return extra[at / 4u];
}

fn store_four(at: u32, live: u32, four: vec4<f32>) {
    result[at / 4u] = four;
}
