//! Tables as aligned text, Markdown and CSV.

use std::fmt::{self, Display, Formatter};
use trainyard_base::clean;
use unicode_width::UnicodeWidthStr;

/// Columns with their titles, and rows of as many cells.
#[derive(Debug, Clone, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug, Clone)]
struct Column {
    title: String,
    is_right: bool,
}

impl Table {
    /// Adds a column of text.
    pub fn text(&mut self, title: impl Into<String>) -> &mut Self {
        self.columns.push(Column { title: title.into(), is_right: false });
        self
    }

    /// Adds a column of numbers, which are aligned at the right.
    pub fn number(&mut self, title: impl Into<String>) -> &mut Self {
        self.columns.push(Column { title: title.into(), is_right: true });
        self
    }

    /// Adds a row, with a cell for each column.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// Leaves out the columns `titles` where no row has anything in them but `nothing`.
    pub fn drop_empty(&mut self, titles: &[&str], nothing: &str) {
        for title in titles {
            let Some(index) = self.columns.iter().position(|column| column.title == *title) else { continue };
            if self.rows.iter().all(|row| row[index].is_empty() || row[index] == nothing) {
                self.columns.remove(index);
                self.rows.iter_mut().for_each(|row| drop(row.remove(index)));
            }
        }
    }

    /// The table as CSV (RFC 4180), with a line of titles.
    pub fn csv(&self) -> String {
        let titles: Vec<_> = self.columns.iter().map(|column| column.title.clone()).collect();
        let line = |cells: &Vec<String>| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\r\n";
        [titles].iter().chain(&self.rows).map(line).collect()
    }

    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let titles = line(self.columns.iter().map(|column| escaped(&column.title)).collect());
        let rule = |column: &Column| if column.is_right { "---:" } else { "---" }.to_owned();
        let rules = line(self.columns.iter().map(rule).collect());
        let rows = self.rows.iter().map(|row| line(row.iter().map(|cell| escaped(cell)).collect()));
        titles + &rules + &rows.collect::<String>()
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let titles = self.columns.iter().map(|column| column.title.as_str()).collect();
        let cells = self.rows.iter().map(|row| row.iter().map(String::as_str).collect());
        let lines: Vec<Vec<_>> = [titles].into_iter().chain(cells).map(cleaned).collect();
        let width = |index: usize| lines.iter().map(|line| line[index].width()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for line in &lines {
            let mut text = String::new();
            for ((cell, column), width) in line.iter().zip(&self.columns).zip(&widths) {
                let space = " ".repeat(width - cell.width());
                let padded = if column.is_right { format!("{space}{cell}") } else { format!("{cell}{space}") };
                text += &padded;
                text += "  ";
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// Spells out what could change a terminal.
fn cleaned(cells: Vec<&str>) -> Vec<String> {
    cells.into_iter().map(|cell| clean::line(cell).into_owned()).collect()
}

/// Quotes a field where CSV needs it.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

/// Makes text one cell of a Markdown table.
fn escaped(cell: &str) -> String {
    let mut escaped = String::with_capacity(cell.len());
    for char in clean::line(cell).chars() {
        match char {
            '|' | '\\' | '*' | '_' | '`' | '[' | ']' => escaped.extend(['\\', char]),
            '<' => escaped.push_str("&lt;"),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::default();
        table.text("name").number("loss").text("note");
        table.row(vec!["文".into(), "1.5".into(), String::new()]);
        table.row(vec!["a|b".into(), "12".into(), "x, \"y\"\nz\u{1b}".into()]);
        table
    }

    #[test]
    fn columns_are_aligned() {
        assert_eq!(table().to_string(), "name  loss  note\n文     1.5\na|b     12  x, \"y\"\\nz\\u{1b}\n");
    }

    #[test]
    fn fields_are_quoted() {
        assert_eq!(table().csv(), "name,loss,note\r\n文,1.5,\r\na|b,12,\"x, \"\"y\"\"\nz\u{1b}\"\r\n");
    }

    #[test]
    fn cells_of_markdown_stay_cells() {
        let expected = "| name | loss | note |\n| --- | ---: | --- |\n| 文 | 1.5 |  |\n\
                        | a\\|b | 12 | x, \"y\"\\\\nz\\\\u{1b} |\n";
        assert_eq!(table().markdown(), expected);
    }

    #[test]
    fn empty_columns_are_left_out() {
        let mut table = table();
        table.rows[1][2] = "–".into();
        table.drop_empty(&["note", "name", "other"], "–");
        assert_eq!(table.csv(), "name,loss\r\n文,1.5\r\na|b,12\r\n");
    }
}
