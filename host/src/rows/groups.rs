//! Groups of rows: what a graph calls sequences. The batch says which rows belong together; they need not be those of a
//! context window, in which several documents may stand.

use crate::{Error, Result};
use std::ops::Range;

/// The rows of each group.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    /// First row of each group, and at the end the number of rows.
    borders: Vec<usize>,
}

impl Groups {
    /// The groups of rows with these numbers `[rows]`, which were checked.
    pub fn new(group: &[u32]) -> Self {
        let rises = group.windows(2).enumerate().filter(|(_, pair)| pair[0] != pair[1]).map(|(row, _)| row + 1);
        let first = (!group.is_empty()).then_some(0);
        Self { borders: first.into_iter().chain(rises).chain([group.len()]).collect() }
    }

    /// Number of groups.
    pub fn n(&self) -> usize {
        self.borders.len() - 1
    }

    /// Rows of each group, in order.
    pub fn rows(&self) -> impl Iterator<Item = Range<usize>> {
        self.borders.windows(2).map(|border| border[0]..border[1])
    }
}

/// Refuses groups whose numbers are not those of rows that stand together: values are looked up by them.
pub(super) fn check(group: &[u32]) -> Result<()> {
    let is_next = |pair: &[u32]| pair[0] == pair[1] || pair[1].checked_sub(1) == Some(pair[0]);
    let wrong = match group.first() {
        None | Some(0) => group.windows(2).position(|pair| !is_next(pair)).map(|row| row + 1),
        Some(_) => Some(0),
    };
    wrong.map_or(Ok(()), |row| {
        let number = group[row];
        Err(Error::run(format!("row {row} is of group {number}, expected groups 0, 1, … whose rows stand together")))
    })
}

/// Refuses positions that do not count from 0 in each group.
pub(super) fn check_positions(group: &[u32], position: &[u32]) -> Result<()> {
    for rows in Groups::new(group).rows() {
        let first = rows.start;
        if let Some(row) = rows.into_iter().find(|&row| position[row] as usize != row - first) {
            let (got, expected) = (position[row], row - first);
            return Err(Error::run(format!(
                "position of row {row} is {got}, expected {expected}: positions count from 0 in each group"
            )));
        }
    }
    Ok(())
}
