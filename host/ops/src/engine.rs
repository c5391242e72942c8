//! What operations run on: the number format of products, scratch memory that is reused, and where time goes.

use super::Device;
use super::cache;
use super::cuda::Gpu;
use super::pool::{Pool, Scratch};
use super::team::Team;
use candle_core::DType;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The numbers that a model is trained in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits throughout.
    F32,
    /// Mixed: factors of matrix products are rounded to bfloat16 and summed in 32 bits; weights, norms, the residual
    /// stream, loss and optimizer stay in 32 bits. On a GPU activations are held in bfloat16, on the CPU in 32 bits.
    Bf16,
    /// 64 bits, to check gradients.
    F64,
}

impl Precision {
    /// The type of parameters, their gradients and the residual stream.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 | Self::Bf16 => DType::F32,
            Self::F64 => DType::F64,
        }
    }

    /// The type of the other activations, and of factors of products, on `device`.
    pub fn activations(self, device: &Device) -> DType {
        match (self, device) {
            (Self::Bf16, Device::Gpu(_)) => DType::BF16,
            _ => self.dtype(),
        }
    }
}

/// Given to every operation. One per model; threads may share it.
#[derive(Debug)]
pub struct Engine {
    precision: Precision,
    device: Device,
    deterministic: bool,
    waits: AtomicBool,
    /// Bytes of a core's second-level cache.
    pub(super) cache: usize,
    pub(super) pool: Pool,
    team: Team,
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
        Self::on(Device::Cpu, precision)
    }

    /// An engine on `device`.
    pub fn on(device: Device, precision: Precision) -> Self {
        Self {
            precision,
            device,
            deterministic: true,
            waits: AtomicBool::new(false),
            cache: cache::second_level(),
            pool: Pool::default(),
            team: Team::default(),
            nanoseconds: Default::default(),
        }
    }

    /// The same engine, which may add in an order that varies where that is faster, unless `deterministic`. On the CPU
    /// it never does.
    pub fn deterministic(self, deterministic: bool) -> Self {
        Self { deterministic, ..self }
    }

    /// Whether results are the same bits each time.
    pub fn is_deterministic(&self) -> bool {
        self.deterministic
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The GPU that it computes on, if it is one.
    pub fn gpu(&self) -> Option<&Arc<Gpu>> {
        self.device.gpu()
    }

    /// The type of all activations but the residual stream.
    pub fn activations(&self) -> DType {
        self.precision.activations(&self.device)
    }

    /// The numbers that it computes with.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether each operation on a GPU is waited for, and its time counted: slower, for measurements.
    pub fn wait_for_each(&self, waits: bool) {
        self.waits.store(waits, Ordering::Relaxed);
    }

    /// Whether each operation on a GPU is waited for.
    pub fn waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// Time spent in each group since the engine was made or this was last called.
    pub fn take_times(&self) -> [(OpGroup, Duration); OpGroup::ALL.len()] {
        OpGroup::ALL.map(|group| {
            let nanoseconds = self.nanoseconds[group as usize].swap(0, Ordering::Relaxed);
            (group, Duration::from_nanos(nanoseconds))
        })
    }

    /// A buffer of `n` values on loan, with arbitrary contents.
    pub fn scratch<T: bytemuck::Pod>(&self, n: usize) -> Scratch<'_, T> {
        self.pool.take(n)
    }

    /// Calls `kernel` for each of `tasks`, on as many threads as the current rayon pool has. Which thread takes which
    /// task, and when, is left to chance: no task may depend on another one.
    pub fn for_each<I: Iterator + Send>(&self, tasks: I, kernel: impl Fn(I::Item) + Sync) {
        self.team.for_each(tasks, kernel);
    }

    /// The same; each thread that takes tasks makes a state by `init` first.
    pub fn for_each_with<I: Iterator + Send, S>(
        &self,
        tasks: I,
        init: impl Fn() -> S + Sync,
        kernel: impl Fn(&mut S, I::Item) + Sync,
    ) {
        self.team.for_each_with(tasks, init, kernel);
    }

    /// Counts the time until the result is dropped.
    pub fn time(&self, group: OpGroup) -> impl Drop {
        let gpu = self.gpu().filter(|_| self.waits()).map(|gpu| &**gpu);
        Timer { total: &self.nanoseconds[group as usize], gpu, started: Instant::now() }
    }
}

struct Timer<'e> {
    total: &'e AtomicU64,
    /// Whose work is waited for.
    gpu: Option<&'e Gpu>,
    started: Instant,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        // An error is reported by the next call that waits.
        let _ = self.gpu.map(Gpu::synchronize);
        let nanoseconds = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.total.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}
