//! The report of one run.

use super::cells::grouped;
use super::source::Source;
use super::{ReportOptions, curves, data, files, plugins, results, summary};
use trainyard_page::{Block, Page, Sample, Samples, Section};

/// Makes the page.
pub fn page(source: &Source, options: &ReportOptions) -> Page {
    let sections = [
        Some(summary::section(source)),
        results::section(source),
        curves::section(source),
        samples(source),
        data::section(source),
        plugins::section(source),
        files::checkpoints(source),
        files::config(source, options),
        files::origin(source),
    ];
    Page {
        title: source.name.clone(),
        subtitle: summary::subtitle(source),
        generator: options.generator(),
        sections: sections.into_iter().flatten().collect(),
    }
}

/// What the model writes; none where it was not asked to.
fn samples(source: &Source) -> Option<Section> {
    let last = source.log.report.as_ref().filter(|last| !last.report.sample.is_empty())?;
    let at = format!("step {}", grouped(last.model_step));
    let sample = Sample { at, text: last.report.sample.clone() };
    let title = match source.setting("sample.prompt") {
        Some(prompt) => format!("Continued from “{prompt}”"),
        None => "Written by the model".to_owned(),
    };
    let blocks = vec![Block::Samples(Samples { title, samples: vec![sample] })];
    Some(Section { heading: "Samples".to_owned(), blocks, ..Section::default() })
}
