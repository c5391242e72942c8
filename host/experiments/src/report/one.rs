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

/// The most texts that are shown: the last one, and others that are spread over the steps.
const MAX_SAMPLES: usize = 20;

/// What the model wrote while it was trained and in the end; none where it was not asked to.
fn samples(source: &Source) -> Option<Section> {
    let all = &source.history.samples;
    let every = all.len().div_ceil(MAX_SAMPLES).max(1);
    let sample = |step: u64, text: &str| Sample { at: format!("step {}", grouped(step)), text: text.to_owned() };
    let mut samples: Vec<Sample> =
        all.iter().rev().step_by(every).rev().map(|(step, text)| sample(*step, text)).collect();
    let last = source.log.report.as_ref().filter(|last| !last.report.sample.is_empty());
    samples.extend(last.map(|last| sample(last.model_step, &last.report.sample)));
    if samples.is_empty() {
        return None;
    }
    let title = match source.setting("sample.prompt") {
        Some(prompt) => format!("Continued from “{prompt}”"),
        None => "Written by the model".to_owned(),
    };
    let blocks = vec![Block::Samples(Samples { title, samples })];
    Some(Section { heading: "Samples".to_owned(), blocks, ..Section::default() })
}
