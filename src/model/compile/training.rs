//! The plan of a training: gather, forward, loss, backward, update; evaluation; keeping the best.

use std::sync::Arc;

use super::backward::Backward;
use super::encoder::inner_len;
use super::forward::{Forward, Mode};
use super::halves::{Masters, Scaling};
use super::param_tensors;
use super::small::{Read, fuse, network, rule, trains_whole};
use crate::backend::Backend;
use crate::model::shape::Layer;
use crate::model::{Loss, Model, Optimizer, ParamInfo, Precision};
use crate::ops::gather::{Gather, GatherSpec};
use crate::ops::keep_best::{KeepBest, KeepBestSpec};
use crate::ops::loss::{self, LossKind, LossSpec};
use crate::ops::optimiser::{Adam, AdamSpec, MoveAll, Sgd, SgdSpec};
use crate::ops::reduce::{AccumulateLoss, AccumulateLossSpec, SumSquares, SumSquaresSpec};
use crate::ops::{DType, mixed, schedule};
use crate::plan::{ListId, Plan, PlanBuilder, PlanError, TensorId};

/// Everything that the plan's layout depends on besides the model.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainShape {
    /// Members.
    pub fleet: usize,
    /// Rows a step.
    pub batch: usize,
    /// Rows of the data.
    pub rows: usize,
    /// Steps an epoch, of the member that needs most.
    pub steps: usize,
    /// Steps that its validation rows need.
    pub validation_steps: usize,
    /// What is minimised.
    pub loss: Loss,
    /// What moves the parameters.
    pub optimizer: Optimizer,
    /// The largest norm of a gradient.
    pub clip: Option<f32>,
    /// How tensors are held.
    pub precision: Precision,
}

/// The tables that the host writes.
#[derive(Debug, Clone, Copy)]
pub struct Tables {
    /// Row numbers, [fleet, steps * batch].
    pub rows: TensorId,
    /// Their weights.
    pub weights: TensorId,
    /// [fleet, steps, 8].
    pub schedule: TensorId,
}

impl Tables {
    const fn all(&self) -> [TensorId; 3] {
        [self.rows, self.weights, self.schedule]
    }
}

/// A training on a device.
#[derive(Debug)]
pub struct TrainPlan {
    /// The plan.
    pub plan: Plan,
    /// One training step.
    pub train: ListId,
    /// One validation step, and how many there are; `None` without validation rows.
    pub validate: Option<(ListId, u32)>,
    /// Copies the parameters of members whose flag is set.
    pub keep_best: ListId,
    /// All inputs, shared by the fleet.
    pub inputs: TensorId,
    /// All targets.
    pub targets: TensorId,
    /// Tables of the training steps.
    pub train_tables: Tables,
    /// Tables of the validation steps.
    pub validation_tables: Tables,
    /// The epoch's loss, one a member.
    pub train_loss: TensorId,
    /// The validation's loss, one a member.
    pub validation_loss: TensorId,
    /// Which members to keep.
    pub flag: TensorId,
    /// One seed a member, for dropout.
    pub seed: TensorId,
    /// Parameters, in the model's order.
    pub params: Vec<TensorId>,
    /// Kept parameters, in the same order.
    pub best: Vec<TensorId>,
    /// With f16, the state of the loss's scale ([`crate::ops::mixed`]), three values a member.
    pub loss_scale: Option<TensorId>,
    memories: Vec<TensorId>,
}

impl TrainPlan {
    /// The tensors that outlive a step, in the order of [`lasting_lens`].
    pub fn lasting(&self) -> Vec<TensorId> {
        [self.params.as_slice(), &self.memories, &self.best, self.loss_scale.as_slice()].concat()
    }
}

/// Memories of the optimiser for each trained parameter.
const fn memories(optimizer: Optimizer) -> usize {
    match optimizer {
        Optimizer::Adam { .. } => 2,
        Optimizer::Sgd { .. } => 1,
    }
}

/// Words a member of the tensors that outlive a step.
pub fn lasting_lens(model: &Model, shape: &TrainShape) -> Vec<usize> {
    let all = || model.params().iter().map(ParamInfo::len);
    let trained = model.params().iter().filter(|p| p.kind.trained());
    let memories = trained.flat_map(|p| std::iter::repeat_n(p.len(), memories(shape.optimizer)));
    let scale = (shape.precision == Precision::F16).then_some(mixed::STATE);
    all().chain(memories).chain(all()).chain(scale).collect()
}

/// Bytes that one member adds to a plan, nearly.
pub fn bytes_a_member(model: &Model, shape: &TrainShape, backend: &Backend) -> usize {
    let lasting: usize = lasting_lens(model, shape).iter().sum();
    let activations: usize = model.layers.iter().map(|l| 3 * (l.output.len() + l.input.len() + inner_len(l))).sum();
    let tables = (shape.steps + shape.validation_steps) * (2 * shape.batch + schedule::WIDTH);
    let whole = matches!(backend, Backend::Gpu(gpu) if trains_whole(model, shape, gpu));
    let rows = if whole { 0 } else { shape.batch * (activations + 2 * model.input().len()) };
    let (rows_bytes, copy_bytes) = match shape.precision {
        Precision::F32 => (4 * rows, 0),
        Precision::F16 => (2 * rows, 2 * model.trained_len()),
    };
    4 * (lasting + model.trained_len() + tables) + rows_bytes + copy_bytes
}

/// Words a member of the largest tensor, nearly.
pub fn largest_tensor(model: &Model, shape: &TrainShape) -> usize {
    // Parameters, and the tables of a list, lie in one buffer each, and may be bound as one.
    let tables = shape.steps.max(shape.validation_steps) * (2 * shape.batch + schedule::WIDTH);
    largest_member_tensor(model, shape.batch).max(model.trained_len()).max(tables)
}

/// Words a member of the largest parameter or activation, with the kernels' working memory.
pub(super) fn largest_member_tensor(model: &Model, batch: usize) -> usize {
    let widest = |l: &Layer| l.output.len().max(l.input.len()).max(inner_len(l));
    let activations = model.layers.iter().map(|l| batch * widest(l)).max();
    let params = model.params().iter().map(ParamInfo::len).max();
    // Working memory of split sums and packed operands stays below four times the tensors that it serves.
    4 * activations.max(params).unwrap_or(0)
}

fn tables(builder: &mut PlanBuilder, name: &str, steps: usize, batch: usize) -> Tables {
    let tables = Tables {
        rows: builder.tensor_u32(format!("{name}.rows"), steps * batch),
        weights: builder.tensor(format!("{name}.weights"), steps * batch),
        schedule: builder.tensor(format!("{name}.schedule"), steps * schedule::WIDTH),
    };
    builder.group(&tables.all());
    tables
}

/// Compiles a training.
///
/// # Errors
/// If a shape is impossible, or the plan does not fit on the device.
pub fn training(model: &Model, shape: &TrainShape, backend: &Backend) -> Result<TrainPlan, PlanError> {
    let mut builder = PlanBuilder::new(shape.fleet);
    let b = &mut builder;
    let half = shape.precision == Precision::F16;
    if half {
        b.half_locals();
    }
    let params = param_tensors(model, b);
    let masters = Masters::new(b, model, &params, shape.precision);
    let best: Vec<TensorId> =
        model.params().iter().map(|param| b.tensor(format!("best.{}", param.name), param.len())).collect();
    let seed = b.tensor_u32("seed", 1);
    let flag = b.tensor("flag", 1);
    let data = Dataset::new(b, model, shape);
    let train_tables = tables(b, "train", shape.steps, shape.batch);
    let validation_tables = tables(b, "validation", shape.validation_steps.max(1), shape.batch);
    let (train_loss, validation_loss) = (b.tensor("train.loss", 1), b.tensor("validation.loss", 1));
    let mut forward = Forward::new(model, shape.batch, data.batch_inputs, masters.read.clone());
    let losses =
        Losses { row: b.tensor("loss", shape.batch), gradient: b.local_exact("dlogits", data.output_len, DType::F32) };

    let train = b.list();
    let schedule_len = shape.steps * schedule::WIDTH;
    masters.round(b, train)?;
    data.gather(b, train, train_tables, shape.steps)?;
    let mode = Mode::Train { schedule: train_tables.schedule, schedule_len, seed };
    let output = forward.record(b, train, mode)?;
    data.loss(b, train, output, &losses, train_tables, shape.steps, true)?;
    let scaling = half.then(|| Scaling::new(b));
    let dlogits = match &scaling {
        Some(scaling) => scaling.scale(b, train, losses.gradient, [shape.batch, data.outputs])?,
        None => losses.gradient,
    };
    let gradients: Vec<Option<TensorId>> = model
        .params()
        .iter()
        .map(|p| p.kind.trained().then(|| b.tensor(format!("gradient.{}", p.name), p.len())))
        .collect();
    let schedule = train_tables.schedule;
    let backward =
        Backward { forward: &forward, list: train, schedule, schedule_len, seed, gradients: gradients.clone() };
    backward.record(b, dlogits)?;
    // Sums over the batch stand behind all that goes row by row.
    accumulate(b, train, shape, shape.steps, losses.row, train_tables, train_loss)?;
    let memories = update(b, train, model, shape, &params, &gradients, schedule, scaling.as_ref())?;
    b.gate(train, schedule);
    let kinds = self::memories(shape.optimizer);
    let by_kind: Vec<Vec<TensorId>> =
        (0..kinds).map(|kind| memories.iter().skip(kind).step_by(kinds).copied().collect()).collect();
    let with_seed = [train_tables.rows, train_tables.weights, train_tables.schedule, seed];
    b.group(&with_seed);
    let validation = validation_tables.all();
    let reads =
        Read { params: &params, inputs: data.inputs, targets: data.targets, tables: &with_seed, loss: train_loss };
    for ids in &by_kind {
        b.group(ids);
    }
    if let Some(network) = network(model, shape, true) {
        fuse(b, train, network, reads, &by_kind);
    }

    let validate = if shape.validation_steps > 0 {
        let list = b.list();
        masters.round(b, list)?;
        data.gather(b, list, validation_tables, shape.validation_steps)?;
        let output = forward.record(b, list, Mode::Evaluate)?;
        data.loss(b, list, output, &losses, validation_tables, shape.validation_steps, false)?;
        accumulate(b, list, shape, shape.validation_steps, losses.row, validation_tables, validation_loss)?;
        b.gate(list, validation_tables.schedule);
        if let Some(network) = network(model, shape, false) {
            let reads = Read { tables: &validation, loss: validation_loss, ..reads };
            fuse(b, list, network, reads, &[]);
        }
        Some((list, shape.validation_steps as u32))
    } else {
        None
    };

    let keep_best = b.list();
    for ((from, to), param) in params.iter().zip(&best).zip(model.params()) {
        let kernel = KeepBest::new(KeepBestSpec { fleet: shape.fleet, len: param.len(), dtype: DType::F32 })?;
        b.push(keep_best, kernel, &[*from, flag, *to])?;
    }
    Ok(TrainPlan {
        plan: builder.build(backend)?,
        train,
        validate,
        keep_best,
        inputs: data.inputs,
        targets: data.targets,
        train_tables,
        validation_tables,
        train_loss,
        validation_loss,
        flag,
        seed,
        params,
        best,
        loss_scale: scaling.map(|scaling| scaling.state),
        memories,
    })
}

/// The loss of each row, and the gradient of the model's output.
#[derive(Debug)]
struct Losses {
    row: TensorId,
    gradient: TensorId,
}

/// The data on the device, and a batch of them.
#[derive(Debug)]
struct Dataset {
    shape: TrainShape,
    width: usize,
    outputs: usize,
    positions: usize,
    input_dtype: DType,
    output_len: usize,
    inputs: TensorId,
    targets: TensorId,
    batch_inputs: TensorId,
    batch_targets: TensorId,
}

/// Words of a row's target, and what they are.
const fn targets(loss: Loss, outputs: usize) -> (usize, DType) {
    if loss.takes_labels() { (1, DType::U32) } else { (outputs, DType::F32) }
}

impl Dataset {
    fn new(b: &mut PlanBuilder, model: &Model, shape: &TrainShape) -> Self {
        let (width, outputs) = (model.input().len(), model.output().len());
        let input_dtype = super::input_dtype(model);
        let (target_width, dtype) = targets(shape.loss, outputs);
        let inputs = b.shared("inputs", shape.rows * width, input_dtype);
        if shape.precision == Precision::F16 {
            b.hold_half(inputs);
        }
        let batch_targets = b.local_exact("batch.targets", shape.batch * target_width, dtype);
        Self {
            shape: shape.clone(),
            width,
            outputs,
            positions: model.output().positions(),
            input_dtype,
            output_len: shape.batch * outputs,
            inputs,
            targets: b.shared("targets", shape.rows * target_width, dtype),
            batch_inputs: b.local("batch.inputs", shape.batch * width, input_dtype),
            batch_targets,
        }
    }

    fn gather(&self, b: &mut PlanBuilder, list: ListId, tables: Tables, steps: usize) -> Result<(), PlanError> {
        let TrainShape { fleet, batch, rows, .. } = self.shape;
        let (target_width, dtype) = targets(self.shape.loss, self.outputs);
        let spec = GatherSpec { fleet, n: batch, steps, rows, width: self.width, dtype: self.input_dtype };
        b.push(list, Gather::new(spec)?, &[self.inputs, tables.rows, self.batch_inputs])?;
        let spec = GatherSpec { width: target_width, dtype, ..spec };
        b.push(list, Gather::new(spec)?, &[self.targets, tables.rows, self.batch_targets])
    }

    fn loss(
        &self,
        b: &mut PlanBuilder,
        list: ListId,
        output: TensorId,
        losses: &Losses,
        tables: Tables,
        steps: usize,
        trains: bool,
    ) -> Result<(), PlanError> {
        let kind = match self.shape.loss {
            Loss::CrossEntropy => LossKind::CrossEntropy,
            // What judges an epoch is the answer alone.
            Loss::ReadOuts { auxiliary } => {
                LossKind::ReadOuts { positions: self.positions, auxiliary: if trains { auxiliary } else { 0.0 } }
            }
            Loss::BinaryCrossEntropy => LossKind::BinaryCrossEntropy { positive_weights: false },
            Loss::MeanSquare => LossKind::MeanSquare,
            Loss::Pearson => LossKind::Pearson,
        };
        let spec = LossSpec { fleet: self.shape.fleet, n: self.shape.batch, c: self.outputs, steps, kind };
        let bound = [output, self.batch_targets, tables.weights, tables.schedule, losses.row, losses.gradient];
        b.push(list, loss::Loss::new(spec)?, &bound)
    }
}

fn accumulate(
    b: &mut PlanBuilder,
    list: ListId,
    shape: &TrainShape,
    steps: usize,
    row: TensorId,
    tables: Tables,
    total: TensorId,
) -> Result<(), PlanError> {
    let kernel = AccumulateLoss::new(AccumulateLossSpec { fleet: shape.fleet, n: shape.batch, steps })?;
    b.push(list, kernel, &[row, tables.schedule, total])
}

/// Clipping and the optimiser, parameter by parameter; returns the optimiser's memories.
fn update(
    b: &mut PlanBuilder,
    list: ListId,
    model: &Model,
    shape: &TrainShape,
    params: &[TensorId],
    gradients: &[Option<TensorId>],
    schedule: TensorId,
    scaling: Option<&Scaling>,
) -> Result<Vec<TensorId>, PlanError> {
    let fleet = shape.fleet;
    let trained = || model.params().iter().zip(params).zip(gradients).filter_map(|((m, p), g)| Some((m, *p, (*g)?)));
    let norm = b.tensor("gradient.norm", 1);
    if shape.clip.is_some() || scaling.is_some() {
        for (i, (param, _, gradient)) in trained().enumerate() {
            let spec = SumSquaresSpec { fleet, len: param.len(), first: i == 0 };
            b.push(list, SumSquares::new(spec)?, &[gradient, norm])?;
        }
    }
    if let Some(scaling) = scaling {
        scaling.judge(b, list, shape, norm, schedule)?;
    }
    // What the optimiser is told of the gradient's length: with f16 the judge has clipped already.
    let clip = shape.clip.filter(|_| scaling.is_none()).map(f64::from);
    let last = scaling.map(|scaling| scaling.factor).or(clip.map(|_| norm));
    let first_kernel = b.kernels(list);
    let scaled = scaling.is_some();
    let mut memories = vec![];
    for (param, p, g) in trained() {
        let len = param.len();
        // Biases and the scales of batch norm are not decayed: there is nothing to gain from making them small.
        let decay = |weight_decay: f32| if param.shape.len() > 1 { f64::from(weight_decay) } else { 0.0 };
        let mut bound = vec![p, g];
        match shape.optimizer {
            Optimizer::Adam { beta1, beta2, epsilon, weight_decay } => {
                let pair = ["m", "v"].map(|memory| b.tensor(format!("{memory}.{}", param.name), len));
                bound.extend(pair);
                memories.extend(pair);
                bound.push(schedule);
                bound.extend(last);
                let spec = AdamSpec {
                    fleet,
                    len,
                    steps: shape.steps,
                    beta1: f64::from(beta1),
                    beta2: f64::from(beta2),
                    epsilon: f64::from(epsilon),
                    weight_decay: decay(weight_decay),
                    clip,
                    scaled,
                };
                b.push(list, Adam::new(spec)?, &bound)?;
            }
            Optimizer::Sgd { momentum, nesterov, weight_decay } => {
                let memory = b.tensor(format!("momentum.{}", param.name), len);
                bound.push(memory);
                memories.push(memory);
                bound.push(schedule);
                bound.extend(last);
                let spec = SgdSpec {
                    fleet,
                    len,
                    steps: shape.steps,
                    momentum: f64::from(momentum),
                    nesterov,
                    weight_decay: decay(weight_decay),
                    clip,
                    scaled,
                };
                b.push(list, Sgd::new(spec)?, &bound)?;
            }
        }
    }
    let all: Vec<_> = trained().collect();
    let (weights, slopes) =
        (all.iter().map(|(_, p, _)| *p).collect::<Vec<_>>(), all.iter().map(|(_, _, g)| *g).collect::<Vec<_>>());
    let (rule, decay) = rule(shape.optimizer);
    let params = all.iter().map(|(info, ..)| (info.len(), if info.shape.len() > 1 { decay } else { 0.0 })).collect();
    b.group(&weights);
    b.group(&slopes);
    let kinds = self::memories(shape.optimizer);
    let mut binds =
        vec![(weights, true), (slopes, false), (vec![schedule], false), (vec![last.unwrap_or(schedule)], false)];
    binds.extend((0..kinds).map(|kind| (memories.iter().skip(kind).step_by(kinds).copied().collect(), true)));
    let kernels = first_kernel..b.kernels(list);
    b.fuse(list, kernels, Arc::new(MoveAll { fleet, steps: shape.steps, rule, params, clip, scaled }), binds);
    Ok(memories)
}
