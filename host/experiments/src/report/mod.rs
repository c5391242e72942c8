//! Reports: a run, or several runs next to each other, as one HTML file.

mod cells;
mod curves;
mod data;
mod files;
mod history;
mod one;
mod plugins;
mod results;
mod several;
mod source;
mod summary;

use crate::compare::{CompareOptions, Documents};
use crate::runs::run_folders;
use source::Source;
use std::path::PathBuf;
use trainyard_base::Result;
use trainyard_page::Page;

/// What a report says besides what is in the folders.
#[derive(Debug, Clone, Default)]
pub struct ReportOptions {
    /// When the report is made, as it is shown; not said if empty, so that the same runs make the same file.
    pub made: String,
    /// The settings of a single run that differ from the defaults, with their values; not said if none is given.
    pub changed: Option<Vec<(String, String)>>,
    /// How several runs are compared.
    pub compare: CompareOptions,
    /// The losses of test documents, for the comparison of several runs.
    pub documents: Documents,
}

impl ReportOptions {
    /// The last line of the page.
    fn generator(&self) -> String {
        let at = if self.made.is_empty() { String::new() } else { format!(", {}", self.made) };
        format!("Made by trainyard {}{at}.", env!("CARGO_PKG_VERSION"))
    }
}

/// A report of a run or of several.
#[derive(Debug, Clone)]
pub struct Report {
    page: Page,
}

impl Report {
    /// Reads runs. A path is a run's folder or a folder that holds runs, such as a sweep's. Of a single run it tells
    /// all; several are compared. A run may be training.
    ///
    /// # Errors
    /// A path without any run, a log that cannot be read, or a baseline or a confidence that is none. Where runs cannot
    /// be compared for another reason, the report says so.
    pub fn of(paths: &[PathBuf], options: &ReportOptions) -> Result<Self> {
        let folders = run_folders(paths)?;
        let page = match folders.as_slice() {
            [folder] => one::page(&Source::read(folder)?, options),
            folders => several::page(folders, paths, options)?,
        };
        Ok(Self { page })
    }

    /// The report as one HTML file, which needs nothing else.
    pub fn html(&self) -> String {
        self.page.html()
    }
}
