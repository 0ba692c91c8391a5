//! Which device a job asks for.

use std::str::FromStr;

use super::words;

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
        let hint = words::hint(text, &["auto", "cpu", "gpu", "software-gpu"]);
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
    fn e1_wrong_devices_say_what_was_expected() {
        for text in ["", "gpu:", "GPU", "tpu", "cpu:1"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
        let message = "softwaregpu".parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(message.ends_with("got \"softwaregpu\"; did you mean `software-gpu`?"), "{message}");
    }
}
