//! Edit distance of words within a beam around the diagonal, with the edits.

use std::ops::Range;

/// How far from the diagonal distances are computed.
const WIDTH: usize = 25;
/// The distance of what is outside of the beam.
const FAR: u32 = u32::MAX / 4;

/// What makes the first text the second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// The word is the same.
    Keep,
    Replace,
    /// The second text has a word more.
    Insert,
    /// The first text has a word more.
    Delete,
}

/// The distances between one beginning of a text and those beginnings of the reference that are in the beam, or the
/// same of ends.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Length of the shortest beginning in the beam.
    first: usize,
    costs: Vec<u32>,
}

impl Row {
    fn cost(&self, column: usize) -> u32 {
        self.costs.get(column.wrapping_sub(self.first)).copied().unwrap_or(FAR)
    }
}

/// The distances between a text and a reference.
pub struct Beam<'a> {
    text: &'a [u32],
    reference: &'a [u32],
    /// Rows of the first words; row 0 is that of none.
    begins: Vec<Row>,
    /// Rows of the words behind them.
    ends: Vec<Row>,
}

impl<'a> Beam<'a> {
    /// Compares a text with a reference.
    pub fn new(text: &'a [u32], reference: &'a [u32]) -> Self {
        let mut beam = Self { text, reference, begins: Vec::new(), ends: vec![Row::default(); text.len() + 1] };
        beam.begins.push(Row { first: 0, costs: (0..=reference.len() as u32).collect() });
        for (index, word) in text.iter().enumerate() {
            let mut row = Row::default();
            beam.fill(&mut row, &beam.begins[index], *word, index + 1);
            beam.begins.push(row);
        }
        for index in (0..=text.len()).rev() {
            beam.ends[index] = beam.end(index);
        }
        beam
    }

    /// Returns the number of edits.
    pub fn distance(&self) -> u32 {
        self.begins[self.text.len()].cost(self.reference.len())
    }

    /// Returns the number of edits of the text with other words from `start` on, as many as there are. `spare` is
    /// memory that several calls can share.
    pub fn distance_with(&self, words: &[u32], start: usize, spare: &mut [Row; 2]) -> u32 {
        let [left, right] = spare;
        left.clone_from(&self.begins[start]);
        for (index, word) in words.iter().enumerate() {
            self.fill(right, left, *word, start + index + 1);
            std::mem::swap(left, right);
        }
        let end = &self.ends[start + words.len()];
        let both = left.costs.iter().enumerate().map(|(index, cost)| cost + end.cost(left.first + index));
        both.min().unwrap_or(FAR)
    }

    /// Returns the edits that make the text the reference, in order. Of equally few it prefers to keep or replace at
    /// the end, then to delete.
    pub fn edits(&self) -> Vec<Edit> {
        let (mut row, mut column) = (self.text.len(), self.reference.len());
        let mut edits = Vec::with_capacity(row.max(column));
        while row > 0 || column > 0 {
            let cost = self.begins[row].cost(column);
            let is_same = row > 0 && column > 0 && self.text[row - 1] == self.reference[column - 1];
            let above = |column: usize| self.begins[row - 1].cost(column);
            let edit = match (row, column) {
                (0, _) => Edit::Insert,
                (_, 1..) if above(column - 1) + u32::from(!is_same) == cost => {
                    if is_same {
                        Edit::Keep
                    } else {
                        Edit::Replace
                    }
                }
                (_, 1..) if above(column) + 1 != cost => Edit::Insert,
                _ => Edit::Delete,
            };
            edits.push(edit);
            (row, column) = match edit {
                Edit::Keep | Edit::Replace => (row - 1, column - 1),
                Edit::Insert => (row, column - 1),
                Edit::Delete => (row - 1, column),
            };
        }
        edits.reverse();
        edits
    }

    /// The columns of a row that are in the beam.
    fn columns(&self, index: usize) -> Range<usize> {
        let n = self.reference.len();
        if index == 0 {
            return 0..n + 1;
        }
        let ratio = n as f64 / self.text.len() as f64;
        // a text much shorter than the reference would have rows that do not touch
        let width = if (WIDTH as f64) < ratio / 2.0 { (ratio / 2.0 + WIDTH as f64).ceil() as usize } else { WIDTH };
        let diagonal = (index as f64 * ratio) as usize;
        let end = if index == self.text.len() { n + 1 } else { (n + 1).min(diagonal + width) };
        diagonal.saturating_sub(width)..end
    }

    /// Computes row `index` of beginnings, which ends with a word, from the one above it.
    fn fill(&self, row: &mut Row, above: &Row, word: u32, index: usize) {
        let columns = self.columns(index);
        row.first = columns.start;
        row.costs.clear();
        let mut before = FAR;
        let mut diagonal = columns.start.checked_sub(1).map_or(FAR, |column| above.cost(column));
        for column in columns {
            let up = above.cost(column);
            let is_other = column == 0 || self.reference[column - 1] != word;
            before = (diagonal + u32::from(is_other)).min(up + 1).min(before + 1).min(FAR);
            diagonal = up;
            row.costs.push(before);
        }
    }

    /// Computes row `index` of ends from the one below it.
    fn end(&self, index: usize) -> Row {
        let columns = self.columns(index);
        let (first, n) = (columns.start, self.reference.len());
        let mut costs = vec![FAR; columns.len()];
        let mut after = FAR;
        for column in columns.rev() {
            let mut cost = if index == self.text.len() && column == n { 0 } else { after + 1 };
            if let (Some(word), Some(below)) = (self.text.get(index), self.ends.get(index + 1)) {
                cost = cost.min(below.cost(column) + 1);
                if let Some(other) = self.reference.get(column) {
                    cost = cost.min(below.cost(column + 1) + u32::from(word != other));
                }
            }
            after = cost.min(FAR);
            costs[column - first] = after;
        }
        Row { first, costs }
    }
}
