//! Predicts how much memory a run will need: a run that cannot fit ends before step 1, not in it.

use super::heaviest::too_large;
use super::network::{DataSizes, Described, ModelConfig};
use crate::feed::tasks::TaskConfig;
use crate::model::{Model, Purpose, Spec};
use crate::ops::{Device, Precision};
use crate::optim::OptimizerRule;
use crate::run::{RunConfig, Strategy};
use crate::{Error, Result};
use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

/// The memory of the program itself, its threads and plugins, in bytes: 26 MiB of its file, and what a small run has.
const PROGRAM: f64 = (36 << 20) as f64;

/// GPU memory that the driver, its libraries and their scratch take in addition to the model, in bytes: they take most
/// of it before the model is made, and this much later.
const ON_GPU: f64 = (96 << 20) as f64;

const GIBIBYTE: f64 = (1 << 30) as f64;

/// The most numbers of a table of embeddings used in the computation: more than any machine has room for.
const ELEMENTS_MAX: usize = 1 << 38;

/// Bytes that training will need at the same time. They are `f64` because a wrong config may ask for more than exists.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// Parameters and their gradients, those of micro-batches that wait to be added up among them.
    pub parameters: f64,
    /// State of the optimizer.
    pub optimizer: f64,
    /// Activations of one micro-batch and their gradients.
    pub activations: f64,
    /// Logits of the rows that exist at a time, and the output layer packed for products.
    pub loss: f64,
    /// Other memory of the program and its libraries there.
    pub program: f64,
    /// Whether activations are already recomputed instead of kept.
    pub recompute: bool,
}

impl Memory {
    /// Predicts what training `config` on data of these sizes will need in the memory of `device`, without allocating
    /// it.
    ///
    /// # Errors
    /// A model that cannot be made from the config.
    pub fn of(config: &RunConfig, sizes: impl Into<DataSizes>, device: &Device) -> Result<Self> {
        let sizes = sizes.into();
        let (model, train) = (&config.model.bounded(), &config.train);
        let vocab = sizes.vocab.min(ELEMENTS_MAX / model.size("width").unwrap_or(1).max(1));
        let sizes = DataSizes { vocab, ..sizes };
        let (context, layers) = (model.context(), model.size("layers"));
        let described = descriptions(model, sizes, &config.task)?;
        let width = described[0].width;
        let windows = train.batch.saturating_mul(config.task.windows(context)) as f64;
        let purpose = if train.recompute { Purpose::Recomputing } else { Purpose::Training };
        let element = train.precision.dtype().size_in_bytes() as f64;
        let bytes_of = |described: &Described, sequences| {
            let (size, formats) = ((sequences, context), (train.precision, device));
            let spec = Spec::new(&described.network, context, purpose);
            Model::bytes(&spec, formats, size).map(|bytes| bytes as f64)
        };
        let bytes = |sequences| {
            let one = bytes_of(&described[0], sequences)?;
            match (described.get(1), layers) {
                (Some(two), Some(layers)) => {
                    Ok::<_, Error>(one + (layers as f64 - 1.0) * (bytes_of(two, sequences)? - one))
                }
                _ => Ok(one),
            }
        };
        // Activations are proportional to the number of sequences; the rest is not.
        let (one, two) = (bytes(1)?, bytes(2)?);
        let parameters = one - (two - one);
        let states_per_value = if matches!(config.optimizer.rule, OptimizerRule::AdamW { .. }) { 2.0 } else { 1.0 };
        let activation = train.precision.activations(device).size_in_bytes() as f64;
        // A value and its gradient, and the copy that products read where that has another format.
        let per_value = 2.0 * element + if activation == element { 0.0 } else { activation };
        // What is frozen has no gradient, and may be held in blocks.
        let shares = Shares::of(config, sizes)?;
        let [trained, in_blocks] = [shares.trained, shares.in_blocks].map(|share| parameters * share);
        // a GPU holds the rounded numbers as they are
        let in_blocks = if device.gpu().is_some() { 0.0 } else { in_blocks };
        let frozen = (parameters - trained - in_blocks) * element + in_blocks * shares.bytes_in_blocks;
        let parameters = trained + frozen / per_value;
        // The gradient of the last hidden states is the trainer's.
        let rows = if described[0].is_pooled { 1 } else { context };
        let dhidden = activation * rows as f64 * width as f64;
        let logits = if sizes.labels > 0 { sizes.labels } else { vocab };
        if device.gpu().is_some() {
            let rows = (windows as usize).saturating_mul(rows);
            return Ok(Self {
                parameters,
                optimizer: states_per_value * element * trained / per_value,
                activations: windows * (two - one + dhidden),
                loss: crate::loss::bytes_on_gpu(train.precision, rows, logits) as f64,
                program: ON_GPU,
                recompute: train.recompute,
            });
        }
        let rows = (windows * rows as f64).min(crate::loss::chunk_rows(logits, element as usize) as f64);
        let vocab = logits as f64;
        let logits = element * vocab * rows;
        let (n_copies, states_per_value) = of_rank(config, states_per_value);
        let packed = if shares.in_blocks > 0.0 { 0.0 } else { packed(train.precision) };
        Ok(Self {
            parameters: parameters + n_copies * element * trained / per_value,
            optimizer: states_per_value * element * trained / per_value,
            activations: windows * (two - one + dhidden),
            loss: logits + packed * vocab * width as f64,
            program: PROGRAM,
            recompute: train.recompute,
        })
    }

    /// Returns the sum, including the program itself.
    pub fn total(&self) -> f64 {
        self.parameters + self.optimizer + self.activations + self.loss + self.program
    }

    /// What a run needs, which there is.
    ///
    /// # Errors
    /// As [`Memory::of`] and [`Memory::check`].
    pub fn checked(config: &RunConfig, sizes: DataSizes, device: &Device) -> Result<Self> {
        let memory = Self::of(config, sizes, device)?;
        memory.check(config, sizes, device)?;
        Ok(memory)
    }

    /// Checks that `device`, or for the CPU the system, has this much memory available. If the amount is unknown,
    /// nothing is checked. `config` and `sizes` are those that it was computed for.
    ///
    /// # Errors
    /// Too little memory; the message begins with the key that should be lowered first.
    pub fn check(&self, config: &RunConfig, sizes: impl Into<DataSizes>, device: &Device) -> Result<()> {
        let available = match device.gpu() {
            Some(gpu) => Some(gpu.memory()?.free as f64),
            None => available_memory(),
        };
        match available.filter(|available| self.total() > *available) {
            Some(available) => Err(too_large(self, config, sizes.into(), device, available)?),
            None => Ok(()),
        }
    }

    /// Returns the parts of the sum, and what is available.
    pub(crate) fn needs(&self, available: f64) -> String {
        let gib = |bytes: f64| format!("{:.1}", bytes / GIBIBYTE);
        format!(
            "this run needs about {} GiB (parameters and gradients {}, optimizer {}, activations {}, loss {}), {} GiB are \
             available",
            gib(self.total()),
            gib(self.parameters),
            gib(self.optimizer),
            gib(self.activations),
            gib(self.loss),
            gib(available)
        )
    }
}

/// Bytes of a number of the output layer that is laid out for products: twice, for logits and for the gradient of
/// hidden states.
fn packed(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 8.0,
        Precision::Bf16 => 4.0,
        Precision::F64 => 0.0,
    }
}

/// Copies of what is trained that the first rank has besides the parameters and their gradients, and the optimizer's
/// states per value, of which a rank may have a part.
fn of_rank(config: &RunConfig, states_per_value: f64) -> (f64, f64) {
    let micro_batches = (config.train.accumulate / config.ranks.size).max(1);
    let parts = match config.ranks.strategy {
        Strategy::Replicated => 1,
        Strategy::Zero1 => config.ranks.size,
    };
    // gradients that wait to be added up
    let waiting = crate::ranks::levels(micro_batches) as f64;
    // where the ranks met and their velocity, and what they send while they train on; what the ranks add to that wait
    // for none, and what was not added yet
    let apart = match (config.ranks.local_steps, config.ranks.asynchronous, config.ranks.overlap_steps) {
        (0, ..) => 0.0,
        (_, false, 0) => 2.0,
        (_, false, _) => 3.0,
        (_, true, _) => 4.0,
    };
    (waiting + apart, states_per_value / parts as f64)
}

/// Shares of the numbers of all parameters.
struct Shares {
    /// Numbers with a gradient.
    trained: f64,
    /// Numbers that are held in blocks.
    in_blocks: f64,
    /// Bytes of one in a block.
    bytes_in_blocks: f64,
}

impl Shares {
    /// # Errors
    /// A pattern of `train.freeze` without a parameter.
    fn of(config: &RunConfig, sizes: DataSizes) -> Result<Self> {
        if config.train.freeze.is_empty() && config.adapter.is_none() {
            return Ok(Self { trained: 1.0, in_blocks: 0.0, bytes_in_blocks: 0.0 });
        }
        let described = config.model.described(sizes)?.of_run(config)?;
        let numbers = |shape: &[u32]| shape.iter().map(|&size| f64::from(size)).product::<f64>();
        let frozen = described.frozen(&config.train.freeze)?;
        let quantized = described.quantized(config);
        let is_in_blocks = |name: &str| quantized.as_ref().is_some_and(|quantized| quantized.tensors.contains(name));
        let (mut all, mut trained, mut in_blocks) = (0.0, 0.0, 0.0);
        for parameter in &described.whole().parameters {
            let n = numbers(&parameter.shape);
            all += n;
            trained += if frozen.contains(&parameter.name) { 0.0 } else { n };
            in_blocks += if parameter.shape.len() == 2 && is_in_blocks(&parameter.name) { n } else { 0.0 };
        }
        const MANY: usize = 1 << 10;
        let bytes = quantized.map_or(0.0, |quantized| quantized.format.bytes([1, MANY]) as f64 / MANY as f64);
        Ok(Self { trained: trained / all, in_blocks: in_blocks / all, bytes_in_blocks: bytes })
    }
}

/// Descriptions of the model with one and with two layers, where it is written with `kind`: blocks are alike, and two
/// of them tell what a million would take. Otherwise its own description. Each is asked for once: a plugin is opened
/// for it.
///
/// # Errors
/// A model that cannot be made from the config, or without what `task` learns.
fn descriptions(model: &ModelConfig, sizes: DataSizes, task: &TaskConfig) -> Result<Vec<Described>> {
    let described = |model: &ModelConfig| {
        let described = model.described(sizes)?;
        described.check_vectors(task)?;
        Ok(described)
    };
    match model {
        ModelConfig::Kind(_) => [1, 2].into_iter().map(|layers| described(&shallow(model, layers))).collect(),
        ModelConfig::Plugin(_) => Ok(vec![described(model)?]),
    }
}

/// Returns the model with this number of layers, where it is written with `kind`.
fn shallow(model: &ModelConfig, layers: usize) -> ModelConfig {
    let mut model = model.clone();
    if matches!(model, ModelConfig::Kind(_)) {
        model.set("layers", layers);
    }
    model
}

/// Checks that the model of a run that is read, for data of these sizes, fits into the memory of `device`.
///
/// # Errors
/// It does not fit, or the device cannot be queried.
pub fn check_reading(config: &RunConfig, sizes: DataSizes, device: &Device) -> Result<()> {
    let context = config.model.context();
    let (size, formats) = ((1, context), (config.train.precision, device));
    let described = config.model.bounded().described(sizes)?;
    let spec = Spec::new(&described.network, context, Purpose::Inference);
    let needed = Model::bytes(&spec, formats, size)? as f64;
    let available = match device.gpu() {
        Some(gpu) => Some(gpu.memory()?.free as f64),
        None => available_memory(),
    };
    match available.filter(|available| needed > *available) {
        None => Ok(()),
        Some(available) => Err(Error::run(format!(
            "model: reading this run needs about {:.1} GiB, {:.1} GiB are available; read it where there is more",
            needed / GIBIBYTE,
            available / GIBIBYTE
        ))),
    }
}

/// Returns the bytes that are available without swapping, within the limit of this process's control group; none if
/// unknown.
pub fn available_memory() -> Option<f64> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let free = Some(system.available_memory()).filter(|&bytes| bytes > 0)? as f64;
    let pid = get_current_pid().ok()?;
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, ProcessRefreshKind::nothing());
    let limits = system.process(pid).and_then(sysinfo::Process::cgroup_limits);
    // What is not resident is cache, which the group gives back.
    Some(limits.map_or(free, |limits| free.min(limits.total_memory.saturating_sub(limits.rss) as f64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_numbers() {
        let memory = Memory {
            parameters: 1.2 * GIBIBYTE,
            optimizer: 2.4 * GIBIBYTE,
            activations: 37.6 * GIBIBYTE,
            loss: 0.1 * GIBIBYTE,
            program: PROGRAM,
            recompute: false,
        };
        assert_eq!(
            memory.needs(22.8 * GIBIBYTE),
            "this run needs about 41.3 GiB (parameters and gradients 1.2, optimizer 2.4, activations 37.6, loss 0.1), \
             22.8 GiB are available"
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_says_what_is_available() {
        let available = available_memory().expect("/proc/meminfo");
        assert!(available > 1e6 && available < 1e15, "{available}");
    }
}
