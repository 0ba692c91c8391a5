// Convolution with stride and dilation 1, and the search of its operands that the gradient of w shares. `src/ops/conv` has
// the equations; one of `conv_from_*.wgsl` and one of `conv_to_*.wgsl` stand in front and hold the bindings.
//
// The gradient of x is a convolution too: of dy, with the taps in reverse and channels exchanged (TURNED).
//
// A workgroup makes POSITIONS positions of the result, one after the other across lines and samples, times COLUMNS channels.
// For one row of the kernel, these positions read a strip of the source: their lines side by side, each with its padding, so
// that tap t of the window of slot s is slot s + t. Where a slot's source lies is found once for all channels. The strip
// and the weights lie in shared memory, DEPTH channels at a time, and each invocation multiplies several positions by
// several channels in registers. The order of a sum is (row, four channels, tap, channel), whatever the sizes.

struct Params {
    step: u32,
    groups: u32,
    // Samples of a member.
    n: u32,
    // The source.
    h: u32,
    w: u32,
    channels: u32,
    kernel_h: u32,
    padding_h: u32,
    padding_w: u32,
    // The result (dy for the gradient of w).
    h_out: u32,
    w_out: u32,
    columns: u32,
    tiles_positions: u32,
    tiles_columns: u32,
    // The gradient of w alone.
    tiles_channels: u32,
    chunks: u32,
    chunk_len: u32,
    member_len: u32,
}

var<immediate> p: Params;

override POSITIONS: u32 = 64u;
override COLUMNS: u32 = 16u;
override DEPTH: u32 = 4u;
override INVOCATIONS: u32 = 64u;
// Taps of a row of the kernel.
override TAPS: u32 = 3u;
// Slots of a strip, and quads from one to the next.
override SLOTS: u32 = 80u;
override PITCH: u32 = 1u;

const NOWHERE: u32 = 0xffffffffu;
// For each slot the first word of its channels, or NOWHERE in the padding.
var<workgroup> sources: array<u32, SLOTS>;

// From `first` on, for row `row` of the kernel.
fn find_sources(lane: u32, member: u32, first: u32, row: u32) {
    let width = p.w_out + TAPS - 1u;
    let first_line = first / p.w_out;
    let first_column = first % p.w_out;
    for (var u = lane; u < SLOTS; u = u + INVOCATIONS) {
        let v = first_column + u;
        let line = first_line + v / width;
        let sample = line / p.h_out;
        let i = line % p.h_out + row;
        let j = v % width;
        var found = NOWHERE;
        if sample < p.n && i >= p.padding_h && i - p.padding_h < p.h && j >= p.padding_w && j - p.padding_w < p.w {
            found = (((member * p.n + sample) * p.h + i - p.padding_h) * p.w + j - p.padding_w) * p.channels;
        }
        sources[u] = found;
    }
}

// The slot of a position's first tap.
fn slot_of(first: u32, position: u32) -> u32 {
    let width = p.w_out + TAPS - 1u;
    return (position / p.w_out - first / p.w_out) * width + position % p.w_out - first % p.w_out;
}

// Quad q of a slot: channels from `channel + 4 q` on.
fn source_quad(slot: u32, channel: u32) -> vec4<f32> {
    let place = sources[slot];
    if place == NOWHERE || channel >= p.channels {
        return vec4<f32>();
    }
    return four_of_source(place + channel, p.channels - channel);
}

// Column r of the result is what row r of four has summed.
fn add_products(rows: vec4<f32>, columns: vec4<f32>, sums: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        fma(vec4<f32>(rows.x), columns, sums[0]),
        fma(vec4<f32>(rows.y), columns, sums[1]),
        fma(vec4<f32>(rows.z), columns, sums[2]),
        fma(vec4<f32>(rows.w), columns, sums[3]),
    );
}
