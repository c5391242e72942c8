//! Precision, recall and F1 from counts, and their averages.

use serde::Serialize;

/// How often a class was predicted, how often it was right to, and how often it should have been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counts {
    /// Times that it was predicted and true.
    pub hits: u64,
    /// Times that it was predicted.
    pub predicted: u64,
    /// Times that it was true.
    pub gold: u64,
}

/// Precision, recall and F1; 0 where they are not defined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Score {
    /// Share of the predictions that are true.
    pub precision: f64,
    /// Share of the truth that was predicted.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// How often the class is true.
    pub support: u64,
}

/// The score of a class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Named {
    /// The name of the class.
    pub name: String,
    /// Its score.
    #[serde(flatten)]
    pub score: Score,
}

/// The three averages over classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Averages {
    /// The score of the sum of all counts.
    pub micro: Score,
    /// The mean of the classes' scores.
    #[serde(rename = "macro")]
    pub plain: Score,
    /// The mean weighted by support.
    pub weighted: Score,
}

impl Counts {
    /// Adds `times` as many counts.
    pub(super) fn add(&mut self, counts: Counts, times: u64) {
        self.hits += counts.hits * times;
        self.predicted += counts.predicted * times;
        self.gold += counts.gold * times;
    }

    /// Returns precision, recall and F1.
    pub fn score(self) -> Score {
        let Self { hits, predicted, gold } = self;
        Score {
            precision: ratio(hits, predicted),
            recall: ratio(hits, gold),
            f1: ratio(2 * hits, predicted + gold),
            support: gold,
        }
    }

    /// Says whether the class was neither true nor predicted.
    pub fn is_absent(self) -> bool {
        self.predicted == 0 && self.gold == 0
    }
}

impl Averages {
    /// Averages over these classes; of no class, all are 0.
    pub fn of(classes: &[Counts]) -> Self {
        let mut total = Counts::default();
        classes.iter().for_each(|counts| total.add(*counts, 1));
        let micro = total.score();
        let mean = |weight: &dyn Fn(&Score) -> f64, whole: f64| {
            let mut mean = Score { support: micro.support, ..Score::default() };
            for score in classes.iter().map(|counts| counts.score()) {
                let share = if whole > 0.0 { weight(&score) / whole } else { 0.0 };
                mean.precision += share * score.precision;
                mean.recall += share * score.recall;
                mean.f1 += share * score.f1;
            }
            mean
        };
        let weighted = mean(&|score| score.support as f64, micro.support as f64);
        Self { micro, plain: mean(&|_| 1.0, classes.len() as f64), weighted }
    }
}

/// Part of a whole; 0 of nothing.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
