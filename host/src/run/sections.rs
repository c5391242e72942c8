//! `[train]` and `[sample]` of a run's config.

use crate::base::patterns::Pattern;
use crate::feed::tasks::TaskConfig;
use crate::ops::{DeviceChoice, Precision};
use crate::ranks::Compression;
use crate::settings::Section;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use std::path::{Path, PathBuf};

/// `[train]`: the loop.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TrainConfig {
    /// Optimizer steps.
    pub steps: u64,
    /// Sequences per micro-batch.
    pub batch: usize,
    /// Micro-batches per optimizer step.
    pub accumulate: usize,
    /// Largest global norm of the gradient; 0 does not clip.
    pub clip: f64,
    /// Steps between validations; 0 validates at the end only.
    pub validate_every: u64,
    /// Batches per validation; 0 takes the whole validation split.
    pub validate_batches: usize,
    /// Steps between checkpoints; 0 saves at the end only.
    pub checkpoint_every: u64,
    /// Checkpoints kept; 0 keeps all.
    pub keep_checkpoints: usize,
    /// Files or folders of other text that each validation measures as well, and once before the first step: what a run
    /// that continues another may forget. They are read as the first source is.
    /// Of a run, its validation text is measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<PathBuf>,
    /// Validations without improvement before the run stops; 0 never stops early.
    pub patience: u64,
    /// Threads; 0 takes all cores.
    pub threads: usize,
    /// Threads that make batches ahead of the trainer; 0 makes each batch when it is needed.
    pub workers: usize,
    /// Where the model is and computes.
    #[schemars(with = "String")]
    pub device: DeviceChoice,
    /// Numbers that the model is trained in.
    pub precision: Precision,
    /// Whether a run on a GPU gives the same bits each time, on GPUs of one model; on the CPU it always does.
    pub deterministic: bool,
    /// Whether the backward computes each block's activations again instead of keeping them: less memory, up to a third
    /// more work, the same model bit for bit.
    pub recompute: bool,
    /// Patterns of the names of parameters, or of modules that hold them, that training does not change, such as
    /// `model.layers.[0-3].*`: `*` stands for any text, `[0-3]` for one character of these. Each must have a parameter.
    /// `sum` if the task is `embeddings` and nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<String>,
}

/// `[ranks]`: how processes that a launcher such as `mpirun` started train one model together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct RanksConfig {
    /// What the ranks share besides the micro-batches of a step.
    pub strategy: Strategy,
    /// Seconds that a rank waits for another one within a step before the job ends.
    pub deadline_s: f64,
    /// Steps that each rank trains alone before all meet (DiLoCo, Douillard et al., arXiv 2311.08105); 0: gradients are
    /// added up in every step. A step then is one update of each rank by its own micro-batches.
    #[serde(skip_serializing_if = "is_zero")]
    pub local_steps: u64,
    /// Steps that each trains on while what they changed is sent, fewer than `local_steps` / `fragments`; then it goes
    /// half of the way to where they met (Streaming DiLoCo, Douillard et al., arXiv 2501.18512). They still wait for
    /// one another where a validation or a checkpoint is due. 0: they always wait.
    #[serde(skip_serializing_if = "is_zero")]
    pub overlap_steps: u64,
    /// Parts of the model, at most `local_steps`, that meet one after the other, spread over these steps (as in
    /// Streaming DiLoCo): one part is sent at a time. All of them meet where a validation or a checkpoint is due.
    #[serde(skip_serializing_if = "is_one")]
    pub fragments: u64,
    /// Where ranks meet: the learning rate of the outer optimizer, which takes the mean of what they changed.
    #[serde(skip_serializing_if = "is_outer_lr")]
    pub outer_lr: f64,
    /// Its momentum, Nesterov's.
    #[serde(skip_serializing_if = "is_outer_momentum")]
    pub outer_momentum: f64,
    /// Whether ranks wait for none: each takes up to `local_steps` steps at a time, adds what it changed to the first
    /// rank's parameters and takes the next ones that are left (Liu et al., arXiv 2401.09135). A slow rank takes fewer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub asynchronous: bool,
    /// Updates by others that such a rank may be behind before these wait for it.
    #[serde(skip_serializing_if = "is_max_staleness")]
    pub max_staleness: u64,
    /// How what they changed is sent.
    #[serde(skip_serializing_if = "Compress::is_none")]
    pub compress: Compress,
    /// How many there are: the launcher says that.
    #[serde(skip)]
    pub size: usize,
}

/// What DiLoCo's authors found best.
const OUTER: (f64, f64) = (0.7, 0.9);

// what is not set is not part of a run's identity, which older runs do not have
fn is_zero(steps: &u64) -> bool {
    *steps == 0
}

fn is_one(fragments: &u64) -> bool {
    *fragments == 1
}

fn is_outer_lr(lr: &f64) -> bool {
    *lr == OUTER.0
}

fn is_outer_momentum(momentum: &f64) -> bool {
    *momentum == OUTER.1
}

/// Updates that a rank may be behind: with eight ranks, two rounds of the others.
const MAX_STALENESS: u64 = 16;

fn is_max_staleness(updates: &u64) -> bool {
    *updates == MAX_STALENESS
}

/// `ranks.compress`: how changes are sent where ranks meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compress {
    /// As they are.
    None,
    /// 8 bits a number, and 32 for the scale of 64.
    Int8,
    /// 4 bits a number, and 32 for the scale of 64.
    Int4,
}

impl Compress {
    const NAMES: [(&'static str, Self); 3] = [("none", Self::None), ("int8", Self::Int8), ("int4", Self::Int4)];

    fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// What compresses.
    pub fn compression(self) -> Option<Compression> {
        match self {
            Self::None => None,
            Self::Int8 => Some(Compression::Int8),
            Self::Int4 => Some(Compression::Int4),
        }
    }
}

/// `ranks.strategy`: what the ranks of a run share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum Strategy {
    /// Every rank has parameters, gradients and optimizer (data parallel).
    #[serde(rename = "replicated")]
    Replicated,
    /// Every rank keeps and updates its part of the optimizer's state: stage 1 of ZeRO (Rajbhandari et al., arXiv
    /// 1910.02054). The model is the same, bit for bit.
    #[serde(rename = "zero-1")]
    Zero1,
}

impl Strategy {
    const NAMES: [(&'static str, Self); 2] = [("replicated", Self::Replicated), ("zero-1", Self::Zero1)];
}

impl RanksConfig {
    /// What `[ranks]` may contain.
    pub(crate) fn read(section: &mut Section<'_>, train: &TrainConfig) -> Self {
        let ranks = Self {
            strategy: section.choice("strategy", &Strategy::NAMES, Strategy::Replicated),
            deadline_s: section.number("deadline_s", 1.0..=86_400.0, 60.0),
            local_steps: section.integer("local_steps", 0.., 0),
            overlap_steps: section.integer("overlap_steps", 0.., 0),
            fragments: section.integer("fragments", 1.., 1),
            outer_lr: section.number("outer_lr", 0.0.., OUTER.0),
            outer_momentum: section.number("outer_momentum", 0.0..1.0, OUTER.1),
            asynchronous: section.boolean("asynchronous", false),
            max_staleness: section.integer("max_staleness", 1.., MAX_STALENESS),
            compress: section.choice("compress", &Compress::NAMES, Compress::None),
            size: 1,
        };
        if ranks.local_steps > 0 {
            ranks.check_local(section, train);
        } else if ranks.asynchronous {
            section.problem("asynchronous", "true: expected ranks.local_steps, the steps that a rank takes at a time");
        } else if ranks.overlap_steps > 0 {
            section.problem("overlap_steps", "expected ranks.local_steps, after which there is something to send");
        } else if ranks.fragments > 1 {
            section.problem("fragments", "expected ranks.local_steps, over which they are spread");
        }
        ranks
    }

    /// Whether all of the model meets after every `local_steps`.
    pub fn meets_whole(&self) -> bool {
        self.spread().next().is_none()
    }

    /// The keys that are set by which it does not.
    fn spread(&self) -> impl Iterator<Item = &'static str> + use<> {
        let keys = [("overlap_steps", self.overlap_steps > 0), ("fragments", self.fragments > 1)];
        keys.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key)
    }

    /// Everything that looks at the model looks where the ranks have met. Those that wait for none meet where it looks.
    fn check_local(&self, section: &mut Section<'_>, train: &TrainConfig) {
        let steps = self.local_steps;
        if self.strategy == Strategy::Zero1 {
            section.conflict(
                &["strategy", "local_steps"],
                "ranks that train alone need the whole state: one of the two only",
            );
        }
        if self.fragments > steps {
            section.problem("fragments", format!("expected at most the {steps} of ranks.local_steps"));
        } else if self.overlap_steps >= steps / self.fragments {
            let (distance, many) = match self.fragments {
                1 => (steps, ""),
                n => (steps / n, " / ranks.fragments"),
            };
            section.problem("overlap_steps", format!("expected fewer than the {distance} of ranks.local_steps{many}"));
        }
        if self.asynchronous {
            for key in self.spread() {
                section.conflict(&[key, "asynchronous"], "ranks that wait for none send when they come");
            }
            return;
        }
        if train.validate_every == 0 && train.checkpoint_every == 0 {
            let message = "expected train.validate_every or train.checkpoint_every, where the ranks come together";
            self.spread().for_each(|key| section.problem(key, message));
        }
        let others = [("validate_every", train.validate_every), ("checkpoint_every", train.checkpoint_every)];
        for (key, every) in others.into_iter().filter(|(_, every)| !every.is_multiple_of(steps)) {
            section.problem(
                "local_steps",
                format!("train.{key} = {every}: expected a multiple of the {steps} steps after which ranks meet"),
            );
        }
    }
}

/// `[report]`: what a run writes into its folder besides its record, for people and other tools. It changes nothing of
/// the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportConfig {
    /// Whether `report.html` is written at the end: results, curves, data, plugins and config on one page.
    pub page: bool,
    /// Whether event files for TensorBoard are written into the folder `tensorboard` while it trains.
    pub tensorboard: bool,
}

impl ReportConfig {
    /// What `[report]` may contain.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self { page: section.boolean("page", true), tensorboard: section.boolean("tensorboard", false) }
    }
}

/// `[sample]`: the text that a run writes at its end, and the defaults of `generate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SampleConfig {
    /// What the text begins with.
    pub prompt: String,
    /// What the text is written from, by a model with an encoder; without it none is written at the end.
    pub source: String,
    /// Tokens to write.
    pub tokens: usize,
    /// Steps between two texts that are written while training, for the log and the report; 0 writes one at the end
    /// only.
    pub every: u64,
    /// Divides the logits; 0 always takes the likeliest token.
    pub temperature: f64,
    /// Takes from the k likeliest tokens; 0 from all.
    pub top_k: usize,
    /// Takes from the smallest set of tokens with this probability; 1 from all.
    pub top_p: f64,
    /// Seed of the random choice.
    pub seed: u64,
    /// Documents on which metrics that compare texts are measured, at most; 8 if not said, and 200 where a text is
    /// written from another.
    pub documents: u64,
    /// Hypotheses at a time where a text is written from another, to be measured or by `predict`; 1 always takes the
    /// likeliest token.
    pub beams: usize,
}

/// Most hypotheses at a time.
const BEAMS_MAX: i64 = 1000;

const FREEZE: &str = "a list of patterns of parameters' names, such as [\"model.layers.[0-3].*\"]";

const PRECISIONS: [(&str, Precision); 3] =
    [("f32", Precision::F32), ("bf16", Precision::Bf16), ("f64", Precision::F64)];

impl TrainConfig {
    /// What `[train]` may contain, with what `task` does not train.
    pub(crate) fn read(section: &mut Section<'_>, task: &TaskConfig) -> Self {
        let mut config = Self {
            steps: section.integer("steps", 1.., 1000),
            batch: section.integer("batch", 1.., 16),
            accumulate: section.integer("accumulate", 1.., 1),
            clip: section.number("clip", 0.0.., 1.0),
            validate_every: section.integer("validate_every", 0.., 100),
            validate_batches: section.integer("validate_batches", 0.., 20),
            checkpoint_every: section.integer("checkpoint_every", 0.., 200),
            keep_checkpoints: section.integer("keep_checkpoints", 0.., 2),
            watch: {
                let paths = section.texts("watch", "a list of files, folders or runs", |path| !path.is_empty());
                paths.iter().map(|path| section.absolute("watch", Path::new(path))).collect()
            },
            patience: section.integer("patience", 0.., 0),
            threads: section.integer("threads", 0..=1024, 0),
            workers: section.integer("workers", 0..=64, 1),
            device: read_device(section),
            deterministic: section.boolean("deterministic", false),
            precision: section.choice("precision", &PRECISIONS, Precision::F32),
            recompute: section.boolean("recompute", false),
            freeze: section.texts("freeze", FREEZE, |text| Pattern::new(text).is_ok()),
        };
        if config.freeze.is_empty() {
            config.freeze = task.freeze().iter().map(|&name| name.to_owned()).collect();
        }
        if config.patience > 0 && config.validate_every == 0 {
            let message = "needs validations: set validate_every to 1 or more, or patience to 0";
            section.conflict(&["patience", "validate_every"], message);
        }
        config
    }
}

fn read_device(section: &mut Section<'_>) -> DeviceChoice {
    let is_device = |text: &str| DeviceChoice::parse(text).is_some();
    let text = section.text_or("device", "\"auto\", \"cpu\" or \"cuda:N\"", "auto", is_device);
    DeviceChoice::parse(&text).unwrap_or(DeviceChoice::Auto)
}

impl SampleConfig {
    /// What `[sample]` may contain, with the defaults of `task`.
    pub(crate) fn read(section: &mut Section<'_>, task: &TaskConfig) -> Self {
        let tokens = if task.continues_text() || task.has_source() { 200 } else { 0 };
        let source = section.text_or("source", "text", "", |_| true);
        if !source.is_empty() && !task.has_source() {
            let why = format!("the task is {:?}, which writes no text from another: remove it", task.name());
            section.problem("source", why);
        }
        Self {
            source,
            prompt: section.text_or("prompt", "text", "", |_| true),
            tokens: section.integer("tokens", 0.., tokens),
            every: section.integer("every", 0.., 0),
            temperature: section.number("temperature", 0.0.., 0.8),
            top_k: section.integer("top_k", 0.., 0),
            top_p: section.number("top_p", (Bound::Excluded(0.0), Bound::Included(1.0)), 0.95),
            seed: section.integer("seed", 0.., 1),
            documents: section.integer("documents", 1.., if task.has_source() { 200 } else { 8 }),
            beams: section.integer("beams", 1..=BEAMS_MAX, 1),
        }
    }
}
