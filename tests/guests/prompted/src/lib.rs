//! A text metric with the abilities `prompts` and `signature`, and with a setting that makes it break their laws.

use trainyard_plugin::{Create, MetricInfo, PluginError, PromptedPair, Result, TextMetric, TextPair, config, export};

config! {
    /// Settings of `prompted`.
    pub struct Settings {
        /// what goes wrong: nothing, batch, fault, signature or line
        breaks: String = "nothing",
    }
}

/// The share of texts that begin with their prompt; those whose prompt is not known do not.
pub struct Prompted {
    breaks: String,
    texts: u64,
    echoes: u64,
}

impl Create for Prompted {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        Ok(Self { breaks: settings.breaks, texts: 0, echoes: 0 })
    }
}

impl TextMetric for Prompted {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::lower_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        self.texts += pairs.len() as u64;
        Ok(())
    }

    /// Texts and echoes, 8 bytes each, little endian.
    fn state(&self) -> Result<Vec<u8>> {
        Ok([self.texts, self.echoes].map(u64::to_le_bytes).concat())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let wrong = || PluginError::input(format!("state has {} bytes, expected 16", state.len()));
        let (texts, echoes) = state.split_first_chunk::<8>().ok_or_else(wrong)?;
        let echoes = u64::from_le_bytes(echoes.try_into().map_err(|_| wrong())?);
        self.texts += u64::from_le_bytes(*texts);
        self.echoes += echoes;
        Ok(())
    }

    fn value(&self) -> Result<f64> {
        Ok(self.echoes as f64 / self.texts as f64)
    }

    fn update_prompted(&mut self, pairs: &[PromptedPair<'_>]) -> Result<()> {
        if self.breaks == "fault" && pairs.iter().any(|it| it.prompt == "fault") {
            return Err(PluginError::input("a fault, as asked for"));
        }
        self.texts += pairs.len() as u64;
        let first = if self.breaks == "batch" { 1 } else { pairs.len() };
        let echoes = pairs.iter().take(first).filter(|it| it.pair.hypothesis.starts_with(it.prompt));
        self.echoes += echoes.count() as u64;
        Ok(())
    }

    fn signature(&self) -> Result<String> {
        let texts = if self.breaks == "signature" { self.texts } else { 0 };
        let end = if self.breaks == "line" { "\n" } else { "" };
        Ok(format!("texts:{texts}|version:1.0{end}"))
    }
}

export!(text_metric "prompted" = Prompted, abilities = ["prompts", "signature"]);
