//! What a page contains, without how it looks.

use serde::Serialize;

/// A report.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The heading, and the name of the browser's tab.
    pub title: String,
    /// A line below the title; none when empty.
    pub subtitle: String,
    /// The last line: what wrote the page, and when.
    pub generator: String,
    /// The parts of the page, each with a heading.
    pub sections: Vec<Section>,
}

/// A part of a page with a heading.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// The heading.
    pub heading: String,
    /// A paragraph below the heading; none when empty.
    pub text: String,
    /// What the section shows. Charts that follow each other stand in two columns where there is room.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug)]
pub enum Block {
    /// Series over a common axis.
    Chart(Chart),
    /// Rows and columns.
    Table(Table),
    /// Names with their values.
    Facts(Facts),
    /// Texts over time.
    Samples(Samples),
    /// A line that warns.
    Notice(String),
    /// A config or other text that is shown as it is.
    Code(Code),
}

/// Series over a common axis.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// The heading.
    pub title: String,
    /// What the values of x are, with their unit.
    pub x_label: String,
    /// What the values of y are, with their unit.
    pub y_label: String,
    /// Whether the axis of y is logarithmic. Values that are not above zero are then gaps.
    pub log_y: bool,
    /// The series. Eight at most have a colour of their own.
    pub series: Vec<Series>,
    /// Values of x with a name.
    pub marks: Vec<Mark>,
}

/// A line of a chart.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// The name in the legend. A name in several charts has the same colour in all, and is switched off in all at once.
    pub name: String,
    /// Values as (x, y). A y that is not finite is a gap; a point whose x is not finite is left out.
    pub points: Vec<(f64, f64)>,
    /// How the values are drawn.
    pub kind: Kind,
}

/// How the values of a series are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A line.
    #[default]
    Line,
    /// A dot at every value, and a thin line between them.
    Points,
    /// An exponential moving average over about so many values: its newest weight is 2 / (span + 1). The values
    /// themselves are a faint line behind it.
    Smoothed(u32),
}

/// A value of x with a name, such as the best checkpoint.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    /// Where it is.
    pub x: f64,
    /// A few words.
    pub label: String,
}

/// Rows and columns. The first cell of a row is its heading.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Table {
    /// What the table shows.
    pub caption: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, with a cell for every column.
    pub rows: Vec<Vec<Cell>>,
    /// Lines below the table.
    pub footnotes: Vec<String>,
}

/// The heading of a column.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Column {
    /// The name.
    pub name: String,
    /// The unit; none when empty.
    pub unit: String,
    /// Whether the cells are numbers, which are aligned at the right.
    pub is_number: bool,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cell {
    /// The text.
    pub text: String,
    /// How the value compares.
    pub verdict: Option<Verdict>,
}

/// How a value compares with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Better than the other.
    Better,
    /// Worse than the other.
    Worse,
    /// Neither better nor worse.
    Neutral,
}

/// Names with their values.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Facts {
    /// The entries as (name, value).
    pub entries: Vec<(String, String)>,
}

/// Texts over time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Samples {
    /// The heading.
    pub title: String,
    /// The texts in their order.
    pub samples: Vec<Sample>,
}

/// A text and when it was written.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sample {
    /// When, as it is shown: `step 1,000`.
    pub at: String,
    /// The text.
    pub text: String,
}

/// A text that is shown as it is, in a fold.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Code {
    /// The heading of the fold.
    pub title: String,
    /// The text.
    pub text: String,
}
