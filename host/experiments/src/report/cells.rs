//! Cells, columns and figures of a page.

use crate::text::{NONE, number};
use trainyard_page::{Block, Cell, Column, Facts, Table, Verdict};

/// Characters of a digest that are shown where the whole is elsewhere.
const DIGEST_SHOWN: usize = 12;

/// The most rows of a table.
pub const MAX_ROWS: usize = 200;

/// A table that is being made.
#[derive(Default)]
pub struct Maker(Table);

impl Maker {
    /// Begins a table.
    pub fn new(caption: impl Into<String>) -> Self {
        Self(Table { caption: caption.into(), ..Table::default() })
    }

    /// Adds columns of text.
    pub fn texts(mut self, names: &[&str]) -> Self {
        self.0.columns.extend(names.iter().map(|name| Column { name: (*name).to_owned(), ..Column::default() }));
        self
    }

    /// Adds columns of numbers, which are aligned at the right.
    pub fn numbers(mut self, names: &[&str]) -> Self {
        let column = |name: &&str| Column { name: (*name).to_owned(), is_number: true, ..Column::default() };
        self.0.columns.extend(names.iter().map(column));
        self
    }

    /// Adds a row of text.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.cells(cells.into_iter().map(cell).collect());
    }

    /// Adds a row.
    pub fn cells(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.0.columns.len());
        self.0.rows.push(cells);
    }

    /// Adds a line below the table.
    pub fn note(&mut self, line: impl Into<String>) {
        self.0.footnotes.push(line.into());
    }

    /// Says whether no row was added.
    pub fn is_empty(&self) -> bool {
        self.0.rows.is_empty()
    }

    /// Leaves out columns in which no row has anything but `nothing`.
    pub fn drop_empty(&mut self, nothing: &[&str]) {
        for index in (1..self.0.columns.len()).rev() {
            if self.0.rows.iter().all(|row| row[index].verdict.is_none() && nothing.contains(&&*row[index].text)) {
                self.0.columns.remove(index);
                self.0.rows.iter_mut().for_each(|row| drop(row.remove(index)));
            }
        }
    }

    /// Ends the table. Rows that are too many are left out, which is said.
    pub fn block(mut self) -> Block {
        let n_rows = self.0.rows.len();
        if n_rows > MAX_ROWS {
            self.0.rows.truncate(MAX_ROWS);
            self.0.footnotes.push(format!("The first {MAX_ROWS} of {} rows.", grouped(n_rows as u64)));
        }
        Block::Table(self.0)
    }
}

/// A cell of text.
pub fn cell(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), verdict: None }
}

/// A cell that compares.
pub fn judged(text: String, verdict: Option<trainyard_statistics::Verdict>) -> Cell {
    let verdict = verdict.and_then(|verdict| match verdict {
        trainyard_statistics::Verdict::Better => Some(Verdict::Better),
        trainyard_statistics::Verdict::Worse => Some(Verdict::Worse),
        trainyard_statistics::Verdict::NoDifference => None,
    });
    Cell { text, verdict }
}

/// Facts, without those that are not known.
pub fn facts(entries: Vec<(&str, Option<String>)>) -> Block {
    let known = |(name, value): (&str, Option<String>)| Some((name.to_owned(), value.filter(|text| !text.is_empty())?));
    Block::Facts(Facts { entries: entries.into_iter().filter_map(known).collect() })
}

/// `3,475,712`
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number of a metric; what is missing is a dash.
pub fn measured(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), number)
}

/// The beginning of a digest; none of an empty one.
pub fn shortened(digest: &str) -> Option<String> {
    match digest.char_indices().nth(DIGEST_SHOWN) {
        Some((end, _)) => Some(format!("{}…", &digest[..end])),
        None => (!digest.is_empty()).then(|| digest.to_owned()),
    }
}

/// `2026-11-30 03:14 UTC` for `2026-11-30T03:14:20Z`; anything else as it is.
pub fn time(stamp: &str) -> String {
    let parts = stamp.strip_suffix('Z').and_then(|stamp| stamp.split_once('T'));
    match parts.and_then(|(day, time)| Some((day, time.get(..5)?))) {
        Some((day, time)) => format!("{day} {time} UTC"),
        None => stamp.to_owned(),
    }
}

/// `1 document`, `3 documents`.
pub fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(n), if n == 1 { "" } else { "s" })
}
