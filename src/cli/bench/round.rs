//! `nightloom bench round`: what a round of an alliance costs in encryption alone.

use std::time::Instant;

use serde_json::json;

use crate::paillier::PaillierError;
use crate::paillier::decrypt::Decryptor;
use crate::paillier::encrypt::{Encryptor, Obfuscation};
use crate::paillier::key::{BITS_DEFAULT, PrivateKey, Sizes, generate};
use crate::paillier::packing::{Layout, LayoutSpec};
use crate::paillier::public::Scheme;
use crate::paillier::selftest::proven;
use crate::paillier::sum::Sum;
use crate::run::{RunError, use_threads};

use super::{print, seconds};
use crate::cli::with_exit_codes;

const EXAMPLES: &str = "\
Examples:
  nightloom bench round
  nightloom bench round --parties 256 --json
  nightloom bench round --bits 2048 --parameters 100000";

/// Time one round of encrypted sums: one party packs and encrypts, the server checks and adds all parties' bytes, a party
/// decrypts and unpacks. The sums are checked against those in the clear.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// Values of a model.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    parameters: usize,
    /// Bits of a value.
    #[arg(long, value_name = "BITS", default_value_t = 16)]
    value_bits: u32,
    /// Parties, each of weight 1.
    #[arg(long, value_name = "N", default_value_t = 16)]
    parties: u32,
    /// Bits of the key.
    #[arg(long, value_name = "BITS", default_value_t = BITS_DEFAULT)]
    bits: u32,
    /// CPU threads; 0 means one for each core.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: u16,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What a round took.
struct Found {
    kernel: &'static str,
    ciphertexts: usize,
    bytes: usize,
    prepare_s: f64,
    encrypt_s: f64,
    add_s: f64,
    decrypt_s: f64,
    /// What memory grew by at most while sums were made; none where the system does not say.
    add_memory_bytes: Option<u64>,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    use_threads(usize::from(args.threads))?;
    let spec = LayoutSpec { key_bits: args.bits, value_bits: args.value_bits, weights_most: u64::from(args.parties) };
    let layout = spec.check().map_err(RunError::data)?;
    let key = generate(args.bits, Sizes::Real).map_err(RunError::data)?;
    let found = round(args, &layout, &key).map_err(RunError::work)?;
    let each = found.bytes as f64 / args.parameters.max(1) as f64;
    if args.json {
        let memory = found.add_memory_bytes;
        let value = json!({
            "kernel": found.kernel, "threads": rayon::current_num_threads(), "release": !cfg!(debug_assertions),
            "bits": args.bits, "parameters": args.parameters, "value_bits": args.value_bits, "parties": args.parties,
            "ciphertexts": found.ciphertexts, "bytes_per_parameter": each, "prepare_s": found.prepare_s,
            "encrypt_s": found.encrypt_s, "add_s": found.add_s, "decrypt_s": found.decrypt_s,
            "add_memory_bytes": memory,
        });
        print(&format!("{value:#}"));
        return Ok(());
    }
    print(&format!(
        "{} values of {} bits, {} parties, key of {} bits, kernel {}, {} threads",
        args.parameters,
        args.value_bits,
        args.parties,
        args.bits,
        found.kernel,
        rayon::current_num_threads()
    ));
    print(&format!("bytes a value and party: {each:.3} ({} ciphertexts)", found.ciphertexts));
    print(&format!("prepare a key to encrypt: {}", seconds(found.prepare_s)));
    print(&format!("a party packs, encrypts, writes: {}", seconds(found.encrypt_s)));
    print(&format!("the server checks and adds all: {}", seconds(found.add_s)));
    print(&format!("a party decrypts and unpacks: {}", seconds(found.decrypt_s)));
    if let Some(bytes) = found.add_memory_bytes {
        print(&format!("memory that adding took: {:.1} MiB", bytes as f64 / f64::from(1 << 20)));
    }
    Ok(())
}

fn round(args: &Args, layout: &Layout, key: &PrivateKey) -> Result<Found, PaillierError> {
    let kernel = proven(args.bits)?;
    let scheme = Scheme::new(key.public().clone(), kernel)?;
    let half = 1i64 << (args.value_bits - 1);
    let values: Vec<i32> = (0..args.parameters as i64).map(|i| ((i * 7919) % (2 * half) - half) as i32).collect();

    let start = Instant::now();
    let encryptor = Encryptor::new(&scheme, Obfuscation::ShortExponent)?;
    let prepare_s = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let bytes = scheme.to_bytes(&encryptor.encrypt(&layout.pack(&values, 1)?)?)?;
    let encrypt_s = start.elapsed().as_secs_f64();

    let before = memory::start();
    let start = Instant::now();
    let mut sum = Sum::new(&scheme, layout.plaintexts(values.len()));
    for _ in 0..args.parties {
        // What a server does: it holds the bytes of one party at a time.
        sum.read(&scheme, &bytes)?;
        sum.add(&scheme);
    }
    let sum = scheme.from_bytes(&scheme.to_bytes(&sum.finish(&scheme))?)?;
    let add_s = start.elapsed().as_secs_f64();
    let add_memory_bytes = before.and_then(memory::growth);

    let start = Instant::now();
    let decryptor = Decryptor::new(&scheme, key)?;
    let sums = layout.unpack(&decryptor.decrypt(&sum)?, values.len(), u64::from(args.parties))?;
    let decrypt_s = start.elapsed().as_secs_f64();

    let right = sums.iter().zip(&values).all(|(sum, value)| *sum == i64::from(*value) * i64::from(args.parties));
    if !right || sums.len() != values.len() {
        return Err(PaillierError::SelfTest { kernel: kernel.name, reason: "a sum is wrong".into() });
    }
    let ciphertexts = layout.plaintexts(values.len());
    let (kernel, bytes) = (kernel.name, bytes.len());
    Ok(Found { kernel, ciphertexts, bytes, prepare_s, encrypt_s, add_s, decrypt_s, add_memory_bytes })
}

/// The process's memory, where the system says what it was at most and lets that be forgotten.
mod memory {
    use std::io::Write;

    /// Forgets the peak; the memory now.
    pub(super) fn start() -> Option<u64> {
        let mut file = std::fs::OpenOptions::new().write(true).open("/proc/self/clear_refs").ok()?;
        file.write_all(b"5").ok()?;
        field("VmRSS:")
    }

    /// How far the peak since then is above it.
    pub(super) fn growth(before: u64) -> Option<u64> {
        field("VmHWM:").map(|peak| peak.saturating_sub(before))
    }

    fn field(name: &str) -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    }
}
