//! `nightloom bench paillier`: ciphertexts a second.

use std::time::Instant;

use serde_json::{Value, json};

use crate::backend::{Backend, DeviceChoice, Gpu, choose_for};
use crate::paillier::decrypt::Decryptor;
use crate::paillier::encrypt::{Encryptor, Obfuscation};
use crate::paillier::gpu::{GpuError, GpuScheme};
use crate::paillier::kernel::Kernel;
use crate::paillier::key::{PrivateKey, Sizes, generate};
use crate::paillier::numbers::Numbers;
use crate::paillier::public::{Ciphertexts, Factors, Scheme};
use crate::paillier::{PaillierError, random};
use crate::run::{RunError, use_threads};

use super::timer::median;
use super::{print, scaled, seconds};
use crate::cli::with_exit_codes;

const EXAMPLES: &str = "\
Examples:
  nightloom bench paillier
  nightloom bench paillier encrypt --bits 3072 --threads 1 --json
  NIGHTLOOM_PAILLIER_OFF=ifma nightloom bench paillier     the portable kernel
  nightloom bench paillier --device gpu                    and products and powers on a GPU";

/// The works, by what they do to one ciphertext.
const WORKS: [(&str, &str); 9] = [
    ("encrypt", "short exponent, table ready, whole table scanned"),
    ("encrypt-classic", "r^n for a random r"),
    ("decrypt", "modulo p^2 and q^2"),
    ("add", "product of two ciphertexts in memory"),
    ("power", "ciphertext to a secret exponent of as many bits as n, modulo n^2"),
    ("add-gpu", "the same on the GPU of --device"),
    ("power-gpu", "the same on the GPU of --device"),
    ("to-bytes", "memory to wire"),
    ("from-bytes", "wire to memory, with all checks"),
];

/// Time Paillier's operations in batches: seconds for each ciphertext.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// Only the work of this name, or else those with this text in their name.
    #[arg(default_value = "")]
    filter: String,
    /// Bits of the keys.
    #[arg(long, value_name = "BITS", value_delimiter = ',', default_values_t = [2048, 3072])]
    bits: Vec<u32>,
    /// CPU threads; 0 means one for each core.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: u16,
    /// A GPU for products and powers: gpu, gpu:<index, name or PCI id>, software-gpu.
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceChoice>,
    /// Seconds for each work, at least.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    use_threads(usize::from(args.threads))?;
    let gpu = args.device.as_ref().map(gpu).transpose()?;
    let names = WORKS.map(|(name, _)| name);
    let exact = names.contains(&args.filter.as_str());
    let wanted = |name: &&str| if exact { *name == args.filter } else { name.contains(&args.filter) };
    let there = |name: &&str| gpu.is_some() || !name.ends_with("-gpu");
    let works: Vec<&str> = names.into_iter().filter(wanted).filter(there).collect();
    if works.is_empty() {
        let names = names.join(", ");
        return Err(RunError::data(format!("no work is like `{}`, expected a part of one of {names}", args.filter)));
    }
    let kernel = Kernel::from_env().map_err(RunError::data)?;
    let mut rows = vec![];
    for bits in &args.bits {
        // A new key each time: the figures must not hang on one.
        let key = generate(*bits, Sizes::Real).map_err(RunError::data)?;
        let site = Site::new(&key, kernel).map_err(RunError::work)?;
        for work in &works {
            let found = match &gpu {
                Some(gpu) if work.ends_with("-gpu") => {
                    site.time_gpu(work, gpu, args.seconds).map_err(RunError::work)?
                }
                _ => site.time(work, &key, args.seconds).map_err(RunError::work)?,
            };
            let row = json!({
                "work": format!("{work}-{bits}"),
                "seconds": found,
                "each_second": 1.0 / found,
                "kernel": kernel.name,
                "threads": rayon::current_num_threads(),
            });
            if !args.json {
                print(&format!("{work}-{bits}: {} each, {}each second", seconds(found), scaled(1.0 / found)));
            }
            rows.push(row);
        }
    }
    if args.json {
        print(&format!("{:#}", as_json(kernel, &rows)));
    }
    Ok(())
}

fn gpu(choice: &DeviceChoice) -> Result<Gpu, RunError> {
    match choose_for(choice, false).map_err(RunError::device)?.backend {
        Backend::Gpu(gpu) => Ok(gpu),
        Backend::Cpu(_) => Err(RunError::data("--device: expected a GPU; the CPU is timed without it")),
    }
}

fn as_json(kernel: &Kernel, rows: &[Value]) -> Value {
    let meanings: serde_json::Map<_, _> =
        WORKS.map(|(name, text)| (name.to_owned(), json!(text))).into_iter().collect();
    json!({
        "kernel": kernel.name,
        "threads": rayon::current_num_threads(),
        "release": !cfg!(debug_assertions),
        "works": meanings,
        "rows": rows,
    })
}

/// Numbers in a call, for each thread: what fits a task of the encryption.
const BATCH: usize = 128;

struct Site {
    scheme: Scheme,
    plaintexts: Numbers,
    ciphertexts: Ciphertexts,
    bytes: Vec<u8>,
}

impl Site {
    fn new(key: &PrivateKey, kernel: &'static Kernel) -> Result<Self, PaillierError> {
        let scheme = Scheme::new(key.public().clone(), kernel)?;
        let len = BATCH * rayon::current_num_threads();
        let mut plaintexts = Numbers::zero(len, scheme.plaintext_width());
        for i in 0..len {
            random::below(key.public().n(), plaintexts.get_mut(i))?;
        }
        let ciphertexts = Encryptor::new(&scheme, Obfuscation::Classic)?.encrypt(&plaintexts)?;
        let bytes = scheme.to_bytes(&ciphertexts)?;
        Ok(Self { scheme, plaintexts, ciphertexts, bytes })
    }

    /// Seconds for one ciphertext: the median of the calls.
    fn time(&self, work: &str, key: &PrivateKey, at_least: f64) -> Result<f64, PaillierError> {
        let scheme = &self.scheme;
        let each = self.plaintexts.len() as f64;
        let found = match work {
            "encrypt" | "encrypt-classic" => {
                let kind = if work == "encrypt" { Obfuscation::ShortExponent } else { Obfuscation::Classic };
                let encryptor = Encryptor::new(scheme, kind)?;
                repeat(at_least, || encryptor.encrypt(&self.plaintexts).map(drop))?
            }
            "decrypt" => {
                let decryptor = Decryptor::new(scheme, key)?;
                repeat(at_least, || decryptor.decrypt(&self.ciphertexts).map(drop))?
            }
            "add" => {
                let mut sum = self.ciphertexts.clone();
                repeat(at_least, || scheme.add(&mut sum, &self.ciphertexts))?
            }
            "power" => {
                let factors = Factors::new(self.plaintexts.clone(), key.public().bits() as usize);
                let mut power = self.ciphertexts.clone();
                repeat(at_least, || scheme.multiply(&mut power, &factors))?
            }
            "to-bytes" => repeat(at_least, || scheme.to_bytes(&self.ciphertexts).map(drop))?,
            _ => repeat(at_least, || scheme.from_bytes(&self.bytes).map(drop))?,
        };
        Ok(found / each)
    }

    /// The same on a GPU, the batch in its memory.
    fn time_gpu(&self, work: &str, gpu: &Gpu, at_least: f64) -> Result<f64, GpuError> {
        let device = GpuScheme::new(&self.scheme, gpu)?;
        let (sum, other) = (device.upload(&self.ciphertexts)?, device.upload(&self.ciphertexts)?);
        let found = if work == "add-gpu" {
            repeat(at_least, || device.add(&sum, &other))?
        } else {
            let factors: Vec<Vec<u64>> = (0..self.plaintexts.len()).map(|i| self.plaintexts.get(i).to_vec()).collect();
            let bits = self.scheme.key().bits() as usize;
            repeat(at_least, || device.multiply(&sum, &factors, bits))?
        };
        Ok(found / self.plaintexts.len() as f64)
    }
}

/// The median of the calls within some seconds, after one to warm up.
fn repeat<E>(at_least: f64, mut call: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    call()?;
    let start = Instant::now();
    let mut times = vec![];
    while times.is_empty() || start.elapsed().as_secs_f64() < at_least {
        times.push(super::timer::time(&mut call)?);
    }
    Ok(median(times))
}
