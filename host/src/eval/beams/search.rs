//! The search for one text.

use super::{BeamConfig, allowed};
use crate::Result;

/// A text that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// The tokens that were written, without prompt and end.
    pub ids: Vec<u32>,
    /// Σ log probability / length^α.
    pub score: f64,
}

/// A text that is being written.
#[derive(Debug, Clone)]
struct Beam {
    /// Prompt and what was written.
    text: Vec<u32>,
    /// Σ log probability.
    total: f64,
}

/// A token that may follow a beam.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    beam: usize,
    id: u32,
    total: f64,
}

/// Hypotheses about one text.
#[derive(Debug)]
pub(super) struct Search {
    prompt: usize,
    /// Tokens written.
    written: usize,
    /// The best first; none when the search is over.
    running: Vec<Beam>,
    /// The best first.
    finished: Vec<Hypothesis>,
}

impl Search {
    /// A search for a text that begins with `prompt`.
    pub fn new(prompt: &[u32]) -> Self {
        let beam = Beam { text: prompt.to_vec(), total: 0.0 };
        Self { prompt: prompt.len(), written: 0, running: vec![beam], finished: Vec::new() }
    }

    /// Number of texts that are being written; 0 when the search is over.
    pub fn n_hypotheses(&self) -> usize {
        self.running.len()
    }

    /// Writes one more token of each text, given the logits of what follows it. Returns for each of the new ones which
    /// of the old ones it continues, and its new token.
    ///
    /// # Errors
    /// Logits that are not finite.
    pub fn step(&mut self, logits: &[Vec<f64>], config: &BeamConfig) -> Result<Vec<(usize, u32)>> {
        if self.running.is_empty() {
            return Ok(Vec::new());
        }
        let candidates = self.candidates(logits, config)?;
        if candidates.is_empty() {
            // nothing may follow: these end as they are
            for Beam { text, total } in std::mem::take(&mut self.running) {
                self.finish_one(text[self.prompt..].to_vec(), total, config);
            }
            return Ok(Vec::new());
        }
        self.written += 1;
        let is_last = self.written == config.max_tokens;
        let ends = |candidate: &Candidate| Some(candidate.id) == config.end;
        // what is not among the best only takes the place of what ends
        for candidate in candidates.iter().take(config.beams).filter(|candidate| is_last || ends(candidate)) {
            let mut ids = self.running[candidate.beam].text[self.prompt..].to_vec();
            ids.extend((!ends(candidate)).then_some(candidate.id));
            self.finish_one(ids, candidate.total, config);
        }
        let continued: Vec<_> =
            candidates.iter().filter(|candidate| !ends(candidate)).take(config.beams).copied().collect();
        if is_last || continued.is_empty() || self.is_over(continued[0].total, config) {
            self.running.clear();
            return Ok(Vec::new());
        }
        let beam = |candidate: &Candidate| {
            let mut text = self.running[candidate.beam].text.clone();
            text.push(candidate.id);
            Beam { text, total: candidate.total }
        };
        self.running = continued.iter().map(beam).collect();
        Ok(continued.into_iter().map(|candidate| (candidate.beam, candidate.id)).collect())
    }

    /// The likeliest continuations, the best first; ties go to the lower beam and id. They are so many that, without
    /// those that end, enough are left; the greedy search ends with the first that does.
    fn candidates(&self, logits: &[Vec<f64>], config: &BeamConfig) -> Result<Vec<Candidate>> {
        let most = if config.beams == 1 { 1 } else { 2 * config.beams };
        let mut best: Vec<Candidate> = Vec::with_capacity(most + 1);
        for (beam, (Beam { text, total }, logits)) in self.running.iter().zip(logits).enumerate() {
            let scores = allowed::scores(logits, text, self.written, config)?;
            for (id, score) in scores.into_iter().enumerate() {
                let total = total + score;
                let worst = if best.len() < most { f64::NEG_INFINITY } else { best[most - 1].total };
                if total > worst {
                    let place = best.partition_point(|other| other.total >= total);
                    best.insert(place, Candidate { beam, id: id as u32, total });
                    best.truncate(most);
                }
            }
        }
        Ok(best)
    }

    /// Keeps a text, unless there are enough that are as good.
    fn finish_one(&mut self, ids: Vec<u32>, total: f64, config: &BeamConfig) {
        let score = self.score(total, config);
        let place = self.finished.partition_point(|other| other.score >= score);
        self.finished.insert(place, Hypothesis { ids, score });
        self.finished.truncate(config.beams);
    }

    fn score(&self, total: f64, config: &BeamConfig) -> f64 {
        total / (self.written.max(1) as f64).powf(config.length_penalty)
    }

    /// Whether there are enough finished texts, and the best of the others, were it to end now, would be no better.
    fn is_over(&self, best: f64, config: &BeamConfig) -> bool {
        let worst = self.finished.last().filter(|_| self.finished.len() == config.beams);
        worst.is_some_and(|worst| self.score(best, config) <= worst.score)
    }

    /// The texts that were finished, the best first.
    pub fn finish(self) -> Vec<Hypothesis> {
        self.finished
    }
}
