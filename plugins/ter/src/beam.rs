//! Edit distance of words within a beam around the diagonal, with the edits.

/// How far from the diagonal distances are computed.
const WIDTH: usize = 25;
/// The distance of what is outside of the beam.
const FAR: u32 = u32::MAX / 2;

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

/// The distances of the first words of a text to the beginnings of the reference.
#[derive(Debug, Clone)]
struct Row {
    /// Length of the shortest beginning in the beam.
    first: usize,
    cells: Vec<(u32, Edit)>,
}

impl Row {
    fn cost(&self, column: usize) -> u32 {
        column.checked_sub(self.first).and_then(|index| self.cells.get(index)).map_or(FAR, |(cost, _)| *cost)
    }

    fn edit(&self, column: usize) -> Option<Edit> {
        let (cost, edit) = self.cells.get(column.checked_sub(self.first)?)?;
        (*cost < FAR).then_some(*edit)
    }
}

/// The distances between a text and a reference.
pub struct Beam<'a> {
    reference: &'a [u32],
    /// Row 0 is that of no words.
    rows: Vec<Row>,
}

impl<'a> Beam<'a> {
    /// Compares a text with a reference.
    pub fn new(text: &[u32], reference: &'a [u32]) -> Self {
        let first = Row { first: 0, cells: (0..=reference.len()).map(|i| (i as u32, Edit::Insert)).collect() };
        let mut beam = Self { reference, rows: vec![first] };
        for index in 1..=text.len() {
            let mut row = Row { first: 0, cells: Vec::new() };
            beam.fill(&mut row, &beam.rows[index - 1], text, index);
            beam.rows.push(row);
        }
        beam
    }

    /// Returns the number of edits.
    pub fn distance(&self) -> u32 {
        self.rows[self.rows.len() - 1].cost(self.reference.len())
    }

    /// Returns the number of edits of a text of the same length, whose first `same` words are the same. `spare` is
    /// memory that several calls can share.
    pub fn distance_of(&self, text: &[u32], same: usize, spare: &mut Spare) -> u32 {
        let Spare(left, right) = spare;
        if same == text.len() {
            return self.distance();
        }
        self.fill(left, &self.rows[same], text, same + 1);
        for index in same + 2..=text.len() {
            self.fill(right, left, text, index);
            std::mem::swap(left, right);
        }
        left.cost(self.reference.len())
    }

    /// Returns the edits that make the text the reference, in order. The distance prefers to keep or replace, then to
    /// delete.
    pub fn edits(&self) -> Vec<Edit> {
        let (mut row, mut column) = (self.rows.len() - 1, self.reference.len());
        let mut edits = Vec::with_capacity(row.max(column));
        while row > 0 || column > 0 {
            // a cell outside of the beam is on no way
            let edit = self.rows[row].edit(column).unwrap_or(if row > 0 { Edit::Delete } else { Edit::Insert });
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

    /// Computes row `index` from the one above it.
    fn fill(&self, row: &mut Row, above: &Row, text: &[u32], index: usize) {
        let n = self.reference.len();
        let ratio = n as f64 / text.len() as f64;
        // a text much shorter than the reference would have rows that do not touch
        let width = if (WIDTH as f64) < ratio / 2.0 { (ratio / 2.0 + WIDTH as f64).ceil() as usize } else { WIDTH };
        let diagonal = (index as f64 * ratio) as usize;
        let first = diagonal.saturating_sub(width);
        let end = if index == text.len() { n + 1 } else { (n + 1).min(diagonal + width) };
        row.first = first;
        row.cells.clear();
        let mut before = FAR;
        for column in first..end {
            let mut best = (FAR, Edit::Delete);
            let mut consider = |cost: u32, edit: Edit| {
                if cost < best.0 {
                    best = (cost, edit);
                }
            };
            if column > 0 {
                let same = text[index - 1] == self.reference[column - 1];
                let edit = if same { Edit::Keep } else { Edit::Replace };
                consider(above.cost(column - 1) + u32::from(!same), edit);
            }
            consider(above.cost(column) + 1, Edit::Delete);
            if column > 0 {
                consider(before + 1, Edit::Insert);
            }
            before = best.0;
            row.cells.push(best);
        }
    }
}

/// Two rows of memory.
#[derive(Debug)]
pub struct Spare(Row, Row);

impl Default for Spare {
    fn default() -> Self {
        let empty = Row { first: 0, cells: Vec::new() };
        Self(empty.clone(), empty)
    }
}
