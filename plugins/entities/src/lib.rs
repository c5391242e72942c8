//! Text metric `entities`: each text is a sequence of tags with white space between, such as `B-PER I-PER O B-LOC`, and
//! the value is the F1, precision or recall of the entities in all texts together (micro), 0 to 1, as seqeval computes
//! it.
//!
//! Ramshaw and Marcus 1995, "Text Chunking using Transformation-Based Learning" (cmp-lg/9505040); Tjong Kim Sang 2002,
//! "Introduction to the CoNLL-2002 Shared Task". An entity is right if its type, first and last tag are. `scheme` says
//! which tags are entities: `conll` reads any tags as conlleval and seqeval by default, the others only entities that
//! follow the scheme, as seqeval in strict mode.
//!
//! A tag of no prefix of the scheme is `O` (seqeval refuses it), and texts may have more or fewer tags than their
//! references. Of several references, the one with the best F1 counts. Pairs without a reference are not counted.

mod scheme;

use scheme::{Entity, Scheme};
use std::collections::HashSet;
use trainyard_plugin::{Create, MetricInfo, PluginError, Result, TextMetric, TextPair, config, log};
use trainyard_text::chars::is_space;

config! {
    /// Settings of `entities`.
    pub struct Settings {
        /// how tags are read: conll (all that conlleval reads), or strictly iob1, iob2, ioe1, ioe2, iobes or bilou
        scheme: String = "conll",
        /// f1, precision or recall
        score: String = "f1",
    }
}

/// First byte of a state.
const STATE_VERSION: u8 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Score {
    F1,
    Precision,
    Recall,
}

/// The metric.
#[derive(Debug)]
pub struct Entities {
    scheme: Scheme,
    score: Score,
    pairs: u64,
    counts: Counts,
    /// Says whether the user was told of a tag that the scheme does not have.
    warned: bool,
}

/// Entities of texts, of references and of both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    hypothesis: u64,
    reference: u64,
    matches: u64,
}

impl Counts {
    /// Whether the F1 is greater than another's.
    fn is_better(self, other: Self) -> bool {
        // without any entity the text is right
        let parts = |counts: Self| match u128::from(counts.hypothesis) + u128::from(counts.reference) {
            0 => (1, 2),
            all => (u128::from(counts.matches), all),
        };
        let ((matches, all), (other_matches, other_all)) = (parts(self), parts(other));
        matches * other_all > other_matches * all
    }

    /// The sum of both; none when it is too large.
    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            hypothesis: self.hypothesis.checked_add(other.hypothesis)?,
            reference: self.reference.checked_add(other.reference)?,
            matches: self.matches.checked_add(other.matches)?,
        })
    }
}

impl Create for Entities {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { scheme, score } = settings;
        let scheme = Scheme::named(&scheme).ok_or_else(|| {
            let expected = "conll, iob1, iob2, ioe1, ioe2, iobes or bilou";
            PluginError::config(format!("scheme: expected {expected}, got {scheme:?}"))
        })?;
        let score = match score.as_str() {
            "f1" => Score::F1,
            "precision" => Score::Precision,
            "recall" => Score::Recall,
            _ => {
                return Err(PluginError::config(format!("score: expected f1, precision or recall, got {score:?}")));
            }
        };
        Ok(Self { scheme, score, pairs: 0, counts: Counts::default(), warned: false })
    }
}

impl TextMetric for Entities {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::higher_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        for pair in pairs.iter().filter(|pair| !pair.references.is_empty()) {
            let hypothesis: HashSet<_> = self.entities(pair.hypothesis).into_iter().collect();
            let mut best: Option<Counts> = None;
            for reference in &pair.references {
                let reference = self.entities(reference);
                let matches = reference.iter().filter(|entity| hypothesis.contains(entity)).count();
                let counts = Counts {
                    hypothesis: hypothesis.len() as u64,
                    reference: reference.len() as u64,
                    matches: matches as u64,
                };
                // the first of equal ones
                if best.is_none_or(|best| counts.is_better(best)) {
                    best = Some(counts);
                }
            }
            self.pairs += 1;
            let sum = self.counts.plus(best.unwrap_or_default());
            self.counts = sum.ok_or_else(|| PluginError::input("more than 2^64 entities"))?;
        }
        Ok(())
    }

    /// Writes the version and the scheme (1 byte each), then pairs, entities of texts, of references and of both (u64,
    /// little endian).
    fn state(&self) -> Result<Vec<u8>> {
        let Counts { hypothesis, reference, matches } = self.counts;
        let mut state = vec![STATE_VERSION, self.scheme as u8];
        state.extend([self.pairs, hypothesis, reference, matches].iter().flat_map(|number| number.to_le_bytes()));
        Ok(state)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let (pairs, counts) = self.read(state)?;
        let pairs = self.pairs.checked_add(pairs).ok_or_else(|| corrupt("more than 2^64 pairs"))?;
        self.counts = self.counts.plus(counts).ok_or_else(|| corrupt("more than 2^64 entities"))?;
        self.pairs = pairs;
        Ok(())
    }

    fn value(&self) -> Result<f64> {
        let Counts { hypothesis, reference, matches } = self.counts;
        let (matches, all) = match self.score {
            Score::F1 => (2.0 * matches as f64, hypothesis as f64 + reference as f64),
            Score::Precision => (matches as f64, hypothesis as f64),
            Score::Recall => (matches as f64, reference as f64),
        };
        Ok(match (self.pairs, all) {
            (0, _) => f64::NAN,
            // as seqeval, where there is nothing to find or nothing was found
            (_, 0.0) => 0.0,
            _ => matches / all,
        })
    }
}

impl Entities {
    fn entities<'a>(&mut self, text: &'a str) -> Vec<Entity<'a>> {
        let tags: Vec<_> = text.split(is_space).filter(|tag| !tag.is_empty()).collect();
        let (entities, unknown) = self.scheme.entities(&tags);
        if let Some(tag) = unknown.filter(|_| !self.warned) {
            self.warned = true;
            // a text may be one long word
            let shown: String = tag.chars().take(40).collect();
            log::warn(&format!("tag {shown:?} has no prefix of the scheme and is counted as O, and so are others"));
        }
        entities
    }

    /// Reads pairs and counts of a state of the same settings. Everything is checked before anything is merged.
    fn read(&self, state: &[u8]) -> Result<(u64, Counts)> {
        let (found, rest) = state.split_first_chunk::<2>().ok_or_else(|| corrupt("it is too short"))?;
        let expected = [STATE_VERSION, self.scheme as u8];
        for ((name, found), expected) in ["version", "scheme"].iter().zip(found).zip(expected) {
            if *found != expected {
                return Err(corrupt(format!("{name} is {found}, expected {expected}")));
            }
        }
        let (&[pairs, hypothesis, reference, matches], &[]) = rest.as_chunks::<8>() else {
            return Err(corrupt(format!("it has {} bytes, expected 34", state.len())));
        };
        let [pairs, hypothesis, reference, matches] = [pairs, hypothesis, reference, matches].map(u64::from_le_bytes);
        let counts = Counts { hypothesis, reference, matches };
        if pairs == 0 && counts != Counts::default() {
            return Err(corrupt("it has entities and no pairs"));
        }
        if matches > hypothesis.min(reference) {
            let what = format!("{matches} matches of {hypothesis} entities and {reference} of references");
            return Err(corrupt(what));
        }
        Ok((pairs, counts))
    }
}

fn corrupt(what: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("state is corrupt or another metric's: {what}"))
}

trainyard_plugin::export!(text_metric "entities" = Entities);

#[cfg(test)]
mod tests;
