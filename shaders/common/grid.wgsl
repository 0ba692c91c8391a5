// A grid dimension holds at most 65,535 workgroups: more are folded over y (backend::grid is the Rust twin).
// A group whose number is not below `groups` has no work and must return at once, as a whole.
fn group_index(id: vec3<u32>, count: vec3<u32>) -> u32 {
    return id.x + id.y * count.x;
}
