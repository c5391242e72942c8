//! Filter `stop-words`: keeps documents with enough stop words, or removes stop words from the text.
//!
//! Stop words, "the", "of", "的", are in all running text: a document with few of them is a list, a table or spam, and
//! one that consists of hardly anything else is not prose either. `mode = "filter"` drops documents with fewer than
//! `min_distinct` distinct stop words (`stop_words_few`), or whose share of stop words among all words is below
//! `min_share` (`stop_words_rare`) or above `max_share` (`stop_words_dense`); the score is the measured value.
//! `mode = "remove"` deletes them, with the spaces after them, for features that count words; the reason is
//! `stop_words_removed`, the score their number. It is not meant for text that a model learns to write.
//!
//! Lists: `en` has the 318 words of scikit-learn (BSD 3-Clause; from the Glasgow Information Retrieval Group), `zh`
//! some 300 function words of modern Chinese, `own` those of the setting `list`. Words are Unicode's (UAX-29), compared
//! in lower case; "it's" is one word and in no built-in list. Chinese text has no spaces: at each character the longest
//! stop word of the list is taken, and each of its characters counts as a word. Without a dictionary this also finds 的
//! in 目的.

mod list;

use list::StopList;
use trainyard_plugin::{Create, Filter, PluginError, Result, Rewrite, Rule, Verdict, config};

config! {
    /// Settings of `stop-words`. A limit of 0 means no limit.
    pub struct Settings {
        /// the list: en, zh or own
        language: String = "en",
        /// the stop words for own
        list: Vec<String> = [],
        /// filter (drop documents) or remove (delete the words)
        mode: String = "filter",
        /// minimum number of distinct stop words
        min_distinct: u32 = 2u32,
        /// minimum share of words that are stop words
        min_share: f64 = 0.0,
        /// maximum share of words that are stop words
        max_share: f64 = 0.0,
    }
}

/// The filter.
pub struct StopWords {
    list: StopList,
    removes: bool,
    rules: Vec<Rule>,
}

impl Create for StopWords {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let removes = match settings.mode.as_str() {
            "filter" => false,
            "remove" => true,
            mode => return Err(PluginError::config(format!("mode: expected filter or remove, got {mode:?}"))),
        };
        let list = match settings.language.as_str() {
            "en" => StopList::new(include_str!("en.txt").split_whitespace()),
            "zh" => StopList::new(include_str!("zh.txt").split_whitespace()),
            "own" => StopList::new(settings.list.iter().map(String::as_str)),
            language => return Err(PluginError::config(format!("language: expected en, zh or own, got {language:?}"))),
        }?;
        if settings.language != "own" && !settings.list.is_empty() {
            return Err(PluginError::config("list: expected none with a built-in language; set language = \"own\""));
        }
        let min_distinct = settings.min_distinct;
        if min_distinct as usize > list.len() {
            let n = list.len();
            return Err(PluginError::config(format!(
                "min_distinct: expected 0 to {n}, the list's, got {min_distinct}"
            )));
        }
        let rules = vec![
            Rule::at_least("stop_words_few", "min_distinct", min_distinct.into()).within(f64::MAX)?,
            Rule::at_least("stop_words_rare", "min_share", settings.min_share).within(1.0)?,
            Rule::at_most("stop_words_dense", "max_share", settings.max_share).within(1.0)?,
        ];
        Ok(Self { list, removes, rules })
    }
}

impl Filter for StopWords {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        if self.removes { Vec::new() } else { self.rules.clone() }
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        if self.removes {
            return Ok(Vec::new());
        }
        Ok(documents.iter().flat_map(|document| self.values(document)).collect())
    }
}

impl StopWords {
    fn verdict(&mut self, document: &str) -> Verdict {
        if !self.removes {
            let values = self.values(document);
            return Rule::verdict(&self.rules, &values);
        }
        let mut rewrite = Rewrite::new(document);
        self.list.find(document, |start, length, _| {
            let end = start + length;
            let spaces = document[end..].bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            rewrite.remove(start..end + spaces);
        });
        rewrite.verdict("stop_words_removed")
    }

    /// The values that the rules measure.
    fn values(&mut self, document: &str) -> [f64; 3] {
        let found = self.list.count(document);
        let share = found.n_stop_words as f64 / found.n_words as f64;
        [found.n_distinct as f64, share, share]
    }
}

trainyard_plugin::export!(measured_filter "stop-words" = StopWords);

#[cfg(test)]
mod tests;
