//! Text that is shown while its tokens are written.

use crate::Result;
use trainyard_plugin::{TokenBatch, Tokenizer};

/// The text of tokens so far, of which some was shown. It ends before the first of the texts `stops`.
#[derive(Debug, Default)]
pub(in crate::eval) struct TextStream {
    ids: Vec<u32>,
    bytes: Vec<u8>,
    /// Bytes that were shown.
    shown: usize,
    stops: Vec<String>,
    has_ended: bool,
}

impl TextStream {
    /// A text that ends before the first of `stops`.
    pub fn new(stops: impl IntoIterator<Item = String>) -> Self {
        Self { stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(), ..Self::default() }
    }

    /// Adds a token; returns what can be shown: whole characters, of which none can belong to the stop.
    ///
    /// # Errors
    /// Whatever the tokenizer reports.
    pub fn push(&mut self, id: u32, tokenizer: &mut dyn Tokenizer) -> Result<String> {
        self.ids.push(id);
        let mut batch = TokenBatch::default();
        batch.ids.extend(&self.ids);
        batch.end_sequence()?;
        self.bytes = tokenizer.decode(&batch)?.pop().unwrap_or_default();
        let end = self.end();
        let unseen = self.bytes.get(self.shown..end).unwrap_or_default();
        // the next token may complete a character
        let whole = match std::str::from_utf8(unseen) {
            Err(error) if error.error_len().is_none() && !self.has_ended => error.valid_up_to(),
            _ => unseen.len(),
        };
        let text = String::from_utf8_lossy(&unseen[..whole]).into_owned();
        self.shown += whole;
        Ok(text)
    }

    /// The bytes that are text, and no stop or beginning of one.
    fn end(&mut self) -> usize {
        let stops = || self.stops.iter().map(String::as_bytes);
        let place = |stop: &[u8]| self.bytes.windows(stop.len()).position(|part| part == stop);
        if let Some(place) = stops().filter_map(place).min() {
            self.bytes.truncate(place);
            self.has_ended = true;
            return place;
        }
        let begun = |stop: &[u8]| (1..stop.len()).rev().find(|&n| self.bytes.ends_with(&stop[..n]));
        self.bytes.len() - stops().filter_map(begun).max().unwrap_or(0)
    }

    /// Says whether a stop was written.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// What was not shown, such as half a character; none if that is nothing.
    pub fn rest(&mut self) -> Option<String> {
        let rest = String::from_utf8_lossy(self.bytes.get(self.shown..).unwrap_or_default()).into_owned();
        self.shown = self.bytes.len();
        (!rest.is_empty()).then_some(rest)
    }

    /// The whole text.
    pub fn whole(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{Plugin, PluginConfig};
    use trainyard_plugin::Kind;

    fn tokenizer() -> Box<dyn Tokenizer> {
        let plugin = Plugin::open(&PluginConfig::new("byte"), Kind::Tokenizer).unwrap();
        let mut tokenizer = plugin.tokenizer().unwrap();
        tokenizer.load(&[]).unwrap();
        tokenizer
    }

    #[test]
    fn characters_are_shown_when_they_are_whole() {
        let (mut tokenizer, mut stream) = (tokenizer(), TextStream::default());
        let shown: Vec<_> = "a\u{e9}b".bytes().map(|byte| stream.push(byte.into(), &mut *tokenizer).unwrap()).collect();
        assert_eq!(shown, ["a", "", "\u{e9}", "b"]);
        assert_eq!(stream.push(0xe4, &mut *tokenizer).unwrap(), "");
        assert_eq!((stream.rest().as_deref(), stream.rest()), (Some("\u{fffd}"), None));
        assert_eq!(stream.whole(), "a\u{e9}b\u{fffd}");
    }

    #[test]
    fn a_text_ends_before_its_stop() {
        let (mut tokenizer, mut stream) = (tokenizer(), TextStream::new(["</s>".into()]));
        let mut push = |stream: &mut TextStream, text: &str| -> String {
            text.bytes().map(|byte| stream.push(byte.into(), &mut *tokenizer).unwrap()).collect()
        };
        assert_eq!(push(&mut stream, "a<b</"), "a<b");
        assert_eq!((push(&mut stream, "s>"), stream.has_ended(), stream.whole()), (String::new(), true, "a<b".into()));
        let mut stream = TextStream::new(["</s>".into()]);
        assert_eq!(push(&mut stream, "a</"), "a");
        assert_eq!((stream.rest().as_deref(), stream.has_ended()), (Some("</"), false));
        // of several, the one that comes first
        let mut stream = TextStream::new(["?!".into(), ".".into()]);
        assert_eq!((push(&mut stream, "a?.?!"), stream.whole()), ("a?".into(), "a?".into()));
    }
}
