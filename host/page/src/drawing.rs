//! A chart as the template writes it.

use crate::axis::{Axis, Tick, can_show};
use crate::content::{Chart, Kind, Mark, Series};
use crate::curve::{Paths, SIDE, paths};
use crate::look::{Looks, colour_and_dashes};
use crate::number;
use crate::points::{self, Point};
use crate::values::{self, Values};
use serde::Serialize;

/// Digits of values that the page's script shows: those of a number of 32 bits.
const DIGITS: usize = 7;

/// Digits of x, which is often a count.
const DIGITS_OF_X: usize = 15;

/// A chart as the template writes it.
#[derive(Serialize)]
pub struct Drawing<'a> {
    number: usize,
    title: &'a str,
    x_label: &'a str,
    y_label: &'a str,
    is_wide: bool,
    curves: Vec<Curve<'a>>,
    /// Values that are not drawn.
    n_left_out: usize,
    is_log: bool,
    /// None while there are no values.
    plot: Option<Plot<'a>>,
}

/// A series in the legend and in the plot.
#[derive(Serialize)]
struct Curve<'a> {
    name: &'a str,
    index: usize,
    colour: String,
    dashes: String,
    can_switch: bool,
    is_points: bool,
    span: Option<u32>,
    is_empty: bool,
    /// The values themselves, behind a smoothed line.
    raw: String,
    line: String,
    dots: String,
}

#[derive(Serialize)]
struct Plot<'a> {
    side: u32,
    description: String,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    marks: Vec<Placed<'a>>,
    /// The numbers that the page's script needs, as JSON.
    data: String,
    values: Values,
}

/// A mark where it is drawn.
#[derive(Serialize)]
struct Placed<'a> {
    x: f64,
    /// Percent of the axis.
    at: f64,
    label: &'a str,
}

/// A series with the points that are drawn.
struct Prepared<'a> {
    series: &'a Series,
    /// All values, in order.
    all: Vec<Point>,
    /// The line: the values, or their average.
    line: Vec<Point>,
    /// Few of the line's points.
    thin: Vec<Point>,
    /// Few of the values behind a smoothed line.
    raw: Vec<Point>,
}

impl<'a> Prepared<'a> {
    fn new(series: &'a Series, is_log: bool) -> Self {
        let is_shown = |y| can_show(y, is_log);
        let thinned = |points: &[Point]| points::thinned(points, is_shown);
        let all = points::in_order(&series.points);
        let (line, raw) = match series.kind {
            Kind::Smoothed(span) => (points::smoothed(&all, span, is_shown), thinned(&all)),
            Kind::Line | Kind::Points => (all.clone(), Vec::new()),
        };
        Self { series, thin: thinned(&line), all, line, raw }
    }

    /// The values that are drawn.
    fn shown(&self, is_log: bool) -> impl Iterator<Item = Point> {
        self.all.iter().copied().filter(move |point| can_show(point.1, is_log))
    }
}

impl<'a> Drawing<'a> {
    /// Draws a chart.
    pub fn new(chart: &'a Chart, number: usize, is_wide: bool, looks: &Looks) -> Self {
        let prepared: Vec<_> = chart.series.iter().map(|series| Prepared::new(series, chart.log_y)).collect();
        let shown = || prepared.iter().flat_map(|series| series.shown(chart.log_y));
        let axes = Axis::of_x(shown().map(|point| point.0)).zip(Axis::of_y(shown().map(|point| point.1), chart.log_y));
        let look = looks.in_chart(chart);
        let curve = |(index, prepared): (usize, &Prepared<'a>)| {
            let Prepared { series, thin, raw, .. } = prepared;
            let is_points = series.kind == Kind::Points;
            let draw = |points: &[Point], all_dots| {
                axes.as_ref().map_or_else(Paths::default, |(x, y)| paths(points, x, y, all_dots))
            };
            let (colour, dashes) = colour_and_dashes(look[index]);
            let Paths { line, dots } = draw(thin, is_points);
            Curve {
                name: &series.name,
                index,
                colour: format!("c{colour}"),
                dashes: format!("d{dashes}"),
                can_switch: looks.can_switch(chart, series),
                is_points,
                span: if let Kind::Smoothed(span) = series.kind { Some(span) } else { None },
                is_empty: line.is_empty() && dots.is_empty(),
                raw: draw(raw, false).line,
                line,
                dots,
            }
        };
        Self {
            number,
            title: &chart.title,
            x_label: &chart.x_label,
            y_label: &chart.y_label,
            is_wide,
            curves: prepared.iter().enumerate().map(curve).collect(),
            n_left_out: chart.series.iter().map(|series| series.points.len()).sum::<usize>() - shown().count(),
            is_log: chart.log_y,
            plot: axes.as_ref().map(|(x, y)| plot(chart, &prepared, x, y)),
        }
    }
}

fn plot<'a>(chart: &'a Chart, prepared: &[Prepared], x: &Axis, y: &Axis) -> Plot<'a> {
    let place = |mark: &'a Mark| Placed { x: mark.x, at: (x.place(mark.x) * 1e4).round() / 100.0, label: &mark.label };
    let lines: Vec<_> = prepared.iter().map(|series| series.line.as_slice()).collect();
    Plot {
        side: SIDE,
        description: description(chart, prepared, x),
        x_ticks: x.ticks(),
        y_ticks: y.ticks(),
        marks: chart.marks.iter().map(place).filter(|mark| (0.0..=100.0).contains(&mark.at)).collect(),
        data: data(chart, prepared, x, y),
        values: values::table(&lines),
    }
}

/// What the chart shows, in words.
fn description(chart: &Chart, prepared: &[Prepared], x: &Axis) -> String {
    let kind = if chart.log_y { ", logarithmic" } else { "" };
    let (low, high) = (number::short(x.low), number::short(x.high));
    let mut text =
        format!("{}{kind}, over {} from {low} to {high}.", isolated(&chart.y_label), isolated(&chart.x_label));
    for series in prepared {
        let name = isolated(&series.series.name);
        let (mut n, mut bounds, mut last) = (0, (f64::INFINITY, f64::NEG_INFINITY), None);
        for (_, y) in series.shown(chart.log_y) {
            (n, bounds, last) = (n + 1, (bounds.0.min(y), bounds.1.max(y)), Some(y));
        }
        text += &match last {
            None => format!(" {name}: no values yet."),
            Some(last) => {
                let [low, high, last] = [bounds.0, bounds.1, last].map(number::value);
                format!(" {name}: {n} values between {low} and {high}, the last {last}.")
            }
        };
    }
    for mark in &chart.marks {
        text += &format!(" {}: {}.", isolated(&mark.label), number::short(mark.x));
    }
    text
}

/// A text whose direction changes nothing around it.
fn isolated(text: &str) -> String {
    format!("\u{2068}{text}\u{2069}")
}

/// The numbers that the page's script needs, as JSON: the bounds of the axes, and of each series x and y of what is
/// drawn, and of the values behind a smoothed line.
fn data(chart: &Chart, prepared: &[Prepared], x: &Axis, y: &Axis) -> String {
    let columns = |points: &[Point]| {
        let (xs, ys) = (points.iter().map(|point| point.0), points.iter().map(|point| point.1));
        format!("{},{}", list(xs, DIGITS_OF_X, false), list(ys, DIGITS, chart.log_y))
    };
    let series: Vec<_> = prepared.iter().map(|s| format!("[{},{}]", columns(&s.thin), columns(&s.raw))).collect();
    let bounds = |axis: &Axis| list([axis.low, axis.high].into_iter(), DIGITS_OF_X, false);
    let (x, y, log, series) = (bounds(x), bounds(y), chart.log_y, series.join(","));
    format!(r#"{{"x":{x},"y":{y},"log":{log},"series":[{series}]}}"#)
}

fn list(values: impl Iterator<Item = f64>, digits: usize, is_log: bool) -> String {
    let text = |value| if can_show(value, is_log) { number::compact(value, digits) } else { "null".to_owned() };
    format!("[{}]", values.map(text).collect::<Vec<_>>().join(","))
}
