//! The crate `gemm` with its AVX-512 kernels.

use gemm::Parallelism;
use nightloom_peers::{Product, Timed, serve};
use rayon::prelude::*;

fn multiply(p: &Product, a: &[f32], b: &[f32], c: &mut [f32], parallelism: Parallelism) {
    let (a_row, a_column) = p.a_strides();
    let (n, a_row, a_column) = (p.n as isize, a_row as isize, a_column as isize);
    // SAFETY: the slices hold the whole matrices of these shapes and strides.
    unsafe {
        gemm::gemm(
            p.m, p.n, p.k, c.as_mut_ptr(), 1, n, false, a.as_ptr(), a_column, a_row, b.as_ptr(), 1, n, 0.0, 1.0,
            false, false, false, parallelism,
        );
    }
}

fn make(work: &str, threads: usize) -> Option<Timed> {
    let p = Product::parse(work)?;
    let [a, b, mut c] = p.values();
    let call: Box<dyn FnMut()> = if p.many() {
        Box::new(move || {
            let matrices = c.par_chunks_mut(p.m * p.n).zip(a.par_chunks(p.m * p.k)).zip(b.par_chunks(p.k * p.n));
            matrices.with_min_len(16).for_each(|((c, a), b)| multiply(&p, a, b, c, Parallelism::None));
        })
    } else {
        let parallelism = if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None };
        Box::new(move || multiply(&p, &a, &b, &mut c, parallelism))
    };
    Some(Timed { call, sample_seconds: 0.02 })
}

fn main() {
    serve("gemm", "0.19.0", "x86-v4", make);
}
