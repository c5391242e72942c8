//! Documents that are given one by one, tokenized to be judged by a model: nothing is filtered, none is left out.

use super::{NamedTokenizer, shard_info};
use crate::Result;
use crate::corpus::{Document, NameReport, Split};
use crate::feed::shard::{Shard, ShardInfo, ShardWriter};
use crate::feed::tasks::{Encode, Names};
use std::path::Path;
use trainyard_plugin::{Tokenizer, Vocabulary};

/// A tokenizer that was loaded, for documents to come.
pub struct Given {
    tokenizer: Box<dyn Tokenizer>,
    vocabulary: Vocabulary,
    info: ShardInfo,
}

/// Documents as a shard.
#[derive(Debug)]
pub struct GivenShard {
    /// Tokens of the documents that have any, in order.
    pub shard: Shard,
    /// Names of its last plane.
    pub names: Vec<NameReport>,
    /// Index of each of its documents among those that were given.
    pub documents: Vec<usize>,
}

impl Given {
    /// Loads a tokenizer whose trained model is `model`.
    ///
    /// # Errors
    /// Whatever the tokenizer reports.
    pub fn new(tokenizer: &NamedTokenizer<'_>, model: &[u8]) -> Result<Self> {
        let mut instance = (tokenizer.make)()?;
        instance.load(model)?;
        let vocabulary = instance.vocabulary()?;
        let info = shard_info(tokenizer, model, &vocabulary, [0; 32])?;
        Ok(Self { tokenizer: instance, vocabulary, info })
    }

    /// The tokenizer.
    pub fn tokenizer(&mut self) -> &mut dyn Tokenizer {
        self.tokenizer.as_mut()
    }

    /// The tokenizer, with its tokens.
    pub fn parts(&mut self) -> (&mut dyn Tokenizer, &Vocabulary) {
        (self.tokenizer.as_mut(), &self.vocabulary)
    }

    /// Its tokens.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The token that ends a document.
    pub fn end_of_text(&self) -> Option<u32> {
        self.info.end_of_text
    }

    /// Writes the tokens and planes of `documents` to the shard `path`.
    ///
    /// # Errors
    /// A document that the task cannot read, a file that cannot be written.
    pub fn shard(&mut self, documents: &[&Document], task: &dyn Encode, path: &Path) -> Result<GivenShard> {
        let samples = task.encode(documents, self.tokenizer.as_mut())?;
        samples.tokens.check(documents.len(), self.vocabulary.tokens.len())?;
        let mut writer = ShardWriter::with_planes(path, self.info, task.planes())?;
        let (mut names, mut kept) = (Names::default(), Vec::new());
        for (index, tokens) in samples.tokens.sequences().enumerate().filter(|(_, tokens)| !tokens.is_empty()) {
            let planes = samples.planes_of(index, &mut names);
            if let Some(numbers) = planes.last().filter(|_| samples.names.is_some()) {
                numbers.iter().for_each(|&number| names.count(Split::Test, number as u32));
            }
            writer.push_with(tokens, &planes.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
            kept.push(index);
        }
        Ok(GivenShard { shard: writer.finish()?, names: names.reports(), documents: kept })
    }
}
