//! Products and powers of ciphertexts on a GPU, by `shaders/paillier.wgsl`.
//!
//! Numbers are limbs of 16 bits in words of 32, one number after another: every GPU multiplies those, also where WGSL has
//! no 64-bit integers. The batch stays on the device between products. It is measured beside the CPU's kernels
//! (`nightloom bench paillier --device`), and nothing takes it by itself: a GPU that is no imitation has not been found
//! faster yet, and a secret exponent's digits would lie in its memory.

use crypto_bigint::{BoxedUint, Resize};
use zeroize::Zeroizing;

use super::error::PaillierError;
use super::public::{Ciphertexts, Scheme};
use crate::backend::gpu::{BindAccess, Pipeline, PipelineKey, ReadBack};
use crate::backend::{BackendError, Gpu};

const TEXT: &str = include_str!("../../shaders/paillier.wgsl");
const LIMB_BITS: usize = 16;
/// Bits of a window.
const WINDOW: usize = 4;
/// Dispatches in a submission: none takes long.
const AT_ONCE: usize = 32;
/// The most limbs whose columns fit the 16 KiB of shared memory that every GPU has.
const LIMBS_MOST: usize = (16 << 10) / (6 * 4);

/// An error of the GPU, or of the ciphertexts.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    /// The device.
    #[error(transparent)]
    Device(#[from] BackendError),
    /// The ciphertexts.
    #[error(transparent)]
    Paillier(#[from] PaillierError),
}

/// A public key on a GPU.
pub struct GpuScheme<'a> {
    scheme: &'a Scheme,
    gpu: Gpu,
    limbs: usize,
    /// n^2 and its negative inverse; then 1, R^2 and R modulo n^2.
    modulus: wgpu::Buffer,
    constants: wgpu::Buffer,
    multiply: std::sync::Arc<Pipeline>,
    pick: std::sync::Arc<Pipeline>,
}

/// Places in `constants`.
const ONE: u32 = 0;
const SQUARED: u32 = 1;
const RADIX: u32 = 2;

/// Ciphertexts in a GPU's memory.
pub struct GpuCiphertexts {
    len: usize,
    numbers: wgpu::Buffer,
}

/// What a product is taken with.
#[derive(Clone, Copy)]
enum Partner<'b> {
    Itself,
    Each(&'b wgpu::Buffer),
    All(&'b wgpu::Buffer, u32),
}

/// A dispatch to be recorded.
struct Step {
    pipeline: std::sync::Arc<Pipeline>,
    group: wgpu::BindGroup,
    words: [u32; 8],
}

impl<'a> GpuScheme<'a> {
    /// Prepares a key on a device.
    ///
    /// # Errors
    /// A key of more than 5376 bits, or what the device says.
    pub fn new(scheme: &'a Scheme, gpu: &Gpu) -> Result<Self, GpuError> {
        // R = 2^(16 limbs) is above four times the modulus, so that results need no subtraction between products.
        let limbs = (2 * scheme.key().bits() as usize + 2).div_ceil(LIMB_BITS).next_multiple_of(4);
        if limbs > LIMBS_MOST {
            let most = (LIMBS_MOST * LIMB_BITS - 2) / 2;
            return Err(
                PaillierError::shape("bits of a key on a GPU", format!("at most {most}"), scheme.key().bits()).into()
            );
        }
        let key = |entry, binds: [BindAccess; 3]| PipelineKey {
            shader: "paillier",
            text: TEXT.replace("LIMBS", &format!("{limbs}u")).replace("COLUMNS", &format!("{}u", 2 * limbs)),
            entry,
            constants: vec![],
            binds: binds.to_vec(),
        };
        let binds = [BindAccess::Read, BindAccess::Read, BindAccess::ReadWrite];
        let (multiply, pick) = (gpu.pipeline(key("multiply", binds))?, gpu.pipeline(key("pick", binds))?);
        let ring = scheme.ring();
        let square = ring.square();
        let bits = (limbs * LIMB_BITS) as u32;
        let wide = BoxedUint::one_with_precision(2 * bits + 64);
        let rest = |shift: u32| wide.shl(shift).rem(square);
        let mut words = limbs_of(square.as_ref(), limbs);
        words.extend(limbs_of(&negative_inverse(square.as_ref(), bits), limbs));
        let modulus = gpu.buffer("paillier modulus", word_bytes(words.len()))?;
        gpu.upload(&modulus, 0, &words)?;
        let mut words = limbs_of(&BoxedUint::one(), limbs);
        words.extend(limbs_of(&rest(2 * bits), limbs));
        words.extend(limbs_of(&rest(bits), limbs));
        let constants = gpu.buffer("paillier constants", word_bytes(words.len()))?;
        gpu.upload(&constants, 0, &words)?;
        Ok(Self { scheme, gpu: gpu.clone(), limbs, modulus, constants, multiply, pick })
    }

    /// Takes ciphertexts to the device.
    ///
    /// # Errors
    /// If they belong to another key, are more than a dispatch takes, or what the device says.
    pub fn upload(&self, ciphertexts: &Ciphertexts) -> Result<GpuCiphertexts, GpuError> {
        let most = self.gpu.limits().max_compute_workgroups_per_dimension as usize;
        if ciphertexts.len() > most {
            return Err(
                PaillierError::shape("ciphertexts on a GPU", format!("at most {most}"), ciphertexts.len()).into()
            );
        }
        let bytes = self.scheme.to_bytes(ciphertexts)?;
        let mut words = Vec::with_capacity(ciphertexts.len() * self.limbs);
        for number in bytes.chunks(self.scheme.key().ciphertext_bytes()) {
            let limbs = number.rchunks(2).map(|pair| pair.iter().fold(0, |limb, byte| limb << 8 | u32::from(*byte)));
            words.extend(limbs);
            words.resize(words.len().next_multiple_of(self.limbs), 0);
        }
        let numbers = self.gpu.buffer("paillier numbers", word_bytes(words.len()))?;
        self.gpu.upload(&numbers, 0, &words)?;
        let out = GpuCiphertexts { len: ciphertexts.len(), numbers };
        self.run(&[self.product(&out, Partner::All(&self.constants, SQUARED))])?;
        Ok(out)
    }

    /// Brings them back, and checks them as if they came from others.
    ///
    /// # Errors
    /// What the device says, or numbers that are no ciphertexts.
    pub fn download(&self, ciphertexts: &GpuCiphertexts) -> Result<Ciphertexts, GpuError> {
        let mut out = vec![0; ciphertexts.len * self.limbs];
        let copy = self.gpu.buffer("paillier results", word_bytes(out.len()))?;
        self.copy(&ciphertexts.numbers, &copy, 0, out.len())?;
        let plain = GpuCiphertexts { len: ciphertexts.len, numbers: copy };
        self.run(&[self.product(&plain, Partner::All(&self.constants, ONE))])?;
        self.gpu.download(&plain.numbers, 0, &mut out, &mut ReadBack::default())?;
        let size = self.scheme.key().ciphertext_bytes();
        let mut bytes = Vec::with_capacity(ciphertexts.len * size);
        for limbs in out.chunks(self.limbs) {
            bytes.extend(limbs[..size / 2].iter().rev().flat_map(|limb| (*limb as u16).to_be_bytes()));
        }
        Ok(self.scheme.from_bytes(&bytes)?)
    }

    /// sum = sum + ciphertexts, each with its partner.
    ///
    /// # Errors
    /// If they are not as many, or what the device says.
    pub fn add(&self, sum: &GpuCiphertexts, ciphertexts: &GpuCiphertexts) -> Result<(), GpuError> {
        if sum.len != ciphertexts.len {
            return Err(PaillierError::shape("ciphertexts to add", sum.len, ciphertexts.len).into());
        }
        self.run(&[self.product(sum, Partner::Each(&ciphertexts.numbers))])
    }

    /// Multiplies each ciphertext's content by a factor below 2^bits, given as 64-bit words, the lowest first: powers, with
    /// the same dispatches for all factors.
    ///
    /// # Errors
    /// If factors are not as many, or what the device says.
    pub fn multiply(&self, x: &GpuCiphertexts, factors: &[Vec<u64>], bits: usize) -> Result<(), GpuError> {
        if factors.len() != x.len {
            return Err(PaillierError::shape("factors", x.len, factors.len()).into());
        }
        let windows = bits.max(1).div_ceil(WINDOW);
        let digit = |window: usize, words: &Vec<u64>| {
            let bit = window * WINDOW;
            words.get(bit / 64).map_or(0, |word| (word >> (bit % 64)) as u32 & ((1 << WINDOW) - 1))
        };
        let digits: Zeroizing<Vec<u32>> =
            Zeroizing::new((0..windows).flat_map(|w| factors.iter().map(move |f| digit(w, f))).collect());
        let digits_buffer = self.gpu.buffer("paillier digits", word_bytes(digits.len()))?;
        self.gpu.upload(&digits_buffer, 0, &digits)?;
        let table = self.table(x)?;
        let entry =
            GpuCiphertexts { len: x.len, numbers: self.gpu.buffer("paillier entry", word_bytes(x.len * self.limbs))? };
        let mut steps = vec![self.pick(x, &table, &digits_buffer, windows - 1)];
        for window in (0..windows - 1).rev() {
            steps.extend((0..WINDOW).map(|_| self.product(x, Partner::Itself)));
            steps.push(self.pick(&entry, &table, &digits_buffer, window));
            steps.push(self.product(x, Partner::Each(&entry.numbers)));
            if steps.len() >= AT_ONCE {
                self.run(&steps)?;
                steps.clear();
            }
        }
        self.run(&steps)?;
        // The digits were secret.
        self.gpu.upload(&digits_buffer, 0, &vec![0; digits.len()])?;
        Ok(())
    }

    /// x^0, x^1, ..., one entry of all numbers after another.
    fn table(&self, x: &GpuCiphertexts) -> Result<wgpu::Buffer, GpuError> {
        let words = x.len * self.limbs;
        let table = self.gpu.buffer("paillier table", word_bytes(words << WINDOW))?;
        let power = GpuCiphertexts { len: x.len, numbers: self.gpu.buffer("paillier power", word_bytes(words))? };
        let mut radix = vec![0; self.limbs];
        self.gpu.download(
            &self.constants,
            word_bytes(RADIX as usize * self.limbs),
            &mut radix,
            &mut ReadBack::default(),
        )?;
        self.gpu.upload(&power.numbers, 0, &radix.repeat(x.len))?;
        for entry in 0..1usize << WINDOW {
            self.copy(&power.numbers, &table, entry * words, words)?;
            self.run(&[self.product(&power, Partner::Each(&x.numbers))])?;
        }
        Ok(table)
    }

    fn copy(&self, from: &wgpu::Buffer, to: &wgpu::Buffer, at: usize, words: usize) -> Result<(), GpuError> {
        let commands = self.gpu.guarded("recording a copy", || {
            let mut encoder = self.gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encoder.copy_buffer_to_buffer(from, 0, to, 4 * at as u64, 4 * words as u64);
            encoder.finish()
        })?;
        Ok(self.gpu.submit("copying numbers", commands)?)
    }

    fn product(&self, x: &GpuCiphertexts, partner: Partner<'_>) -> Step {
        let (kind, y, first) = match partner {
            // Nothing reads it, but something must be bound.
            Partner::Itself => (0, &self.constants, 0),
            Partner::Each(y) => (1, y, 0),
            Partner::All(y, first) => (2, y, first),
        };
        let words = [x.len as u32, kind, first, 0, 0, 0, 0, 0];
        self.step(&self.multiply, [&self.modulus, y, &x.numbers], words)
    }

    fn pick(&self, x: &GpuCiphertexts, table: &wgpu::Buffer, digits: &wgpu::Buffer, window: usize) -> Step {
        let words = [x.len as u32, 0, 0, 1 << WINDOW, window as u32, x.len as u32, 0, 0];
        self.step(&self.pick, [digits, table, &x.numbers], words)
    }

    fn step(&self, pipeline: &std::sync::Arc<Pipeline>, buffers: [&wgpu::Buffer; 3], words: [u32; 8]) -> Step {
        let entry = |i: usize| wgpu::BindGroupEntry { binding: i as u32, resource: buffers[i].as_entire_binding() };
        let entries = [entry(0), entry(1), entry(2)];
        let group = self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("paillier"),
            layout: &pipeline.layout,
            entries: &entries,
        });
        Step { pipeline: pipeline.clone(), group, words }
    }

    fn run(&self, steps: &[Step]) -> Result<(), GpuError> {
        let commands = self.gpu.guarded("recording products", || {
            let mut encoder = self.gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                for step in steps {
                    pass.set_pipeline(&step.pipeline.pipeline);
                    pass.set_bind_group(0, &step.group, &[]);
                    pass.set_immediates(0, bytemuck::bytes_of(&step.words));
                    pass.dispatch_workgroups(step.words[0], 1, 1);
                }
            }
            encoder.finish()
        })?;
        self.gpu.submit("multiplying ciphertexts", commands)?;
        Ok(self.gpu.wait("multiplying ciphertexts")?)
    }
}

/// The limbs of a number.
/// Bytes of 32-bit words.
const fn word_bytes(words: usize) -> u64 {
    4 * words as u64
}

fn limbs_of(x: &BoxedUint, limbs: usize) -> Vec<u32> {
    let words = x.as_words();
    let limb = |i: usize| words.get(i / 4).map_or(0, |word| (word >> (i % 4 * LIMB_BITS)) as u32 & 0xFFFF);
    (0..limbs).map(limb).collect()
}

/// -1/x modulo 2^bits, for an odd x, by Newton's iteration: each step doubles the right bits, beginning with three.
fn negative_inverse(x: &BoxedUint, bits: u32) -> BoxedUint {
    let width = bits.next_multiple_of(64);
    let x = x.resize(width);
    let two = BoxedUint::one_with_precision(width).shl(1);
    let mut y = x.clone();
    for _ in 0..bits.ilog2() {
        y = y.wrapping_mul(two.wrapping_sub(x.wrapping_mul(&y)));
    }
    BoxedUint::zero_with_precision(width).wrapping_sub(&y)
}
