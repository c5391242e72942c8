//! A scaling law fitted to a user's own runs: what loss which number of parameters and tokens reaches.

use crate::compare::{Run, Split, check_texts, names};
use crate::plot::draw;
use crate::report::{Report, ReportOptions};
use crate::runs::{BITS_PER_BYTE, run_folders};
use crate::table::Table;
use crate::{Error, Result};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use trainyard_base::clean;
use trainyard_page::{Block, Chart, Kind, Page, Section, Series};
use trainyard_report::{Comparable, LOSS, MetricValue, count};
use trainyard_statistics::{Fit, Law, Point, fit};

/// Draws the resamples of the intervals.
const SEED: u64 = 1;

/// Budgets that the best sizes are told for, by the computation of the largest run.
const BUDGETS: [f64; 3] = [1.0, 10.0, 100.0];

/// A law, and the runs that it was fitted to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scaling {
    /// What the losses are: the name of a metric.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// The text that was measured.
    pub split: Split,
    /// The runs, by the computation that they took.
    pub runs: Vec<ScalingRun>,
    /// The law L = E + A / N^α + B / D^β, with intervals.
    pub fit: Fit,
    /// What a budget is best spent on, by the law.
    pub best: Vec<Best>,
}

/// A run, as the law sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScalingRun {
    /// Its name.
    pub name: String,
    /// N: numbers that are trained, embeddings among them.
    pub parameters: f64,
    /// D: tokens that it was trained on.
    pub tokens: f64,
    /// L: its loss.
    pub loss: f64,
    /// What the law says of it.
    pub predicted: f64,
}

/// The sizes with the least loss for a budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Best {
    /// Floating-point operations, 6 N D.
    pub flops: f64,
    /// N
    pub parameters: f64,
    /// D
    pub tokens: f64,
    /// L
    pub loss: f64,
}

impl ScalingRun {
    fn flops(&self) -> f64 {
        6.0 * self.parameters * self.tokens
    }
}

impl Scaling {
    /// Fits a law to runs, in bits per byte of the test text where all have them, otherwise in the loss. A path is a
    /// run's folder or a folder that holds runs.
    ///
    /// # Errors
    /// A run that has not finished or measured nothing, runs whose numbers cannot be compared, and runs that are too
    /// few or too alike for a law (the error says what is missing).
    pub fn of(paths: &[PathBuf], confidence: f64) -> Result<Self> {
        let folders = run_folders(paths)?;
        let read = names(&folders).into_iter().zip(&folders).map(|(name, folder)| Run::read(name, folder));
        let runs = read.collect::<Result<Vec<_>>>()?;
        runs.iter().try_for_each(|run| run.check_finished(false))?;
        let Some(first) = runs.first() else { return Err(Error::usage("--fit: no runs to fit a law to")) };
        let has_test = runs.iter().all(|run| !run.measures(Split::Test, false).is_empty());
        let split = if has_test { Split::Test } else { Split::Validation };
        check_texts(first, &runs, split)?;
        let measured = runs.iter().map(|run| loss(run, split)).collect::<Result<Vec<_>>>()?;
        check_alike(&runs, &measured)?;
        let points: Vec<Point> = runs
            .iter()
            .zip(&measured)
            .map(|(run, of)| Point {
                parameters: run.log.header.as_ref().map_or(0.0, |header| header.parameters as f64),
                tokens: run.log.tokens.unwrap_or(0) as f64,
                loss: of.value,
            })
            .collect();
        let fit = fit(&points, confidence, SEED).map_err(|error| Error::usage(error.to_string()))?;
        let run = |(run, point): (&Run, &Point)| {
            let Point { parameters, tokens, loss } = *point;
            ScalingRun { name: run.name.clone(), parameters, tokens, loss, predicted: fit.law.loss(parameters, tokens) }
        };
        let mut fitted: Vec<ScalingRun> = runs.iter().zip(&points).map(run).collect();
        fitted.sort_by(|a, b| a.flops().total_cmp(&b.flops()));
        let most = fitted.last().map_or(0.0, ScalingRun::flops);
        let best = BUDGETS.iter().map(|times| best(&fit.law, times * most)).collect();
        let MetricValue { name, unit, .. } = &measured[0];
        Ok(Self { metric: name.clone(), unit: unit.clone(), split, runs: fitted, fit, best })
    }

    /// Losses and what the law says of them, over the computation of the runs.
    fn chart(&self) -> Chart {
        let series = |name: &str, loss: fn(&ScalingRun) -> f64, kind| Series {
            name: name.to_owned(),
            points: self.runs.iter().map(|run| (run.flops().log10(), loss(run))).collect(),
            kind,
        };
        Chart {
            title: format!("{} {}", self.split.name(), self.metric),
            x_label: "log10 of 6 N D".to_owned(),
            y_label: self.unit.clone(),
            series: vec![
                series("measured", |run| run.loss, Kind::Points),
                series("law", |run| run.predicted, Kind::Line),
            ],
            ..Chart::default()
        }
    }

    /// The chart for a terminal of so many columns.
    pub fn plot(&self, columns: usize, has_colours: bool) -> String {
        draw(&self.chart(), columns, has_colours)
    }

    /// The law as a page.
    pub fn report(&self, options: &ReportOptions) -> Report {
        let section = |heading: &str, blocks| Section { heading: heading.to_owned(), blocks, ..Section::default() };
        let text = trainyard_page::Code { title: "The law".to_owned(), text: self.to_string() };
        let sections =
            vec![section("Losses", vec![Block::Chart(self.chart())]), section("Numbers", vec![Block::Code(text)])];
        let title = format!("Scaling law of {} runs", self.runs.len());
        Report::of_page(Page { title, subtitle: String::new(), generator: options.generator(), sections })
    }
}

/// The metric that a law is fitted to.
fn loss(run: &Run, split: Split) -> Result<MetricValue> {
    let measures = run.measures(split, false);
    let found = |name: &str| measures.iter().find(|metric| metric.name == name).cloned();
    found(BITS_PER_BYTE).or_else(|| found(LOSS)).ok_or_else(|| {
        Error::usage(format!("{}: measured no loss on a held-out text; leave it out", run.path.display()))
    })
}

/// Checks that one law can hold for the numbers of all runs.
fn check_alike(runs: &[Run], measured: &[MetricValue]) -> Result<()> {
    let is_alike = |other: &MetricValue| {
        let first = &measured[0];
        let is_text = first.comparable == Comparable::Text;
        other.name == first.name && other.comparable == first.comparable && (is_text || other.plugin == first.plugin)
    };
    match measured.iter().position(|other| !is_alike(other)) {
        None => Ok(()),
        Some(place) => Err(Error::usage(format!(
            "{} and {}: expected losses that can be compared, got {} and {}; give all runs the metric bits-per-byte",
            runs[0].path.display(),
            runs[place].path.display(),
            measured[0].label(),
            measured[place].label()
        ))),
    }
}

fn best(law: &Law, flops: f64) -> Best {
    let (parameters, tokens) = law.optimal(flops);
    Best { flops, parameters, tokens, loss: law.loss(parameters, tokens) }
}

impl Display for Scaling {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut table = Table::default();
        table.text("run").number("parameters").number("tokens").number(self.metric.as_str()).number("law");
        for run in &self.runs {
            let numbers = [count(run.parameters), count(run.tokens), format!("{:.4}", run.loss)];
            let [parameters, tokens, loss] = numbers;
            table.row(vec![
                clean::line(&run.name).into_owned(),
                parameters,
                tokens,
                loss,
                format!("{:.4}", run.predicted),
            ]);
        }
        write!(f, "{table}")?;
        let Fit { law, low, high, confidence, resamples, .. } = &self.fit;
        writeln!(f, "\nL = E + A / N^α + B / D^β  (Hoffmann et al. 2022, arXiv 2203.15556)")?;
        let percent = 100.0 * confidence;
        for (name, of) in [
            ("E", (|law| law.e) as fn(&Law) -> f64),
            ("A", |law| law.a),
            ("α", |law| law.alpha),
            ("B", |law| law.b),
            ("β", |law| law.beta),
        ] {
            writeln!(f, "{name} = {:.4}  ({percent} % interval {:.4} to {:.4})", of(law), of(low), of(high))?;
        }
        writeln!(
            f,
            "intervals: bootstrap over the {} runs, {resamples} draws; too narrow where runs are few",
            self.runs.len()
        )?;
        writeln!(f, "\nbest sizes by this law, at 1, 10 and 100 times the computation of the largest run")?;
        let mut table = Table::default();
        table.number("FLOP").number("parameters").number("tokens").number(self.metric.as_str());
        for Best { flops, parameters, tokens, loss } in &self.best {
            table.row(vec![format!("{flops:.1e}"), count(*parameters), count(*tokens), format!("{loss:.4}")]);
        }
        write!(f, "{table}nothing is known of sizes far outside of the runs'")
    }
}
