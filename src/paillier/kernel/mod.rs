//! The arithmetic that everything else is made of, as a table of functions that is chosen once.
//!
//! A kernel's time and the addresses it touches depend on sizes alone, never on a limb's value: that is what makes the
//! rest constant-time. Each kernel's file says why that holds for it.

#[cfg(target_arch = "x86_64")]
mod ifma;
mod portable;

use super::error::PaillierError;
use super::lanes::{Word, Words};
use super::ring::Ring;

/// Room that a kernel works in: as many columns as two products have.
pub struct Scratch {
    pub(super) low: Words,
    pub(super) high: Words,
}

impl Scratch {
    /// Room for a ring.
    pub fn new(ring: &Ring) -> Self {
        Self { low: Words::zero(ring.words()), high: Words::zero(ring.words()) }
    }
}

/// A set of functions that work on groups of eight numbers.
pub struct Kernel {
    /// `ifma` or `portable`.
    pub name: &'static str,
    /// Bits of the windows of a fixed base that suit it.
    pub fixed_window: usize,
    pub(super) multiply: fn(&Ring, &mut [Word], &[Word], &mut Scratch),
    pub(super) square: fn(&Ring, &mut [Word], &mut Scratch),
    pub(super) multiply_low: fn(&Ring, &mut [Word], &[Word], &mut Scratch),
    pub(super) reduce: fn(&Ring, &mut [Word], &mut Scratch),
    pub(super) product: fn(&[Word], &[Word], &mut [Word]),
    pub(super) select: fn(&[Word], &Word, &mut [Word]),
    pub(super) pick: fn(&[Word], &Word, &mut [Word]),
}

impl Kernel {
    /// x = x y / R modulo m^2.
    pub fn multiply(&self, ring: &Ring, x: &mut [Word], y: &[Word], scratch: &mut Scratch) {
        (self.multiply)(ring, x, y, scratch);
    }

    /// x = x^2 / R modulo m^2.
    pub fn square(&self, ring: &Ring, x: &mut [Word], scratch: &mut Scratch) {
        (self.square)(ring, x, scratch);
    }

    /// x0 = x0 y0 / R modulo m, for the lower halves alone; the upper halves stay.
    pub fn multiply_low(&self, ring: &Ring, x: &mut [Word], y: &[Word], scratch: &mut Scratch) {
        (self.multiply_low)(ring, x, y, scratch);
    }

    /// x = x / R modulo m^2.
    pub fn reduce(&self, ring: &Ring, x: &mut [Word], scratch: &mut Scratch) {
        (self.reduce)(ring, x, scratch);
    }

    /// Columns of x y, added to what is there; x and y have the same number of limbs.
    pub fn product(&self, x: &[Word], y: &[Word], columns: &mut [Word]) {
        (self.product)(x, y, columns);
    }

    /// Entry `index` of a table of groups, each lane its own: limb after limb, each limb of all entries in a row.
    pub fn select(&self, table: &[Word], index: &Word, out: &mut [Word]) {
        (self.select)(table, index, out);
    }

    /// Entry `index` of a table that all lanes share: limb after limb, the limbs of all entries (a multiple of 16, at
    /// most 256) in a row, eight to a word.
    pub fn pick(&self, table: &[Word], index: &Word, out: &mut [Word]) {
        (self.pick)(table, index, out);
    }

    /// All kernels that this machine has, the fastest first; the last runs everywhere.
    pub fn all() -> Vec<&'static Self> {
        let mut all = vec![];
        #[cfg(target_arch = "x86_64")]
        if ifma::present() {
            all.push(&ifma::KERNEL);
        }
        all.push(&portable::KERNEL);
        all
    }

    /// The fastest kernel that `NIGHTLOOM_PAILLIER_OFF` (names with commas between them) does not switch off.
    ///
    /// # Errors
    /// If it names no kernel, or leaves none.
    pub fn from_env() -> Result<&'static Self, PaillierError> {
        Self::without(&std::env::var("NIGHTLOOM_PAILLIER_OFF").unwrap_or_default())
    }

    fn without(off: &str) -> Result<&'static Self, PaillierError> {
        let off: Vec<&str> = off.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if let Some(name) = off.iter().find(|name| !NAMES.contains(name)) {
            return Err(PaillierError::Kernel(format!("`{name}` is none of {}", NAMES.join(", "))));
        }
        let left = Self::all().into_iter().find(|kernel| !off.contains(&kernel.name));
        left.ok_or_else(|| PaillierError::Kernel("it leaves no kernel".into()))
    }
}

/// The names of all kernels.
const NAMES: [&str; 2] = ["ifma", "portable"];

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::Kernel;

    #[test]
    fn a6b_kernels_are_switched_off_by_name() {
        let name = |off: &str| Kernel::without(off).map(|kernel| kernel.name).map_err(|e| e.to_string());
        assert_eq!(name(""), Ok(Kernel::all()[0].name));
        assert_eq!(name("ifma"), Ok("portable"));
        assert_eq!(name(" ifma, "), Ok("portable"));
        assert_eq!(name("avx9").unwrap_err(), "NIGHTLOOM_PAILLIER_OFF: `avx9` is none of ifma, portable");
        assert_eq!(name("portable,ifma").unwrap_err(), "NIGHTLOOM_PAILLIER_OFF: it leaves no kernel");
    }
}
