//! Filter `language`: keeps documents of the languages asked for.
//!
//! The language is what `whatlang` takes it for: 70 languages, told apart by script, alphabet and the 300 most frequent
//! trigrams of each (after Cavnar and Trenkle 1994). It is small and needs no model file, and it is no fastText: below
//! some 100 characters it guesses, close relatives (Norwegian and Danish, Serbian and Croatian) are easily confused, a
//! document in two languages is given one, and code or a list of names is given some language too. Its confidence says
//! how far the best language is ahead of the second; a script that only one language uses, such as Chinese, has 1.
//!
//! One part of a document is looked at, `sample_bytes` from its `sample`: `begin`, `middle` or `end`. Pages on the web
//! begin and end with menus, books with licences.
//!
//! Languages are named as in ISO 639-3 (`eng`, `cmn`) or 639-1 (`en`, `zh`). Reasons: `language_other` when the
//! document is in another language or in none, `language_uncertain` when the confidence is below `min_confidence`; the
//! score is the confidence, 0 for other languages.

mod codes;

use trainyard_plugin::{Create, Filter, PluginError, Result, Rule, Verdict, config};
use whatlang::{Lang, detect};

config! {
    /// Settings of `language`.
    pub struct Settings {
        /// languages of documents that stay, as in ISO 639-3 or 639-1
        languages: Vec<String> = ["eng".into()],
        /// least confidence of 0 to 1; 0 is no limit
        min_confidence: f64 = 0.65,
        /// most bytes of a document that are looked at; 0 is all of it
        sample_bytes: u32 = 1024u32,
        /// which part is looked at: begin, middle or end
        sample: String = "middle",
    }
}

/// The filter.
pub struct Language {
    languages: Vec<Lang>,
    rules: Vec<Rule>,
    sample_bytes: usize,
    sample: Sample,
}

#[derive(Debug, Clone, Copy)]
enum Sample {
    Begin,
    Middle,
    End,
}

impl Create for Language {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { languages, min_confidence, sample_bytes, sample } = settings;
        if languages.is_empty() {
            return Err(PluginError::config("languages: expected one or more, got none; no document would stay"));
        }
        let languages = languages.iter().map(|code| codes::language(code)).collect::<Result<_>>()?;
        let sample = match sample.as_str() {
            "begin" => Sample::Begin,
            "middle" => Sample::Middle,
            "end" => Sample::End,
            _ => return Err(PluginError::config(format!("sample: expected begin, middle or end, got {sample:?}"))),
        };
        let rules = vec![
            // any confidence in a language asked for is above 0
            Rule::at_least("language_other", "min_confidence", f64::MIN_POSITIVE),
            Rule::at_least("language_uncertain", "min_confidence", min_confidence).within(1.0)?,
        ];
        let sample_bytes = if sample_bytes == 0 { usize::MAX } else { sample_bytes as usize };
        Ok(Self { languages, rules, sample_bytes, sample })
    }
}

impl Filter for Language {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        let verdict = |document: &&str| Rule::verdict(&self.rules, &[self.confidence(document); 2]);
        Ok(documents.iter().map(verdict).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        Ok(documents.iter().flat_map(|document| [self.confidence(document); 2]).collect())
    }
}

impl Language {
    /// The confidence that a document is in one of the languages; 0 when it is in another.
    fn confidence(&self, document: &str) -> f64 {
        match detect(self.sample_of(document)) {
            Some(info) if self.languages.contains(&info.lang()) => info.confidence().max(f64::MIN_POSITIVE),
            _ => 0.0,
        }
    }

    fn sample_of<'a>(&self, document: &'a str) -> &'a str {
        let rest = document.len().saturating_sub(self.sample_bytes);
        let start = match self.sample {
            Sample::Begin => 0,
            Sample::Middle => rest / 2,
            Sample::End => rest,
        };
        let end = document.len() - (rest - start);
        &document[document.floor_char_boundary(start)..document.floor_char_boundary(end)]
    }
}

trainyard_plugin::export!(measured_filter "language" = Language, abilities = ["idempotent"]);

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "It is a truth universally acknowledged, that a single man in possession of a good fortune, \
                           must be in want of a wife. However little known the feelings or views of such a man may be";
    const GERMAN: &str = "Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte, fand er sich in seinem Bett zu \
                          einem ungeheueren Ungeziefer verwandelt. Er lag auf seinem panzerartig harten Rücken";
    const CHINESE: &str =
        "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。及秦灭之后，楚、汉分争，又并入于汉。";
    const JAPANESE: &str = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。";

    fn language(languages: &[&str], sample: &str, sample_bytes: u32) -> Language {
        let languages = languages.iter().map(|&code| code.into()).collect();
        Language::create(Settings { languages, sample: sample.into(), sample_bytes, ..Settings::default() }).unwrap()
    }

    fn reason(languages: &[&str], document: &str) -> String {
        language(languages, "middle", 2048).judge(&[document]).unwrap().remove(0).reason
    }

    #[test]
    fn languages_asked_for_stay() {
        for (code, short, text) in
            [("eng", "en", ENGLISH), ("deu", "de", GERMAN), ("cmn", "zh", CHINESE), ("jpn", "ja", JAPANESE)]
        {
            for code in [code, short] {
                assert_eq!(reason(&[code], text), "", "{code}");
                assert_eq!(reason(&["fra", "ru"], text), "language_other", "{code}");
            }
        }
        assert_eq!(reason(&["fr", "en"], ENGLISH), "");
        for text in ["", " \n", "12 + 3", "\0", "👩‍👩‍👧"] {
            assert_eq!(reason(&["eng"], text), "language_other", "{text:?}");
        }
    }

    #[test]
    fn little_text_is_uncertain() {
        let mut filter = language(&["eng"], "middle", 2048);
        let verdict = filter.judge(&["the cat and the dog"]).unwrap().remove(0);
        assert_eq!(
            (verdict.reason.as_str(), verdict.score.is_some_and(|score| score > 0.0)),
            ("language_uncertain", true)
        );
        let off = Settings { min_confidence: 0.0, ..Settings::default() };
        assert!(Language::create(off).unwrap().judge(&["the cat and the dog"]).unwrap()[0].keep);
    }

    #[test]
    fn a_part_is_looked_at() {
        let document = format!("{ENGLISH}{}{GERMAN}", CHINESE.repeat(3));
        for (sample, expected) in [("begin", "eng"), ("middle", "cmn"), ("end", "deu")] {
            for code in ["eng", "cmn", "deu"] {
                let keep = language(&[code], sample, 150).judge(&[&document]).unwrap()[0].keep;
                assert_eq!(keep, code == expected, "{sample} {code}");
            }
        }
        // characters are not cut, wherever the part begins
        for bytes in 1..40 {
            for sample in ["begin", "middle", "end"] {
                let filter = language(&["zh"], sample, bytes);
                assert!(filter.sample_of(CHINESE).len() <= bytes as usize + 3);
                assert_eq!(filter.sample_of(""), "");
            }
        }
        assert_eq!(language(&["zh"], "middle", 0).sample_of(CHINESE), CHINESE);
    }

    #[test]
    fn verdicts_are_those_of_the_rules() {
        let mut filter = language(&["eng", "cmn"], "middle", 2048);
        let documents = ["", ENGLISH, GERMAN, CHINESE, "the cat and the dog"];
        let values = filter.measure(&documents).unwrap();
        let expected: Vec<_> = values.chunks(2).map(|values| Rule::verdict(&filter.rules(), values)).collect();
        assert_eq!(filter.judge(&documents).unwrap(), expected);
        assert_eq!(filter.rules()[1].limit, 0.65);
    }

    #[test]
    fn refuses() {
        let message = |settings| Language::create(settings).err().unwrap().message;
        let default = Settings::default;
        let known = message(Settings { languages: vec!["english".into()], ..default() });
        assert!(known.starts_with("languages: expected codes of ISO 639, one of afr (af), aka (ak), "), "{known}");
        assert!(known.ends_with(", zul (zu), got \"english\""), "{known}");
        let none = message(Settings { languages: Vec::new(), ..default() });
        assert_eq!(none, "languages: expected one or more, got none; no document would stay");
        let sample = message(Settings { sample: "start".into(), ..default() });
        assert_eq!(sample, "sample: expected begin, middle or end, got \"start\"");
        let confidence = message(Settings { min_confidence: 65.0, ..default() });
        assert_eq!(confidence, "min_confidence: expected 0 to 1, got 65");
    }
}
