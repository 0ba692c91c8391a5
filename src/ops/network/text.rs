//! The shader of a network: constants, the layers' functions, the frame.

use super::room::{Room, quads};
use super::{NetworkLoss, NetworkSpec, PRELUDES};
use crate::ops::dropout::{scale, threshold};
use crate::ops::program::Constants;

const FRAME: &str = include_str!("../../../shaders/programs/network.wgsl");
const LEVEL: &str = include_str!("../../../shaders/programs/level.wgsl");
const LEVEL_DROPOUT: &str = include_str!("../../../shaders/programs/level_dropout.wgsl");
const LAYER: &str = include_str!("../../../shaders/programs/layer.wgsl");
const BACKWARD: &str = include_str!("../../../shaders/programs/layer_backward.wgsl");

/// The whole text; see [`super::Network`] for the bindings that `offsets` belongs to.
pub(super) fn text(spec: &NetworkSpec, room: &Room, offsets: &[Vec<usize>]) -> String {
    let trains = spec.optimizer.is_some();
    let mut parts: Vec<String> = PRELUDES.iter().map(|part| (*part).to_owned()).collect();
    parts.push(constants(spec, room, offsets));
    parts.push(inputs(spec, trains));
    if let Some((rule, _)) = spec.optimizer {
        parts.push(rule.text(5));
    }
    for level in 0..spec.widths.len() {
        let text = if trains && spec.dropouts[level].is_some() { LEVEL_DROPOUT } else { LEVEL };
        parts.push(text.replace("_LAYER", &format!("_{level}")));
    }
    for layer in 0..spec.activations.len() {
        let own =
            |text: &str| text.replace("_LAYER", &format!("_{layer}")).replace("_NEXT", &format!("_{}", layer + 1));
        parts.push(own(LAYER));
        if trains {
            parts.push(own(BACKWARD));
        }
    }
    parts.push(frame(spec));
    parts.join("\n")
}

fn constants(spec: &NetworkSpec, room: &Room, offsets: &[Vec<usize>]) -> String {
    let mut c = Constants::default();
    let layers = spec.activations.len();
    for (name, value) in [
        ("LANES", room.lanes),
        ("ROWS", room.rows),
        ("WEIGHTS", room.weights),
        ("ACTS", room.acts),
        ("BATCH", spec.batch),
        ("STEPS", spec.steps),
        ("DATA_ROWS", spec.rows),
        ("OUTPUTS", spec.widths[layers]),
        ("OUTPUT_QUADS", quads(spec.widths[layers])),
        ("OUTPUT_AT", room.levels[layers].0),
        ("OUTPUT_STRIDE", room.levels[layers].1),
        ("ROWS_AT", offsets[3][0]),
        ("WEIGHTS_AT", offsets[3][1]),
        ("SCHEDULE_AT", offsets[3][2]),
    ] {
        c.whole(name, value);
    }
    let loss = match spec.loss {
        NetworkLoss::CrossEntropy => 0,
        NetworkLoss::BinaryCrossEntropy => 1,
        NetworkLoss::MeanSquare => 2,
    };
    c.whole("LOSS", loss);
    for (level, width) in spec.widths.iter().enumerate() {
        c.whole(&format!("WIDTH_{level}"), *width);
        c.whole(&format!("QUADS_{level}"), quads(*width));
        c.whole(&format!("LEVEL_{level}"), room.levels[level].0);
        c.whole(&format!("STRIDE_{level}"), room.levels[level].1);
        let mask = if level == 0 { 0 } else { spec.activations[level - 1].code() as usize };
        c.whole(&format!("MASK_{level}"), mask);
        if let Some((rate, stream)) = spec.dropouts[level].filter(|_| spec.optimizer.is_some()) {
            c.whole(&format!("STREAM_{level}"), stream as usize);
            c.whole(&format!("THRESHOLD_{level}"), threshold(rate) as usize);
            c.real(&format!("SCALE_{level}"), f64::from(scale(rate)));
            c.real(&format!("SHARE_{level}"), f64::from(1.0 - rate));
        }
    }
    if let Some(at) = offsets[3].get(3) {
        c.whole("SEED_AT", *at);
    }
    for (layer, own) in room.layers.iter().enumerate() {
        for (name, value) in [
            ("KERNEL_AT", offsets[0][2 * layer]),
            ("BIAS_AT", offsets[0][2 * layer + 1]),
            ("MATRIX", own.matrix),
            ("OFFSET", own.bias),
            ("FORWARD", own.forward),
            ("BACKWARD", own.backward),
            ("BLOCKS", own.blocks),
            ("SPLITS", own.splits),
            ("ACTIVATION", spec.activations[layer].code() as usize),
        ] {
            c.whole(&format!("{name}_{layer}"), value);
        }
        if spec.optimizer.is_some() {
            let second = offsets.get(6).unwrap_or(&offsets[5]);
            for (name, value) in [
                ("FIRST_AT", offsets[5][2 * layer]),
                ("FIRST_BIAS_AT", offsets[5][2 * layer + 1]),
                ("SECOND_AT", second[2 * layer]),
                ("SECOND_BIAS_AT", second[2 * layer + 1]),
            ] {
                c.whole(&format!("{name}_{layer}"), value);
            }
        }
    }
    if let Some((_, decay)) = spec.optimizer {
        c.real("DECAY", decay);
    }
    if let Some(clip) = spec.clip {
        c.real("CLIP", clip);
    }
    c.text()
}

/// The parameters' and the data's bindings: quads of a row are read as such where rows begin at whole quads.
fn inputs(spec: &NetworkSpec, trains: bool) -> String {
    let access = if trains { "read_write" } else { "read" };
    let params = format!("@group(0) @binding(0) var<storage, {access}> params: array<f32>;\n");
    let data = if spec.widths[0].is_multiple_of(4) {
        "@group(0) @binding(1) var<storage, read> data: array<vec4<f32>>;
fn input_quad(row: u32, q: u32) -> vec4<f32> {
    return data[row * QUADS_0 + q];
}
"
    } else {
        "@group(0) @binding(1) var<storage, read> data: array<f32>;
fn input_quad(row: u32, q: u32) -> vec4<f32> {
    var quad = vec4<f32>(0.0);
    for (var c = 0u; c < 4u; c = c + 1u) {
        if 4u * q + c < WIDTH_0 {
            quad[c] = data[row * WIDTH_0 + 4u * q + c];
        }
    }
    return quad;
}
"
    };
    params + data
}

/// The frame with the layers' calls in place of its lines that begin with @.
fn frame(spec: &NetworkSpec) -> String {
    let layers = spec.activations.len();
    let trains = spec.optimizer.is_some();
    let barrier = "workgroupBarrier();";
    let each = |call: &dyn Fn(usize) -> String| (0..layers).map(call).collect::<Vec<_>>();
    let mut text = String::new();
    for line in FRAME.lines() {
        let calls = match line.trim() {
            "@load" => each(&|l| format!("load_{l}(lane, member);")),
            "@clear" if trains => each(&|l| format!("clear_{l}();")),
            "@forward" => each(&|l| format!("forward_{l}(lane); {barrier}")),
            "@backward" if trains => (0..layers).rev().flat_map(|l| backward(l, barrier)).collect(),
            "@update" if trains => update(spec),
            "@store" if trains => each(&|l| format!("store_{l}(lane, member);")),
            "@keys" if trains => keys(spec),
            "@clear" | "@keys" | "@backward" | "@update" | "@store" => vec![],
            _ => vec![line.to_owned()],
        };
        for call in &calls {
            text.push_str(call);
            text.push('\n');
        }
    }
    text
}

fn keys(spec: &NetworkSpec) -> Vec<String> {
    let dropped = spec.dropouts.iter().enumerate().filter(|(_, dropout)| dropout.is_some());
    let begin =
        |(level, _)| format!("begin_{level}(tables[SEED_AT + member], u32(schedule_value(member, step, COUNT)));");
    dropped.map(begin).collect()
}

fn backward(layer: usize, barrier: &str) -> Vec<String> {
    let mut calls = vec![format!("weights_{layer}(lane); {barrier}")];
    if layer > 0 {
        calls.push(format!("data_{layer}(lane); {barrier}"));
    }
    calls
}

fn update(spec: &NetworkSpec) -> Vec<String> {
    let layers = 0..spec.activations.len();
    let mut calls: Vec<String> = layers.clone().map(|l| format!("join_{l}(lane);")).collect();
    if spec.clip.is_some() {
        calls.push("var squares = 0.0;".to_owned());
        calls.extend(layers.clone().map(|l| format!("squares = squares + squares_{l}(lane);")));
        calls.push("let factor = min(1.0, CLIP / (sqrt(total(lane, squares)) + 1e-6));".to_owned());
    } else {
        calls.push("let factor = 1.0;".to_owned());
    }
    calls.push(
        "let rate = schedule_value(member, step, RATE);
        let corrections = vec2<f32>(schedule_value(member, step, CORRECTION_1), schedule_value(member, step, CORRECTION_2));"
            .to_owned(),
    );
    calls.extend(layers.map(|l| format!("update_{l}(lane, member, rate, corrections, factor);")));
    calls
}
