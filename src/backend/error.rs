//! What may go wrong on a device.

/// A failure of a device, always with what was asked and what there was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BackendError {
    /// No device fits the wish.
    #[error("no device for `{wanted}`: {reason}")]
    NoDevice {
        /// What was asked for.
        wanted: String,
        /// What there was.
        reason: String,
    },
    /// The environment names a SIMD level that cannot run.
    #[error("NIGHTLOOM_SIMD={wanted}: {reason}")]
    Simd {
        /// What was asked for.
        wanted: String,
        /// Why not.
        reason: String,
    },
    /// The environment asks for a use of AMX that cannot be.
    #[error("NIGHTLOOM_AMX={wanted}: {reason}")]
    Amx {
        /// What was asked for.
        wanted: String,
        /// Why not.
        reason: String,
    },
    /// The environment asks for a use of VNNI that cannot be.
    #[error("NIGHTLOOM_VNNI={wanted}: {reason}")]
    Vnni {
        /// What was asked for.
        wanted: String,
        /// Why not.
        reason: String,
    },
    /// The environment asks for a use of matrix units that cannot be.
    #[error("NIGHTLOOM_MATRIX_UNITS={wanted}: {reason}")]
    MatrixUnits {
        /// What was asked for.
        wanted: String,
        /// Why not.
        reason: String,
    },
    /// The device lacks what the engine needs.
    #[error("{device} lacks {what}")]
    Unsupported {
        /// The device.
        device: String,
        /// The missing feature or limit.
        what: String,
    },
    /// A tensor is larger than one binding of this device.
    #[error("tensor `{tensor}` needs {bytes} bytes in one binding, {device} allows {bytes_max}")]
    TooLarge {
        /// The tensor.
        tensor: String,
        /// What it needs.
        bytes: u64,
        /// What there is.
        bytes_max: u64,
        /// The device.
        device: String,
    },
    /// All that the work needs together is larger than the device's memory.
    #[error("the work needs {bytes} bytes on {device}, which has {bytes_max}: take fewer members or a smaller batch")]
    NoRoom {
        /// What it needs.
        bytes: u64,
        /// What there is.
        bytes_max: u64,
        /// The device.
        device: String,
    },
    /// Memory ran out.
    #[error("out of memory on {device} while {action}: {reason}")]
    OutOfMemory {
        /// The device.
        device: String,
        /// What was being done.
        action: String,
        /// The driver's words.
        reason: String,
    },
    /// A kernel or a submission failed. Nothing that it wrote is used.
    #[error("{device} failed while {action}: {reason}")]
    Failed {
        /// The device.
        device: String,
        /// What was being done.
        action: String,
        /// The driver's words.
        reason: String,
    },
    /// The device is gone.
    #[error("{device} was lost while {action}: {reason}")]
    Lost {
        /// The device.
        device: String,
        /// What was being done.
        action: String,
        /// The driver's words.
        reason: String,
    },
}

impl BackendError {
    /// A GPU that cannot was to hold tensors as f16.
    pub fn lacks_half(device: &str) -> Self {
        let what = "f16 in buffers (SHADER_F16), which `precision = \"f16\"` needs".to_owned();
        Self::Unsupported { device: device.to_owned(), what }
    }
}
