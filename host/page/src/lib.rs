//! A report as one HTML file: charts, tables and texts, with everything that they need inside.
//!
//! A [`Page`] says what the report contains, and [`Page::html`] writes it. The file asks nothing of any network, and
//! can be read without JavaScript, which only adds zoom, values under the pointer, and series that can be switched off.
//! The template escapes all text. Were some missed, the page's policy allows only its own style and script, by hash.

mod axis;
mod content;
mod curve;
mod drawing;
mod look;
mod number;
mod page;
mod points;
#[cfg(test)]
mod tests;
mod values;

pub use content::{
    Block, Cell, Chart, Code, Column, Facts, Kind, Mark, Page, Sample, Samples, Section, Series, Table, Verdict,
};
pub use page::{NUMBERS, STYLE};
pub use points::smoothed;
