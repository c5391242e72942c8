//! Curves of runs, drawn in a terminal by the dots of Braille characters.

use crate::Result;
use crate::report::charts;
use colored::Colorize;
use std::path::PathBuf;
use textplots::{ColorPlot, LabelBuilder, LabelFormat, Plot, Shape, TickDisplay, TickDisplayBuilder};
use trainyard_base::clean;
use trainyard_page::{Chart, Kind, smoothed};
use unicode_width::UnicodeWidthStr;

/// Rows of dots of a chart, four to a line.
const HEIGHT: u32 = 64;

/// Columns beside the dots, for the values of y.
const LABEL: usize = 12;

/// Columns of dots, two to a character: at least what the library draws, at most what is still read as one picture.
const WIDTHS: (usize, usize) = (32, 240);

/// Colours of lines that differ for every kind of sight (Okabe and Ito 2008, without black).
const COLOURS: [[u8; 3]; 7] =
    [[86, 180, 233], [230, 159, 0], [0, 158, 115], [204, 121, 167], [240, 228, 66], [0, 114, 178], [213, 94, 0]];

/// Loss and validation of runs, over their steps. Without colours each line has a chart of its own.
///
/// # Errors
/// A folder that is neither a run nor holds any.
pub fn plot(paths: &[PathBuf], columns: usize, has_colours: bool) -> Result<String> {
    let mut text = String::new();
    for chart in charts(paths)? {
        if has_colours {
            text += &draw(&chart, columns, true);
            continue;
        }
        for series in &chart.series {
            let title = format!("{}: {}", chart.title, series.name);
            text += &draw(&Chart { title, series: vec![series.clone()], ..chart.clone() }, columns, false);
        }
    }
    Ok(text)
}

/// One chart, below its title and what its lines are; nothing where it has no finite value.
pub(crate) fn draw(chart: &Chart, columns: usize, has_colours: bool) -> String {
    let lines: Vec<Vec<(f32, f32)>> = chart.series.iter().map(|series| line(series, chart.log_y)).collect();
    let all = || lines.iter().flatten();
    let range = |of: fn(&(f32, f32)) -> f32| {
        all().map(of).fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let ((left, right), (low, high)) = (range(|point| point.0), range(|point| point.1));
    if all().next().is_none() {
        return String::new();
    }
    // one value, or several that are equal, in the middle of a range
    let spread = |low: f32, high: f32| if low < high { (low, high) } else { (low - 0.5, high + 0.5) };
    let ((left, right), (low, high)) = (spread(left, right), spread(low, high));
    let width = (2 * columns.saturating_sub(LABEL)).clamp(WIDTHS.0, WIDTHS.1) as u32;
    let shapes: Vec<Shape<'_>> = lines.iter().map(|line| Shape::Lines(line)).collect();
    let mut canvas = textplots::Chart::new_with_y_range(width, HEIGHT, left, right, low, high);
    let (value, x_label) = (label(chart.log_y), clean::line(&chart.x_label).into_owned());
    let x = move |x: f32| if x == x.round() { format!("{x_label} {x:.0}") } else { format!("{x_label} {x:.2}") };
    let mut plot = canvas
        .x_label_format(LabelFormat::Custom(Box::new(x)))
        .y_label_format(LabelFormat::Custom(Box::new(value)))
        .y_tick_display(TickDisplay::Sparse);
    for (index, shape) in shapes.iter().enumerate() {
        plot = match has_colours {
            true => plot.linecolorplot(shape, COLOURS[index % COLOURS.len()].into()),
            false => plot.lineplot(shape),
        };
    }
    plot.figures();
    format!("{}\n{plot}\n", heading(chart, columns, has_colours))
}

/// The title, what y is, and the lines in their colours.
fn heading(chart: &Chart, columns: usize, has_colours: bool) -> String {
    let mut heading = clean::line(&format!("{} ({})", chart.title, chart.y_label)).replace(" ()", "");
    if !has_colours || chart.series.len() < 2 {
        return heading;
    }
    let mut used = 0;
    for (index, series) in chart.series.iter().enumerate() {
        let (name, [red, green, blue]) = (clean::line(&series.name), COLOURS[index % COLOURS.len()]);
        let is_full = used > 0 && used + name.width() + 4 > columns;
        used = if is_full || index == 0 { 0 } else { used } + name.width() + 4;
        heading += if is_full || index == 0 { "\n" } else { "  " };
        heading += &format!("{} {name}", "━".truecolor(red, green, blue));
    }
    heading
}

/// A value of y as it is written beside the dots.
fn label(is_log: bool) -> impl Fn(f32) -> String {
    move |y: f32| {
        let y = if is_log { 10_f32.powf(y) } else { y };
        let is_far = y != 0.0 && !(1e-3..1e5).contains(&y.abs());
        if is_far { format!("{y:.2e}") } else { format!("{y:.4}") }
    }
}

/// The finite points of a series as the page draws them: an average of what was measured at every step.
fn line(series: &trainyard_page::Series, is_log: bool) -> Vec<(f32, f32)> {
    let is_shown = |y: f64| y.is_finite() && (!is_log || y > 0.0);
    let points = match series.kind {
        Kind::Smoothed(span) => smoothed(&series.points, span, is_shown),
        _ => series.points.clone(),
    };
    let shown = points.into_iter().filter(|point| is_shown(point.1));
    shown.map(|(x, y)| (x as f32, if is_log { y.log10() } else { y } as f32)).collect()
}
