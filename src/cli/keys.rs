//! `nightloom keys` (A6b).

use std::path::{Path, PathBuf};

use crate::artifact::ArtifactError;
use crate::paillier::key::{BITS_DEFAULT, KeyFile, KeyShare, Quorum, Sizes, generate, generate_to_share};
use crate::paillier::numbers::Numbers;
use crate::paillier::public::{Ciphertexts, Scheme};
use crate::paillier::selftest::proven;
use crate::paillier::threshold::{Opener, combine, deal};
use crate::paillier::{KeyFileError, PaillierError, decrypt::Decryptor, encrypt};
use crate::run::{Console, ExitCode, LogChoice, RunError};

use super::{Failure, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom keys new alliance.key                  a private key of 3072 bits, for its owner alone
  nightloom keys public alliance.key > alliance.pub
  nightloom keys check alliance.key                right numbers? does it encrypt and decrypt?
  nightloom keys check alliance.pub
  nightloom keys new alliance.key --threshold 2 --parties 3
                                                   alliance.key.1 to alliance.key.3: any two open a sum together

A private key is never printed and never overwritten. Who has it reads everything that was encrypted for it. With
--threshold nobody has it: this command forgets it and leaves one share a party. Whoever runs it is trusted with that,
and with handing each party its share alone.";

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
        /// The file to be made; of shares, the first part of their files' names.
        file: PathBuf,
        /// Bits of n: 2048 to 8192, a multiple of 128.
        #[arg(long, value_name = "BITS", default_value_t = BITS_DEFAULT)]
        bits: u32,
        /// Cut the key into shares, of which so many open what was encrypted.
        #[arg(long, value_name = "T", requires = "parties")]
        threshold: Option<u32>,
        /// How many shares there are, 2 to 16.
        #[arg(long, value_name = "N", requires = "threshold")]
        parties: Option<u32>,
    },
    /// Check a key file: its form, its numbers, and that it works.
    Check {
        /// A private key, a public key or a share of a private one.
        file: PathBuf,
    },
    /// Print the public part of a private key or of a share.
    Public {
        /// The private key, or one of its shares.
        file: PathBuf,
    },
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    match &args.what {
        What::New { file, bits, threshold: Some(threshold), parties: Some(parties) } => {
            let quorum = Quorum::new(*threshold, *parties).map_err(RunError::data)?;
            new_shares(file, *bits, quorum)?;
        }
        What::New { file, bits, .. } => {
            let key = generate(*bits, Sizes::Real).map_err(RunError::data)?;
            key.write(file).map_err(RunError::Files)?;
            print(&format!("private key: {}", file.display()));
            describe(key.public());
        }
        What::Check { file } => {
            let key = KeyFile::read(file, Sizes::Real).map_err(of_file)?;
            try_out(&key).map_err(RunError::work)?;
            print(&format!("{}: {}, all right", key.kind(), file.display()));
            if let KeyFile::Share(share) = &key {
                let (index, quorum) = (share.index(), share.quorum());
                print(&format!("share: {index} of {}, any {} open", quorum.parties(), quorum.threshold()));
            }
            describe(key.public());
        }
        What::Public { file } => {
            let key = KeyFile::read(file, Sizes::Real).map_err(of_file)?;
            print(key.public().to_text().trim_end());
        }
    }
    Ok(ExitCode::Done)
}

/// Deals a new key, and tries the shares out before they are handed on.
fn new_shares(file: &Path, bits: u32, quorum: Quorum) -> Result<(), RunError> {
    let path = |index: u32| {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".{index}"));
        PathBuf::from(name)
    };
    let paths: Vec<PathBuf> = (1..=quorum.parties()).map(path).collect();
    if let Some(there) = paths.iter().find(|path| path.exists()) {
        return Err(RunError::Files(ArtifactError::format(there, "the file is there already")));
    }
    let shares =
        deal(&generate_to_share(bits, Sizes::Real).map_err(RunError::data)?, quorum).map_err(RunError::data)?;
    try_out_shares(&shares).map_err(RunError::work)?;
    for (path, share) in paths.iter().zip(&shares) {
        share.write(path).map_err(RunError::Files)?;
        print(&format!("key share: {}", path.display()));
    }
    if let Some(share) = shares.first() {
        describe(share.public());
    }
    Ok(())
}

fn try_out_shares(shares: &[KeyShare]) -> Result<(), PaillierError> {
    let Some(first) = shares.first() else { return Ok(()) };
    let quorum = first.quorum();
    let scheme = Scheme::new(first.public().clone(), proven(first.public().bits())?)?;
    let (plaintexts, ciphertexts) = tried(&scheme)?;
    let threshold = quorum.threshold() as usize;
    // The first and the last: every share if they are no more than twice the threshold.
    for shares in [&shares[..threshold], &shares[shares.len() - threshold..]] {
        let part = |share: &KeyShare| Ok((share.index(), Opener::new(&scheme, share)?.open(&ciphertexts)?));
        let parts = shares.iter().map(part).collect::<Result<Vec<_>, PaillierError>>()?;
        let parts: Vec<(u32, &Ciphertexts)> = parts.iter().map(|(index, part)| (*index, part)).collect();
        expect(&combine(&scheme, quorum, &parts)?, &plaintexts)?;
    }
    Ok(())
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

/// Encrypts, and decrypts as far as the key can.
fn try_out(key: &KeyFile) -> Result<(), PaillierError> {
    let scheme = Scheme::new(key.public().clone(), proven(key.public().bits())?)?;
    let (plaintexts, ciphertexts) = tried(&scheme)?;
    match key {
        KeyFile::Public(_) => Ok(()),
        KeyFile::Private(key) => expect(&Decryptor::new(&scheme, key)?.decrypt(&ciphertexts)?, &plaintexts),
        KeyFile::Share(share) => Opener::new(&scheme, share)?.open(&ciphertexts).map(drop),
    }
}

/// Some numbers and their ciphertexts, once on the wire and back.
fn tried(scheme: &Scheme) -> Result<(Numbers, Ciphertexts), PaillierError> {
    let plaintexts = scheme.of_signed(&[0, 1, -1, i64::MAX]);
    let encryptor = encrypt::Encryptor::new(scheme, encrypt::Obfuscation::Classic)?;
    let ciphertexts = scheme.from_bytes(&scheme.to_bytes(&encryptor.encrypt(&plaintexts)?)?)?;
    Ok((plaintexts, ciphertexts))
}

fn expect(found: &Numbers, plaintexts: &Numbers) -> Result<(), PaillierError> {
    if found == plaintexts { Ok(()) } else { Err(PaillierError::key("it does not decrypt what it encrypted")) }
}
