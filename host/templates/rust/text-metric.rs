//! Text metric `{{name}}`: words per generated text.

use trainyard_plugin::{Create, MetricInfo, NoConfig, PluginError, Result, TextMetric, TextPair, export};

/// The metric, with the counts so far.
#[derive(Debug, Default)]
pub struct Plugin {
    texts: u64,
    words: u64,
}

impl Create for Plugin {
    type Config = NoConfig;

    fn create(_: NoConfig) -> Result<Self> {
        Ok(Self::default())
    }
}

impl TextMetric for Plugin {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::higher_is_better("words"))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        for pair in pairs {
            self.texts += 1;
            self.words += pair.hypothesis.split_whitespace().count() as u64;
        }
        Ok(())
    }

    /// Texts and words, 8 bytes each, little endian.
    fn state(&self) -> Result<Vec<u8>> {
        Ok([self.texts, self.words].map(u64::to_le_bytes).concat())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let wrong = || PluginError::input(format!("state has {} bytes, expected 16", state.len()));
        let (texts, words) = state.split_first_chunk::<8>().ok_or_else(wrong)?;
        self.texts += u64::from_le_bytes(*texts);
        self.words += u64::from_le_bytes(words.try_into().map_err(|_| wrong())?);
        Ok(())
    }

    fn value(&self) -> Result<f64> {
        Ok(self.words as f64 / self.texts as f64) // NaN if nothing was counted
    }
}

export!(text_metric "{{name}}" = Plugin);

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(hypothesis: &str) -> TextPair<'_> {
        TextPair { hypothesis, references: Vec::new() }
    }

    #[test]
    fn merging_equals_updating() {
        let (mut all, mut some, mut rest) = (Plugin::default(), Plugin::default(), Plugin::default());
        all.update(&[pair("one two"), pair("three")]).unwrap();
        some.update(&[pair("one two")]).unwrap();
        rest.update(&[pair("three")]).unwrap();
        rest.merge(&some.state().unwrap()).unwrap();
        assert_eq!(rest.value().unwrap(), 1.5);
        assert_eq!(rest.state().unwrap(), all.state().unwrap());
    }
}
