//! Where a model is and computes.

use super::cuda::Gpu;
use crate::{Error, Result};
use serde::{Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// An open device.
#[derive(Debug, Clone)]
pub enum Device {
    /// The CPU, with the threads of the current pool.
    Cpu,
    /// An NVIDIA GPU.
    Gpu(Arc<Gpu>),
}

/// `train.device`: the device that a config asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first GPU where the program has kernels and the machine a GPU that runs them, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU of this number.
    Cuda(usize),
}

impl DeviceChoice {
    /// From `"auto"`, `"cpu"` or `"cuda:N"`; `"cuda"` is the first.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            _ => text.strip_prefix("cuda:")?.parse().ok().map(Self::Cuda),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

impl Serialize for DeviceChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Device {
    /// Opens what a config asks for. The text says why `"auto"` is the CPU although the program has kernels.
    ///
    /// # Errors
    /// One line that says what is missing for the GPU that was asked for.
    pub fn open(choice: DeviceChoice) -> Result<(Self, Option<String>)> {
        match choice {
            DeviceChoice::Cpu => Ok((Self::Cpu, None)),
            DeviceChoice::Cuda(ordinal) => Ok((Self::Gpu(Gpu::open(ordinal)?), None)),
            DeviceChoice::Auto if !Gpu::has_kernels() => Ok((Self::Cpu, None)),
            DeviceChoice::Auto => match Gpu::open(0) {
                Ok(gpu) => Ok((Self::Gpu(gpu), None)),
                Err(error) => Ok((Self::Cpu, Some(why_not(&error)))),
            },
        }
    }

    /// The GPU, if it is one.
    pub fn gpu(&self) -> Option<&Arc<Gpu>> {
        match self {
            Self::Cpu => None,
            Self::Gpu(gpu) => Some(gpu),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(gpu) => write!(f, "{} ({})", gpu.place(), gpu.name()),
        }
    }
}

fn why_not(error: &Error) -> String {
    let text = error.to_string();
    let reason = text.strip_prefix("train.device: ").unwrap_or(&text).to_owned();
    format!("training on the CPU: {}", reason.split(';').next().unwrap_or_default())
}
