//! Emissions, sequences and weights that go together: kernels index with them.

use super::{Constraints, Weights};
use crate::{Error, Float, Result};
use std::ops::Range;

/// Sizes of what a CRF is given, and where its sequences are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout<'a> {
    pub tags: usize,
    pub rows: usize,
    pub sequences: &'a [Range<usize>],
    pub allowed: Option<&'a Constraints>,
}

/// What every function on slices is given, checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem<'a, T> {
    /// `[rows, tags]`
    pub emissions: &'a [T],
    pub weights: Weights<'a, T>,
    pub layout: Layout<'a>,
}

impl<'a, T: Float> Problem<'a, T> {
    /// A problem of these slices.
    ///
    /// # Errors
    /// As [`Layout::new`].
    pub fn new(emissions: &'a [T], sequences: &'a [Range<usize>], weights: Weights<'a, T>) -> Result<Self> {
        let sizes = [emissions.len(), weights.start.len(), weights.end.len(), weights.transitions.len()];
        Ok(Self { emissions, weights, layout: Layout::new(sizes, sequences, weights.allowed)? })
    }

    /// Emissions of a sequence.
    pub fn emissions_of(&self, range: &Range<usize>) -> &'a [T] {
        &self.emissions[range.start * self.layout.tags..range.end * self.layout.tags]
    }
}

impl<'a> Layout<'a> {
    /// A layout of emissions, `start`, `end` and `transitions` with these numbers of elements.
    ///
    /// # Errors
    /// Sizes that do not go together, sequences that overlap or lie outside of the rows.
    pub fn new(
        [emissions, tags, end, transitions]: [usize; 4],
        sequences: &'a [Range<usize>],
        allowed: Option<&'a Constraints>,
    ) -> Result<Self> {
        let layout = Self { tags, rows: emissions / tags.max(1), sequences, allowed };
        layout.check_size("end", end, tags)?;
        layout.check_size("transitions", transitions, tags * tags)?;
        layout.check_size("constraints", allowed.map_or(tags, Constraints::tags), tags)?;
        if tags == 0 || !emissions.is_multiple_of(tags) {
            let message = format!("{emissions} emissions are no rows of {tags} tags");
            return Err(Error::run(format!("crf: expected a row of one number per tag, got {message}")));
        }
        layout.check_sequences()?;
        Ok(layout)
    }

    fn check_sequences(&self) -> Result<()> {
        let (mut end, rows) = (0, self.rows);
        for range in self.sequences {
            if range.start < end || range.end < range.start || range.end > rows {
                let message = format!("rows {range:?} after row {end} of {rows}");
                return Err(Error::run(format!("crf: expected sequences in order within the rows, got {message}")));
            }
            end = range.end;
        }
        Ok(())
    }

    /// Rows of the longest sequence.
    pub fn longest(&self) -> usize {
        self.sequences.iter().map(Range::len).max().unwrap_or(0)
    }

    /// Checks the size of one more slice.
    ///
    /// # Errors
    /// Another one than expected.
    pub fn check_size(&self, what: &str, got: usize, expected: usize) -> Result<()> {
        if got == expected {
            return Ok(());
        }
        Err(Error::run(format!("crf: expected {what} of {expected} numbers for {} tags, got {got}", self.tags)))
    }

    /// Checks the tags of all sequences.
    ///
    /// # Errors
    /// One that there is not, or that is not allowed where it is.
    pub fn check_tags(&self, tags: &[u32]) -> Result<()> {
        self.check_size("tags", tags.len(), self.rows)?;
        let n = self.tags;
        for range in self.sequences {
            for row in range.clone() {
                if tags[row] as usize >= n {
                    return Err(Error::run(format!("crf: row {row}: expected a tag below {n}, got {}", tags[row])));
                }
            }
            self.check_allowed(range, tags)?;
        }
        Ok(())
    }

    fn check_allowed(&self, range: &Range<usize>, tags: &[u32]) -> Result<()> {
        let (Some(allowed), Some(last)) = (self.allowed, range.clone().next_back()) else { return Ok(()) };
        let refuse = |row: usize, what: &str| {
            let message = format!("crf: row {row}: expected tags that are allowed, got {what}");
            Err(Error::run(format!("{message}; correct the tags or leave the constraints out")))
        };
        let tag = |row: usize| tags[row] as usize;
        if !allowed.starts(tag(range.start)) {
            return refuse(range.start, &format!("the first tag {}", tag(range.start)));
        }
        if !allowed.ends(tag(last)) {
            return refuse(last, &format!("the last tag {}", tag(last)));
        }
        match (range.start + 1..range.end).find(|&row| !allowed.follows(tag(row - 1), tag(row))) {
            Some(row) => refuse(row, &format!("tag {} after tag {}", tag(row), tag(row - 1))),
            None => Ok(()),
        }
    }

    /// Checks the sizes of what a backward is given besides; those of gradients of weights are of start, end and
    /// transitions.
    ///
    /// # Errors
    /// Another one than expected.
    pub fn check_gradients(&self, scales: usize, emissions: usize, weights: [Option<usize>; 3]) -> Result<()> {
        let tags = self.tags;
        self.check_size("scales", scales, self.sequences.len())?;
        self.check_size("the gradient of emissions", emissions, self.rows * tags)?;
        let expected = [("start", tags), ("end", tags), ("transitions", tags * tags)];
        for ((what, expected), got) in expected.into_iter().zip(weights) {
            self.check_size(&format!("the gradient of {what}"), got.unwrap_or(expected), expected)?;
        }
        Ok(())
    }

    /// Checks the partitions, or the highest scores, of all sequences.
    ///
    /// # Errors
    /// One of -∞: a sequence without allowed tags.
    pub fn check_possible(&self, logarithms: impl Iterator<Item = f64>) -> Result<()> {
        match self.sequences.iter().zip(logarithms).find(|(_, logarithm)| *logarithm == f64::NEG_INFINITY) {
            None => Ok(()),
            Some((range, _)) => Err(Error::run(format!(
                "crf: rows {range:?}: expected tags with a score above -inf, got none: the constraints, or emissions \
                 of -inf, leave no sequence of tags"
            ))),
        }
    }
}
