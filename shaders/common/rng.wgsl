// A counter-based generator: the same (seed, stream, step, index) gives the same bits on every device and in any order.
// PCG-RXS-M-XS-32 as a hash (Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 2020); `ops::rng` is the Rust twin.
fn pcg_hash(x: u32) -> u32 {
    let state = x * 747796405u + 2891336453u;
    let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
    return (word >> 22u) ^ word;
}

fn counter_bits(seed: u32, stream: u32, step: u32, index: u32) -> u32 {
    return pcg_hash(index ^ pcg_hash(step ^ pcg_hash(stream ^ pcg_hash(seed))));
}
