//! Where tensors lie: which buffer, from which byte on.
//!
//! Tensors of a group lie in one buffer, one after the other. Tensors that only the kernels of a list hand to each other
//! share a buffer when they are not in use at the same time. Every other tensor has a buffer of its own.

use std::ops::RangeInclusive;

use crate::plan::builder::{List, TensorInfo};

/// Where a tensor lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub buffer: usize,
    /// The first byte.
    pub offset: u64,
    /// Bytes, a multiple of 4.
    pub bytes: u64,
    /// Held as f16.
    pub half: bool,
}

/// Places of all tensors (`None` for those that no dispatch binds), and the sizes of the buffers with the name of one of
/// their tensors.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub places: Vec<Option<Place>>,
    pub buffers: Vec<(String, u64)>,
}

/// What decides a layout besides the tensors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub fleet: usize,
    /// What a binding's first byte must be a multiple of.
    pub align: u64,
    /// Bytes left free before and behind each tensor, for tests that look whether they stay untouched.
    pub guard: u64,
}

impl Layout {
    /// Lays out the tensors that are `used`; `halves` says which are held as f16.
    pub(super) fn new(tensors: &[TensorInfo], lists: &[List], used: &[bool], halves: &[bool], rules: Rules) -> Self {
        let mut layout = Self { places: vec![None; tensors.len()], buffers: vec![] };
        let bytes = |id: usize| {
            let words = tensors[id].words(rules.fleet) as u64;
            if halves[id] { words.div_ceil(2) * 4 } else { words * 4 }.max(4)
        };
        let lives = lives(tensors, lists);
        let mut groups: Vec<(usize, usize)> = vec![];
        let mut shared: Vec<(usize, usize)> = vec![];
        // The largest first: what comes later fits into what is there.
        let mut order: Vec<usize> = (0..tensors.len()).filter(|&id| used[id]).collect();
        order.sort_by_key(|&id| (tensors[id].local, if tensors[id].local { u64::MAX - bytes(id) } else { 0 }));
        for id in order {
            let info = &tensors[id];
            let buffer = match info.group {
                Some(group) => groups.iter().find(|(known, _)| *known == group).map(|(_, buffer)| *buffer),
                None if info.local && rules.guard == 0 => {
                    let free = |buffer: usize| {
                        let mut others = shared.iter().filter(|(_, other)| *other == buffer);
                        others.all(|&(other, _)| !meet(&lives[id], &lives[other]))
                    };
                    shared.iter().map(|&(_, buffer)| buffer).find(|&buffer| free(buffer))
                }
                None => None,
            };
            let buffer = buffer.unwrap_or_else(|| {
                layout.buffers.push((info.name.clone(), 0));
                layout.buffers.len() - 1
            });
            let size = &mut layout.buffers[buffer].1;
            let mut offset = rules.guard.next_multiple_of(rules.align);
            match info.group {
                Some(group) => {
                    offset = offset.max(size.next_multiple_of(rules.align));
                    groups.push((group, buffer));
                }
                None if info.local => shared.push((id, buffer)),
                None => {}
            }
            *size = (*size).max(offset + bytes(id) + rules.guard);
            layout.places[id] = Some(Place { buffer, offset, bytes: bytes(id), half: halves[id] });
        }
        layout
    }

    /// Bytes of all buffers.
    pub(super) fn bytes(&self) -> u64 {
        self.buffers.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// From which to which kernel of each list a local tensor is in use.
fn lives(tensors: &[TensorInfo], lists: &[List]) -> Vec<Vec<Option<RangeInclusive<usize>>>> {
    let mut lives = vec![vec![None; lists.len()]; tensors.len()];
    for (l, list) in lists.iter().enumerate() {
        for (k, recorded) in list.kernels.iter().enumerate() {
            for id in &recorded.tensors {
                let life: &mut Option<RangeInclusive<usize>> = &mut lives[id.0][l];
                *life = Some(life.as_ref().map_or(k, |life| *life.start())..=k);
            }
        }
    }
    lives
}

/// Whether two tensors are in use at the same time in some list.
fn meet(a: &[Option<RangeInclusive<usize>>], b: &[Option<RangeInclusive<usize>>]) -> bool {
    let overlap = |a: &RangeInclusive<usize>, b: &RangeInclusive<usize>| a.start() <= b.end() && b.start() <= a.end();
    a.iter().zip(b).any(|pair| matches!(pair, (Some(a), Some(b)) if overlap(a, b)))
}

#[cfg(test)]
mod tests {
    use super::{Layout, Place, Rules};
    use crate::ops::activation::{Activate, ActivateSpec, Activation};
    use crate::ops::{DType, Kernel};
    use crate::plan::PlanBuilder;

    const RULES: Rules = Rules { fleet: 3, align: 256, guard: 0 };

    /// x -> a -> b -> c -> y, where a, b and c are local.
    fn chain(rules: Rules, group: bool) -> Layout {
        let mut builder = PlanBuilder::new(rules.fleet);
        let kernel = Activate::new(ActivateSpec { fleet: 3, rows: 5, len: 5, activation: Activation::Relu });
        let kernel = kernel.expect("a shape");
        let x = builder.tensor("x", 5);
        let locals = ["a", "b", "c"].map(|name| builder.local(name, 5, DType::F32));
        let y = builder.tensor("y", 5);
        if group {
            builder.group(&[x, y]);
        }
        let list = builder.list();
        let all = [x, locals[0], locals[1], locals[2], y];
        for pair in all.windows(2) {
            builder.push_boxed(list, kernel.boxed(), pair).expect("a plan");
        }
        let parts = builder.into_parts();
        Layout::new(&parts.tensors, &parts.lists, &[true; 5], &[false; 5], rules)
    }

    #[test]
    fn e11_tensors_that_are_never_needed_together_share_a_buffer() {
        let layout = chain(RULES, false);
        let buffers: Vec<usize> = layout.places.iter().flatten().map(|place| place.buffer).collect();
        assert_eq!(buffers[1], buffers[3], "a is done with when c begins");
        assert_ne!(buffers[1], buffers[2], "b is made from a");
        assert_eq!((layout.buffers.len(), layout.bytes()), (4, 4 * 60));
    }

    #[test]
    fn e11_a_group_lies_in_one_buffer_at_aligned_places() {
        let layout = chain(RULES, true);
        let place = |offset| Some(Place { buffer: 0, offset, bytes: 60, half: false });
        assert_eq!((layout.places[0], layout.places[4]), (place(0), place(256)));
    }

    #[test]
    fn e4_guards_leave_room_around_every_tensor() {
        let layout = chain(Rules { guard: 512, ..RULES }, false);
        assert_eq!(layout.buffers.len(), 5, "nothing is shared");
        assert!(layout.places.iter().flatten().all(|place| place.offset == 512));
        assert!(layout.buffers.iter().all(|(_, bytes)| *bytes == 512 + 60 + 512));
    }
}
