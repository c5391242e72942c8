//! Which source each sequence comes from.

use crate::{Error, Result};

/// Divides the sequences of a run among sources in proportion to their shares, as evenly as whole numbers allow.
///
/// A sequence's source, and its number among the sequences of that source, are functions of its number in the run: a
/// resumed run needs no counters. Sources are split off one after the other: of the first s sequences that the sources
/// before it leave, round(s · p) go to a source whose share of these is p, a low-discrepancy sequence.
#[derive(Debug, Clone)]
pub(super) struct Mixture {
    n_sources: usize,
    phases: Vec<Phase>,
}

#[derive(Debug, Clone)]
struct Phase {
    /// The first sequence.
    start: u64,
    /// Of each source but the last: its share of what reaches it, in units of 2⁻⁶⁴.
    splits: Vec<u128>,
    /// Sequences of each source before this phase.
    before: Vec<u64>,
}

impl Mixture {
    /// All from one source.
    pub fn single() -> Self {
        Self { n_sources: 1, phases: vec![Phase { start: 0, splits: Vec::new(), before: vec![0] }] }
    }

    /// Phases by their first sequence, each with the sources' shares, in any unit. The first begins at 0, and no other
    /// begins before the one in front of it.
    ///
    /// # Errors
    /// A phase whose shares are all 0.
    pub fn new(phases: &[(u64, Vec<f64>)]) -> Result<Self> {
        let n_sources = phases.first().map_or(0, |(_, shares)| shares.len());
        let mut mixture = Self { n_sources, phases: Vec::with_capacity(phases.len()) };
        for (start, shares) in phases {
            if shares.iter().sum::<f64>() <= 0.0 {
                let message = "data.source: no source with a weight above 0 has documents to train on";
                return Err(Error::run(format!("{message} (from sequence {start} on); raise a weight or add text")));
            }
            let before = match mixture.phases.is_empty() {
                true => vec![0; n_sources],
                false => mixture.counts(*start),
            };
            mixture.phases.push(Phase { start: *start, splits: splits(shares), before });
        }
        Ok(mixture)
    }

    /// The source of sequence `sample`, and its number among the source's sequences.
    pub fn locate(&self, sample: u64) -> (usize, u64) {
        let phase = self.phase(sample);
        let mut rest = sample - phase.start;
        for (source, &share) in phase.splits.iter().enumerate() {
            let taken = rounded(rest, share);
            if rounded(rest + 1, share) > taken {
                return (source, phase.before[source] + taken);
            }
            rest -= taken;
        }
        let last = self.n_sources - 1;
        (last, phase.before[last] + rest)
    }

    /// How many of the first `sample` sequences come from each source.
    pub fn counts(&self, sample: u64) -> Vec<u64> {
        let phase = self.phase(sample.saturating_sub(1));
        let mut counts = phase.before.clone();
        let mut rest = sample - phase.start;
        for (count, &share) in counts.iter_mut().zip(&phase.splits) {
            let taken = rounded(rest, share);
            *count += taken;
            rest -= taken;
        }
        if let Some(last) = counts.last_mut() {
            *last += rest;
        }
        counts
    }

    fn phase(&self, sample: u64) -> &Phase {
        let after = self.phases.partition_point(|phase| phase.start <= sample);
        &self.phases[after.saturating_sub(1)]
    }
}

/// Each source's share of what the sources before it leave.
fn splits(shares: &[f64]) -> Vec<u128> {
    let share_of_rest = |source: usize| {
        let rest: f64 = shares[source..].iter().sum();
        if rest > 0.0 { (shares[source] / rest * 2f64.powi(64)) as u128 } else { 0 }
    };
    (0..shares.len().saturating_sub(1)).map(share_of_rest).collect()
}

/// round(n · share)
fn rounded(n: u64, share: u128) -> u64 {
    // n · share is at most (2⁶⁴ − 1) · 2⁶⁴.
    ((u128::from(n) * share + (1 << 63)) >> 64) as u64
}
