//! Emissions, sequences and weights that go together: kernels index with them.

use super::{Gradients, Weights};
use crate::{Error, Float, Result};
use std::ops::Range;

/// What every function of a CRF is given, checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem<'a, T> {
    /// `[rows, tags]`
    pub emissions: &'a [T],
    pub sequences: &'a [Range<usize>],
    pub weights: Weights<'a, T>,
}

impl<'a, T: Float> Problem<'a, T> {
    /// A problem of these slices.
    ///
    /// # Errors
    /// Slices of other sizes, sequences that overlap or lie outside of the rows.
    pub fn new(emissions: &'a [T], sequences: &'a [Range<usize>], weights: Weights<'a, T>) -> Result<Self> {
        let problem = Self { emissions, sequences, weights };
        let tags = problem.tags();
        problem.check_size("end", weights.end.len(), tags)?;
        problem.check_size("transitions", weights.transitions.len(), tags * tags)?;
        problem.check_size("constraints", weights.allowed.map_or(tags, |allowed| allowed.tags()), tags)?;
        if tags == 0 || !emissions.len().is_multiple_of(tags) {
            let message = format!("{} emissions are no rows of {tags} tags", emissions.len());
            return Err(Error::run(format!("crf: expected a row of one number per tag, got {message}")));
        }
        problem.check_sequences()?;
        Ok(problem)
    }

    fn check_sequences(&self) -> Result<()> {
        let (mut end, rows) = (0, self.rows());
        for range in self.sequences {
            if range.start < end || range.end < range.start || range.end > rows {
                let message = format!("rows {range:?} after row {end} of {rows}");
                return Err(Error::run(format!("crf: expected sequences in order within the rows, got {message}")));
            }
            end = range.end;
        }
        Ok(())
    }

    /// Number of tags.
    pub fn tags(&self) -> usize {
        self.weights.start.len()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.emissions.len() / self.tags()
    }

    /// Emissions of a sequence.
    pub fn emissions_of(&self, range: &Range<usize>) -> &'a [T] {
        &self.emissions[range.start * self.tags()..range.end * self.tags()]
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
        Err(Error::run(format!("crf: expected {what} of {expected} numbers for {} tags, got {got}", self.tags())))
    }

    /// Checks the tags of all sequences.
    ///
    /// # Errors
    /// One that there is not, or that is not allowed where it is.
    pub fn check_tags(&self, tags: &[u32]) -> Result<()> {
        self.check_size("tags", tags.len(), self.rows())?;
        let n = self.tags();
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
        let (Some(allowed), Some(last)) = (self.weights.allowed, range.clone().next_back()) else { return Ok(()) };
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

    /// Checks what a backward is given besides.
    ///
    /// # Errors
    /// Slices of other sizes.
    pub fn check_gradients(&self, scales: &[T], gradients: &Gradients<'_, T>) -> Result<()> {
        let tags = self.tags();
        self.check_size("scales", scales.len(), self.sequences.len())?;
        self.check_size("the gradient of emissions", gradients.emissions.len(), self.emissions.len())?;
        let of_weights = [
            ("start", &gradients.start, tags),
            ("end", &gradients.end, tags),
            ("transitions", &gradients.transitions, tags * tags),
        ];
        for (what, gradient, expected) in of_weights {
            let got = gradient.as_ref().map_or(expected, |gradient| gradient.len());
            self.check_size(&format!("the gradient of {what}"), got, expected)?;
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
