//! `[[eval.text]]`: files of prompts with references, for which a finished model writes texts that metrics compare.

mod read;
mod write;

use super::examples::{Example, values};
use super::report::without_fault;
use super::text_metrics::comparable;
use super::writing::Writing;
use crate::chat::Conversation;
use crate::feed::tasks::{ChatTemplate, TaskConfig};
use crate::feed::{Dataset, Given};
use crate::report::TestSetReport;
use crate::run::{RunConfig, RunPlugins, TestSetConfig, trained_tokenizer};
use crate::{Error, Result};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use write::{Form, written};

/// The test sets of a run, read.
#[derive(Default)]
pub struct TestSets {
    sets: Vec<TestSet>,
    /// How a prompt is asked, by a run of the chat task.
    template: Option<ChatTemplate>,
    /// The folder of the tokenizer's files.
    folder: Option<PathBuf>,
}

/// A test set.
struct TestSet {
    config: TestSetConfig,
    /// SHA-256 of its file.
    digest: String,
    /// Prompts and references; nothing is written yet.
    examples: Vec<Example>,
}

impl TestSets {
    /// Reads the sets of a run that begins, so that a wrong one stops it before any work.
    ///
    /// # Errors
    /// As [`TestSets::read`].
    pub fn of_run(config: &RunConfig) -> Result<Self> {
        Self::read(config, &config.task, config.tokenizer_folder())
    }

    /// Reads the sets that `config` names. `task` is the run's, with the files of its tokenizer in `folder`.
    ///
    /// # Errors
    /// A file that cannot be read or holds no prompts, a prompt that the chat template refuses.
    pub fn read(config: &RunConfig, task: &TaskConfig, folder: Option<&Path>) -> Result<Self> {
        let sets: Vec<TestSet> = config.eval.text.iter().map(TestSet::read).collect::<Result<_>>()?;
        let template = match task {
            TaskConfig::Chat(chat) if !sets.is_empty() => Some(ChatTemplate::open(chat.template.as_deref(), folder)?),
            _ => None,
        };
        let sets = Self { sets, template, folder: folder.map(Path::to_owned) };
        for set in &sets.sets {
            set.prompts().try_for_each(|prompt| sets.asked(prompt).map(|_| ())).map_err(|error| set.blame(error))?;
        }
        Ok(sets)
    }

    /// What metrics say of what is written for the prompts of each set, by its name; what a plugin fails at goes to
    /// `faults`.
    ///
    /// # Errors
    /// A model that fails, a signal that asks the program to end, a rank that is gone.
    pub fn measure(
        &self,
        config: &RunConfig,
        plugins: &RunPlugins,
        data: &Dataset,
        writing: &Writing<'_>,
        faults: &mut Vec<String>,
    ) -> Result<BTreeMap<String, TestSetReport>> {
        let mut reports = BTreeMap::new();
        if self.sets.is_empty() {
            return Ok(reports);
        }
        let named = trained_tokenizer(config, &plugins.data.tokenizer);
        let Some(mut given) = without_fault(Given::new(&named, &data.tokenizer.model), faults)? else {
            return Ok(reports);
        };
        for set in &self.sets {
            let texts = Form::new(self, &set.config, &mut given)
                .and_then(|form| written(&form, writing, &mut given, set, &config.sample));
            let Some(texts) = without_fault(texts, faults)? else { continue };
            let mut report =
                TestSetReport { documents: texts.len() as u64, digest: set.digest.clone(), ..TestSetReport::default() };
            let pairs = set.examples.iter().cloned().zip(texts);
            let examples: Vec<_> = pairs.map(|(example, hypothesis)| Example { hypothesis, ..example }).collect();
            for value in values(plugins, &examples, comparable(plugins, writing.model)) {
                report.values.extend(without_fault(value, faults)?);
            }
            reports.insert(set.config.name.clone(), report);
        }
        plugins.keep(given);
        Ok(reports)
    }

    /// The text that a model continues for a prompt, by the chat template; none without one.
    fn asked(&self, prompt: &str) -> Result<Option<String>> {
        let Some(template) = &self.template else { return Ok(None) };
        let question = json!({"messages": [{"role": "user", "content": prompt}]}).to_string();
        let rendered = template.template.render(&Conversation::from_json(&question)?, true)?;
        Ok(Some(rendered.text))
    }
}

impl TestSet {
    fn prompts(&self) -> impl Iterator<Item = &str> {
        self.examples.iter().filter_map(|example| example.prompt.as_deref())
    }

    fn blame(&self, error: Error) -> Error {
        error.context(format!("eval.text {:?}", self.config.name))
    }
}
