//! Candidates: forms of a GPU kernel that give the same bits and differ in speed, from device to device.
//!
//! A kernel takes the candidate that the device's cache names for its group ([`GpuTraits::tuned`]), or else the first one
//! that fits the device. `nightloom tune` measures all of them.

use super::Kernel;
use crate::backend::gpu::GpuTraits;

/// One form of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its name within the group.
    pub name: &'static str,
    /// Invocations a workgroup.
    pub invocations: usize,
    /// Memory that they share.
    pub workgroup_bytes: usize,
}

impl Candidate {
    /// Whether a device can run it.
    pub const fn fits(&self, device: &GpuTraits) -> bool {
        self.invocations <= device.invocations && self.workgroup_bytes <= device.workgroup_bytes
    }
}

/// A group of candidates, and the shapes by which they are judged.
#[derive(Debug)]
pub struct TuningGroup {
    /// Its name among all groups.
    pub name: &'static str,
    /// The forms; where nothing was measured the first one that fits the device is taken.
    pub candidates: Vec<Candidate>,
    /// Whether these are forms for matrix units, which take what is held as f16.
    pub units: bool,
    /// What is timed: what jobs spend their time on.
    pub judged: Vec<Box<dyn Kernel>>,
    /// Small kernels of this group, for tests and slow devices.
    pub small: Vec<Box<dyn Kernel>>,
}

/// The place of the candidate that `device` takes among `candidates` of `group`: the one that was measured best there, if
/// it is known and fits, else the first that fits, else the first.
pub fn taken(group: &str, candidates: &[Candidate], device: &GpuTraits) -> usize {
    let place = |wanted: &str| candidates.iter().position(|c| c.name == wanted && c.fits(device));
    let tuned = device.tuned.get(group).and_then(|name| place(name));
    tuned.or_else(|| candidates.iter().position(|c| c.fits(device))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Candidate, taken};
    use crate::backend::gpu::GpuTraits;

    const CANDIDATES: [Candidate; 3] = [
        Candidate { name: "wide", invocations: 256, workgroup_bytes: 16_384 },
        Candidate { name: "huge", invocations: 512, workgroup_bytes: 32_768 },
        Candidate { name: "slim", invocations: 64, workgroup_bytes: 4_096 },
    ];

    #[test]
    fn e4_a_candidate_is_taken_only_where_it_fits() {
        let mut device = GpuTraits::least();
        assert_eq!(taken("a", &CANDIDATES, &device), 0);
        device.tuned.insert("a".to_owned(), "slim".to_owned());
        assert_eq!((taken("a", &CANDIDATES, &device), taken("b", &CANDIDATES, &device)), (2, 0));
        device.tuned.insert("a".to_owned(), "huge".to_owned());
        assert_eq!(taken("a", &CANDIDATES, &device), 0, "it needs more than this device has");
        device.invocations = 512;
        device.workgroup_bytes = 32_768;
        assert_eq!(taken("a", &CANDIDATES, &device), 1);
        device.tuned.insert("a".to_owned(), "no such form".to_owned());
        assert_eq!(taken("a", &CANDIDATES, &device), 0);
        device.invocations = 64;
        assert_eq!(taken("a", &CANDIDATES, &device), 2, "the first that fits");
    }
}
