//! The task of denoising: a text is damaged, and what was there is written (T5, Raffel et al., arXiv 1910.10683; BART,
//! Lewis et al., arXiv 1910.13461).

use super::config::{DenoiseConfig, Form};
use super::noise::{self, Draws, Use};
use super::pairs::Pairs;
use super::{Batch, Marks, Sequence, Task};
use crate::feed::batch;
use crate::rows::{InputSet, Rows};
use std::ops::Range;
use trainyard_plugin::Vocabulary;

/// What ends a sentence, as the last character of a token that is no white space.
const SENTENCE_ENDS: [char; 7] = ['.', '!', '?', '。', '！', '？', '।'];

/// Tokens that no window of a source and its target has room for: the marks around it.
const AROUND: usize = 2;

/// Writing of what was hidden, or of the whole text. What happens to a text is a function of the seed, the sequence and
/// the place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Denoise {
    config: DenoiseConfig,
    marks: Marks,
    /// Whether a token ends a sentence, by id; empty where sentences stay where they are.
    ends_sentence: Vec<bool>,
}

/// A damaged text, and what is to be written.
#[derive(Debug, Default, PartialEq)]
struct Damaged {
    source: Vec<u32>,
    target: Vec<u32>,
}

/// Spans of noise in windows of `context` tokens, at most: each needs a sentinel of its own.
pub(super) fn spans_max(config: &DenoiseConfig, context: usize) -> usize {
    match config.form {
        Form::T5 => noise::amount(context.saturating_sub(AROUND), config.rate, config.span).0,
        Form::Bart => 0,
    }
}

impl Denoise {
    /// The task with these marks, for tokens of `vocabulary`.
    pub fn new(config: DenoiseConfig, marks: Marks, vocabulary: &Vocabulary) -> Self {
        let is_special = |id: usize| vocabulary.specials.iter().any(|special| special.id as usize == id);
        let ends = |(id, token): (usize, &Vec<u8>)| {
            let text = String::from_utf8_lossy(token);
            // the end of a text ends its last sentence
            text.trim_end().ends_with(SENTENCE_ENDS) || text.is_empty() && is_special(id)
        };
        let ends_sentence = match config.permute_sentences {
            true => vocabulary.tokens.iter().enumerate().map(ends).collect(),
            false => Vec::new(),
        };
        Self { config, marks, ends_sentence }
    }

    /// A window, damaged.
    fn damage(&self, draws: &Draws, ids: &[u32]) -> Damaged {
        let DenoiseConfig { form, rate, span, .. } = self.config;
        match form {
            Form::T5 => {
                let spans = noise::spans(draws, ids.len(), rate, span);
                let sentinel = |index: usize| self.marks.sentinels.get(index).copied().unwrap_or(self.marks.mask);
                let mut target = Vec::new();
                for (index, span) in spans.iter().enumerate() {
                    target.push(sentinel(index));
                    target.extend(&ids[span.clone()]);
                }
                Damaged { source: replaced(ids, &spans, sentinel), target }
            }
            Form::Bart => {
                let order = self.permuted(draws, ids);
                let spans = noise::infilling(draws, ids.len(), rate, span);
                Damaged { source: replaced(&order, &spans, |_| self.marks.mask), target: ids.to_vec() }
            }
        }
    }

    /// The sentences of a window in a random order.
    fn permuted(&self, draws: &Draws, ids: &[u32]) -> Vec<u32> {
        if !self.config.permute_sentences {
            return ids.to_vec();
        }
        let ends = |id: &u32| self.ends_sentence.get(*id as usize).copied().unwrap_or(false);
        let sentences: Vec<&[u32]> = ids.split_inclusive(ends).collect();
        let order = draws.chosen(Use::Sentence, sentences.len(), sentences.len());
        order.into_iter().flat_map(|sentence| sentences[sentence]).copied().collect()
    }

    /// The tokens of a window: those that a window of next tokens would predict, so that a document that fills one is
    /// whole.
    fn window(batch: &Batch<'_>, sequence: &Sequence) -> Vec<u32> {
        let parts = sequence.parts.iter().map(|Range { start, end }| start + 1..end + 1);
        let ids = parts.flat_map(|part| batch.shard.tokens(part));
        ids.take(batch.context.saturating_sub(AROUND)).collect()
    }
}

/// `ids` with one token in place of each span.
fn replaced(ids: &[u32], spans: &[Range<usize>], by: impl Fn(usize) -> u32) -> Vec<u32> {
    let (mut text, mut end) = (Vec::with_capacity(ids.len()), 0);
    for (index, span) in spans.iter().enumerate() {
        text.extend(&ids[end..span.start]);
        text.push(by(index));
        end = span.end;
    }
    text.extend(&ids[end..]);
    text
}

impl Task for Denoise {
    fn name(&self) -> &'static str {
        "denoise"
    }

    fn supplied(&self) -> InputSet {
        batch::SUPPLIED
    }

    fn rows(&self, batch: &Batch<'_>) -> Rows {
        let mut pairs = Pairs::default();
        for sequence in &batch.sequences {
            let draws = Draws { stream: batch.stream, number: sequence.number };
            let Damaged { source, target } = self.damage(&draws, &Self::window(batch, sequence));
            pairs.push(&self.marks, &source, &target, batch.context);
        }
        pairs.rows(batch.context, batch.token_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Stream;

    const END: u32 = 0;
    const MASK: u32 = 100;

    fn denoise(form: Form, permute_sentences: bool) -> Denoise {
        let rate = if form == Form::T5 { 0.15 } else { 0.3 };
        let config = DenoiseConfig { form, rate, span: 3.0, permute_sentences, start: None };
        let sentinels = (0..100).map(|index| 299 - index).collect();
        let marks =
            Marks { last: Some(END), start: Some(END), mask: MASK, sentinels, n_tokens: 100, ..Marks::default() };
        let mut vocabulary = Vocabulary { tokens: vec![b"word".to_vec(); 100], ..Vocabulary::default() };
        vocabulary.tokens[7] = b". ".to_vec();
        Denoise::new(config, marks, &vocabulary)
    }

    fn window(number: u64, length: usize) -> Vec<u32> {
        let stream = Stream::new(3, "window");
        (0..length as u64).map(|place| 1 + stream.block(number, place)[0] % 99).collect()
    }

    fn draws(number: u64) -> Draws {
        Draws { stream: Stream::new(1, "denoise"), number }
    }

    /// The window from which T5's form was made.
    fn undamaged(damaged: &Damaged) -> Vec<u32> {
        let is_sentinel = |id: &u32| *id >= 200;
        let mut spans = damaged.target.split(is_sentinel).skip(1);
        let mut text = Vec::new();
        for id in &damaged.source {
            if is_sentinel(id) {
                text.extend(spans.next().expect("a span for each sentinel"));
            } else {
                text.push(*id);
            }
        }
        text
    }

    #[test]
    fn source_and_target_are_the_window() {
        let task = denoise(Form::T5, false);
        for length in 0..200 {
            let ids = window(length as u64, length);
            let damaged = task.damage(&draws(length as u64), &ids);
            assert_eq!(undamaged(&damaged), ids);
            let of = |ids: &[u32]| ids.iter().copied().filter(|&id| id >= 200).collect::<Vec<_>>();
            let sentinels = of(&damaged.source);
            assert_eq!(sentinels, of(&damaged.target), "the same sentinels in the same order");
            assert!(sentinels.iter().zip(0..).all(|(&id, index)| id == 299 - index), "{sentinels:?}");
        }
    }

    #[test]
    fn a_masked_text_is_the_window_without_spans() {
        let task = denoise(Form::Bart, false);
        for length in 0..200 {
            let ids = window(length as u64, length);
            let Damaged { source, target } = task.damage(&draws(length as u64), &ids);
            assert_eq!(target, ids);
            let kept: Vec<u32> = source.iter().copied().filter(|&id| id != MASK).collect();
            assert_eq!(kept.len(), length - (length as f64 * 0.3).ceil() as usize);
            let mut rest = ids.iter();
            assert!(kept.iter().all(|id| rest.any(|other| other == id)), "{kept:?} is no part of {ids:?}");
        }
    }

    #[test]
    fn sentences_change_their_places_only() {
        let task = denoise(Form::Bart, true);
        let (mut ids, mut moved) = (window(1, 120), 0);
        ids.iter_mut().step_by(10).for_each(|id| *id = 7);
        for number in 0..20 {
            let permuted = task.permuted(&draws(number), &ids);
            moved += usize::from(permuted != ids);
            let sorted = |ids: &[u32]| {
                let mut sentences: Vec<Vec<u32>> = ids.split_inclusive(|&id| id == 7).map(<[u32]>::to_vec).collect();
                sentences.sort();
                sentences
            };
            // the window does not end with a sentence's end: its last sentence runs into the next one
            let count = |ids: &[u32]| sorted(ids).concat().len();
            assert_eq!(count(&permuted), count(&ids));
            let mut a = permuted.clone();
            let mut b = ids.clone();
            a.sort_unstable();
            b.sort_unstable();
            assert_eq!(a, b);
        }
        assert!(moved >= 19, "{moved}");
    }

    #[test]
    fn the_same_sequence_is_damaged_alike() {
        for form in [Form::T5, Form::Bart] {
            let (task, ids) = (denoise(form, form == Form::Bart), window(1, 100));
            assert_eq!(task.damage(&draws(5), &ids), task.damage(&draws(5), &ids));
            assert_ne!(task.damage(&draws(5), &ids), task.damage(&draws(6), &ids));
            let other = Draws { stream: Stream::new(2, "denoise"), number: 5 };
            assert_ne!(task.damage(&draws(5), &ids), task.damage(&other, &ids));
        }
    }
}
