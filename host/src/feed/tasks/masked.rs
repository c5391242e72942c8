//! The masked task: hidden tokens are predicted from those before and after them (BERT, Devlin et al., arXiv
//! 1810.04805).

use super::config::MaskedConfig;
use super::{Batch, Borders, Marks, Task};
use crate::feed::batch::{self, Predicted};
use crate::rows::{InputSet, Rows};
use std::ops::Range;

/// Prediction of hidden tokens. Which they are is a function of the seed, the sequence and the place.
#[derive(Debug, Clone, PartialEq)]
pub struct Masked {
    config: MaskedConfig,
    mask: u32,
    /// Stands before each part of a window, as before a text whose class is to be told.
    first: Option<u32>,
    n_tokens: u32,
    /// Where words begin and end.
    borders: Borders,
}

/// What happens to a token.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Kept,
    /// It is predicted, and this one is read.
    Predicted(u32),
}

impl Masked {
    /// The task with these marks; `borders` are needed where whole words are hidden.
    pub fn new(config: MaskedConfig, marks: &Marks, borders: Borders) -> Self {
        Self { mask: marks.mask, first: marks.first, n_tokens: marks.n_tokens, borders, config }
    }

    /// Whether a token shares the fate of the one before it.
    fn continues(&self, before: u32, id: u32) -> bool {
        self.config.whole_words && self.borders.continues(before, id)
    }

    /// The fates of the tokens `ids` of sequence `number`, the first of which is at place `first` of it. Ends of texts
    /// are never hidden: they stand for no text.
    fn fates(&self, batch: &Batch<'_>, number: u64, first: usize, ids: &[u32]) -> Vec<Fate> {
        let unit = |random: u32| f64::from(random) / f64::from(u32::MAX);
        let mut is_hidden = false;
        let fate = |(index, &id): (usize, &u32)| {
            let [chosen, how, other, _] = batch.stream.block(number, (first + index) as u64);
            if index == 0 || !self.continues(ids[index - 1], id) {
                is_hidden = unit(chosen) < self.config.rate;
            }
            if !is_hidden || batch.token_bytes.get(id as usize).is_none_or(|&bytes| bytes == 0) {
                return Fate::Kept;
            }
            let (mask, random) = (self.config.mask, self.config.random);
            Fate::Predicted(match unit(how) {
                share if share < mask => self.mask,
                share if share < mask + random => ((u64::from(other) * u64::from(self.n_tokens)) >> 32) as u32,
                _ => id,
            })
        };
        ids.iter().enumerate().map(fate).collect()
    }
}

impl Task for Masked {
    fn name(&self) -> &'static str {
        "masked"
    }

    fn marks(&self) -> usize {
        usize::from(self.first.is_some())
    }

    fn supplied(&self) -> InputSet {
        batch::SUPPLIED
    }

    /// The tokens that windows of next tokens would predict, of which a document's are all and its end. Only hidden
    /// ones have a row in the loss.
    fn rows(&self, batch: &Batch<'_>) -> Rows {
        let (mut texts, mut predicted) = (Vec::with_capacity(batch.sequences.len()), Predicted::default());
        for sequence in &batch.sequences {
            let mut text = batch::Text::default();
            for Range { start, end } in sequence.parts.iter().cloned() {
                let ids: Vec<u32> = batch.shard.tokens(start + 1..end + 1).collect();
                let begin = text.ids.len();
                text.ids.extend(self.first);
                let at = text.ids.len();
                let fates = self.fates(batch, sequence.number, at, &ids);
                predicted.begin_group();
                for (index, (&id, fate)) in ids.iter().zip(&fates).enumerate() {
                    if let Fate::Predicted(read) = *fate {
                        predicted.push(texts.len(), at + index, id, 1.0);
                        text.ids.push(read);
                    } else {
                        text.ids.push(id);
                    }
                }
                text.positions.extend(0..(text.ids.len() - begin) as u32);
            }
            texts.push(text);
        }
        // windows of one length, whose activations are kept from step to step
        batch::windows(texts, batch.context, batch.context).predicting(predicted, Some(batch.token_bytes))
    }
}
