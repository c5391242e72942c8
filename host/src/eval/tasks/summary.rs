//! The numbers of tasks.

use super::question::{Kind, Question};
use crate::Result;
use crate::base::clean;
use crate::report::FileReport;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use trainyard_statistics::summary;
use trainyard_text::count_chars;
use unicode_width::UnicodeWidthStr;

/// Characters that are shown of a task's name.
const NAME_CHARS: usize = 40;

/// What a model makes of the questions of tasks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TasksSummary {
    /// What was measured, on what.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// The tasks, in the order in which they begin.
    pub tasks: Vec<TaskSummary>,
}

/// A model, and the files that it was asked about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Provenance {
    /// The run's folder, or the model's.
    pub model: PathBuf,
    /// The folder of its weights.
    pub checkpoint: PathBuf,
    /// The files.
    pub data: Vec<FileReport>,
}

/// The numbers of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskSummary {
    /// Its name.
    pub task: String,
    /// `choice`, `cloze` or `generation`.
    pub kind: &'static str,
    /// Number of questions.
    pub questions: usize,
    /// Questions of which the beginning was left out: they are longer than the model's context.
    pub truncated: usize,
    /// The numbers.
    pub metrics: Vec<TaskMetric>,
}

/// A number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskMetric {
    /// Its name in lm-evaluation-harness.
    pub name: &'static str,
    /// It.
    pub value: f64,
    /// Its standard error; none of a single question.
    pub stderr: Option<f64>,
    /// Whether more is better.
    pub higher_is_better: bool,
}

/// What a model makes of a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answered {
    /// The task.
    pub task: String,
    /// The file.
    pub file: String,
    /// Number of the line, from 1.
    pub line: usize,
    /// Whether the beginning of the question was left out.
    pub truncated: bool,
    /// What it says.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// By metric: 1 or 0 for right or wrong, and of a perplexity the log-likelihood.
    pub metrics: BTreeMap<&'static str, f64>,
}

/// What a model says to a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// How likely it finds each choice.
    Choice {
        /// Index of the right one.
        answer: usize,
        /// The log-likelihood of each.
        log_likelihoods: Vec<f64>,
    },
    /// How likely it finds the target.
    Cloze {
        /// Its log-likelihood.
        log_likelihood: f64,
        /// Says whether it would write it.
        is_greedy: bool,
    },
    /// What it writes.
    Generation {
        /// It.
        text: String,
    },
}

/// Metrics of a kind of question, in the order in which they are shown.
const ACC: &str = "acc";
const ACC_NORM: &str = "acc_norm";
const ACC_BYTES: &str = "acc_bytes";
const PERPLEXITY: &str = "perplexity";
const EXACT_MATCH: &str = "exact_match";

impl Answered {
    /// What the model says to a question, of which it may not have read the beginning.
    pub fn new(question: &Question, outcome: Outcome, truncated: bool) -> Self {
        let metrics = metrics(&question.kind, &outcome).into_iter().collect();
        let (task, file, line) = (question.task.clone(), question.place.file.clone(), question.place.line);
        Self { task, file, line, truncated, outcome, metrics }
    }
}

/// The numbers of a question: `ConfigurableTask.process_results` of lm-evaluation-harness.
fn metrics(kind: &Kind, outcome: &Outcome) -> Vec<(&'static str, f64)> {
    match (kind, outcome) {
        (Kind::Choice { choices, answer }, Outcome::Choice { log_likelihoods, .. }) => {
            let is_right = |length: fn(&str) -> usize| {
                let normed = log_likelihoods.iter().zip(choices).map(|(log, choice)| log / length(&choice.text) as f64);
                number(first_largest(normed) == Some(*answer))
            };
            vec![(ACC, is_right(|_| 1)), (ACC_NORM, is_right(count_chars)), (ACC_BYTES, is_right(str::len))]
        }
        (Kind::Cloze { .. }, Outcome::Cloze { log_likelihood, is_greedy }) => {
            vec![(ACC, number(*is_greedy)), (PERPLEXITY, *log_likelihood)]
        }
        (Kind::Generation { answers, ignored, .. }, Outcome::Generation { text }) => {
            let text = ignored.normal(text);
            vec![(EXACT_MATCH, number(answers.iter().any(|answer| ignored.normal(answer) == text)))]
        }
        // every outcome is made of its question
        _ => Vec::new(),
    }
}

fn number(is_right: bool) -> f64 {
    f64::from(u8::from(is_right))
}

fn first_largest(values: impl Iterator<Item = f64>) -> Option<usize> {
    let larger = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 { next } else { best };
    values.enumerate().reduce(larger).map(|(index, _)| index)
}

/// The numbers of each task.
///
/// # Errors
/// A number that is not finite.
pub fn tasks(answered: &[Answered]) -> Result<Vec<TaskSummary>> {
    let mut groups: Vec<Vec<&Answered>> = Vec::new();
    for answer in answered {
        let is_same = |group: &&mut Vec<&Answered>| group[0].task == answer.task && kind(group[0]) == kind(answer);
        match groups.iter_mut().find(is_same) {
            Some(group) => group.push(answer),
            None => groups.push(vec![answer]),
        }
    }
    groups.iter().map(|group| task(group)).collect()
}

fn kind(answered: &Answered) -> &'static str {
    match answered.outcome {
        Outcome::Choice { .. } => "choice",
        Outcome::Cloze { .. } => "cloze",
        Outcome::Generation { .. } => "generation",
    }
}

fn task(group: &[&Answered]) -> Result<TaskSummary> {
    let names = [ACC, ACC_NORM, ACC_BYTES, PERPLEXITY, EXACT_MATCH].into_iter();
    let names = names.filter(|name| group[0].metrics.contains_key(name));
    let metrics = names.map(|name| metric(name, group)).collect::<Result<_>>()?;
    let truncated = group.iter().filter(|answered| answered.truncated).count();
    let (task, kind) = (group[0].task.clone(), kind(group[0]));
    Ok(TaskSummary { task, kind, questions: group.len(), truncated, metrics })
}

/// A mean with its standard error, s / √n; a perplexity is exp of a mean, and has that of the mean times its slope
/// (the delta method: Wasserman 2004, "All of Statistics", theorem 5.13).
fn metric(name: &'static str, group: &[&Answered]) -> Result<TaskMetric> {
    let values: Vec<f64> = group.iter().map(|answered| answered.metrics[name]).collect();
    let of = summary(&values).map_err(|error| crate::Error::run(format!("{name}: {error}")))?;
    let stderr = of.deviation.map(|deviation| deviation / (of.n as f64).sqrt());
    let higher_is_better = name != PERPLEXITY;
    Ok(match higher_is_better {
        true => TaskMetric { name, value: of.mean, stderr, higher_is_better },
        false => {
            let value = (-of.mean).exp();
            TaskMetric { name, value, stderr: stderr.map(|stderr| value * stderr), higher_is_better }
        }
    })
}

impl Display for Provenance {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for file in &self.data {
            writeln!(f, "data        {} (sha256 {})", file.path.display(), file.sha256)?;
        }
        writeln!(f, "model       {}", self.model.display())?;
        match self.model == self.checkpoint {
            true => Ok(()),
            false => writeln!(f, "checkpoint  {}", self.checkpoint.display()),
        }
    }
}

impl Display for TasksSummary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.tasks.iter().map(|task| clean::clip(&task.task, NAME_CHARS)).collect();
        let width = names.iter().map(|name| name.width()).chain(["task".len()]).max().unwrap_or(0);
        writeln!(f, "{:width$}  questions  {:11}     value   stderr", "task", "metric")?;
        for (name, task) in names.iter().zip(&self.tasks) {
            let padding = width - name.width();
            write!(f, "{name}{:padding$}  {:>9}", "", task.questions)?;
            for (index, metric) in task.metrics.iter().enumerate() {
                let indent = if index > 0 { width + "questions".len() + 2 } else { 0 };
                write!(f, "{:indent$}  {:11} {:>9.4}", "", metric.name, metric.value)?;
                match metric.stderr {
                    Some(stderr) => writeln!(f, " ± {stderr:.4}")?,
                    None => writeln!(f)?,
                }
            }
        }
        writeln!(f)?;
        write!(f, "{}", self.provenance)
    }
}
