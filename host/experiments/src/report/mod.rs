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

pub(crate) use cells::Maker;
pub(crate) use several::comparison_tables;

use crate::compare::CompareOptions;
use crate::runs::run_folders;
use source::Source;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use trainyard_base::write::write_file;
use trainyard_base::{Error, Result};
use trainyard_page::{Block, Chart, Page};

/// The first bytes of a page, which say who wrote it.
const HEAD: u64 = 1 << 12;

/// The charts of [`charts`]: the loss, and the first metric of the validation.
const MAX_CHARTS: usize = 2;

/// What a report says besides what is in the folders.
#[derive(Debug, Clone, Default)]
pub struct ReportOptions {
    /// When the report is made, as it is shown; not said if empty, so that the same runs make the same file.
    pub made: String,
    /// The settings of a single run that differ from the defaults, with their values; not said if none is given.
    pub changed: Option<Vec<(String, String)>>,
    /// How several runs are compared.
    pub compare: CompareOptions,
}

impl ReportOptions {
    /// The last line of the page.
    pub(crate) fn generator(&self) -> String {
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

    /// A report that others have made the page of.
    pub(crate) fn of_page(page: Page) -> Self {
        Self { page }
    }

    /// The report as one HTML file, which needs nothing else.
    pub fn html(&self) -> String {
        self.page.html()
    }

    /// Writes the page, also over an earlier one.
    ///
    /// # Errors
    /// A file there that is not a page of trainyard's, which stays; a folder; a path that cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        Self::check_place(path)?;
        write_file(path, self.html().as_bytes())
    }

    /// Checks that a page may be written to `path`.
    ///
    /// # Errors
    /// A file there that is not a page of trainyard's, a folder.
    pub fn check_place(path: &Path) -> Result<()> {
        let shown = path.display();
        if path.is_dir() {
            return Err(Error::usage(format!("{shown}: expected a file, got a folder")));
        }
        if path.is_file() && !is_page(path) {
            return Err(Error::usage(format!(
                "{shown}: was not written by trainyard, and stays; rename it to have a page"
            )));
        }
        Ok(())
    }
}

/// The charts of losses: of one run, or of several on top of one another.
///
/// # Errors
/// A folder that is neither a run nor holds any.
pub(crate) fn charts(paths: &[PathBuf]) -> Result<Vec<Chart>> {
    let section = match run_folders(paths)?.as_slice() {
        [folder] => curves::section(&Source::read(folder)?),
        folders => several::curves(folders)?,
    };
    let charts = section.into_iter().flat_map(|section| section.blocks).filter_map(|block| match block {
        Block::Chart(chart) => Some(chart),
        _ => None,
    });
    Ok(charts.take(MAX_CHARTS).collect())
}

/// Whether a file is a page that trainyard wrote.
fn is_page(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && String::from_utf8_lossy(&head).contains("<meta name=\"generator\" content=\"trainyard\">")
}
