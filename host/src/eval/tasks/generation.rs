//! What a model writes after prompts, always the likeliest token: `HFLM.generate_until` of lm-evaluation-harness.

use crate::Result;
use crate::base::interrupt;
use crate::eval::chat::TextStream;
use crate::eval::predict::largest;
use crate::eval::sharing::shared_out;
use crate::eval::writer::{ROWS, TEXTS};
use crate::feed::Given;
use crate::model::{BatchDecoder, Model, Room};
use crate::ranks::Group;
use crate::report::Counter;
use std::cmp::Reverse;

/// A prompt, and when what follows it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Tokens that are read, at least one.
    pub ids: Vec<u32>,
    /// Texts at which writing ends.
    pub until: Vec<String>,
    /// Tokens at which writing ends.
    pub ends: Vec<u32>,
    /// Most tokens that are written, at least one.
    pub max_tokens: usize,
}

/// A text that is being written.
struct Writing {
    /// Index of its prompt.
    prompt: usize,
    text: TextStream,
    n_left: usize,
}

impl Prompt {
    /// Tokens that may be read: the last that is written is not.
    fn room(&self) -> usize {
        self.ids.len() + self.max_tokens - 1
    }
}

/// What is written after each prompt, in order; none of them needs more than the model's context. Those of similar
/// lengths are written together, by one of several `ranks`.
///
/// # Errors
/// A model that does not write token by token, whatever the tokenizer reports, a signal that asks the program to end; a
/// rank that is gone.
pub fn write(
    model: &Model,
    given: &mut Given,
    prompts: &[Prompt],
    (progress, ranks): (&Counter, Option<&Group>),
) -> Result<Vec<String>> {
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by_key(|&prompt| Reverse(prompts[prompt].room()));
    let (mut groups, mut rest) = (Vec::new(), &order[..]);
    while let Some(&longest) = rest.first() {
        let tokens = prompts[longest].room();
        let (some, behind) = rest.split_at((ROWS / tokens).clamp(1, TEXTS).min(rest.len()));
        rest = behind;
        groups.push((some, tokens));
    }
    let mut written = vec![String::new(); prompts.len()];
    let of_groups = shared_out(ranks, groups.len(), |index| {
        let (some, tokens) = groups[index];
        together(model, given, prompts, (some, tokens), &mut written)?;
        progress.add(some.len() as u64);
        Ok(some.iter().map(|&prompt| std::mem::take(&mut written[prompt])).collect::<Vec<String>>())
    })?;
    let texts = groups.iter().zip(of_groups).flat_map(|((some, _), texts)| some.iter().zip(texts));
    texts.for_each(|(&prompt, text)| written[prompt] = text);
    Ok(written)
}

/// Writes after `some` of the prompts, which need room for so many tokens.
fn together(
    model: &Model,
    given: &mut Given,
    prompts: &[Prompt],
    (some, tokens): (&[usize], usize),
    written: &mut [String],
) -> Result<()> {
    let room = Room { sequences: some.len(), tokens };
    let mut decoder = BatchDecoder::new(model, &vec![&[][..]; some.len()], room)?;
    let read: Vec<&[u32]> = some.iter().map(|&prompt| prompts[prompt].ids.as_slice()).collect();
    let mut logits = decoder.read(&read)?;
    let begin = |&prompt: &usize| {
        let Prompt { until, max_tokens, .. } = &prompts[prompt];
        Writing { prompt, text: TextStream::new(until.iter().cloned()), n_left: *max_tokens }
    };
    let mut open: Vec<Writing> = some.iter().map(begin).collect();
    loop {
        interrupt::check()?;
        let (mut from, mut next, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for (place, (mut writing, logits)) in open.into_iter().zip(&logits).enumerate() {
            let n_tokens = given.vocabulary().tokens.len().min(logits.len());
            let id = largest(&logits[..n_tokens]);
            if writing.push(id, &prompts[writing.prompt], given)? {
                from.push(place);
                next.push([id]);
                left.push(writing);
            } else {
                written[writing.prompt] = writing.text.whole();
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        open = left;
        decoder.reorder(&from)?;
        logits = decoder.read(&next.iter().map(<[u32; 1]>::as_slice).collect::<Vec<_>>())?;
    }
}

impl Writing {
    /// Adds a token; says whether another may follow.
    fn push(&mut self, id: u32, prompt: &Prompt, given: &mut Given) -> Result<bool> {
        if prompt.ends.contains(&id) {
            return Ok(false);
        }
        self.text.push(id, given.tokenizer())?;
        self.n_left -= 1;
        Ok(self.n_left > 0 && !self.text.has_ended())
    }
}
