//! faer's matrix product.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use nightloom_peers::{Product, Timed, serve};
use rayon::prelude::*;

fn multiply(p: &Product, a: &[f32], b: &[f32], c: &mut [f32], par: Par) {
    let a = if p.a_transposed {
        MatRef::from_row_major_slice(a, p.k, p.m).transpose()
    } else {
        MatRef::from_row_major_slice(a, p.m, p.k)
    };
    let b = MatRef::from_row_major_slice(b, p.k, p.n);
    matmul(MatMut::from_row_major_slice_mut(c, p.m, p.n), Accum::Replace, a, b, 1.0, par);
}

fn make(work: &str, threads: usize) -> Option<Timed> {
    let p = Product::parse(work)?;
    let [a, b, mut c] = p.values();
    let call: Box<dyn FnMut()> = if p.many() {
        Box::new(move || {
            let matrices = c.par_chunks_mut(p.m * p.n).zip(a.par_chunks(p.m * p.k)).zip(b.par_chunks(p.k * p.n));
            matrices.with_min_len(16).for_each(|((c, a), b)| multiply(&p, a, b, c, Par::Seq));
        })
    } else {
        let par = if threads > 1 { Par::rayon(threads) } else { Par::Seq };
        Box::new(move || multiply(&p, &a, &b, &mut c, par))
    };
    Some(Timed { call, sample_seconds: 0.02 })
}

fn main() {
    serve("faer", "0.24.4", "avx512", make);
}
