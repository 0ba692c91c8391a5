//! Multi-head self-attention that never stores the score matrix (Rabe and Staats 2021; Dao et al. 2022).
//!
//! `qkv` [n, l, 3 d] holds queries, keys and values side by side as one dense layer writes them, each [heads, d / heads].
//! For head h and position i, with `s_ij = q_i . k_j / sqrt(d / heads)`:
//! `lse_i = ln sum_j exp(s_ij)`, `y_i = sum_j exp(s_ij - lse_i) v_j`, j over the positions that i attends to: all of the
//! sample, less those from its length on (if lengths are given; a length counts as 1 at the least and l at the most),
//! less those behind i (if causal).
//!
//! Backward computes the scores again, block by block, from q, k and `lse`. With `p_ij = exp(s_ij - lse_i)`,
//! `delta_i = dy_i . y_i` and `ds_ij = p_ij (dy_i . v_j - delta_i)`:
//! `dv_j = sum_i p_ij dy_i`, `dq_i = sum_j ds_ij k_j / sqrt(d / heads)`, `dk_j = sum_i ds_ij q_i / sqrt(d / heads)`.
//!
//! CPU: for a head and a block of queries the scores of all keys are kept, block * l of them; samples of at most eight
//! positions are worked on many heads at a time. GPU: running maxima
//! and sums over tiles of keys in shared memory, with queries in registers where a head is short (`gpu`); the gradients of
//! keys and values have workgroups of their own, so that nothing is added atomically.

mod backward;
mod cases;
mod cpu;
mod cpu_backward;
mod forward;
mod gpu;
mod head;
mod product;
mod reference;
mod short;

pub use backward::AttentionBackward;
pub use forward::Attention;

use super::kernel::{ArgSpec, Shader};
use super::tuning::TuningGroup;
use super::{Case, Op, ShapeError, prelude};

const SHADER: Shader = Shader {
    name: "attention",
    preludes: &[prelude::GRID, prelude::ACTIVATION],
    source: include_str!("../../../shaders/ops/attention.wgsl"),
};

/// For heads whose rows fit into registers.
const ROWS: Shader = Shader {
    name: "attention_rows",
    preludes: &[prelude::GRID, prelude::ACTIVATION],
    source: include_str!("../../../shaders/ops/attention_rows.wgsl"),
};

/// The most values of a head: what the shader's shared memory holds.
const HEAD_MAX: usize = 128;

/// The registry's entry.
#[derive(Debug)]
pub struct AttentionOp;

impl Op for AttentionOp {
    fn name(&self) -> &'static str {
        "attention"
    }
    fn summary(&self) -> &'static str {
        "y[f,n,i,h] = sum_j softmax_j(q[f,n,i,h] . k[f,n,j,h] / sqrt(d / heads)) v[f,n,j,h]"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER, ROWS]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
    fn tuning(&self) -> Vec<TuningGroup> {
        gpu::groups()
    }
}

/// What attends to what; [`Attention::new`] and [`AttentionBackward::new`] check it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionSpec {
    /// Members.
    pub fleet: usize,
    /// Samples of a member: the batch's rows.
    pub n: usize,
    /// Positions of a sample.
    pub l: usize,
    /// Values of a position: all heads together.
    pub d: usize,
    /// Heads; d is a multiple of it.
    pub heads: usize,
    /// Whether a position attends to itself and to those before it only.
    pub causal: bool,
    /// Whether samples have lengths.
    pub lengths: bool,
}

impl Default for AttentionSpec {
    /// One value.
    fn default() -> Self {
        Self { fleet: 1, n: 1, l: 1, d: 1, heads: 1, causal: false, lengths: false }
    }
}

impl AttentionSpec {
    fn check(&self) -> Result<(), ShapeError> {
        const OP: &str = "attention";
        let Self { fleet, n, l, d, heads, .. } = *self;
        ShapeError::positive(OP, &[("fleet", fleet), ("n", n), ("l", l), ("d", d), ("heads", heads)])?;
        ShapeError::countable(OP, &[("qkv", &[fleet, n, l, 3, d]), ("lse", &[fleet, n, heads, l])])?;
        if !d.is_multiple_of(heads) {
            return Err(ShapeError::mismatch(OP, format!("{d} values do not divide into {heads} heads")));
        }
        if d / heads > HEAD_MAX {
            let reason = format!("{heads} heads of {} values, expected at most {HEAD_MAX} values a head", d / heads);
            return Err(ShapeError::mismatch(OP, reason));
        }
        ShapeError::countable(OP, &[("working memory", &[fleet, self.backward_scratch()])])
    }

    /// Values of a head.
    const fn head(&self) -> usize {
        self.d / self.heads
    }

    /// What scores are multiplied by.
    fn scale(&self) -> f32 {
        1.0 / (self.head() as f32).sqrt()
    }

    /// Pairs of a query and a key, of a member.
    fn pairs(&self) -> f64 {
        let all = (self.n * self.heads) as f64 * (self.l * self.l) as f64;
        if self.causal { all * (self.l as f64 + 1.0) / (2.0 * self.l as f64) } else { all }
    }

    /// Floating-point operations of one product of a member.
    fn product_flops(&self) -> f64 {
        2.0 * self.pairs() * self.head() as f64
    }

    /// Two products, and about 20 operations a score for its exponential.
    fn forward_flops(&self) -> f64 {
        2.0 * self.product_flops() + 20.0 * self.pairs()
    }

    /// Five products.
    fn backward_flops(&self) -> f64 {
        5.0 * self.product_flops() + 20.0 * self.pairs()
    }

    /// Words of the GPU's delta, and of the CPU's working memory for each of its tasks.
    const fn backward_scratch(&self) -> usize {
        let cpu = self.tasks() * cpu_backward::scratch_len(self);
        let delta = self.n * self.heads * self.l;
        if cpu > delta { cpu } else { delta }
    }

    /// Tasks that the CPU cuts a batch into; a rule of the shape alone.
    const fn tasks(&self) -> usize {
        const TASKS_MAX: usize = 16;
        // Below about this many values of scores, a batch is one task anyway.
        if self.n * self.heads * self.l * self.l < 1 << 13 {
            1
        } else if self.n < TASKS_MAX {
            self.n
        } else {
            TASKS_MAX
        }
    }

    fn qkv(&self) -> ArgSpec {
        ArgSpec::read("qkv", self.n * self.l * 3 * self.d).rows()
    }

    fn lengths_arg(&self) -> ArgSpec {
        ArgSpec::read("lengths", self.n).u32().rows()
    }
}

#[cfg(test)]
mod tests {
    use super::{Attention, AttentionSpec};

    #[test]
    fn e7_attention_refuses_heads_that_do_not_fit() {
        let spec = AttentionSpec { d: 10, heads: 3, ..AttentionSpec::default() };
        let refused = Attention::new(spec).expect_err("10 into 3");
        assert_eq!(refused.to_string(), "attention: 10 values do not divide into 3 heads");
        let refused = Attention::new(AttentionSpec { d: 258, heads: 2, ..spec }).expect_err("129 a head");
        assert!(
            refused.to_string().ends_with("2 heads of 129 values, expected at most 128 values a head"),
            "{refused}"
        );
    }
}
