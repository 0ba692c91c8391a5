//! Which device runs, and why (E1, E2).

use std::str::FromStr;

use super::gpu::{self, AdapterFacts};
use super::{Backend, BackendError, Gpu};

/// The device that a job or `--device` asks for (E1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A hardware GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A hardware GPU: the first, or the one that is named.
    Gpu(Option<GpuSelector>),
    /// A GPU that a CPU imitates (lavapipe, SwiftShader): for tests.
    SoftwareGpu,
}

/// One GPU among several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GpuSelector {
    /// Its number in `nightloom devices`.
    Index(usize),
    /// Its PCI address, `0000:65:00.0` or `65:00.0`, in lower case.
    Pci(String),
    /// A part of its name, without regard to case.
    Name(String),
}

/// A text that names no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `auto`, `cpu`, `gpu`, `gpu:<index, name or PCI id>` or `software-gpu`, got {got:?}{hint}")]
pub struct DeviceChoiceError {
    got: String,
    hint: String,
}

impl FromStr for DeviceChoice {
    type Err = DeviceChoiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => return Ok(Self::Auto),
            "cpu" => return Ok(Self::Cpu),
            "gpu" => return Ok(Self::Gpu(None)),
            "software-gpu" => return Ok(Self::SoftwareGpu),
            _ => {}
        }
        if let Some(which) = text.strip_prefix("gpu:").map(str::trim).filter(|w| !w.is_empty()) {
            return Ok(Self::Gpu(Some(selector(which))));
        }
        let near = crate::words::nearest(text, ["auto", "cpu", "gpu", "software-gpu"]);
        let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        Err(DeviceChoiceError { got: text.to_owned(), hint })
    }
}

fn selector(which: &str) -> GpuSelector {
    if let Ok(index) = which.parse() {
        GpuSelector::Index(index)
    } else if is_pci(which) {
        GpuSelector::Pci(which.to_lowercase())
    } else {
        GpuSelector::Name(which.to_owned())
    }
}

/// `[domain:]bus:device.function`, in hexadecimal digits.
fn is_pci(text: &str) -> bool {
    let Some((address, function)) = text.rsplit_once('.') else { return false };
    let parts: Vec<&str> = address.split(':').collect();
    let hex = |part: &&str, max: usize| !part.is_empty() && part.len() <= max && u32::from_str_radix(part, 16).is_ok();
    let bus_ok = match parts.as_slice() {
        [bus, device] => hex(bus, 2) && hex(device, 2),
        [domain, bus, device] => hex(domain, 8) && hex(bus, 2) && hex(device, 2),
        _ => false,
    };
    bus_ok && hex(&function, 1)
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::SoftwareGpu => f.write_str("software-gpu"),
            Self::Gpu(None) => f.write_str("gpu"),
            Self::Gpu(Some(GpuSelector::Index(index))) => write!(f, "gpu:{index}"),
            Self::Gpu(Some(GpuSelector::Pci(text) | GpuSelector::Name(text))) => write!(f, "gpu:{text}"),
        }
    }
}

impl serde::Serialize for DeviceChoice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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
            let found = pick(&adapters, which.as_ref(), false).ok_or_else(|| nothing(choice, &adapters))?;
            let gpu = opened(found)?;
            Ok(Chosen { backend: Backend::Gpu(gpu), reason: format!("the job asks for `{choice}`") })
        }
        DeviceChoice::SoftwareGpu => {
            let adapters = gpu::adapters();
            let found = pick(&adapters, None, true).ok_or_else(|| nothing(choice, &adapters))?;
            let gpu = opened(found)?;
            Ok(Chosen { backend: Backend::Gpu(gpu), reason: "the job asks for a software GPU".to_owned() })
        }
    }
}

/// [`choose`] for work that holds tensors as f16 if `half`.
///
/// # Errors
/// As there, and if a GPU is asked for by name that cannot. `auto` takes the CPU then, and says why.
pub fn choose_for(choice: &DeviceChoice, half: bool) -> Result<Chosen, BackendError> {
    match (choose(choice)?, choice) {
        (Chosen { backend: Backend::Gpu(gpu), .. }, DeviceChoice::Auto) if half && !gpu.traits().half => {
            let reason = format!("{} cannot hold f16 in buffers", gpu.name());
            Ok(Chosen { backend: Backend::cpu()?, reason })
        }
        (Chosen { backend: Backend::Gpu(gpu), .. }, _) if half && !gpu.traits().half => {
            Err(BackendError::lacks_half(gpu.name()))
        }
        (chosen, _) => Ok(chosen),
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
    match opened(found) {
        Ok(gpu) => Ok(Chosen { backend: Backend::Gpu(gpu), reason: "it is the first hardware GPU".to_owned() }),
        Err(error) => Ok(Chosen { backend: Backend::cpu()?, reason: format!("the GPU cannot be used: {error}") }),
    }
}

/// An adapter with its matrix units tested and the forms that were found fastest on it.
fn opened(found: &AdapterFacts) -> Result<Gpu, BackendError> {
    Ok(Gpu::open(found)?.with_units(found.matrix_units())?.tuned_by_cache())
}

fn pick<'a>(adapters: &'a [AdapterFacts], which: Option<&GpuSelector>, software: bool) -> Option<&'a AdapterFacts> {
    let mut fitting = adapters.iter().filter(|a| a.software() == software);
    match which {
        None => fitting.min_by_key(|a| (a.rank(), a.index)),
        Some(GpuSelector::Index(index)) => fitting.find(|a| a.index == *index),
        Some(GpuSelector::Pci(address)) => fitting.find(|a| is_at(&a.info.device_pci_bus_id, address)),
        Some(GpuSelector::Name(name)) => fitting.find(|a| a.info.name.to_lowercase().contains(&name.to_lowercase())),
    }
}

/// Whether a bus id (`0000:65:00.0`) is the address, whose domain may be left out.
fn is_at(bus_id: &str, address: &str) -> bool {
    let bus_id = bus_id.to_lowercase();
    bus_id == address || bus_id.strip_suffix(address).is_some_and(|domain| domain.ends_with(':'))
}

fn nothing(choice: &DeviceChoice, adapters: &[AdapterFacts]) -> BackendError {
    let there: Vec<String> = adapters.iter().map(AdapterFacts::line).collect();
    let reason = if there.is_empty() {
        "this machine shows no adapter at all (is a Vulkan driver installed?)".to_owned()
    } else {
        format!("this machine has {}", there.join("; "))
    };
    BackendError::NoDevice { wanted: choice.to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e1_device_texts_parse_and_print_back() {
        let gpu = |s| DeviceChoice::Gpu(Some(s));
        let cases = [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("gpu", DeviceChoice::Gpu(None)),
            ("software-gpu", DeviceChoice::SoftwareGpu),
            ("gpu:1", gpu(GpuSelector::Index(1))),
            ("gpu:0000:65:00.0", gpu(GpuSelector::Pci("0000:65:00.0".to_owned()))),
            ("gpu:a1:00.0", gpu(GpuSelector::Pci("a1:00.0".to_owned()))),
            ("gpu:NVIDIA H100", gpu(GpuSelector::Name("NVIDIA H100".to_owned()))),
            ("gpu:RTX 4.0", gpu(GpuSelector::Name("RTX 4.0".to_owned()))),
        ];
        for (text, choice) in cases {
            assert_eq!(text.parse(), Ok(choice.clone()));
            assert_eq!(choice.to_string(), text);
        }
    }

    #[test]
    fn e1_a_pci_address_is_the_whole_address() {
        assert!(is_at("0000:65:00.0", "65:00.0") && is_at("0000:A5:00.0", "0000:a5:00.0"));
        assert!(!is_at("0000:65:00.0", "5:00.0"), "another bus");
        assert!(!is_at("0000:65:00.0", "0001:65:00.0") && !is_at("", "65:00.0"));
    }

    #[test]
    fn e2_work_in_f16_runs_where_buffers_hold_f16() {
        assert!(choose_for(&DeviceChoice::Auto, true).is_ok() && choose_for(&DeviceChoice::Cpu, true).is_ok());
        let Some(Backend::Gpu(gpu)) = choose(&DeviceChoice::SoftwareGpu).ok().map(|chosen| chosen.backend) else {
            return;
        };
        match choose_for(&DeviceChoice::SoftwareGpu, true) {
            Ok(_) => assert!(gpu.traits().half),
            Err(error) => {
                let error = error.to_string();
                assert!(!gpu.traits().half && error.starts_with(gpu.name()) && error.contains("SHADER_F16"), "{error}");
            }
        }
    }

    #[test]
    fn e1_wrong_devices_say_what_was_expected() {
        for text in ["", "gpu:", "GPU", "tpu", "cpu:1"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
        let message = "softwaregpu".parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(message.ends_with("got \"softwaregpu\"; did you mean `software-gpu`?"), "{message}");
    }
}
