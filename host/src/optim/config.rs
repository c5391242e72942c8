//! `[optimizer]` and `[schedule]` of a run's config.

use crate::base::patterns::Pattern;
use crate::settings::Section;
use schemars::JsonSchema;
use serde::Serialize;
use std::ops::Bound;

/// `[optimizer]`: how gradients change the parameters.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OptimizerConfig {
    /// `kind`, and the settings of that kind.
    #[serde(flatten)]
    pub rule: OptimizerRule,
    /// `[[optimizer.group]]`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<OptimizerGroup>,
}

/// `[[optimizer.group]]`: parameters that learn otherwise than the rest. A parameter is in the first group that has a
/// pattern for it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OptimizerGroup {
    /// Patterns of the names of parameters, or of modules that hold them, such as `model.layers.[0-3].*`: `*` stands
    /// for any text, `[0-3]` for one character of these. Each must have a parameter.
    #[serde(rename = "match")]
    pub patterns: Vec<String>,
    /// Their learning rate as a multiple of `optimizer.lr`, which the schedule changes as well.
    pub lr_factor: f64,
    /// Weight decay of their matrices; `optimizer.weight_decay` if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
}

/// The rule that gradients change parameters by.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum OptimizerRule {
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
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ScheduleConfig {
    /// The shape after warm-up.
    pub kind: ScheduleKind,
    /// Steps over which the rate rises from 0, or their share of `train.steps`, such as 0.05; a twentieth if not said.
    pub warmup: u64,
    /// Share of the peak rate at the last step, 0 to 1; not used by `constant`.
    pub floor: f64,
}

/// The shape of the learning rate after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// Half a cosine down to the floor.
    Cosine,
    /// A straight line down to the floor.
    Linear,
    /// The peak throughout.
    Constant,
}

impl OptimizerConfig {
    /// What `[optimizer]` may contain: only the settings of its kind, and groups.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let rule = OptimizerRule::read(section);
        Self { rule, group: section.sections("group", OptimizerGroup::read).unwrap_or_default() }
    }
}

impl OptimizerGroup {
    fn read(section: &mut Section<'_>) -> Self {
        let expected = "a list of patterns of parameters' names, such as [\"model.layers.[0-3].*\"]";
        let patterns = section.texts("match", expected, |text| Pattern::new(text).is_ok());
        if patterns.is_empty() {
            section.problem("match", format!("expected {expected}, got none"));
        }
        Self {
            patterns,
            lr_factor: section.number("lr_factor", 0.0.., 1.0),
            weight_decay: section.optional_number("weight_decay", 0.0..),
        }
    }
}

impl OptimizerRule {
    fn read(section: &mut Section<'_>) -> Self {
        let above_zero = (Bound::Excluded(0.0), Bound::Unbounded);
        match section.choice("kind", &[("adamw", "adamw"), ("sgd", "sgd")], "adamw") {
            "sgd" => Self::Sgd {
                lr: section.number("lr", above_zero, 0.1),
                momentum: section.number("momentum", 0.0..1.0, 0.9),
                weight_decay: section.number("weight_decay", 0.0.., 0.0),
            },
            _ => Self::AdamW {
                lr: section.number("lr", above_zero, 1e-3),
                beta1: section.number("beta1", 0.0..1.0, 0.9),
                beta2: section.number("beta2", 0.0..1.0, 0.95),
                eps: section.number("eps", above_zero, 1e-8),
                weight_decay: section.number("weight_decay", 0.0.., 0.1),
            },
        }
    }
}

impl ScheduleConfig {
    /// What `[schedule]` may contain. Warm-up takes a twentieth of the run if nothing is said.
    pub(crate) fn read(section: &mut Section<'_>, steps: u64) -> Self {
        use ScheduleKind::{Constant, Cosine, Linear};
        let kinds = [("cosine", Cosine), ("linear", Linear), ("constant", Constant)];
        Self {
            kind: section.choice("kind", &kinds, Cosine),
            warmup: section.part("warmup", steps, steps / 20),
            floor: section.number("floor", 0.0..=1.0, 0.1),
        }
    }
}
