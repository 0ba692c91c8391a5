//! How many floating-point operations a second this machine can do at the most: multiply-adds between registers.

use std::hint::black_box;

use rayon::prelude::*;

use super::timer::time;
use crate::backend::simd::{Simd, Vector};
use crate::backend::{Cpu, SimdLevel};

/// Multiply-adds of one register by one task.
const ROUNDS: usize = 400_000;

/// Times that each form is run; the fastest counts, since whatever disturbs a run only slows it.
const TRIES: usize = 5;

/// Operations a second of all the pool's threads at the SIMD level in use, each multiply-add counted as two.
pub(super) fn flops_a_second(cpu: Cpu) -> f64 {
    // How many sums must be under way at once depends on latency, ports and registers: the best of several counts.
    let forms = [form::<6>, form::<8>, form::<12>, form::<16>];
    forms.map(|form| form(cpu.simd())).into_iter().fold(0.0, f64::max)
}

/// Operations a second with `SUMS` independent registers.
fn form<const SUMS: usize>(level: SimdLevel) -> f64 {
    let threads = rayon::current_num_threads();
    let lanes = level.run(Lanes);
    let flops = (2 * SUMS * lanes * ROUNDS * threads) as f64;
    let once = || {
        let Ok(seconds) = time(|| {
            // A thread that finishes early takes no second task: there are as many as threads, of equal length.
            (0..threads).into_par_iter().with_max_len(1).for_each(|_| {
                black_box(level.run(MultiplyAdds::<SUMS>));
            });
            Ok::<(), std::convert::Infallible>(())
        });
        seconds
    };
    (0..TRIES).map(|_| flops / once()).fold(0.0, f64::max)
}

struct Lanes;

impl Simd for Lanes {
    type Out = usize;
    #[inline(always)]
    fn run<V: Vector>(self) -> usize {
        V::LANES
    }
}

/// `SUMS` chains of multiply-adds side by side.
struct MultiplyAdds<const SUMS: usize>;

impl<const SUMS: usize> Simd for MultiplyAdds<SUMS> {
    type Out = f32;
    #[inline(always)]
    fn run<V: Vector>(self) -> f32 {
        let (factor, addend) = (V::splat(black_box(0.5)), V::splat(black_box(0.25)));
        let mut sums = [V::splat(black_box(1.0)); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, addend);
            }
        }
        sums.into_iter().fold(V::splat(0.0), V::add).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{MultiplyAdds, flops_a_second};
    use crate::backend::{Cpu, SimdLevel};

    #[test]
    fn e6_the_peak_is_that_of_real_sums() {
        // x = x / 2 + 1/4 settles at 1/2.
        let lanes = |level: SimdLevel| if level == SimdLevel::Avx512 { 16.0 } else { 8.0 };
        for level in SimdLevel::ALL.into_iter().filter(|level| *level <= SimdLevel::detect()) {
            assert_eq!(level.run(MultiplyAdds::<6>), 6.0 * lanes(level) * 0.5, "{level}");
            let peak = flops_a_second(Cpu::new(level).expect("this machine has it"));
            assert!(peak > 1e8 && peak < 1e14, "{peak} a second at {level}");
        }
    }
}
