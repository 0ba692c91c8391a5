use super::room::Room;
use super::{Network, NetworkLoss, NetworkSpec};
use crate::backend::gpu::GpuTraits;
use crate::ops::optimiser::Rule;
use crate::ops::{Activation, Program};

fn spec(widths: &[usize], loss: NetworkLoss, optimizer: Option<(Rule, f64)>) -> NetworkSpec {
    let mut activations = vec![Activation::Relu; widths.len() - 1];
    activations[widths.len() - 2] = Activation::None;
    NetworkSpec {
        fleet: 3,
        widths: widths.to_vec(),
        activations,
        dropouts: (0..widths.len()).map(|l| (l + 1 < widths.len() && l % 2 == 1).then_some((0.2, l as u32))).collect(),
        batch: 100,
        steps: 7,
        rows: 500,
        loss,
        optimizer,
        clip: Some(1.0),
    }
}

const ADAM: (Rule, f64) = (Rule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }, 0.01);
const SGD: (Rule, f64) = (Rule::Sgd { momentum: 0.9, nesterov: true }, 0.0);

fn device(workgroup_bytes: usize, invocations: usize) -> GpuTraits {
    GpuTraits { workgroup_bytes, invocations, ..GpuTraits::least() }
}

#[test]
fn e6_the_shader_of_any_shape_is_valid_wgsl() {
    let devices = [device(16_384, 256), device(32_768, 256), device(49_152, 1024)];
    let mut checked = 0;
    for widths in [&[1, 1][..], &[3, 5, 2], &[28, 64, 32, 1], &[28, 10], &[7, 129, 3], &[4, 4, 4, 4, 4, 32]] {
        for loss in [NetworkLoss::CrossEntropy, NetworkLoss::BinaryCrossEntropy, NetworkLoss::MeanSquare] {
            for optimizer in [Some(ADAM), Some(SGD), None] {
                let network = Network::new(spec(widths, loss, optimizer)).expect("a network");
                for device in devices.iter().filter(|device| network.fits(device)) {
                    let own: Vec<usize> = (0..2 * (widths.len() - 1)).map(|i| 64 * i).collect();
                    let tables = vec![0, 128, 256, 512];
                    let offsets = [own.clone(), vec![0], vec![0], tables, vec![0], own.clone(), own];
                    let text = network.text(device, &offsets);
                    let module = naga::front::wgsl::parse_str(&text).map_err(|e| e.emit_to_string(&text));
                    let module = module.unwrap_or_else(|error| panic!("{widths:?} {loss:?} {optimizer:?}: {error}"));
                    let (flags, able) = (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all());
                    let valid = naga::valid::Validator::new(flags, able).validate(&module);
                    valid.unwrap_or_else(|error| panic!("{widths:?}: {}", error.emit_to_string(&text)));
                    checked += 1;
                }
            }
        }
    }
    assert!(checked >= 100, "{checked}");
}

#[test]
fn e4_a_network_is_cut_to_the_workgroup_or_left_to_its_kernels() {
    let small = spec(&[28, 64, 32, 1], NetworkLoss::MeanSquare, Some(ADAM));
    let room = |bytes| Room::find(&small, &device(bytes, 1024));
    assert!(room(16_384).is_none(), "the weights alone take nearly 16 KiB");
    let (tight, wide) = (room(32_768).expect("room"), room(49_152).expect("room"));
    assert!(tight.rows < wide.rows, "{tight:?} {wide:?}");
    for room in [&tight, &wide] {
        assert!(room.lanes <= 256 && room.layers.iter().all(|layer| room.rows % layer.forward == 0));
    }
    assert!(tight.bytes() <= 32_768 && wide.bytes() <= 49_152);
    let large = spec(&[512, 512, 10], NetworkLoss::CrossEntropy, Some(ADAM));
    assert!(Room::find(&large, &device(49_152, 1024)).is_none());
    for kept in [tight, wide] {
        for (pair, layer) in small.widths.windows(2).zip(&kept.layers) {
            let blocks = pair[0].div_ceil(4) * pair[1].div_ceil(4);
            assert!(layer.blocks * (kept.lanes / layer.splits) >= blocks, "every block has an invocation");
        }
    }
}

#[test]
fn e7_what_the_kernel_cannot_do_is_refused() {
    let good = spec(&[3, 5, 2], NetworkLoss::CrossEntropy, Some(ADAM));
    let refused = |spec: NetworkSpec| Network::new(spec).expect_err("refused").to_string();
    let gelu = NetworkSpec { activations: vec![Activation::Gelu, Activation::None], ..good.clone() };
    assert!(refused(gelu).contains("gelu"));
    assert!(refused(NetworkSpec { widths: vec![3, 5, 33], ..good.clone() }).contains("at most 32"));
    assert!(refused(NetworkSpec { widths: vec![3, 0, 2], ..good.clone() }).contains("widths"));
    assert!(refused(NetworkSpec { batch: 0, ..good.clone() }).contains("batch"));
    assert!(Network::new(good).is_ok());
}

#[test]
fn e11_a_dispatch_makes_many_steps_of_few_and_few_of_many() {
    let steps = |fleet| {
        let own = NetworkSpec { fleet, batch: 256, ..spec(&[28, 64, 32, 1], NetworkLoss::MeanSquare, Some(ADAM)) };
        Network::new(own).expect("a network").steps_most()
    };
    assert!(steps(1) > 16 && steps(1) >= steps(1000) && steps(10_000) == 1, "{} {}", steps(1), steps(10_000));
}
