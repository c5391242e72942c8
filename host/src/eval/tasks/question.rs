//! Questions of a task: one line of a file each.

use crate::base::files::{MAX_BINARY_BYTES, hex, read_file};
use crate::report::FileReport;
use crate::{Error, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt::Display;
use std::path::Path;
use trainyard_text::Answers;

/// A question, and what is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The task that it belongs to.
    pub task: String,
    /// Its file and line.
    pub place: Place,
    /// What comes before the answer.
    pub prompt: String,
    /// What is asked.
    pub kind: Kind,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// Number of the line, from 1.
    pub line: usize,
}

/// What is asked after the prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Which text is the likeliest.
    Choice {
        /// The texts, with what stands before them.
        choices: Vec<Choice>,
        /// Index of the right one.
        answer: usize,
    },
    /// How likely this text is.
    Cloze {
        /// The text, with what stands before it.
        target: String,
    },
    /// What the model writes.
    Generation {
        /// Texts that are right.
        answers: Vec<String>,
        /// Texts at which writing ends; they are no part of what is written.
        until: Vec<String>,
        /// Most tokens that are written, where that is said.
        max_tokens: Option<usize>,
        /// What does not matter when texts are compared.
        ignored: Answers,
    },
}

/// One of several texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The text.
    pub text: String,
    /// The text with what stands between prompt and answer.
    pub continuation: String,
}

/// A line as it is read. What it has besides is not looked at.
#[derive(Deserialize)]
struct Line {
    task: Option<String>,
    prompt: String,
    choices: Option<Vec<String>>,
    answer: Option<Answer>,
    target: Option<String>,
    answers: Option<OneOrMore>,
    #[serde(default = "space")]
    target_delimiter: String,
    #[serde(default = "paragraph")]
    until: Vec<String>,
    max_tokens: Option<usize>,
    #[serde(default)]
    ignore_case: bool,
    #[serde(default)]
    ignore_punctuation: bool,
    #[serde(default)]
    ignore_numbers: bool,
    #[serde(default)]
    ignore_articles: bool,
    #[serde(default = "yes")]
    ignore_spaces: bool,
}

/// The right choice.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Index(usize),
    Text(String),
}

/// Accepted answers.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

fn space() -> String {
    " ".to_owned()
}

fn paragraph() -> Vec<String> {
    vec!["\n\n".to_owned()]
}

fn yes() -> bool {
    true
}

impl Place {
    /// An error about this line.
    pub fn error(&self, message: impl Display) -> Error {
        Error::run(format!("{}: line {}: {message}", self.file, self.line))
    }
}

/// The questions of a file, one on each line that is not blank, and what it is.
///
/// # Errors
/// A file that cannot be read or has no question, the first line that is none.
pub fn read(path: &Path) -> Result<(Vec<Question>, FileReport)> {
    let bytes = read_file(path, MAX_BINARY_BYTES).map_err(|error| Error::io(path, "read", &error))?;
    let sha256 = hex(&Sha256::digest(&bytes));
    let shown = path.display().to_string();
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::run(format!("{shown}: expected text in UTF-8, got other bytes")))?;
    let stem = path.file_stem().map_or_else(|| shown.clone(), |stem| stem.to_string_lossy().into_owned());
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let questions = lines.map(|(index, line)| question(line, Place { file: shown.clone(), line: index + 1 }, &stem));
    let questions: Vec<_> = questions.collect::<Result<_>>()?;
    if questions.is_empty() {
        return Err(Error::run(format!("{shown}: expected a question on each line, got an empty file")));
    }
    Ok((questions, FileReport { path: path.to_owned(), sha256 }))
}

/// The question on a line of a file whose name without its ending is `stem`.
fn question(line: &str, place: Place, stem: &str) -> Result<Question> {
    let line: Line = serde_json::from_str(line)
        .map_err(|error| place.error(format!("expected a question as a JSON object: {error}")))?;
    let Line { task, prompt, choices, answer, target, answers, .. } = &line;
    let kind = match (choices, target, answers) {
        (Some(choices), None, None) => {
            let answer = right(choices, answer.as_ref()).map_err(|message| place.error(message))?;
            let choice = |text: &String| Choice { text: text.clone(), continuation: line.after(text) };
            Kind::Choice { choices: choices.iter().map(choice).collect(), answer }
        }
        (None, Some(target), None) if target.is_empty() => {
            return Err(place.error("target: expected the text that follows the prompt, got an empty one"));
        }
        (None, Some(target), None) => Kind::Cloze { target: line.after(target) },
        (None, None, Some(answers)) => line.generation(answers).map_err(|message| place.error(message))?,
        (None, None, None) => {
            let message =
                "expected \"choices\" with \"answer\", \"target\", or \"answers\" beside the prompt, got none";
            return Err(place.error(message));
        }
        _ => return Err(place.error("expected one of \"choices\", \"target\" and \"answers\", got several")),
    };
    Ok(Question { task: task.clone().unwrap_or_else(|| stem.to_owned()), place, prompt: prompt.clone(), kind })
}

/// Index of the right choice, or what is wrong.
fn right(choices: &[String], answer: Option<&Answer>) -> std::result::Result<usize, String> {
    if choices.is_empty() {
        return Err("choices: expected at least one text, got an empty list".into());
    }
    // its length divides
    if let Some(index) = choices.iter().position(String::is_empty) {
        return Err(format!("choices: expected texts, got an empty one at index {index}"));
    }
    match answer {
        None => Err("expected \"answer\", the right choice or its index from 0, got none".into()),
        Some(Answer::Index(index)) if *index < choices.len() => Ok(*index),
        Some(Answer::Index(index)) => {
            Err(format!("answer: expected an index below {}, the number of choices, got {index}", choices.len()))
        }
        Some(Answer::Text(text)) => {
            let found = choices.iter().position(|choice| choice == text);
            found.ok_or_else(|| format!("answer: expected one of the choices, got {text:?}"))
        }
    }
}

impl Line {
    /// What continues the prompt.
    fn after(&self, text: &str) -> String {
        format!("{}{text}", self.target_delimiter)
    }

    /// What is written, or what is wrong.
    fn generation(&self, answers: &OneOrMore) -> std::result::Result<Kind, String> {
        let answers = match answers {
            OneOrMore::One(answer) => vec![answer.clone()],
            OneOrMore::More(answers) => answers.clone(),
        };
        if answers.is_empty() {
            return Err("answers: expected at least one text that is right, got an empty list".into());
        }
        if self.max_tokens == Some(0) {
            return Err("max_tokens: expected at least 1, got 0".into());
        }
        let Self { ignore_case, ignore_punctuation, ignore_numbers, ignore_articles, ignore_spaces, .. } = *self;
        let ignored = Answers { ignore_case, ignore_punctuation, ignore_numbers, ignore_articles, ignore_spaces };
        let until = self.until.iter().filter(|text| !text.is_empty()).cloned().collect();
        Ok(Kind::Generation { answers, until, max_tokens: self.max_tokens, ignored })
    }
}
