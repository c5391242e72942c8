//! What a sweep is.

use serde::Serialize;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::str::FromStr;
use toml::Value;
use trainyard_base::{Error, Result};

/// A base config and what to change in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// The base config's file.
    pub base: PathBuf,
    /// Name of the sweep: its runs are in a folder of this name.
    pub name: String,
    /// Seeds of each variant.
    pub seeds: Seeds,
    /// How variants are made of the axes.
    pub design: Design,
    /// Changes of the base for all runs, as `--set` takes them.
    pub set: Vec<String>,
    /// What varies, by key.
    pub axes: Vec<Axis>,
    /// How many variants are drawn; none where all are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub random: Option<Random>,
    /// Budgets of successive halving.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halving: Option<Halving>,
}

/// Seeds of each variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Seeds {
    /// So many, counted up from the base's seed.
    Count(u64),
    /// The ones of a list.
    List(Vec<u64>),
}

/// How variants are made of the axes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// All combinations of values.
    #[default]
    Grid,
    /// The base, and each value of each axis alone against it.
    OneAtATime,
    /// Combinations that are drawn.
    Random,
    /// All combinations, or those that are drawn, with a small budget, and the best of them with a larger one.
    Halving,
}

/// A setting that varies, or several that depend on each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// The setting, as in a `--set`; a table where its values are tables.
    pub key: String,
    /// What it may be.
    pub values: Values,
}

/// What an axis may be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Values {
    /// One of these. A table sets each of its keys.
    List(Vec<Value>),
    /// A number between two, for a design that draws.
    Range(Range),
}

/// Numbers between two, with both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Range {
    /// The smallest.
    pub from: f64,
    /// The largest.
    pub to: f64,
    /// Distance between neighbours; none where every number between the two is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// What is uniform.
    pub scale: Scale,
    /// Says that only whole numbers are drawn.
    pub whole: bool,
}

/// What of a number that is drawn is uniform.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// The number.
    #[default]
    Linear,
    /// Its logarithm.
    Log,
}

/// Variants that are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Random {
    /// How many.
    pub n: usize,
    /// The seed of the draws. It has nothing to do with the runs' seeds.
    pub seed: u64,
}

/// Successive halving (Jamieson & Talwalkar 2016). Each rung trains its runs from the start, with `train.steps` as its
/// budget, so that a schedule fits each budget. That takes `factor / (factor - 1)` times as many steps as if runs could
/// be continued under a longer schedule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Halving {
    /// How many times fewer variants the next rung has, and how many times as many steps.
    pub factor: u64,
    /// `train.steps` of the first rung and of the last.
    pub steps: [u64; 2],
    /// The metric that variants are ranked by; where none is named, the first that is comparable across variants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
}

impl Halving {
    /// Budgets of the rungs, in steps.
    pub fn budgets(&self) -> Vec<u64> {
        let [first, last] = self.steps;
        let next = |steps: &u64| steps.checked_mul(self.factor.max(2)).filter(|&steps| steps < last);
        let mut budgets: Vec<_> = std::iter::successors(Some(first), next).collect();
        budgets.extend((last > first).then_some(last));
        budgets
    }

    /// Variants that reach the next rung, of `n` in this one.
    pub fn kept(&self, n: usize) -> usize {
        n.div_ceil(usize::try_from(self.factor).unwrap_or(usize::MAX).max(1))
    }
}

impl Seeds {
    /// The seeds, where the base's is `first`.
    pub fn list(&self, first: u64) -> Vec<u64> {
        match self {
            Self::Count(n) => (0..*n).map(|index| first.saturating_add(index)).collect(),
            Self::List(seeds) => seeds.clone(),
        }
    }

    /// How many seeds there are.
    pub fn len(&self) -> u64 {
        match self {
            Self::Count(n) => *n,
            Self::List(seeds) => seeds.len() as u64,
        }
    }

    /// Tells if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromStr for Seeds {
    type Err = Error;

    /// Reads `3`, a number of seeds, or `1,2,5`, the seeds; `7,` is the seed 7 alone.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::usage(format!("seeds: expected a number of seeds or seeds as 1,2,5, got {text:?}"));
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        match text.contains(',') {
            false => Ok(Self::Count(number(text)?)),
            true => {
                let list = text.trim().trim_end_matches(',').split(',');
                Ok(Self::List(list.map(number).collect::<Result<_>>()?))
            }
        }
    }
}

impl Design {
    /// All designs.
    pub const ALL: [Self; 4] = [Self::Grid, Self::OneAtATime, Self::Random, Self::Halving];

    /// The name in a sweep file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::OneAtATime => "one-at-a-time",
            Self::Random => "random",
            Self::Halving => "halving",
        }
    }
}

impl Display for Design {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
