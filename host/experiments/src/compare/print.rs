//! A comparison as text for a terminal, as Markdown and as CSV.

use super::metric::{Difference, Method, MetricComparison, Row};
use super::run::Split;
use super::variants::columns;
use super::{Comparison, Variant};
use crate::runs::BITS_PER_BYTE;
use crate::table::Table;
use crate::text::{NONE, deviation, footnote_mark, number, or_none, plural};
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use trainyard_base::clean;
use trainyard_report::{count, duration};
use trainyard_statistics::words;

/// Values of settings that are listed.
const MAX_VALUES: usize = 6;

/// A part of what is shown.
enum Block {
    Heading(String),
    Table(Table),
    Line(String),
}

impl Comparison {
    /// The same as on a terminal, in Markdown.
    pub fn markdown(&self) -> String {
        let block = |block: Block| match block {
            Block::Heading(heading) => format!("**{}**\n\n", clean::line(&heading)),
            Block::Table(table) => table.markdown() + "\n",
            Block::Line(line) => format!("{}\n\n", clean::line(&line)),
        };
        self.blocks().into_iter().map(block).collect::<String>().trim_end().to_owned() + "\n"
    }

    /// A line for each metric and variant.
    pub fn csv(&self) -> String {
        let mut table = Table::default();
        for title in ["text", "metric", "unit", "higher_is_better", "variant"] {
            table.text(title);
        }
        for key in &self.differing {
            table.text(key.as_str());
        }
        for title in ["seeds", "mean", "deviation", "difference", "low", "high", "p", "p_holm"] {
            table.number(title);
        }
        table.text("method").text("verdict").text("words");
        for title in ["tokens_per_second", "seconds", "plugin_seconds", "parameters"] {
            table.number(title);
        }
        for metric in &self.metrics {
            for (row, variant) in metric.rows.iter().zip(&self.variants) {
                table.row(self.raw_cells(metric, row, variant));
            }
        }
        table.csv()
    }

    fn raw_cells(&self, metric: &MetricComparison, row: &Row, variant: &Variant) -> Vec<String> {
        let real = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let MetricComparison { split, name, unit, higher_is_better, .. } = metric;
        let mut cells = vec![split.name().to_owned(), name.clone(), unit.clone(), higher_is_better.to_string()];
        cells.push(row.variant.clone());
        cells.extend(self.differing.iter().map(|key| variant.settings.get(key).cloned().unwrap_or_default()));
        cells.push(row.values.len().to_string());
        cells.push(real(row.summary.map(|summary| summary.mean)));
        cells.push(real(row.summary.and_then(|summary| summary.deviation)));
        let difference = row.difference.as_ref();
        let interval = difference.and_then(|difference| difference.interval);
        cells.push(real(difference.map(|difference| difference.mean)));
        cells.push(real(interval.map(|interval| interval.low)));
        cells.push(real(interval.map(|interval| interval.high)));
        cells.push(real(interval.map(|interval| interval.p)));
        cells.push(real(difference.and_then(|difference| difference.p_holm)));
        let method = difference.map(|difference| match difference.method {
            Method::PairedT => "paired_t",
            Method::Jackknife => "jackknife",
            Method::OneSeed => "one_seed",
        });
        cells.push(method.unwrap_or_default().to_owned());
        let verdict = difference.and_then(|difference| difference.verdict);
        cells.push(verdict.map(|verdict| verdict.to_string()).unwrap_or_default());
        let words = difference.map(|difference| difference.words.clone());
        cells.push(words.or_else(|| row.obstacle.clone()).unwrap_or_default());
        let cost = variant.cost;
        cells.extend([cost.tokens_per_second, cost.seconds, cost.plugin_seconds, cost.parameters].map(real));
        cells
    }

    fn blocks(&self) -> Vec<Block> {
        let mut footnotes = Vec::new();
        let mut blocks = vec![Block::Table(self.variants_table())];
        blocks.extend(self.settings_lines().into_iter().map(Block::Line));
        let shown = || self.metrics.iter().filter(|metric| metric.split == self.split);
        for metric in shown() {
            blocks.push(Block::Heading(self.heading(metric)));
            blocks.push(Block::Table(self.metric_table(metric, &mut footnotes)));
        }
        let mut lines: Vec<String> = Vec::new();
        for (index, footnote) in footnotes.iter().enumerate() {
            lines.push(format!("{} {footnote}", footnote_mark(index + 1)));
        }
        lines.extend(self.notes.iter().cloned());
        lines.push(self.method.clone());
        // what counts is said last, where it is seen
        let main = shown().find(|metric| metric.name == BITS_PER_BYTE).or_else(|| shown().next());
        let rows = main.into_iter().flat_map(|metric| &metric.rows);
        let words = |row: &Row| Some(format!("{}: {}", row.variant, row.difference.as_ref()?.words));
        let said: Vec<String> = rows.filter_map(words).collect();
        blocks.extend(lines.into_iter().map(Block::Line));
        if !said.is_empty() {
            blocks.push(Block::Heading(format!(
                "{} against {}",
                main.map_or("", |metric| &metric.label),
                self.baseline
            )));
            blocks.extend(said.into_iter().map(Block::Line));
        }
        blocks
    }

    /// What the variants are and cost.
    fn variants_table(&self) -> Table {
        let keys = columns(&self.variants);
        let mut table = Table::default();
        table.text("variant");
        for key in &keys {
            table.text(key.as_str());
        }
        for title in ["seeds", "tokens/s", "time", "plugins", "parameters"] {
            table.number(title);
        }
        for variant in &self.variants {
            let cost = variant.cost;
            let mut cells = vec![variant.name.clone()];
            cells.extend(keys.iter().map(|key| or_none(variant.settings.get(key).cloned())));
            cells.push(variant.runs.len().to_string());
            cells.push(or_none(cost.tokens_per_second.map(count)));
            cells.push(or_none(cost.seconds.map(duration)));
            cells.push(or_none(cost.plugin_seconds.map(|seconds| format!("{seconds:.2}s"))));
            cells.push(or_none(cost.parameters.map(count)));
            table.row(cells);
        }
        table
    }

    /// What else differs, and how much does not.
    fn settings_lines(&self) -> Vec<String> {
        let shown = columns(&self.variants);
        let mut lines = Vec::new();
        for key in self.differing.iter().filter(|key| !shown.contains(key)) {
            let mut values: Vec<String> = Vec::new();
            for variant in &self.variants {
                let value = or_none(variant.settings.get(key).cloned());
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            let rest = if values.len() > MAX_VALUES { ", …" } else { "" };
            values.truncate(MAX_VALUES);
            lines.push(format!("also differs: {key} = {}{rest}", values.join(", ")));
        }
        lines.push(format!("{} equal", plural_is(self.n_equal, "setting")));
        lines
    }

    fn heading(&self, metric: &MetricComparison) -> String {
        let direction = if metric.higher_is_better { "higher is better" } else { "lower is better" };
        let unit = if metric.unit.is_empty() { String::new() } else { format!("{}, ", metric.unit) };
        format!("{} {} ({unit}{direction})", metric.split.name(), metric.label)
    }

    fn metric_table(&self, metric: &MetricComparison, footnotes: &mut Vec<String>) -> Table {
        let mut table = Table::default();
        table.text("variant");
        for title in ["mean", "sd", "difference"] {
            table.number(title);
        }
        table.text(interval_title(self.confidence)).number("p").text("verdict");
        for row in &metric.rows {
            let mut cells = vec![row.variant.clone()];
            cells.push(or_none(row.summary.map(|summary| number(summary.mean))));
            cells.push(or_none(row.summary.and_then(|summary| summary.deviation).map(deviation)));
            cells.extend(match (&row.difference, &row.obstacle) {
                (Some(difference), _) => judged_cells(difference),
                (None, Some(obstacle)) => {
                    let place = footnotes.iter().position(|known| known == obstacle).unwrap_or_else(|| {
                        footnotes.push(obstacle.clone());
                        footnotes.len() - 1
                    });
                    [format!("n/a{}", footnote_mark(place + 1)), String::new(), String::new(), String::new()]
                }
                (None, None) => [NONE.to_owned(), String::new(), String::new(), "base".to_owned()],
            });
            table.row(cells);
        }
        table.drop_empty(&["sd", "p", &interval_title(self.confidence)], NONE);
        table
    }
}

fn interval_title(confidence: f64) -> String {
    format!("{} % interval", words::percent(confidence))
}

/// The difference, its interval, its p-value and its verdict.
fn judged_cells(difference: &Difference) -> [String; 4] {
    let p = or_none(difference.p_holm.map(p_value));
    let verdict = match difference.verdict {
        Some(verdict) => verdict.to_string(),
        None => "one seed: no interval".to_owned(),
    };
    match &difference.interval {
        Some(interval) => {
            let [mean, low, high] = words::numbers(interval);
            [mean, format!("{low} to {high}"), p, verdict]
        }
        None => [words::difference(difference.mean), NONE.to_owned(), p, verdict],
    }
}

/// `0.012`, `<0.001`.
fn p_value(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

/// `41 settings are`.
fn plural_is(n: usize, what: &str) -> String {
    format!("{} {}", plural(n, what), if n == 1 { "is" } else { "are" })
}

/// Says how the differences on a text were judged.
pub fn method(metrics: &[MetricComparison], split: Split, confidence: f64) -> String {
    let shown = || metrics.iter().filter(|metric| metric.split == split);
    let differences = || shown().flat_map(|metric| &metric.rows).filter_map(|row| row.difference.as_ref());
    let ns = |method: Method| -> BTreeSet<usize> {
        differences().filter(|difference| difference.method == method).map(|difference| difference.n).collect()
    };
    let range = |ns: &BTreeSet<usize>| match (ns.first(), ns.last()) {
        (Some(least), Some(most)) if least != most => format!("{least} to {most}"),
        (Some(n), _) => n.to_string(),
        _ => String::new(),
    };
    let mut parts = Vec::new();
    let seeds = ns(Method::PairedT);
    if !seeds.is_empty() {
        parts.push(format!("paired t over {} seeds", range(&seeds)));
    }
    let documents = ns(Method::Jackknife);
    if !documents.is_empty() {
        parts.push(format!("jackknife t over {} documents of one seed, for that seed alone", range(&documents)));
    }
    if parts.is_empty() {
        return "no intervals: a variant needs two seeds in common with the base".to_owned();
    }
    let of_metric = |metric: &MetricComparison| {
        metric.rows.iter().filter(|row| row.difference.as_ref().is_some_and(|own| own.p_holm.is_some())).count()
    };
    let comparisons: BTreeSet<usize> = shown().map(of_metric).filter(|n| *n > 0).collect();
    parts.push(format!("{} % intervals", words::percent(confidence)));
    if comparisons.last().is_some_and(|most| *most > 1) {
        parts.push(format!("p by Holm over {} comparisons of each metric", range(&comparisons)));
    }
    parts.join(", ")
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for block in self.blocks() {
            match block {
                Block::Heading(heading) => writeln!(f, "\n{}", clean::line(&heading))?,
                Block::Table(table) => write!(f, "{table}")?,
                Block::Line(line) => writeln!(f, "{}", clean::line(&line))?,
            }
        }
        Ok(())
    }
}
