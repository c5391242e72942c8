//! Filter `c4-paragraphs`: drops pages without three long lines. Xue et al. 2021, "mT5" (arXiv 2010.11934), and
//! `c4_utils.py`, as implemented by `C4ParagraphFilter` of datatrove 0.10 (Apache-2.0): a page is kept if at least 3
//! lines, separated by `\n`, have 200 characters or more. The reason is `too_few_paragraphs` (datatrove writes `< 3
//! paragraphs`), the score the characters of the third longest line, 0 if there is none. Chinese says in 200 characters
//! what English says in 600: lower the limit.

use trainyard_plugin::{Create, Filter, PluginError, Result, Rule, Verdict, config};
use trainyard_text::{count_chars, parts};

config! {
    /// Settings of `c4-paragraphs`.
    pub struct Settings {
        /// minimum number of long lines
        n_paragraphs: u32 = 3u32,
        /// minimum number of characters in a long line; 0: no limit
        min_paragraph_chars: u32 = 200u32,
    }
}

/// The filter.
pub struct C4Paragraphs {
    rule: Rule,
    /// Characters of the longest lines so far, the longest first.
    longest: Vec<usize>,
}

impl Create for C4Paragraphs {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { n_paragraphs: n, min_paragraph_chars } = settings;
        if n == 0 || n > 1000 {
            return Err(PluginError::config(format!("n_paragraphs: expected 1 to 1000, got {n}")));
        }
        let rule = Rule::at_least("too_few_paragraphs", "min_paragraph_chars", min_paragraph_chars.into());
        Ok(Self { rule, longest: vec![0; n as usize] })
    }
}

impl Filter for C4Paragraphs {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        let values = self.measure(documents)?;
        Ok(values.into_iter().map(|value| Rule::verdict(std::slice::from_ref(&self.rule), &[value])).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        vec![self.rule.clone()]
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        Ok(documents.iter().map(|document| self.length(document) as f64).collect())
    }
}

impl C4Paragraphs {
    /// Characters of the n-th longest line.
    fn length(&mut self, document: &str) -> usize {
        self.longest.fill(0);
        let last = self.longest.len() - 1;
        for line in parts(document) {
            // a line has no more characters than bytes
            if line.len() <= self.longest[last] {
                continue;
            }
            let length = count_chars(line);
            let place = self.longest.partition_point(|&longer| longer >= length);
            if place <= last {
                self.longest[place..].rotate_right(1);
                self.longest[place] = length;
            }
        }
        self.longest[last]
    }
}

trainyard_plugin::export!(measured_filter "c4-paragraphs" = C4Paragraphs, abilities = ["idempotent"]);

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(settings: &Settings, document: &str) -> Verdict {
        C4Paragraphs::create(settings.clone()).unwrap().judge(&[document]).unwrap().remove(0)
    }

    #[test]
    fn three_long_lines() {
        let lines = |lengths: &[usize]| lengths.iter().map(|&n| "字".repeat(n)).collect::<Vec<_>>().join("\n");
        let drop = |score| Verdict::drop("too_few_paragraphs").score(score);
        let cases = [
            (vec![], drop(0.0)),
            (vec![500, 500], drop(0.0)),
            (vec![200, 1, 200, 0, 200], Verdict::keep()),
            (vec![300, 199, 1, 300, 70], drop(199.0)),
            (vec![1, 2, 3, 4, 5], drop(3.0)),
            (vec![5, 4, 3, 2, 5], drop(4.0)),
        ];
        for (lengths, expected) in cases {
            assert_eq!(verdict(&Settings::default(), &lines(&lengths)), expected, "{lengths:?}");
        }
        assert_eq!(verdict(&Settings { n_paragraphs: 1, ..Settings::default() }, &lines(&[199, 200])), Verdict::keep());
        assert_eq!(verdict(&Settings { min_paragraph_chars: 0, ..Settings::default() }, ""), Verdict::keep());
    }

    #[test]
    fn refuses() {
        let error = C4Paragraphs::create(Settings { n_paragraphs: 0, ..Settings::default() }).err().unwrap();
        assert_eq!(error.message, "n_paragraphs: expected 1 to 1000, got 0");
    }
}
