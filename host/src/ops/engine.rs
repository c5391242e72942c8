//! What operations run on: the number format of products, scratch memory that is reused, and where time goes.

use super::pool::{Pool, Scratch};
use candle_core::DType;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The numbers that a model is trained in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits throughout.
    F32,
    /// Mixed: factors of matrix products are rounded to bfloat16 and summed in 32 bits; weights, activations, norms,
    /// loss and optimizer stay in 32 bits.
    Bf16,
    /// 64 bits, to check gradients.
    F64,
}

impl Precision {
    /// The type of parameters and activations.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 | Self::Bf16 => DType::F32,
            Self::F64 => DType::F64,
        }
    }
}

/// Given to every operation. One per model; threads may share it.
#[derive(Debug)]
pub struct Engine {
    precision: Precision,
    pub(super) pool: Pool,
    nanoseconds: [AtomicU64; OpGroup::ALL.len()],
}

/// Operations whose time is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OpGroup {
    /// Linear layers of the blocks.
    Linear,
    /// Attention, rotary included.
    Attention,
    /// Layer and RMS norms.
    Norm,
    /// GELU, SwiGLU.
    Activation,
    /// Token and position vectors.
    Embedding,
    /// Output layer and loss.
    Loss,
    /// Norm of the gradient and update.
    Optimizer,
    /// Residual additions and dropout.
    Residual,
}

impl OpGroup {
    /// All groups.
    pub const ALL: [Self; 8] = [
        Self::Linear,
        Self::Attention,
        Self::Norm,
        Self::Activation,
        Self::Embedding,
        Self::Loss,
        Self::Optimizer,
        Self::Residual,
    ];
}

impl Engine {
    /// An engine on the CPU.
    pub fn new(precision: Precision) -> Self {
        Self { precision, pool: Pool::default(), nanoseconds: Default::default() }
    }

    /// The numbers that it computes with.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Time spent in each group since the engine was made or this was last called.
    pub fn take_times(&self) -> [(OpGroup, Duration); OpGroup::ALL.len()] {
        OpGroup::ALL.map(|group| {
            let nanoseconds = self.nanoseconds[group as usize].swap(0, Ordering::Relaxed);
            (group, Duration::from_nanos(nanoseconds))
        })
    }

    /// A buffer of `n` values on loan, with arbitrary contents.
    pub(crate) fn scratch<T: bytemuck::Pod>(&self, n: usize) -> Scratch<'_, T> {
        self.pool.take(n)
    }

    /// Counts the time until the result is dropped.
    pub(crate) fn time(&self, group: OpGroup) -> impl Drop {
        Timer { total: &self.nanoseconds[group as usize], started: Instant::now() }
    }
}

struct Timer<'e> {
    total: &'e AtomicU64,
    started: Instant,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        let nanoseconds = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.total.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}
