//! Convolution with fewer multiplications on the CPU: Winograd's minimal filtering (Cook-Toom) along the width.
//!
//! A tile of m neighbouring outputs of an r-tap filter needs m + r - 1 = 8 products instead of m * r:
//! `y = A^T [(G w) * (B^T x)]` with the eight points 0, +-1, +-2, +-1/2 and infinity, so m = 9 - r and a filter of 5 taps
//! takes 2.5 times fewer multiplications, one of 3 taps 2.25 times. Channels lie in the lanes of a register, so that a
//! transform is plain arithmetic on whole registers and the sum over the channels of x is taken between the transforms.
//! A kernel of kh rows sums over its rows there too: a row of x is transformed once. The gradient of x is the same
//! convolution with turned weights; that of w is the transposed form `dw = G^T [sum_tiles (B^T x) * (A dy)]`.
//!
//! Nothing is transformed as a whole: a strip of output rows stays in cache from its transform to its outputs.
//!
//! Errors, measured as normalised mean squares in f32 against f64 (normal data, 16 channels; the weights' gradient over
//! 900 tiles): these points 2.0e-13 and 8e-12 for r = 5, 2.1e-13 and 9e-12 for r = 3, 2.6e-13 and 1.1e-11 for r = 7;
//! the points 0, +-1, +-2, +-4 have 1.2e-11 and 5.9e-10, 0, +-1, +-1/2, +-1/4 have 1.6e-11 and 4.1e-10; six points
//! (0, +-1, +-2) have 1.1e-13 and 2.6e-12; ten have 1.3e-12 and 2.6e-11 at best. Rows scaled by powers of two gain nothing.
//!
//! Sources: Toom (1963) and Cook (1966) for the points; Winograd (1980); Lavin and Gray, "Fast Algorithms for
//! Convolutional Neural Networks" (2016) for tiles; Barabasz et al., "Error Analysis and Improving the Accuracy of
//! Winograd Convolution for Deep Neural Networks" (2020) for the choice of points.

mod input;
mod points;
mod sweep;
#[cfg(test)]
mod tests;
mod weight;
mod weights;

pub use sweep::{Finish, sweep};
pub use weight::{add_gradient, finish_gradient};
pub use weights::{pack, pack_turned};

/// Points of the transform.
const POINTS: usize = 8;

/// Channels of a block: one AVX-512 register, two of AVX2.
const BLOCK: usize = 16;

/// Words of a tile's block of channels at all points.
const CELL: usize = POINTS * BLOCK;

/// The most tiles that a register tile reads beyond the last one; what it reads there is not used.
const SPARE_TILES: usize = 5;

/// Words of a transformed strip when every row of x serves one row of y: it stays in the nearest cache.
const STRIP_WORDS: usize = 8 << 10;

/// Words of a transformed strip whose rows serve several rows of y: it stays in the second cache.
const TALL_STRIP_WORDS: usize = 40 << 10;

/// Tiles of a strip of the weights' gradient.
const GRADIENT_TILES: usize = 64;

/// The sizes of a convolution with stride 1 and dilation 1, channels last:
/// `y[n, i, j, o] = sum_{a, b, c} w[a, b, c, o] * x[n, i + a - pad_h, j + b - pad_w, c]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Images.
    pub n: usize,
    /// Rows of an image of x; 1 for sequences.
    pub h: usize,
    /// Positions of a row of x.
    pub w: usize,
    /// Channels of x.
    pub c_in: usize,
    /// Channels of y.
    pub c_out: usize,
    /// Rows of the kernel.
    pub kh: usize,
    /// Taps of a row of the kernel, 3 to 7.
    pub kw: usize,
    /// Rows of zeros above and below x.
    pub pad_h: usize,
    /// Zeros at both ends of a row.
    pub pad_w: usize,
}

impl Sizes {
    /// Whether this way is possible.
    pub const fn fits(&self) -> bool {
        self.kw >= 3 && self.kw <= 7 && self.pad_h < self.kh && self.pad_w < self.kw
    }

    /// Whether it may be faster than the direct one, and possible: a rule of the shape alone, without the images.
    pub const fn pays(&self) -> bool {
        let full = 3 * self.columns() <= 4 * self.c_out;
        self.fits() && full && self.c_in >= 8 && self.w_out() >= self.tile()
    }

    /// Rows of y.
    pub const fn h_out(&self) -> usize {
        self.h + 2 * self.pad_h + 1 - self.kh
    }

    /// Positions of a row of y.
    pub const fn w_out(&self) -> usize {
        self.w + 2 * self.pad_w + 1 - self.kw
    }

    /// The convolution that takes dy to dx: kernels turned, channels exchanged.
    #[must_use]
    pub const fn turned(&self) -> Self {
        Self {
            n: self.n,
            h: self.h_out(),
            w: self.w_out(),
            c_in: self.c_out,
            c_out: self.c_in,
            kh: self.kh,
            kw: self.kw,
            pad_h: self.kh - 1 - self.pad_h,
            pad_w: self.kw - 1 - self.pad_w,
        }
    }

    /// Words of the packed weights.
    pub const fn packed_len(&self) -> usize {
        self.c_out.div_ceil(BLOCK) * self.depth() * CELL
    }

    /// Words of working memory of a [`sweep`].
    pub const fn strip_len(&self) -> usize {
        let s = self.folded();
        ((s.strip_rows() + s.kh - 1) * s.tiles() + SPARE_TILES) * s.blocks() * CELL
    }

    /// Words of the transformed sums of the weights' gradient and the bias's.
    pub const fn sums_len(&self) -> usize {
        self.kh * POINTS * self.c_in.next_multiple_of(BLOCK) * self.columns() + self.columns()
    }

    /// Words of working memory of [`add_gradient`].
    pub const fn gradient_strip_len(&self) -> usize {
        let s = self.folded();
        let (x, dy) = s.gradient_tiles();
        (x * s.blocks() + dy * (s.columns() / BLOCK)) * CELL
    }

    /// Outputs of a tile.
    const fn tile(&self) -> usize {
        POINTS + 1 - self.kw
    }

    /// Tiles of a row.
    const fn tiles(&self) -> usize {
        self.w_out().div_ceil(self.tile())
    }

    /// Blocks of channels of x.
    const fn blocks(&self) -> usize {
        self.c_in.div_ceil(BLOCK)
    }

    /// Channels of y, padded.
    const fn columns(&self) -> usize {
        self.c_out.next_multiple_of(BLOCK)
    }

    /// Products that are summed at one point.
    const fn depth(&self) -> usize {
        self.kh * self.c_in
    }

    /// Kernels of one row see no difference between the rows of an image and images: all rows count as one image's.
    const fn folded(mut self) -> Self {
        if self.kh == 1 {
            self.h *= self.n;
            self.n = 1;
        }
        self
    }

    /// Rows of y that are worked on at once.
    const fn strip_rows(&self) -> usize {
        let words = self.tiles() * self.blocks() * CELL;
        let target = if self.kh == 1 { STRIP_WORDS } else { TALL_STRIP_WORDS };
        at_least_one((target / words).saturating_sub(self.kh - 1), self.h_out())
    }

    /// As [`Self::strip_rows`], for the weights' gradient.
    const fn gradient_rows(&self) -> usize {
        at_least_one(GRADIENT_TILES / self.tiles(), self.h_out())
    }

    /// Tiles of x and of dy in a strip of the weights' gradient. An odd number, or the points would fall on one another
    /// in the cache.
    const fn gradient_tiles(&self) -> (usize, usize) {
        let rows = self.gradient_rows();
        (((rows + self.kh - 1) * self.tiles()) | 1, (rows * self.tiles()) | 1)
    }
}

/// `rows`, at least 1 and at most `most`.
const fn at_least_one(rows: usize, most: usize) -> usize {
    let rows = if rows > most { most } else { rows };
    if rows == 0 { 1 } else { rows }
}
