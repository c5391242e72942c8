//! Rows of tasks that write one text from another.

use super::Marks;
use crate::feed::batch::{self, Predicted, Text};
use crate::rows::Rows;

/// Sources and what is to be written from them.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    sources: Vec<Vec<u32>>,
    targets: Vec<Text>,
    predicted: Predicted,
}

impl Pairs {
    /// Adds a pair. The source ends with the mark of an end, and begins with one where the tokenizer has one of its own
    /// for that. The target is read from its start and predicted to its end.
    pub fn push(&mut self, marks: &Marks, source: &[u32], target: &[u32], context: usize) {
        self.sources.push(marks.source(source, context));
        let written = || marks.begin.into_iter().chain(target.iter().copied());
        let read: Vec<u32> = marks.start.into_iter().chain(written()).take(context).collect();
        self.predicted.begin_group();
        for (place, id) in written().chain(marks.last).take(read.len()).enumerate() {
            self.predicted.push(self.targets.len(), place, id, 1.0);
        }
        self.targets.push(Text::new(read));
    }

    /// The rows of a batch.
    pub fn rows(self, context: usize, token_bytes: &[u32]) -> Rows {
        let mut rows = batch::windows(self.targets, 0, context).predicting(self.predicted, Some(token_bytes));
        rows.source = Some(batch::source(self.sources, context));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_begins_as_its_model_was_taught() {
        let marks =
            Marks { first: Some(1), last: Some(2), start: Some(2), begin: Some(9), n_tokens: 10, ..Marks::default() };
        let mut pairs = Pairs::default();
        pairs.push(&marks, &[5, 6], &[7, 8], 16);
        let rows = pairs.rows(16, &[1; 10]);
        assert_eq!(rows.source.as_ref().map(|source| &source.ids[..4]), Some(&[1, 5, 6, 2][..]));
        assert_eq!((&rows.inputs[..4], &rows.columns.target[..]), (&[2, 9, 7, 8][..], &[9, 7, 8, 2][..]));
        // cut to the context, rows and tokens agree
        let mut pairs = Pairs::default();
        pairs.push(&marks, &[5, 6], &[7, 8], 3);
        let rows = pairs.rows(3, &[1; 10]);
        assert_eq!((&rows.inputs[..], &rows.columns.target[..]), (&[2, 9, 7][..], &[9, 7, 8][..]));
    }
}
