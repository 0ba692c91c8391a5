//! Squared hinge: the folder of an operation that the library does not know. `y[f, i] = max(0, 1 - x[f, i])^2`.

use nightloom::backend::CpuContext;
use nightloom::ops::{
    ArgSpec, Args, Call, Case, Dispatch, Kernel, Op, Shader, ShapeError, Target, Work, prelude, reads, writes,
};

const SHADER: Shader = Shader { name: "hinge", preludes: &[prelude::GRID], source: include_str!("hinge.wgsl") };

/// The registry's entry.
#[derive(Debug)]
pub struct HingeOp;

impl Op for HingeOp {
    fn name(&self) -> &'static str {
        "hinge"
    }
    fn summary(&self) -> &'static str {
        "y[f,i] = max(0, 1 - x[f,i])^2"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        let case = |id, fleet, len| {
            let hinge = |backward| Hinge::new(fleet, len, backward).expect("the case's shape is right");
            Case::new(id).call(Call::new(hinge(false))).call(Call::new(hinge(true)))
        };
        vec![case("f1_1", 1, 1), case("f3_67", 3, 67), case("f2_1000", 2, 1000).bench()]
    }
}

/// A checked hinge, forward or backward.
#[derive(Debug, Clone, Copy)]
pub struct Hinge {
    fleet: usize,
    len: usize,
    backward: bool,
}

impl Hinge {
    /// Checks the shape.
    pub fn new(fleet: usize, len: usize, backward: bool) -> Result<Self, ShapeError> {
        ShapeError::positive("hinge", &[("fleet", fleet), ("len", len)])?;
        ShapeError::countable("hinge", &[("x", &[fleet, len])])?;
        Ok(Self { fleet, len, backward })
    }
}

impl Kernel for Hinge {
    fn name(&self) -> &'static str {
        if self.backward { "hinge.backward" } else { "hinge" }
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let x = ArgSpec::read("x", self.len);
        if self.backward {
            vec![x, ArgSpec::read("dy", self.len), ArgSpec::write("dx", self.len)]
        } else {
            vec![x, ArgSpec::write("y", self.len)]
        }
    }
    fn work(&self) -> Work {
        let elements = (self.fleet * self.len) as f64;
        Work { flops: 3.0 * elements, bytes: 8.0 * elements }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        let slacks: Vec<f64> = args[0].iter().map(|x| (1.0 - x).max(0.0)).collect();
        for (i, slack) in slacks.iter().enumerate() {
            if self.backward {
                args[2][i] = -2.0 * slack * args[1][i];
            } else {
                args[1][i] = slack * slack;
            }
        }
    }
    fn cpu(&self, _ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        let x = args.f32(0);
        if self.backward {
            for ((dx, dy), x) in args.f32_mut(2).iter_mut().zip(args.f32(1)).zip(x) {
                *dx = -2.0 * (1.0 - x).max(0.0) * dy;
            }
        } else {
            for (y, x) in args.f32_mut(1).iter_mut().zip(x) {
                *y = (1.0 - x).max(0.0).powi(2);
            }
        }
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        let elements = self.fleet * self.len;
        let binds = if self.backward { vec![reads(0), reads(1), writes(2)] } else { vec![reads(0), writes(1)] };
        vec![Dispatch {
            shader: SHADER,
            entry: if self.backward { "backward" } else { "forward" },
            constants: vec![],
            binds,
            params: vec![elements as u32],
            groups: elements.div_ceil(64),
        }]
    }
}
