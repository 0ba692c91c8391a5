//! Seeds of a fleet's members.

/// The seed of the i-th member of a job with this seed.
pub fn member_seed(seed: u64, i: usize) -> u64 {
    // SplitMix64's finaliser (Steele, Lea and Flood 2014): near seeds give unrelated ones.
    let mut z = seed.wrapping_add((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::member_seed;

    #[test]
    fn e12_members_have_seeds_of_their_own() {
        let mut seeds: Vec<u64> = (0..1000).map(|i| member_seed(7, i)).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 1000);
        assert_ne!(member_seed(7, 0), member_seed(8, 0));
    }
}
