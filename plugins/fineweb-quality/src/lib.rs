//! Filter `fineweb-quality`: the rules that FineWeb added to Gopher's and C4's.
//! Penedo et al. 2024, "The FineWeb Datasets" (arXiv 2406.17557), as implemented by `FineWebQualityFilter` of datatrove
//! 0.10 (Apache-2.0). Lines are separated by `\n`, and blank ones are left out. The first rule that a document breaks
//! gives the reason, and the value that it measured is the score:
//!
//! | reason | measured |
//! |---|---|
//! | `empty` | lines |
//! | `line_punct_ratio` | lines that end in a sentence-ending mark / lines |
//! | `short_line_ratio` | lines of 30 characters or fewer / lines |
//! | `char_dup_ratio` | characters of lines that occurred before / characters without `\n` |
//! | `list_ratio` | `\n` / words |
//! A drop for repeated lines names up to 100 of their places. Books with hard-wrapped lines break `line_punct_ratio`
//! and `list_ratio`: unwrap the lines first.

use trainyard_plugin::{Create, Filter, PluginError, Result, Rule, Span, Verdict, config};
use trainyard_text::bytes::{count_bytes, identity};
use trainyard_text::chars::{is_space, is_terminal};
use trainyard_text::{Table, Words, count_chars, offset_in, parts};

config! {
    /// Settings of `fineweb-quality`. A limit of 0 switches its rule off.
    pub struct Settings {
        /// how text is split into words: whitespace, unicode, dictionary or zh
        words: String = "whitespace",
        /// minimum number of lines that are not blank
        min_lines: u32 = 1u32,
        /// minimum share of lines that end in a sentence-ending mark
        min_line_punctuation: f64 = 0.12,
        /// whether documents without any such line are kept
        allow_no_punctuation: bool = false,
        /// the sentence-ending characters; by default those of all scripts
        line_ends: String = "",
        /// maximum share of short lines
        max_short_lines: f64 = 0.67,
        /// maximum number of characters in a short line
        short_line_chars: u32 = 30u32,
        /// maximum share of characters in lines that occurred before; datatrove's code has 0.01, the paper's text 0.1
        max_duplicate_line_chars: f64 = 0.01,
        /// maximum number of line breaks per word
        max_line_breaks_per_word: f64 = 0.3,
    }
}

/// Places that a drop names at most.
const MAX_SPANS: usize = 100;

/// The filter.
pub struct FinewebQuality {
    settings: Settings,
    words: Words,
    rules: Vec<Rule>,
    table: Table,
}

impl Create for FinewebQuality {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let words = settings.words.parse().map_err(|error| PluginError::config(format!("words: {error}")))?;
        let s = &settings;
        let breaks = s.max_line_breaks_per_word;
        let rules = vec![
            Rule::at_least("empty", "min_lines", s.min_lines.into()).within(f64::MAX)?,
            Rule::at_least("line_punct_ratio", "min_line_punctuation", s.min_line_punctuation).within(1.0)?,
            Rule::at_most("short_line_ratio", "max_short_lines", s.max_short_lines).within(1.0)?,
            Rule::at_most("char_dup_ratio", "max_duplicate_line_chars", s.max_duplicate_line_chars).within(1.0)?,
            Rule::at_most("list_ratio", "max_line_breaks_per_word", breaks).within(f64::MAX)?,
        ];
        Ok(Self { settings, words, rules, table: Table::default() })
    }
}

impl Filter for FinewebQuality {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        let mut values = Vec::with_capacity(documents.len() * self.rules.len());
        for document in documents {
            values.extend(self.of_lines(document));
            values.push(self.line_breaks_per_word(document));
        }
        Ok(values)
    }
}

impl FinewebQuality {
    /// Returns the verdict of [`Filter::measure`] and the rules, with spans; words are only counted if no line rule is
    /// broken.
    fn verdict(&mut self, document: &str) -> Verdict {
        let values = self.of_lines(document);
        let mut verdict = Rule::verdict(&self.rules, &values);
        if verdict.keep {
            return Rule::verdict(&self.rules[4..], &[self.line_breaks_per_word(document)]);
        }
        if verdict.reason == "char_dup_ratio" {
            self.table.clear(document.len() / 64);
            let again = lines(document).filter(|line| !self.table.insert(identity(line.as_bytes())));
            verdict.spans = again.take(MAX_SPANS).map(|line| span(document, line)).collect();
        }
        verdict
    }

    /// The values that the first four rules compare.
    fn of_lines(&mut self, document: &str) -> [f64; 4] {
        let [mut n, mut n_ended, mut n_short, mut n_duplicate_chars] = [0usize; 4];
        self.table.clear(document.len() / 64);
        for line in lines(document) {
            n += 1;
            n_ended += usize::from(self.is_ended(line));
            n_short += usize::from(self.is_short(line));
            if !self.table.insert(identity(line.as_bytes())) {
                n_duplicate_chars += count_chars(line);
            }
        }
        let n_chars = count_chars(document) - count_breaks(document);
        let share = |part: usize, whole: usize| part as f64 / whole as f64;
        let ended = match n_ended {
            // breaks no rule
            0 if self.settings.allow_no_punctuation => f64::NAN,
            _ => share(n_ended, n),
        };
        [n as f64, ended, share(n_short, n), share(n_duplicate_chars, n_chars)]
    }

    fn is_ended(&self, line: &str) -> bool {
        let ends = &self.settings.line_ends;
        line.chars()
            .next_back()
            .is_some_and(|last| if ends.is_empty() { is_terminal(last) } else { ends.contains(last) })
    }

    fn is_short(&self, line: &str) -> bool {
        let most = self.settings.short_line_chars as usize;
        // a character has 1 to 4 bytes
        line.len() <= most || (line.len() <= 4 * most && count_chars(line) <= most)
    }

    fn line_breaks_per_word(&self, document: &str) -> f64 {
        count_breaks(document) as f64 / self.words.count(document) as f64
    }
}

/// Returns the lines separated by `\n`, without blank ones.
fn lines(document: &str) -> impl Iterator<Item = &str> {
    parts(document).filter(|line| line.chars().any(|char| !is_space(char)))
}

fn count_breaks(text: &str) -> usize {
    count_bytes(text.as_bytes(), |byte| byte == b'\n')
}

fn span(document: &str, line: &str) -> Span {
    let start = offset_in(document, line);
    Span { start: start as u32, end: (start + line.len()) as u32 }
}

trainyard_plugin::export!(measured_filter "fineweb-quality" = FinewebQuality, abilities = ["idempotent"]);

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(settings: &Settings, document: &str) -> Verdict {
        FinewebQuality::create(settings.clone()).unwrap().judge(&[document]).unwrap().remove(0)
    }

    const LINE: &str = "A line of more than thirty characters that goes on";

    #[test]
    fn first_broken_rule_is_the_reason() {
        let lines = |ends: &str| ends.chars().map(|end| format!("{LINE} {end}{end}\n")).collect::<String>();
        let cases = [
            (String::new(), "empty", 0.0, 0),
            (" \n\t\n".into(), "empty", 0.0, 0),
            (lines("abcdefghi"), "line_punct_ratio", 0.0, 0),
            (lines("abcdefgh."), "line_punct_ratio", 1.0 / 9.0, 0),
            (lines("。bcdefg"), "", 0.0, 0),
            (lines("abcde.") + "short.\n" + &"字".repeat(30) + "\n" + &"字".repeat(31), "", 0.0, 0),
            ((lines("ab") + &"short.\n".repeat(5)), "short_line_ratio", 5.0 / 7.0, 0),
            (lines(".") + &["é", "z", "字"].map(|char| char.repeat(30)).join("\n"), "short_line_ratio", 0.75, 0),
            (lines(".") + &["é", "z", "字"].map(|char| char.repeat(31)).join("\n"), "", 0.0, 0),
            (lines("ab.cd!a"), "char_dup_ratio", 53.0 / (7.0 * 53.0), 1),
            ((lines("abcde.") + &"\n".repeat(20)), "list_ratio", 26.0 / 66.0, 0),
        ];
        for (document, reason, score, n_spans) in cases {
            let found = verdict(&Settings::default(), &document);
            let expected = if reason.is_empty() { None } else { Some(score) };
            assert_eq!((found.reason.as_str(), found.score), (reason, expected), "{document}");
            assert_eq!(found.spans.len(), n_spans);
        }
        let document = lines("ab.cd!a");
        let Span { start, end } = verdict(&Settings::default(), &document).spans[0];
        assert_eq!((start as usize, &document[start as usize..end as usize]), (6 * 54, &document[..53]));
    }

    #[test]
    fn options() {
        let no_mark = format!("{LINE}\n");
        assert_eq!(verdict(&Settings::default(), &no_mark).reason, "line_punct_ratio");
        let allow = Settings { allow_no_punctuation: true, ..Settings::default() };
        assert_eq!(verdict(&allow, &no_mark), Verdict::keep());
        let ends = Settings { line_ends: "xn".into(), ..Settings::default() };
        assert_eq!(verdict(&ends, &no_mark), Verdict::keep());
        assert_eq!(verdict(&ends, &format!("{LINE}.")).reason, "line_punct_ratio");
        let chinese = "中文没有空格，也是文字。\n".to_owned() + "因此，词由所选的方法来定，否则行数就比词数多。";
        let zh = Settings { words: "zh".into(), max_short_lines: 0.0, ..Settings::default() };
        assert_eq!(verdict(&zh, &chinese), Verdict::keep());
        assert_eq!(verdict(&Settings { words: "whitespace".into(), ..zh }, &chinese).reason, "list_ratio");
    }

    #[test]
    fn measures_what_it_judges_by() {
        let wrapped = format!("{LINE}\nand ends here.\n\n").repeat(2);
        let documents = ["", "\n", "one", "One line.\n", &wrapped, "中文。\n中文。\n", "\0\n\u{feff}\r\n"];
        let mut filter = FinewebQuality::create(Settings::default()).unwrap();
        let (rules, values) = (filter.rules(), filter.measure(&documents).unwrap());
        assert_eq!(values.len(), documents.len() * rules.len());
        let expected: Vec<_> = values.chunks(rules.len()).map(|values| Rule::verdict(&rules, values)).collect();
        let verdicts = filter.judge(&documents).unwrap().into_iter();
        assert_eq!(verdicts.map(|verdict| Verdict { spans: Vec::new(), ..verdict }).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn refuses() {
        let error = |settings| FinewebQuality::create(settings).err().unwrap().message;
        let share = Settings { max_short_lines: 67.0, ..Settings::default() };
        assert_eq!(error(share), "max_short_lines: expected 0 to 1, got 67");
        let words = Settings { words: "".into(), ..Settings::default() };
        assert_eq!(error(words), "words: expected \"whitespace\", \"unicode\", \"dictionary\" or \"zh\", got \"\"");
    }
}
