//! `nightloom keys` (A6b).

use std::path::PathBuf;

use crate::paillier::key::{BITS_DEFAULT, KeyFile, PrivateKey, Sizes, generate};
use crate::paillier::numbers::Numbers;
use crate::paillier::selftest::proven;
use crate::paillier::{KeyFileError, PaillierError, decrypt::Decryptor, encrypt, public::Scheme};
use crate::run::{Console, ExitCode, LogChoice, RunError};

use super::{Failure, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom keys new alliance.key                  a private key of 3072 bits, for its owner alone
  nightloom keys public alliance.key > alliance.pub
  nightloom keys check alliance.key                right numbers? does it encrypt and decrypt?
  nightloom keys check alliance.pub

A private key is never printed and never overwritten. Who has it reads everything that was encrypted for it.";

/// Make and check the keys of an alliance.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a new private key and write it to a file of mode 600.
    New {
        /// The file to be made.
        file: PathBuf,
        /// Bits of n: 2048 to 8192, a multiple of 128.
        #[arg(long, value_name = "BITS", default_value_t = BITS_DEFAULT)]
        bits: u32,
    },
    /// Check a key file: its form, its numbers, and that it works.
    Check {
        /// A private or a public key.
        file: PathBuf,
    },
    /// Print the public part of a private key.
    Public {
        /// The private key.
        file: PathBuf,
    },
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    match &args.what {
        What::New { file, bits } => {
            let key = generate(*bits, Sizes::Real).map_err(RunError::data)?;
            key.write(file).map_err(RunError::Files)?;
            print(&format!("private key: {}", file.display()));
            describe(key.public());
        }
        What::Check { file } => {
            let key = KeyFile::read(file, Sizes::Real).map_err(of_file)?;
            try_out(&key).map_err(RunError::work)?;
            print(&format!("{} key: {}, all right", key.kind(), file.display()));
            describe(key.public());
        }
        What::Public { file } => {
            let key = PrivateKey::read(file, Sizes::Real).map_err(of_file)?;
            print(key.public().to_text().trim_end());
        }
    }
    Ok(ExitCode::Done)
}

fn of_file(error: KeyFileError) -> RunError {
    match error {
        KeyFileError::File(error) => RunError::Files(error),
        other => RunError::data(other),
    }
}

fn describe(key: &crate::paillier::key::PublicKey) {
    print(&format!("bits: {}\nfingerprint: {}", key.bits(), key.fingerprint_text()));
    if let Some(warning) = key.warning() {
        Console::on_stderr(LogChoice::Plain, false).warn(&warning);
    }
}

/// Encrypts, and decrypts if the key can.
fn try_out(key: &KeyFile) -> Result<(), PaillierError> {
    let kernel = proven(key.public().bits())?;
    let scheme = Scheme::new(key.public().clone(), kernel)?;
    let plaintexts = Numbers::from_u64s(&[0, 1, u64::MAX]);
    let encryptor = encrypt::Encryptor::new(&scheme, encrypt::Obfuscation::Classic)?;
    let ciphertexts = scheme.from_bytes(&scheme.to_bytes(&encryptor.encrypt(&plaintexts)?)?)?;
    if let KeyFile::Private(key) = key {
        let found = Decryptor::new(&scheme, key)?.decrypt(&ciphertexts)?;
        if (0..3).any(|i| found.get(i)[0] != plaintexts.get(i)[0] || found.get(i)[1..].iter().any(|word| *word != 0)) {
            return Err(PaillierError::key("it does not decrypt what it encrypted"));
        }
    }
    Ok(())
}
