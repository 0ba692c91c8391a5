//! Which device runs, and why (E1, E2).

use std::fmt;
use std::str::FromStr;

use super::gpu::{self, AdapterFacts};
use super::{Backend, BackendError, Gpu};

/// What a person asks for with `--device` or `device = "..."`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A hardware GPU, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A hardware GPU; with a text, the one of that index, name or PCI id.
    Gpu(Option<String>),
    /// A software GPU such as lavapipe: right, and slow.
    SoftwareGpu,
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu(None)),
            "software-gpu" => Ok(Self::SoftwareGpu),
            _ => match text.strip_prefix("gpu:") {
                Some(which) if !which.trim().is_empty() => Ok(Self::Gpu(Some(which.trim().to_owned()))),
                _ => Err(format!(
                    "unknown device `{text}`, expected auto, cpu, gpu, gpu:<index, name or PCI id> or software-gpu"
                )),
            },
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(None) => f.write_str("gpu"),
            Self::Gpu(Some(which)) => write!(f, "gpu:{which}"),
            Self::SoftwareGpu => f.write_str("software-gpu"),
        }
    }
}

/// A device and the reason why it was taken.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The device.
    pub backend: Backend,
    /// One sentence for the log and the report.
    pub reason: String,
}

/// Takes the device that `choice` asks for.
///
/// # Errors
/// If there is none that fits, with what there is; if the device cannot be opened. `auto` never fails for want of a
/// GPU: it takes the CPU and says why.
pub fn choose(choice: &DeviceChoice) -> Result<Chosen, BackendError> {
    match choice {
        DeviceChoice::Cpu => Ok(Chosen { backend: Backend::cpu()?, reason: "the job asks for the CPU".to_owned() }),
        DeviceChoice::Auto => auto(),
        DeviceChoice::Gpu(which) => {
            let adapters = gpu::adapters();
            let found = pick(&adapters, which.as_deref(), false).ok_or_else(|| nothing(choice, &adapters))?;
            let gpu = Gpu::open(found)?;
            Ok(Chosen { backend: Backend::Gpu(gpu), reason: format!("the job asks for `{choice}`") })
        }
        DeviceChoice::SoftwareGpu => {
            let adapters = gpu::adapters();
            let found = pick(&adapters, None, true).ok_or_else(|| nothing(choice, &adapters))?;
            let gpu = Gpu::open(found)?;
            Ok(Chosen { backend: Backend::Gpu(gpu), reason: "the job asks for a software GPU".to_owned() })
        }
    }
}

fn auto() -> Result<Chosen, BackendError> {
    let adapters = gpu::adapters();
    let Some(found) = pick(&adapters, None, false) else {
        let software = adapters.iter().filter(|a| a.software()).count();
        let reason = match software {
            0 => "no GPU was found".to_owned(),
            n => format!("no hardware GPU was found ({n} software GPU not taken: it runs only when asked for)"),
        };
        return Ok(Chosen { backend: Backend::cpu()?, reason });
    };
    match Gpu::open(found) {
        Ok(gpu) => Ok(Chosen { backend: Backend::Gpu(gpu), reason: "it is the first hardware GPU".to_owned() }),
        Err(error) => Ok(Chosen { backend: Backend::cpu()?, reason: format!("the GPU cannot be used: {error}") }),
    }
}

fn pick<'a>(adapters: &'a [AdapterFacts], which: Option<&str>, software: bool) -> Option<&'a AdapterFacts> {
    let Some(which) = which else {
        return adapters.iter().filter(|a| a.software() == software).min_by_key(|a| (a.rank(), a.index));
    };
    let hardware = || adapters.iter().filter(|a| !a.software());
    if let Ok(index) = which.parse::<usize>() {
        return hardware().find(|a| a.index == index);
    }
    let wanted = which.to_lowercase();
    hardware()
        .find(|a| a.info.device_pci_bus_id.to_lowercase() == wanted || a.pci_id() == wanted)
        .or_else(|| hardware().find(|a| a.info.name.to_lowercase().contains(&wanted)))
}

fn nothing(choice: &DeviceChoice, adapters: &[AdapterFacts]) -> BackendError {
    let there: Vec<String> = adapters.iter().map(AdapterFacts::line).collect();
    let reason = match there.is_empty() {
        true => "this machine shows no adapter at all (is a Vulkan driver installed?)".to_owned(),
        false => format!("this machine has {}", there.join("; ")),
    };
    BackendError::NoDevice { wanted: choice.to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::DeviceChoice;

    #[test]
    fn e1_device_names_parse_and_print_alike() {
        for text in ["auto", "cpu", "gpu", "gpu:0", "gpu:H100", "gpu:0000:65:00.0", "software-gpu"] {
            assert_eq!(text.parse::<DeviceChoice>().expect(text).to_string(), text);
        }
        for text in ["", "gpus", "gpu:", "GPU0"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }
}
