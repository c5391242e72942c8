//! Charts of several runs: a line for each run, or for each variant if the runs are many.

use super::{Named, Several};
use crate::log::LOSS;
use crate::report::cells::{counted, grouped};
use crate::report::curves::{chart, loss_label, series, smoothed, wide_chart};
use crate::report::history::Point;
use crate::report::source::Source;
use crate::runs::BITS_PER_BYTE;
use trainyard_page::{Block, Chart, Kind, Section, Series};
use trainyard_report::Metric;

/// The most lines of a chart.
const MAX_LINES: usize = 12;

/// Which curve of a run is drawn.
type Curve = fn(&Source) -> &[Point];

/// The lines of every chart: each with a name and the places of its runs, of which it is the mean.
type Lines = Vec<(String, Vec<usize>)>;

/// The section of curves; none while there is nothing to draw.
pub fn section(several: &Several) -> Option<Section> {
    let has = |curve: Curve| several.runs.iter().any(|run| !curve(&run.source).is_empty());
    let (curve, label): (Curve, &str) = match has(bits_per_byte) {
        true => (bits_per_byte, "bits/byte"),
        false => (validation_loss, LOSS),
    };
    let (lines, mut text) = lines(several, curve);
    let mut charts: Vec<Chart> = Vec::new();
    if has(training_loss) {
        let drawn = drawn(several, &lines, training_loss, None);
        charts.push(wide_chart("Training loss", &training_label(several), drawn));
    }
    if has(curve) {
        let title = if label == LOSS { "Validation loss" } else { "Validation, bits per byte" };
        charts.push(chart(title, label, drawn(several, &lines, curve, Some(Kind::Points))));
    }
    if has(speed) {
        charts.push(chart("Throughput", "tokens per second", drawn(several, &lines, speed, None)));
    }
    if several.size > 1 {
        text += &format!("Values of every step are means over up to {} steps. ", several.size);
    }
    let is_other = |key: &String| ["loss.", "tokenizer."].iter().any(|start| key.starts_with(start));
    if several.variants.iter().any(|variant| variant.settings.keys().any(is_other)) {
        text += "Losses of runs with different losses or tokenizers cannot be compared; bits per byte can.";
    }
    let blocks: Vec<Block> = charts.into_iter().map(Block::Chart).collect();
    let text = text.trim_end().to_owned();
    (!blocks.is_empty()).then(|| Section { heading: "Curves".to_owned(), text, blocks })
}

fn training_loss(source: &Source) -> &[Point] {
    &source.history.loss
}

fn validation_loss(source: &Source) -> &[Point] {
    source.history.validation(LOSS)
}

fn bits_per_byte(source: &Source) -> &[Point] {
    source.history.validation(BITS_PER_BYTE)
}

fn speed(source: &Source) -> &[Point] {
    &source.history.speed
}

/// What the training loss is, where it is the same in all runs.
fn training_label(several: &Several) -> String {
    let label = |run: &Named| {
        let metrics: &[Metric] = run.source.log.header.as_ref().map_or(&[], |header| &header.metrics);
        loss_label(metrics)
    };
    let mut labels: Vec<String> = several.runs.iter().map(label).collect();
    labels.dedup();
    if labels.len() == 1 { labels.remove(0) } else { LOSS.to_owned() }
}

/// Chooses the lines, and says what they are. `curve` decides which of very many variants are drawn.
fn lines(several: &Several, curve: Curve) -> (Lines, String) {
    let Several { runs, variants, .. } = several;
    if runs.len() <= MAX_LINES {
        return (runs.iter().enumerate().map(|(index, run)| (run.name.clone(), vec![index])).collect(), String::new());
    }
    let of = |place: usize| -> Vec<usize> {
        (0..runs.len()).filter(|&index| runs[index].place.is_some_and(|own| own.1 == place)).collect()
    };
    let mut lines: Vec<_> = variants.iter().enumerate().map(|(place, own)| (own.name.clone(), of(place))).collect();
    let mut text = "A line is the mean over the seeds of a variant, at the steps that all of them have. ".to_owned();
    if lines.len() > MAX_LINES {
        let base = several.comparison.as_ref().map_or("", |comparison| &comparison.baseline);
        let last = |(name, runs): &(String, Vec<usize>)| {
            let last = mean(several, runs, curve).last().map_or(f64::INFINITY, |last| last.1);
            // a number that is not one is worse than all
            if name == base {
                f64::NEG_INFINITY
            } else if last.is_nan() {
                f64::INFINITY
            } else {
                last
            }
        };
        let mut ranked: Vec<(f64, usize)> = lines.iter().enumerate().map(|(place, line)| (last(line), place)).collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut chosen: Vec<usize> = ranked.into_iter().take(MAX_LINES).map(|(_, place)| place).collect();
        chosen.sort_unstable();
        text += &format!(
            "Of {}, the {MAX_LINES} whose last validation is lowest are drawn, the baseline among them. ",
            counted(lines.len() as u64, "variant")
        );
        lines = chosen.into_iter().map(|place| lines[place].clone()).collect();
    }
    let n_left_out = runs.iter().filter(|run| run.place.is_none()).count();
    if n_left_out > 0 {
        text += &format!("{} that cannot be read as a run: not drawn. ", grouped(n_left_out as u64));
    }
    (lines, text)
}

/// The series of a chart. Values of every step are smoothed, unless `kind` says how they are drawn.
fn drawn(several: &Several, lines: &Lines, curve: Curve, kind: Option<Kind>) -> Vec<Series> {
    let one = |(name, runs): &(String, Vec<usize>)| {
        let points = mean(several, runs, curve);
        let kind = kind.unwrap_or_else(|| smoothed(points.len()));
        series(name, &points, kind)
    };
    lines.iter().map(one).collect()
}

/// The mean of a curve over runs, at the steps that all of them have.
fn mean(several: &Several, runs: &[usize], curve: Curve) -> Vec<Point> {
    let curves: Vec<&[Point]> = runs.iter().map(|&index| curve(&several.runs[index].source)).collect();
    let Some((first, others)) = curves.split_first() else { return Vec::new() };
    let mut at = vec![0; others.len()];
    let mut points = Vec::with_capacity(first.len());
    'points: for &(x, y) in *first {
        let mut sum = y;
        for (other, at) in others.iter().zip(&mut at) {
            while other.get(*at).is_some_and(|point| point.0 < x) {
                *at += 1;
            }
            match other.get(*at) {
                Some(point) if point.0 == x => sum += point.1,
                _ => continue 'points,
            }
        }
        points.push((x, sum / curves.len() as f64));
    }
    points
}
