//! The report of several runs.

mod curves;
mod tables;

pub(crate) use tables::comparison_tables;

use super::ReportOptions;
use super::cells::counted;
use super::source::Source;
use crate::compare::{Comparison, Run, Split, Variant, check_options, names, traits, variants};
use crate::runs::name_of;
use std::path::{Path, PathBuf};
use trainyard_base::{Error, Result};
use trainyard_page::{Block, Page, Section};

/// Runs next to each other.
pub struct Several {
    /// The runs.
    pub runs: Vec<Named>,
    /// The runs that can be compared, grouped.
    pub variants: Vec<Variant>,
    /// The comparison, or why there is none.
    pub comparison: Result<Comparison>,
    /// Values of every step are means over so many steps.
    pub size: u64,
}

/// A run among others.
pub struct Named {
    /// The end of its path, by which it differs from the others.
    pub name: String,
    /// The run.
    pub source: Source,
    /// Its seed and the place of its variant; none where its config or its plugins cannot be read.
    pub place: Option<(i64, usize)>,
}

impl Several {
    fn read(folders: &[PathBuf], options: &ReportOptions) -> Result<Self> {
        let mut runs: Vec<Named> = Vec::new();
        let (mut compared, mut size) = (Vec::new(), 1);
        for (name, folder) in names(folders).into_iter().zip(folders) {
            let mut source = Source::read(folder)?;
            let steps = source.steps().unwrap_or(source.log.step);
            size = size.max(source.history.condense(steps.max(source.log.step)));
            match Run::with_log(name.clone(), &source.path, source.log.clone()) {
                Ok(run) => compared.push(run),
                Err(error) if source.problems.is_empty() => source.problems.push(error.to_string()),
                Err(_) => {}
            }
            runs.push(Named { name, source, place: None });
        }
        let variants = variants(&compared, &traits(&compared));
        for (place, variant) in variants.iter().enumerate() {
            for own in &variant.runs {
                let run = runs.iter_mut().find(|run| run.source.path == own.path);
                run.into_iter().for_each(|run| run.place = Some((own.seed, place)));
            }
        }
        check_options(&compared, &variants, &options.compare)?;
        let comparison = match compared.len() {
            0 | 1 => Err(Error::usage("fewer than two runs can be read: there is nothing to compare")),
            _ => Comparison::of_runs(&compared, &options.compare),
        };
        Ok(Self { runs, variants, comparison, size })
    }
}

/// The curves of several runs; none while there is nothing to draw.
///
/// # Errors
/// A folder that cannot be read.
pub fn curves(folders: &[PathBuf]) -> Result<Option<Section>> {
    Ok(curves::section(&Several::read(folders, &ReportOptions::default())?))
}

/// Makes the page of the runs in `folders`. `paths` are what the user named.
///
/// # Errors
/// A log that cannot be read, or a baseline or a confidence that is none.
pub fn page(folders: &[PathBuf], paths: &[PathBuf], options: &ReportOptions) -> Result<Page> {
    let several = Several::read(folders, options)?;
    let title = match paths {
        [folder] => name_of(Path::new(folder), folder),
        _ => counted(several.runs.len() as u64, "run"),
    };
    let sections = [
        Some(summary(&several)),
        curves::section(&several),
        tables::others(&several),
        tables::differences(&several),
        Some(tables::runs(&several)),
        tables::cost(&several.variants),
    ];
    Ok(Page {
        title,
        subtitle: subtitle(&several, paths),
        generator: options.generator(),
        sections: sections.into_iter().flatten().collect(),
    })
}

fn subtitle(several: &Several, paths: &[PathBuf]) -> String {
    let n_variants = several.variants.len() as u64;
    let mut text = if paths.len() == 1 { counted(several.runs.len() as u64, "run") + ", " } else { String::new() };
    text += &counted(n_variants, "variant");
    if let Ok(comparison) = &several.comparison {
        text += &format!(", compared with {}", comparison.baseline);
    }
    text
}

/// The first section: what is wrong, how the runs are compared, and what counts.
fn summary(several: &Several) -> Section {
    let mut lines: Vec<String> = Vec::new();
    for Named { name, source, .. } in &several.runs {
        lines.extend(source.problems.iter().cloned());
        let warned = source.history.warnings.len();
        if warned > 0 {
            lines.push(format!("{name}: {}, see its own report", counted(warned as u64, "warning")));
        }
    }
    let mut text = String::new();
    match &several.comparison {
        Err(error) => lines.insert(0, format!("not compared: {error}")),
        Ok(comparison) => {
            lines.extend(comparison.notes.iter().cloned());
            let split = match comparison.split {
                Split::Test => "the test text, measured at the end",
                Split::Validation => "the validation text",
            };
            text = format!("Compared with {} on {split} ({}).", comparison.baseline, comparison.method);
        }
    }
    let mut blocks: Vec<Block> = lines.into_iter().map(Block::Notice).collect();
    blocks.extend(tables::main(several));
    Section { heading: "Summary".to_owned(), text, blocks }
}
