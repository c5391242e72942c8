//! `[optimizer]` and `[schedule]` of a run's config.

use serde::Serialize;

/// `[optimizer]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum OptimizerConfig {
    /// Adam with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101).
    AdamW {
        /// Peak learning rate.
        lr: f64,
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the denominator.
        eps: f64,
        /// Applied to matrices only.
        weight_decay: f64,
    },
    /// Stochastic gradient descent with momentum, as PyTorch defines it.
    Sgd {
        /// Peak learning rate.
        lr: f64,
        /// Decay of the velocity; 0 is plain descent.
        momentum: f64,
        /// Applied to matrices only.
        weight_decay: f64,
    },
}

/// `[schedule]`: the learning rate over the run, as a share of the peak.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScheduleConfig {
    /// The shape after warm-up.
    pub kind: ScheduleKind,
    /// Steps over which the rate rises from 0.
    pub warmup: u64,
    /// Share of the peak rate at the last step, 0 to 1; not used by `constant`.
    pub floor: f64,
}

/// The shape of the learning rate after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// Half a cosine down to the floor.
    Cosine,
    /// A straight line down to the floor.
    Linear,
    /// The peak throughout.
    Constant,
}
