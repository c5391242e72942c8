//! Filter `{{name}}`: drops documents with few words.

use trainyard_plugin::{Create, Filter, PluginError, Result, Verdict, config, export};

config! {
    /// Settings of `{{name}}`.
    pub struct Settings {
        /// minimum number of words, 1 or more
        min_words: u32 = 5u32,
    }
}

/// The filter.
pub struct Plugin(Settings);

impl Create for Plugin {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        if settings.min_words == 0 {
            return Err(PluginError::config("min_words: expected 1 or more, got 0"));
        }
        Ok(Self(settings))
    }
}

impl Filter for Plugin {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }
}

impl Plugin {
    fn verdict(&self, document: &str) -> Verdict {
        let words = document.split_whitespace().count();
        match words < self.0.min_words as usize {
            true => Verdict::drop("too_few_words").score(words as f64),
            false => Verdict::keep(),
        }
    }
}

export!(filter "{{name}}" = Plugin);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_words_are_dropped() {
        let mut filter = Plugin::create(Settings { min_words: 3 }).unwrap();
        let verdicts = filter.judge(&["one two three", " one\ntwo ", ""]).unwrap();
        assert_eq!(
            verdicts,
            [
                Verdict::keep(),
                Verdict::drop("too_few_words").score(2.0),
                Verdict::drop("too_few_words").score(0.0)
            ]
        );
    }
}
