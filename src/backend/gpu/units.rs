//! Matrix units (tensor cores) by cooperative matrices: whether a device has those that kernels use, and a test of them
//! before their first use.
//!
//! Used are matrices of 16 x 16 with f16 factors and f32 sums, held by a subgroup. The feature is experimental in wgpu, so
//! a device proves itself when it is opened: two subgroups multiply whole numbers, whose products any right unit makes
//! exactly. If one is wrong the units stay off, and the device's description says so. `NIGHTLOOM_MATRIX_UNITS=off` turns
//! them off in any case. Their sums are rounded in another order, so that they are part of the device's id.

use super::{AdapterFacts, BindAccess, Gpu, PipelineKey, ReadBack};
use crate::backend::BackendError;

/// The functions that stand in front of a shader which uses the units.
pub const UNITS_WGSL: &str = include_str!("../../../shaders/common/units.wgsl");

const TEST_WGSL: &str = include_str!("../../../shaders/common/units_test.wgsl");

/// Matrix units that kernels may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixUnits {
    /// Invocations of a subgroup.
    pub subgroup: usize,
}

/// What opening a device found out about its matrix units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitsState {
    /// They are not listed, or not of the kind that kernels use.
    Absent,
    /// `NIGHTLOOM_MATRIX_UNITS` says off.
    Off,
    /// They failed their test, and how.
    Failed(String),
    /// They passed it.
    Ready,
}

impl UnitsState {
    /// What a person should know of it, if anything.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Off => Some("matrix units off (NIGHTLOOM_MATRIX_UNITS says so)".to_owned()),
            Self::Failed(reason) => Some(format!("matrix units off: they failed their self-test ({reason})")),
            Self::Ready => Some("matrix units".to_owned()),
        }
    }
}

impl AdapterFacts {
    /// The matrix units that the adapter lists, if they are of the kind that kernels use.
    pub fn matrix_units(&self) -> Option<MatrixUnits> {
        let needed = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX | wgpu::Features::SHADER_F16;
        let (least, most) = (self.info.subgroup_min_size, self.info.subgroup_max_size);
        let listed = self.adapter.cooperative_matrix_properties();
        (self.features.contains(needed) && least == most && listed.iter().any(fits))
            .then_some(MatrixUnits { subgroup: most as usize })
    }
}

fn fits(shape: &wgpu::wgt::CooperativeMatrixProperties) -> bool {
    use wgpu::wgt::CooperativeScalarType::{F16, F32};
    (shape.m_size, shape.n_size, shape.k_size) == (16, 16, 16) && shape.ab_type == F16 && shape.cr_type == F32
}

/// Whether the environment leaves the units on.
///
/// # Errors
/// If it says neither `on` nor `off`.
pub fn units_wanted(value: Option<&str>) -> Result<bool, BackendError> {
    match value {
        None | Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(other) => {
            Err(BackendError::MatrixUnits { wanted: other.to_owned(), reason: "expected on or off".to_owned() })
        }
    }
}

impl Gpu {
    /// The same device with its matrix units in use, if it lists them, the environment wants them and they pass their test.
    ///
    /// # Errors
    /// If the environment asks for what cannot be.
    pub fn with_units(&self, listed: Option<MatrixUnits>) -> Result<Self, BackendError> {
        let wanted = std::env::var_os("NIGHTLOOM_MATRIX_UNITS").map(|text| text.to_string_lossy().into_owned());
        let wanted = units_wanted(wanted.as_deref())?;
        let Some(units) = listed else { return Ok(self.clone()) };
        if !wanted {
            return Ok(self.with_units_state(None, UnitsState::Off));
        }
        Ok(match units_fault(self, UNITS_WGSL, units) {
            None => self.with_units_state(Some(units), UnitsState::Ready),
            Some(fault) => self.with_units_state(None, UnitsState::Failed(fault)),
        })
    }
}

/// Numbers of the test: two subgroups, each with two factors and a sum of 256 numbers.
const WORDS: usize = 2 * 256;

/// What is wrong with the units, if anything. `prelude` holds the functions: those of the units, or plain ones.
pub(crate) fn units_fault(gpu: &Gpu, prelude: &str, units: MatrixUnits) -> Option<String> {
    for turned in [[false, false], [true, false], [false, true], [true, true]] {
        let (a, b) = (numbers(3), numbers(8));
        match multiplied(gpu, prelude, units, turned, (&a, &b)) {
            Err(error) => return Some(error.to_string()),
            Ok(found) => {
                let expected = products(&a, &b, turned);
                if let Some(at) = (0..WORDS).find(|&i| found[i] != expected[i]) {
                    return Some(format!("{} in place of {} at {at}", found[at], expected[at]));
                }
            }
        }
    }
    None
}

/// Whole numbers of -7 to 7, without a pattern that a wrong order would keep.
fn numbers(seed: u32) -> Vec<f32> {
    (0..WORDS as u32)
        .map(|i| ((i.wrapping_mul(2_654_435_761) ^ (seed * 40_503)) >> 16) % 15)
        .map(|n| n as f32 - 7.0)
        .collect()
}

/// a b + a b: each subgroup's product, added to itself by a second step.
fn products(a: &[f32], b: &[f32], [a_turned, b_turned]: [bool; 2]) -> Vec<f32> {
    let at = |matrix: &[f32], base: usize, row: usize, column: usize, turned: bool| {
        if turned { matrix[base + column * 16 + row] } else { matrix[base + row * 16 + column] }
    };
    let mut out = vec![0.0; WORDS];
    for (e, value) in out.iter_mut().enumerate() {
        let (base, i, j) = (e / 256 * 256, e % 256 / 16, e % 16);
        let sum: f32 = (0..16).map(|q| at(a, base, i, q, a_turned) * at(b, base, q, j, b_turned)).sum();
        *value = 2.0 * sum;
    }
    out
}

fn multiplied(
    gpu: &Gpu,
    prelude: &str,
    units: MatrixUnits,
    turned: [bool; 2],
    (a, b): (&[f32], &[f32]),
) -> Result<Vec<f32>, BackendError> {
    let flag = |on: bool| f64::from(u8::from(on)).to_bits();
    let constants = vec![
        ("SUBGROUP", (units.subgroup as f64).to_bits()),
        ("INVOCATIONS", (2.0 * units.subgroup as f64).to_bits()),
        ("A_TURNED", flag(turned[0])),
        ("B_TURNED", flag(turned[1])),
    ];
    let pipeline = gpu.pipeline(PipelineKey {
        shader: "units_test",
        text: format!("{prelude}\n{TEST_WGSL}"),
        entry: "multiply",
        constants,
        binds: vec![BindAccess::Read, BindAccess::Read, BindAccess::ReadWrite],
    })?;
    let words = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<u32>>();
    let mut buffers = vec![];
    for (name, values) in [("units' left", a), ("units' right", b), ("units' product", &vec![f32::NAN; WORDS])] {
        let buffer = gpu.buffer(name, 4 * WORDS as u64)?;
        gpu.upload(&buffer, 0, &words(values))?;
        buffers.push(buffer);
    }
    let entries: Vec<wgpu::BindGroupEntry<'_>> = buffers
        .iter()
        .enumerate()
        .map(|(i, buffer)| wgpu::BindGroupEntry { binding: i as u32, resource: buffer.as_entire_binding() })
        .collect();
    let group = gpu.bind_group("units_test", &pipeline, &entries)?;
    let commands = gpu.guarded("testing matrix units", || {
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&pipeline.pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.dispatch_workgroups(1, 1, 1);
        }
        encoder.finish()
    })?;
    gpu.submit("testing matrix units", commands)?;
    let mut out = vec![0_u32; WORDS];
    gpu.download(&buffers[2], 0, &mut out, &mut ReadBack::default())?;
    Ok(out.into_iter().map(f32::from_bits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Backend, DeviceChoice, choose};

    const EMULATED: &str = include_str!("../../../shaders/common/units_emulated.wgsl");

    #[test]
    fn e8_the_self_test_passes_right_units_and_finds_wrong_ones() {
        if std::env::var_os("NIGHTLOOM_TEST_NO_GPU").is_some() {
            return;
        }
        let Ok(Backend::Gpu(gpu)) = choose(&DeviceChoice::SoftwareGpu).map(|chosen| chosen.backend) else { return };
        if !gpu.traits().half {
            return;
        }
        let units = MatrixUnits { subgroup: 16 };
        assert_eq!(units_fault(&gpu, EMULATED, units), None);
        // The last number of each row left out, columns for rows, and no WGSL at all.
        let shorter = EMULATED.replace("q < 16u", "q < 15u");
        let swapped = EMULATED.replace("if A_TURNED", "if !A_TURNED");
        for wrong in [shorter, swapped] {
            assert_ne!(wrong, EMULATED);
            let fault = units_fault(&gpu, &wrong, units).expect("a fault");
            assert!(fault.contains(" in place of "), "{fault}");
        }
        let fault = units_fault(&gpu, "alias Left = none;", units).expect("a fault");
        assert!(fault.contains("compiling units_test.multiply"), "{fault}");
    }

    #[test]
    fn e1_the_environment_turns_matrix_units_off() {
        assert!(units_wanted(None).expect("on") && units_wanted(Some("on")).expect("on"));
        assert!(!units_wanted(Some("off")).expect("off"));
        for wrong in ["", "no", "Off"] {
            let error = units_wanted(Some(wrong)).expect_err("no such wish").to_string();
            assert_eq!(error, format!("NIGHTLOOM_MATRIX_UNITS={wrong}: expected on or off"));
        }
        assert_eq!(UnitsState::Absent.note(), None);
        let note = UnitsState::Failed("2 in place of 3 at 5".to_owned()).note();
        assert_eq!(note.as_deref(), Some("matrix units off: they failed their self-test (2 in place of 3 at 5)"));
    }
}
