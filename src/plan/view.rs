//! Tensors that are looked at and not copied.

/// The words of a fleet's tensor, member by member.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    words: &'a [u32],
    /// Of a member.
    len: usize,
    /// From one member to the next.
    stride: usize,
}

impl<'a> View<'a> {
    /// Of members of `len` words, each of which begins `stride` words behind the one before.
    pub(super) const fn apart(words: &'a [u32], len: usize, stride: usize) -> Self {
        Self { words, len, stride }
    }

    /// Of members of `len` words, one behind the other.
    pub const fn of(words: &'a [u32], len: usize) -> Self {
        Self { words, len, stride: len }
    }

    /// The values of a member of an f32 tensor.
    ///
    /// # Panics
    /// If there is no such member.
    pub fn member(self, member: usize) -> &'a [f32] {
        bytemuck::cast_slice(&self.words[member * self.stride..][..self.len])
    }
}

#[cfg(test)]
mod tests {
    use super::View;
    use crate::backend::Backend;
    use crate::ops::testing::backends;
    use crate::plan::PlanBuilder;

    #[test]
    fn e8_a_view_shows_what_a_download_gives() {
        for backend in backends() {
            let mut builder = PlanBuilder::new(3);
            // A member's words do not fill whole cache lines.
            let id = builder.tensor("values", 21);
            let mut plan = builder.build(&backend).expect("a plan");
            let given: Vec<f32> = (0..63).map(|i| i as f32).collect();
            plan.upload_f32(id, &given).expect("an upload");
            let copied = plan.download(id).expect("a download");
            let view = match plan.in_place(id) {
                Some(view) => view,
                None => View::of(&copied, 21),
            };
            assert_eq!(plan.in_place(id).is_some(), matches!(backend, Backend::Cpu(_)), "{}", backend.id());
            for member in 0..3 {
                assert_eq!(view.member(member), &given[member * 21..][..21], "{}", backend.id());
            }
        }
    }
}
