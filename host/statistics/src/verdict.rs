//! Whether a change helped.

use crate::Interval;
use serde::Serialize;
use std::fmt::{self, Display};

/// What a comparison shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The second is better than the first.
    Better,
    /// The second is worse than the first.
    Worse,
    /// Nothing is shown. There may be a difference that is too small to see.
    NoDifference,
}

impl Verdict {
    /// Judges a difference, second minus first: it is shown if the interval is on one side of 0 and `p` is below 1 -
    /// confidence. `p` is the interval's own if this is the only comparison, and adjusted by [`crate::holm`] if there
    /// are several.
    pub fn of(difference: &Interval, p: f64, lower_is_better: bool) -> Self {
        let is_shown = p < 1.0 - difference.confidence;
        if is_shown && difference.high < 0.0 {
            if lower_is_better { Self::Better } else { Self::Worse }
        } else if is_shown && difference.low > 0.0 {
            if lower_is_better { Self::Worse } else { Self::Better }
        } else {
            Self::NoDifference
        }
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoDifference => "no difference",
        })
    }
}
