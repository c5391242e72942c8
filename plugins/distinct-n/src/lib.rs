//! Text metric `distinct-n`: distinct n-grams / all n-grams, over all hypotheses together. A text that never repeats
//! itself has the value 1.
//!
//! Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models" (arXiv 1510.03055). Words
//! are separated by white space, an n-gram lies within one hypothesis, and references are ignored. The value falls as
//! texts grow: compare only texts of the same length.

use std::collections::BTreeSet;
use trainyard_plugin::{Create, MetricInfo, PluginError, Result, TextMetric, TextPair, config};

config! {
    /// Settings of `distinct-n`.
    pub struct Settings {
        /// words in an n-gram, 1 to 8
        n: u32 = 2u32,
    }
}

/// First byte of a state.
const STATE_VERSION: u8 = 1;

/// The metric.
#[derive(Debug)]
pub struct DistinctN {
    n: usize,
    n_all: u64,
    /// The words of each n-gram with one space between. They are stored as texts and not as hashes, so that the value
    /// is exact, and sorted, so that equal counts have equal states.
    distinct: BTreeSet<String>,
}

impl Create for DistinctN {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        if !(1..=8).contains(&settings.n) {
            return Err(PluginError::config(format!("n: expected 1 to 8, got {}", settings.n)));
        }
        Ok(Self { n: settings.n as usize, n_all: 0, distinct: BTreeSet::new() })
    }
}

impl TextMetric for DistinctN {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::higher_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        let (mut words, mut gram) = (Vec::new(), String::new());
        for pair in pairs {
            words.clear();
            words.extend(pair.hypothesis.split_whitespace());
            for window in words.windows(self.n) {
                gram.clear();
                for word in window {
                    if !gram.is_empty() {
                        gram.push(' ');
                    }
                    gram.push_str(word);
                }
                self.n_all += 1;
                // most n-grams were seen before, and need no text of their own
                if !self.distinct.contains(&gram) {
                    self.distinct.insert(gram.clone());
                }
            }
        }
        Ok(())
    }

    /// Writes the version (1 byte), n (1 byte), the number of all n-grams (u64, little endian), then every distinct
    /// n-gram, rising: its length in bytes (u32, little endian) and its text.
    fn state(&self) -> Result<Vec<u8>> {
        let mut state = vec![STATE_VERSION, self.n as u8];
        state.extend(self.n_all.to_le_bytes());
        for gram in &self.distinct {
            let length = u32::try_from(gram.len()).map_err(|_| {
                PluginError::input(format!("an n-gram has {} bytes, expected less than 2^32", gram.len()))
            })?;
            state.extend(length.to_le_bytes());
            state.extend(gram.as_bytes());
        }
        Ok(state)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let (n_all, grams) = read_state(state, self.n)?;
        self.n_all = self.n_all.checked_add(n_all).ok_or_else(|| corrupt("more than 2^64 n-grams"))?;
        for gram in grams {
            if !self.distinct.contains(gram) {
                self.distinct.insert(gram.to_owned());
            }
        }
        Ok(())
    }

    fn value(&self) -> Result<f64> {
        Ok(self.distinct.len() as f64 / self.n_all as f64)
    }
}

/// Reads the number of all n-grams and the distinct ones. Everything is checked before anything is merged.
fn read_state(state: &[u8], n: usize) -> Result<(u64, Vec<&str>)> {
    let (&[version, state_n], rest) = state.split_first_chunk().ok_or_else(|| corrupt("it is too short"))?;
    if version != STATE_VERSION {
        return Err(corrupt(format!("version {version}, expected {STATE_VERSION}")));
    }
    if usize::from(state_n) != n {
        return Err(corrupt(format!("it has n = {state_n}, expected n = {n}")));
    }
    let (n_all, mut rest) = rest.split_first_chunk().ok_or_else(|| corrupt("it is too short"))?;
    let n_all = u64::from_le_bytes(*n_all);
    let mut grams: Vec<&str> = Vec::new();
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk().ok_or_else(|| corrupt("it ends inside an n-gram"))?;
        let length = u32::from_le_bytes(*length) as usize;
        let (gram, tail) = tail.split_at_checked(length).ok_or_else(|| corrupt("it ends inside an n-gram"))?;
        let gram = str::from_utf8(gram).map_err(|_| corrupt("an n-gram is not UTF-8"))?;
        if !is_gram(gram, n) {
            return Err(corrupt(format!("{gram:?} is not {n} words")));
        }
        if grams.last().is_some_and(|&last| last >= gram) {
            return Err(corrupt(format!("n-gram {gram:?} is out of order")));
        }
        grams.push(gram);
        rest = tail;
    }
    if grams.len() as u64 > n_all || (n_all > 0 && grams.is_empty()) {
        return Err(corrupt(format!("{} distinct n-grams of {n_all}", grams.len())));
    }
    Ok((n_all, grams))
}

/// Whether `gram` is `n` words with one space between.
fn is_gram(gram: &str, n: usize) -> bool {
    gram.split(' ').count() == n && gram.split(' ').all(|word| !word.is_empty() && !word.contains(char::is_whitespace))
}

fn corrupt(what: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("state is corrupt or another metric's: {what}"))
}

trainyard_plugin::export!(text_metric "distinct-n" = DistinctN);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::ErrorKind;

    const TEXTS: [&str; 7] =
        ["a b a b", "", "a", "b a\u{3000}b\n c", "中文 e\u{301} 👩‍👩‍👧 \0 \u{feff}", "a b", "c c c c c"];

    fn metric(n: u32, texts: &[&str]) -> DistinctN {
        let mut metric = DistinctN::create(Settings { n }).unwrap();
        let pairs: Vec<_> =
            texts.iter().map(|hypothesis| TextPair { hypothesis, references: vec!["no matter"] }).collect();
        metric.update(&pairs).unwrap();
        metric
    }

    #[test]
    fn values_by_hand() {
        // a b, b a, a b
        assert_eq!(metric(2, &["a b a b"]).value().unwrap(), 2.0 / 3.0);
        assert_eq!(metric(1, &["a b a b"]).value().unwrap(), 0.5);
        assert_eq!(metric(4, &["a b a b"]).value().unwrap(), 1.0);
        // an n-gram does not run from one text into the next
        assert_eq!(metric(2, &["a b", "b a"]).value().unwrap(), 1.0);
        // upper case and punctuation make another word
        assert_eq!(metric(1, &["a A a."]).value().unwrap(), 1.0);
        assert_eq!(metric(8, &["1 2 3 4 5 6 7 8 9"]).value().unwrap(), 1.0);
    }

    #[test]
    fn nothing_counted_is_nan() {
        for texts in [&[][..], &["", " \n", "one"]] {
            assert!(metric(2, texts).value().unwrap().is_nan());
        }
    }

    #[test]
    fn merging_equals_updating() {
        for n in 1..=8 {
            let whole = metric(n, &TEXTS);
            for split in 0..=TEXTS.len() {
                let (left, right) = (metric(n, &TEXTS[..split]), metric(n, &TEXTS[split..]));
                for (mut into, from) in [(metric(n, &TEXTS[..split]), &right), (metric(n, &TEXTS[split..]), &left)] {
                    into.merge(&from.state().unwrap()).unwrap();
                    assert_eq!(into.state().unwrap(), whole.state().unwrap());
                    assert_eq!(into.value().unwrap().to_bits(), whole.value().unwrap().to_bits());
                }
            }
        }
    }

    #[test]
    fn corrupt_states_are_refused() {
        let state = metric(2, &["a b a b"]).state().unwrap();
        let grams = |grams: &[&[u8]]| {
            let mut state = vec![1, 2, 9, 0, 0, 0, 0, 0, 0, 0];
            for gram in grams {
                state.extend((gram.len() as u32).to_le_bytes());
                state.extend(*gram);
            }
            state
        };
        let cases: [(Vec<u8>, &str); 12] = [
            (Vec::new(), "it is too short"),
            (state[..9].to_vec(), "it is too short"),
            (state[..state.len() - 1].to_vec(), "it ends inside an n-gram"),
            ([&state[..], &[0]].concat(), "it ends inside an n-gram"),
            ([&[2], &state[1..]].concat(), "version 2, expected 1"),
            ([&[1, 3], &state[2..]].concat(), "it has n = 3, expected n = 2"),
            (grams(&[b"a \xff"]), "an n-gram is not UTF-8"),
            (grams(&[b"a b c"]), "\"a b c\" is not 2 words"),
            (grams(&[b"a \t"]), "\"a \\t\" is not 2 words"),
            (grams(&[b"b a", b"a b"]), "n-gram \"a b\" is out of order"),
            (grams(&[b"a b", b"a b"]), "n-gram \"a b\" is out of order"),
            (grams(&[]), "0 distinct n-grams of 9"),
        ];
        let mut metric = metric(2, &["a b a b"]);
        for (corrupt, what) in cases {
            let error = metric.merge(&corrupt).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Input);
            assert_eq!(error.message, format!("state is corrupt or another metric's: {what}"));
            assert_eq!(metric.state().unwrap(), state, "a refused state changed the metric");
        }
    }

    #[test]
    fn n_out_of_range() {
        for n in [0, 9] {
            let error = DistinctN::create(Settings { n }).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Config);
            assert_eq!(error.message, format!("n: expected 1 to 8, got {n}"));
        }
    }
}
