//! Charts of a run.

use super::cells::{counted, grouped};
use super::history::{ByText, Point, VALIDATION};
use super::source::Source;
use crate::log::LOSS;
use std::collections::BTreeMap;
use trainyard_page::{Block, Chart, Kind, Mark, Section, Series};
use trainyard_report::{CROSS_ENTROPY, Metric};

/// The name of what is measured on the text that is trained on.
const TRAINING: &str = "training";

/// The most outputs that have charts.
const MAX_OUTPUTS: usize = 12;

/// The most marks of a chart.
const MAX_MARKS: usize = 8;

/// An axis is logarithmic when the largest value is this many times the smallest.
const RANGE: f64 = 100.0;

/// The average that is drawn is over about this part of the steps, within bounds. A larger one would lag behind a loss
/// that falls.
const SMOOTHED_PART: usize = 200;
const SPANS: (usize, usize) = (5, 2000);

/// The section of curves; none while there is nothing to draw.
pub fn section(source: &Source) -> Option<Section> {
    let history = &source.history;
    if history.loss.is_empty() && history.measured.is_empty() {
        return None;
    }
    let mut charts = vec![loss(source)];
    charts.extend(metrics(source));
    charts.extend(outputs(source));
    let training = |title: &str, y_label: &str, points: &[Point], kind: Kind| {
        chart(title, y_label, vec![series(TRAINING, points, kind)])
    };
    if !history.loss.is_empty() {
        charts.push(training("Learning rate", "learning rate", &history.rate, Kind::Line));
        let norm = series(TRAINING, &history.norm, smoothed(history.norm.len()));
        charts.push(wide_chart("Gradient norm", "norm before clipping", vec![norm]));
        let speed = training("Throughput", "tokens per second", &history.speed, smoothed(history.speed.len()));
        charts.push(speed);
    }
    let blocks = charts.into_iter().map(Block::Chart).collect();
    Some(Section { heading: "Curves".to_owned(), text: extent(source), blocks })
}

/// What a step is, in tokens and epochs.
fn extent(source: &Source) -> String {
    let mut text = String::new();
    if let Some(header) = source.log.header.as_ref().filter(|header| header.tokens_per_step > 0) {
        text = format!("A step is {}", counted(header.tokens_per_step, "token"));
        if let Some(tokens) = source.log.tokens {
            let epochs = source.history.epochs.map(|epochs| format!(" ({epochs:.2} epochs)")).unwrap_or_default();
            text += &format!("; step {} is at {} tokens{epochs}", grouped(source.log.step), grouped(tokens));
        }
        text += ".";
    }
    text
}

/// The loss of training and validation, with what happened.
fn loss(source: &Source) -> Chart {
    let history = &source.history;
    let mut all = Vec::new();
    if !history.loss.is_empty() {
        all.push(series(TRAINING, &history.loss, smoothed(history.loss.len())));
    }
    if !history.validation(LOSS).is_empty() {
        all.push(series("validation", history.validation(LOSS), Kind::Points));
    }
    Chart { marks: marks(source), ..wide_chart("Loss", &loss_label(metrics_of(source)), all) }
}

/// What the values of the loss are.
pub fn loss_label(metrics: &[Metric]) -> String {
    match metrics.iter().find(|metric| metric.name == LOSS) {
        Some(loss) if loss.is_repeated() => "cross-entropy, nats/token".to_owned(),
        Some(loss) => labelled(&loss.label(), &loss.unit),
        None => LOSS.to_owned(),
    }
}

/// A name with its unit.
pub fn labelled(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name}, {unit}") }
}

fn metrics_of(source: &Source) -> &[Metric] {
    source.log.header.as_ref().map(|header| header.metrics.as_slice()).unwrap_or_default()
}

/// A chart for each metric, of the validation text and of the texts that are watched.
fn metrics(source: &Source) -> Vec<Chart> {
    let history = &source.history;
    let known = metrics_of(source);
    let mut names: Vec<&String> = known.iter().map(|metric| &metric.name).collect();
    names.extend(history.measured.keys().filter(|name| !known.iter().any(|metric| metric.name == **name)));
    // the chart of the loss has it, where the loss is plain cross-entropy
    let is_plain = known.iter().any(Metric::is_repeated);
    let is_shown = |name: &str| name != LOSS && (name != CROSS_ENTROPY || !is_plain || history.has_watched());
    let mut charts = Vec::new();
    for name in names.into_iter().filter(|name| is_shown(name)) {
        let Some(texts) = history.measured.get(name) else { continue };
        let metric = known.iter().find(|metric| metric.name == *name);
        let direction = |metric: &Metric| if metric.higher_is_better { "higher is better" } else { "lower is better" };
        let label = metric.map_or_else(String::new, |metric| labelled(&metric.unit, direction(metric)));
        let label = label.trim_start_matches(", ").to_owned();
        charts.push(chart(name, &label, of_texts(texts)));
    }
    charts
}

/// A series for each text that was measured, the validation text first.
fn of_texts(texts: &ByText) -> Vec<Series> {
    let is_taken = |name: &str| name == "validation" || name == TRAINING;
    let name = |text: &str| match text {
        VALIDATION => "validation".to_owned(),
        text if is_taken(text) => format!("{text} (watched)"),
        text => text.to_owned(),
    };
    texts.iter().map(|(text, points)| series(name(text), points, Kind::Points)).collect()
}

/// A chart for each further output of the loss and of metrics.
fn outputs(source: &Source) -> Vec<Chart> {
    let history = &source.history;
    let mut charts: BTreeMap<(String, String), Vec<Series>> = BTreeMap::new();
    for (name, points) in &history.outputs {
        let of_loss = charts.entry((LOSS.to_owned(), name.clone())).or_default();
        of_loss.push(series(TRAINING, points, smoothed(points.len())));
    }
    for (output, texts) in &history.measured_outputs {
        charts.entry(output.clone()).or_default().extend(of_texts(texts));
    }
    let titled = charts.into_iter().map(|((metric, name), all)| chart(&format!("{metric}: {name}"), &name, all));
    titled.take(MAX_OUTPUTS).collect()
}

/// What happened at which step: first what changed the run, then warnings.
fn marks(source: &Source) -> Vec<Mark> {
    let mut events: Vec<(u64, &str)> = Vec::new();
    events.extend(source.log.best.as_ref().map(|best| (best.step, "best validation")));
    events.extend(source.history.events.iter().map(|(step, label)| (*step, label.as_str())));
    let mut said = Vec::new();
    for (step, warning) in source.history.warnings.iter().filter(|(step, _)| *step > 0) {
        if !said.contains(&warning) {
            said.push(warning);
            events.push((*step, "warning"));
        }
    }
    let mut marks: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (step, label) in events {
        if marks.len() < MAX_MARKS || marks.contains_key(&step) {
            let labels = marks.entry(step).or_default();
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
    }
    marks.into_iter().map(|(step, labels)| Mark { x: step as f64, label: labels.join(", ") }).collect()
}

/// A chart over steps.
pub fn chart(title: &str, y_label: &str, series: Vec<Series>) -> Chart {
    let [title, x_label, y_label] = [title, "step", y_label].map(str::to_owned);
    Chart { title, x_label, y_label, series, ..Chart::default() }
}

/// A chart over steps whose axis is logarithmic if values are so far apart that small ones would not be seen.
pub fn wide_chart(title: &str, y_label: &str, series: Vec<Series>) -> Chart {
    Chart { log_y: is_wide(&series), ..chart(title, y_label, series) }
}

fn is_wide(series: &[Series]) -> bool {
    let values = series.iter().flat_map(|series| &series.points).map(|point| point.1).filter(|y| y.is_finite());
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), y| (low.min(y), high.max(y)));
    low > 0.0 && high > RANGE * low
}

/// A series.
pub fn series(name: impl Into<String>, points: &[Point], kind: Kind) -> Series {
    Series { name: name.into(), points: points.to_vec(), kind }
}

/// How a value of every step is drawn.
pub fn smoothed(n_points: usize) -> Kind {
    match n_points / SMOOTHED_PART {
        span if n_points < 4 * SPANS.0 && span < SPANS.0 => Kind::Line,
        // within bounds that fit
        span => Kind::Smoothed(span.clamp(SPANS.0, SPANS.1) as u32),
    }
}
