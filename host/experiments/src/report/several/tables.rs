//! Tables of several runs.

use super::{Named, Several};
use crate::compare::{Comparison, Difference, MetricComparison, Row, Variant};
use crate::log::LOSS;
use crate::report::cells::{Maker, cell, grouped, judged, measured, time};
use crate::report::results::{comparable, direction};
use crate::report::source::Source;
use crate::runs::BITS_PER_BYTE;
use crate::settings;
use crate::text::{NONE, deviation, or_none};
use std::collections::BTreeSet;
use trainyard_base::clean;
use trainyard_page::{Block, Cell, Section};
use trainyard_report::{count, duration};
use trainyard_statistics::{Verdict, words};

/// So many variants are columns of a table of settings, even if the settings are fewer.
const MAX_COLUMNS: usize = 6;

/// Characters of a setting that are shown.
const VALUE_CHARS: usize = 40;

/// The metrics of the text that counts, what stands for all of them first: bits per byte, or else the first.
fn shown(comparison: &Comparison) -> Vec<&MetricComparison> {
    let shown = comparison.metrics.iter().filter(|metric| metric.split == comparison.split);
    let (mut all, rest): (Vec<_>, Vec<_>) = shown.partition(|metric| metric.name == BITS_PER_BYTE);
    all.extend(rest);
    all
}

/// The table of what counts; none where nothing was compared.
pub fn main(several: &Several) -> Option<Block> {
    let comparison = several.comparison.as_ref().ok()?;
    Some(of_metric(comparison, shown(comparison).first()?))
}

/// A table for each metric of the text that counts, and one of what the variants cost.
pub fn comparison_tables(comparison: &Comparison) -> Vec<Block> {
    let metrics = shown(comparison).into_iter().map(|metric| of_metric(comparison, metric));
    metrics.chain(cost(&comparison.variants).into_iter().flat_map(|section| section.blocks)).collect()
}

/// The section of the other metrics; none where there are none.
pub fn others(several: &Several) -> Option<Section> {
    let comparison = several.comparison.as_ref().ok()?;
    let others = shown(comparison).into_iter().skip(1);
    let blocks: Vec<Block> = others.map(|metric| of_metric(comparison, metric)).collect();
    (!blocks.is_empty()).then(|| Section { heading: "Other metrics".to_owned(), blocks, ..Section::default() })
}

/// A table of a metric, with a row for each variant.
fn of_metric(comparison: &Comparison, metric: &MetricComparison) -> Block {
    let unit = if metric.unit.is_empty() { String::new() } else { format!("{}, ", metric.unit) };
    let better = direction(metric.higher_is_better);
    let caption = format!("{} {} ({unit}{better} is better)", metric.split.name(), metric.label);
    let interval = format!("{} % interval", words::percent(comparison.confidence));
    // a phone shows the first columns
    let mut table = Maker::new(caption).texts(&["variant"]).numbers(&["mean", "difference", &interval, "p"]);
    table = table.numbers(&["seeds", "sd"]).texts(&["what it shows"]);
    for row in &metric.rows {
        let summary = row.summary;
        let deviation = or_none(summary.and_then(|summary| summary.deviation).map(deviation));
        let [mean, interval, p, shown] = difference(row);
        let variant = [cell(&*row.variant), cell(measured(summary.map(|summary| summary.mean)))];
        let seeds = [cell(row.values.len().to_string()), cell(deviation), shown];
        table.cells(variant.into_iter().chain([mean, interval, p]).chain(seeds).collect());
    }
    table.note(format!("Comparable with {}, on the same text.", comparable(metric.comparable)));
    table.drop_empty(&[NONE, ""]);
    table.block()
}

/// The difference to the baseline, its interval, its p-value, and what they show.
fn difference(row: &Row) -> [Cell; 4] {
    let none = || cell(NONE);
    match (&row.difference, &row.obstacle) {
        (Some(difference), _) => {
            let Difference { interval, verdict, mean, p_holm, .. } = difference;
            let p = p_holm.map(|p| if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") });
            let shown = words(difference);
            match interval {
                Some(interval) => {
                    let [mean, low, high] = words::numbers(interval);
                    [judged(mean, *verdict), cell(format!("{low} to {high}")), cell(or_none(p)), cell(shown)]
                }
                None => [cell(words::difference(*mean)), none(), none(), cell(shown)],
            }
        }
        (None, Some(obstacle)) => [none(), none(), none(), cell(format!("not comparable: {obstacle}"))],
        (None, None) => [none(), none(), none(), cell("baseline")],
    }
}

/// What a difference shows in words, without its figures, which have columns of their own.
fn words(difference: &Difference) -> String {
    match difference.verdict {
        Some(Verdict::NoDifference) => {
            difference.words.rsplit_once(": ").map_or(&*difference.words, |(_, shown)| shown).to_owned()
        }
        // the difference says it
        Some(Verdict::Better | Verdict::Worse) => String::new(),
        None => "one seed: no interval".to_owned(),
    }
}

/// The section of settings that differ; none where all are equal.
pub fn differences(several: &Several) -> Option<Section> {
    let variants = &several.variants;
    let mut keys: Vec<&String> = variants.iter().flat_map(|variant| variant.settings.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        return None;
    }
    let rows: Vec<Vec<String>> = keys.iter().map(|key| values(variants, key)).collect();
    let columns: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
    let names: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
    // a page is longer than it is wide
    let table = if columns.len() <= MAX_COLUMNS.max(names.len()) {
        of_rows("setting", &columns, &names, rows)
    } else {
        let turned = (0..columns.len()).map(|place| rows.iter().map(|row| row[place].clone()).collect()).collect();
        of_rows("variant", &names, &columns, turned)
    };
    let text = several.comparison.as_ref().ok();
    let text = text.map(|comparison| format!("{} other settings are equal.", grouped(comparison.n_equal as u64)));
    let (heading, text) = ("What differs".to_owned(), text.unwrap_or_default());
    Some(Section { heading, text, blocks: vec![table.block()] })
}

/// What each variant has under a key, cut where it is long, unless values that differ would look the same.
fn values(variants: &[Variant], key: &str) -> Vec<String> {
    let value = |variant: &Variant| match variant.settings.get(key).map(String::as_str) {
        Some("") => "\"\"".to_owned(),
        value => or_none(value.map(str::to_owned)),
    };
    let whole: Vec<String> = variants.iter().map(value).collect();
    let cut: Vec<String> = whole.iter().map(|value| clean::clip(value, VALUE_CHARS).into_owned()).collect();
    let n_unlike = |values: &[String]| values.iter().collect::<BTreeSet<_>>().len();
    if n_unlike(&cut) == n_unlike(&whole) { cut } else { whole }
}

fn of_rows(first: &str, columns: &[&str], names: &[&str], rows: Vec<Vec<String>>) -> Maker {
    let mut table = Maker::new("Settings, by variant").texts(&[first]).texts(columns);
    for (name, row) in names.iter().zip(rows) {
        table.row([(*name).to_owned()].into_iter().chain(row));
    }
    table
}

/// The section that lists the runs. What is the same for all is said once.
pub fn runs(several: &Several) -> Section {
    let all: Vec<_> = several.runs.iter().map(|run| made(&run.source)).collect();
    let is_same = all.iter().all(|made| *made == all[0]);
    let mut table = Maker::new("The runs").texts(&["run", "variant"]).numbers(&["seed"]).texts(&["state"]);
    table = table.numbers(&["step", "best loss", "at step", "last bits/byte", "test bits/byte"]);
    table = table.numbers(&["tokens/s", "time"]).texts(&["started", "machine", "program", "tags", "note"]);
    for (run, [machine, program]) in several.runs.iter().zip(&all) {
        let mut row = run_row(several, run);
        let shown = |text: &String| if is_same { String::new() } else { text.clone() };
        row.splice(MADE..MADE, [shown(machine), shown(program)]);
        table.row(row);
    }
    table.drop_empty(&[NONE, ""]);
    table.note("Best and last: of the validations while training.");
    let text = match &all[0] {
        [machine, program] if is_same && !program.is_empty() => format!("All by trainyard {program}, on {machine}."),
        _ => String::new(),
    };
    Section { heading: "Runs".to_owned(), text, blocks: vec![table.block()] }
}

/// The place of the machine in a row of a run.
const MADE: usize = 12;

/// The machine, and the program with its commit.
fn made(source: &Source) -> [String; 2] {
    let header = source.history.headers.first();
    let program = header.filter(|header| !header.version.is_empty());
    let program = program.map(|header| format!("{} ({})", header.version, header.commit));
    [header.map(|header| header.host.clone()).unwrap_or_default(), program.unwrap_or_default()]
}

fn run_row(several: &Several, Named { name, source, place }: &Named) -> Vec<String> {
    let log = &source.log;
    let step = match source.steps() {
        Some(steps) if steps != log.step => format!("{} of {}", grouped(log.step), grouped(steps)),
        _ => grouped(log.step),
    };
    let best = log.best.as_ref();
    let last = log.last.as_ref().and_then(|last| last.values.get(BITS_PER_BYTE).copied());
    let test = log.report.as_ref().map(|last| last.report.test.as_slice()).unwrap_or_default();
    let test = test.iter().find(|metric| metric.name == BITS_PER_BYTE).map(|metric| metric.value);
    let header = source.history.headers.first();
    let variant = place.map(|(_, place)| several.variants[place].name.clone());
    vec![
        name.clone(),
        variant.filter(|variant| variant != name).unwrap_or_default(),
        or_none(place.map(|(seed, _)| seed.to_string())),
        source.state.to_string(),
        step,
        measured(best.and_then(|best| best.values.get(LOSS).copied())),
        or_none(best.map(|best| grouped(best.step))),
        measured(last),
        measured(test),
        or_none(log.tokens_per_second().map(count)),
        or_none(log.seconds.map(duration)),
        header.map(|header| time(&header.started)).unwrap_or_default(),
        source.settings.get("run.tags").map(|tags| settings::texts(tags).join(", ")).unwrap_or_default(),
        source.setting("run.note").unwrap_or_default(),
    ]
}

/// The section of cost; none where it is not known.
pub fn cost(variants: &[Variant]) -> Option<Section> {
    let mut table = Maker::new("Means over the runs of a variant").texts(&["variant"]).numbers(&[
        "runs",
        "tokens/s",
        "time",
        "in plugins",
        "parameters",
    ]);
    for variant in variants {
        let cost = variant.cost;
        table.row([
            variant.name.clone(),
            variant.runs.len().to_string(),
            or_none(cost.tokens_per_second.map(count)),
            or_none(cost.seconds.map(duration)),
            or_none(cost.plugin_seconds.map(|seconds| format!("{seconds:.2} s"))),
            or_none(cost.parameters.map(|parameters| grouped(parameters.round() as u64))),
        ]);
    }
    table.note("Time is that of training, validations and checkpoints included.");
    let is_known = !table.is_empty();
    let heading = "Cost".to_owned();
    is_known.then(|| Section { heading, blocks: vec![table.block()], ..Section::default() })
}
