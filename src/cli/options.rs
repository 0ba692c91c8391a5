//! Options that several commands share.

use std::path::PathBuf;

use clap::Args;

use crate::backend::{Chosen, choose_for};
use crate::run::{Console, LogChoice, RunError, use_threads};
use crate::spec::{DeviceChoice, JobErrors, JobText, Overrides};

/// A job file and what the command line says over it.
#[derive(Debug, Args)]
pub(super) struct JobOptions {
    /// The job file (TOML).
    pub(super) job: PathBuf,
    /// Device: auto, cpu, gpu, gpu:<index, name or PCI id>, software-gpu.
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceChoice>,
    /// CPU threads; 0 means one for each core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: Option<u16>,
    /// Seed of everything random, below 2^63.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Folder for run folders, from here (the job file's `output.folder` starts at the job file).
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl JobOptions {
    pub(super) fn read(&self) -> Result<JobText, JobErrors> {
        let overrides = Overrides {
            device: self.device.clone(),
            threads: self.threads.map(usize::from),
            seed: self.seed,
            out: self.out.clone(),
        };
        Ok(JobText::read(&self.job)?.with_overrides(overrides))
    }
}

/// Where a command without a job file computes.
#[derive(Debug, Args)]
pub(super) struct DeviceOptions {
    /// Device: auto, cpu, gpu, gpu:<index, name or PCI id>, software-gpu.
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: DeviceChoice,
    /// CPU threads; 0 means one for each core.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: u16,
}

impl DeviceOptions {
    /// Makes the pool of threads and opens the device.
    pub(super) fn choose(&self) -> Result<Chosen, RunError> {
        self.choose_for(false)
    }

    /// The same for work that may hold tensors as f16.
    pub(super) fn choose_for(&self, half: bool) -> Result<Chosen, RunError> {
        use_threads(usize::from(self.threads))?;
        choose_for(&self.device, half).map_err(RunError::device)
    }
}

/// What to show on stderr.
#[derive(Debug, Args)]
pub(super) struct LogOptions {
    /// Log form on stderr. With json, stdout gets one JSON object too.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub(super) log: LogChoice,
    /// Only warnings and errors on stderr.
    #[arg(long, short)]
    quiet: bool,
}

impl LogOptions {
    pub(super) fn console(&self) -> Console {
        Console::on_stderr(self.log, self.quiet)
    }
}
