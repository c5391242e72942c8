//! Documents into the shards of their splits, in one pass.

use super::fidelity::{Fidelity, Measured};
use crate::Result;
use crate::corpus::{
    DataConfig, DataReport, Document, FileEntry, HeldOut, SourceSpan, Split, SplitReport, compression_baseline,
};
use crate::feed::shard::{ShardInfo, ShardWriter};
use crate::feed::tasks::{self, Names, Samples};
use std::collections::BTreeMap;
use std::path::Path;
use trainyard_plugin::Vocabulary;

/// Held-out text that is compressed for comparison: seconds rather than minutes.
const BASELINE_BYTES: usize = 8 << 20;

/// Documents into the shards of their splits.
pub(crate) struct Encoder<'a> {
    vocabulary: &'a Vocabulary,
    /// With what each source has put into it.
    shards: Vec<(Split, ShardWriter, Vec<SourceSpan>)>,
    /// What is known of the text of each held-out split.
    texts: BTreeMap<Split, Measured>,
    held_out: Option<Split>,
    held_out_text: Vec<u8>,
    /// Bytes that the tokens stand for, to be compared with the text's.
    decoded_bytes: u64,
    /// Documents left out because the tokenizer made nothing of them.
    not_encoded: u64,
    /// Whether an id is that of a special token, which text never produces; by id.
    is_special: Vec<bool>,
    /// Special tokens that the tokenizer made of text all the same.
    special_tokens: u64,
    /// Names of the last plane, where it holds names.
    names: Names,
}

impl<'a> Encoder<'a> {
    /// Makes the shards of a config's splits.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn new(
        config: &DataConfig,
        dir: &Path,
        info: ShardInfo,
        task: &dyn tasks::Encode,
        vocabulary: &'a Vocabulary,
    ) -> Result<Self> {
        let has_documents = |split: &Split| split.share(config) != Some(0.0) || config.is_given(*split);
        Self::of(Split::ALL.into_iter().filter(has_documents), dir, info, task, vocabulary)
    }

    /// Makes the shards of these splits, train first, with the planes of `task`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn of(
        splits: impl IntoIterator<Item = Split>,
        dir: &Path,
        info: ShardInfo,
        task: &dyn tasks::Encode,
        vocabulary: &'a Vocabulary,
    ) -> Result<Self> {
        let planes = task.planes();
        let shards: Vec<_> = splits
            .into_iter()
            .map(|split| Ok((split, ShardWriter::with_planes(&dir.join(split.file()), info, planes)?, Vec::new())))
            .collect::<Result<_>>()?;
        let held_out = shards.iter().map(|(split, ..)| *split).rfind(|&split| split != Split::Train);
        let (texts, held_out_text) = (BTreeMap::new(), Vec::new());
        let mut is_special = vec![false; vocabulary.tokens.len()];
        vocabulary.specials.iter().for_each(|special| is_special[special.id as usize] = true);
        Ok(Self {
            vocabulary,
            shards,
            texts,
            held_out,
            held_out_text,
            decoded_bytes: 0,
            not_encoded: 0,
            is_special,
            special_tokens: 0,
            names: Names::default(),
        })
    }

    /// Adds documents, their tokens and planes, and what comes back from the tokens.
    ///
    /// # Errors
    /// Tokens and planes that are not of these documents, a full disk.
    pub fn push(
        &mut self,
        config: &DataConfig,
        batch: &[(Split, Document)],
        samples: &Samples,
        fidelity: &[Option<Fidelity>],
    ) -> Result<()> {
        let encoded = &samples.tokens;
        encoded.check(batch.len(), self.vocabulary.tokens.len())?;
        let bytes = |&id: &u32| self.vocabulary.tokens[id as usize].len() as u64;
        self.decoded_bytes += samples.texts().flatten().map(bytes).sum::<u64>();
        if samples.written.is_none() {
            self.special_tokens += encoded.ids.iter().filter(|&&id| self.is_special[id as usize]).count() as u64;
        }
        let documents = batch.iter().zip(encoded.sequences()).zip(fidelity);
        for (index, (((split, document), tokens), fidelity)) in documents.enumerate() {
            if tokens.is_empty() {
                // no document of the corpus is empty: the tokenizer could not encode it and the config skips errors
                self.not_encoded += 1;
                continue;
            }
            let (split, text) = (*split, samples.text(index, document));
            if Some(split) == self.held_out && self.held_out_text.len() < BASELINE_BYTES {
                let room = BASELINE_BYTES - self.held_out_text.len();
                self.held_out_text.extend_from_slice(&text.as_bytes()[..room.min(text.len())]);
            }
            let given = config.held_out.as_ref().filter(|held_out| held_out.gives(split)).map(|text| &text.source);
            let source = given.or(config.source.get(usize::from(document.source))).map_or("", |source| &source.name);
            if split != Split::Train {
                let measured = self.texts.entry(split).or_default();
                measured.add(text, *fidelity);
                measured.source = given.map(|source| source.name.clone());
            }
            let planes = samples.planes_of(index, &mut self.names);
            if let Some(numbers) = planes.last().filter(|_| samples.names.is_some()) {
                numbers.iter().for_each(|&number| self.names.count(split, number as u32));
            }
            let planes: Vec<_> = planes.iter().map(Vec::as_slice).collect();
            for (_, shard, spans) in self.shards.iter_mut().filter(|(of, ..)| *of == split) {
                let first_token = shard.n_tokens();
                shard.push_with(tokens, &planes)?;
                let (bytes, tokens) = (text.len() as u64, shard.n_tokens() - first_token);
                SourceSpan::count(spans, source, first_token, tokens, bytes);
            }
        }
        Ok(())
    }

    /// Completes the shards, and the report with what is in them.
    ///
    /// # Errors
    /// A full disk, a compressor that fails.
    pub fn finish(mut self, report: &mut DataReport) -> Result<BTreeMap<String, FileEntry>> {
        let mut files = BTreeMap::new();
        for (split, writer, sources) in self.shards {
            let shard = writer.finish()?;
            files.insert(split.file(), shard.entry());
            let (documents, tokens) = (shard.n_documents(), shard.n_tokens());
            let bytes = sources.iter().map(|source| source.bytes).sum();
            let bytes_per_token = bytes as f64 / tokens as f64;
            let held_out = self.texts.remove(&split).map(Measured::finish);
            report.splits.push(SplitReport { split, documents, bytes, tokens, bytes_per_token, sources, held_out });
        }
        report.names = self.names.reports();
        report.not_encoded = self.not_encoded;
        report.special_tokens = self.special_tokens;
        let text_bytes = report.splits.iter().map(|split| split.bytes).sum::<u64>();
        if self.decoded_bytes != text_bytes {
            tracing::warn!(
                "the tokens stand for {} bytes, the text has {text_bytes}: bits per byte count the former",
                self.decoded_bytes
            );
        }
        if let Some(split) = self.held_out {
            report.held_out = Some(HeldOut { split, baseline: compression_baseline(&self.held_out_text)? });
        }
        Ok(files)
    }
}
