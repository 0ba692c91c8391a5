//! Programs: what a GPU runs in place of a whole list of kernels.

use std::fmt::{Debug, Write};

use crate::backend::gpu::GpuTraits;

/// Does on a GPU what a list's kernels do, for several steps in one dispatch.
///
/// Its immediates are `step`, `groups` and the number of steps; its shader may be made for the shape.
pub trait Program: Debug + Send + Sync {
    /// Its name, for labels and errors.
    fn name(&self) -> &'static str;
    /// Whether the device has room for it; else the list's kernels run one by one.
    fn fits(&self, device: &GpuTraits) -> bool;
    /// The whole WGSL text with the entry point `main`. `offsets[b][t]` is where the t-th tensor of binding b begins, in
    /// words from the binding's start.
    fn text(&self, device: &GpuTraits, offsets: &[Vec<usize>]) -> String;
    /// How many workgroups have work.
    fn groups(&self) -> usize;
    /// The most steps of one dispatch.
    fn steps_most(&self) -> u32;
}

/// Constants of WGSL, in the order in which they are told.
#[derive(Debug, Default)]
pub(crate) struct Constants(String);

impl Constants {
    pub(crate) fn whole(&mut self, name: &str, value: usize) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "const {name}: u32 = {value}u;");
    }

    pub(crate) fn real(&mut self, name: &str, value: f64) {
        // The shortest digits that give the same f32 back.
        let _ = writeln!(self.0, "const {name}: f32 = {:?}f;", value as f32);
    }

    pub(crate) fn yes_or_no(&mut self, name: &str, value: bool) {
        let _ = writeln!(self.0, "const {name}: bool = {value};");
    }

    pub(crate) fn text(self) -> String {
        self.0
    }
}
