//! Files of tokens that other programs wrote: Megatron-LM, nanoGPT, llm.c.
//!
//! They become shards once, in the data folder of a run. From there on nothing differs from tokens of text: they are
//! checked, shuffled, packed, resumed and measured alike.

mod file;
mod megatron;

use super::dataset::{Dataset, write};
use super::prepare::{NamedTokenizer, remove_stale, shard_info};
use super::shard::ShardWriter;
use crate::corpus::{DataReport, SplitReport, TokensConfig};
use crate::{Error, Result};
use file::TokenFile;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Prepares `dir` as [`super::Preparation::prepare`] does, of files of tokens.
///
/// A document ends where the file says so, and at each end of text; those that are empty are left out. Memory holds a
/// piece of a file, and Megatron-LM's index.
///
/// # Errors
/// A file that is missing, cut off, altered or of another form; a token that the tokenizer does not have; a file
/// without tokens; no model, for a tokenizer that needs one.
pub fn import(config: &TokensConfig, tokenizer: &NamedTokenizer<'_>, dir: &Path) -> Result<Dataset> {
    fs::create_dir_all(dir).map_err(|error| Error::io(dir, "create", &error))?;
    remove_stale(dir)?;
    let source = config.digest()?;
    let model = match &tokenizer.model {
        Some(model) => model.clone(),
        None => without_model(tokenizer)?,
    };
    let mut instance = (tokenizer.make)()?;
    instance.load(&model)?;
    let vocabulary = instance.vocabulary()?;
    let info = shard_info(tokenizer, &model, &vocabulary, source)?;
    let (mut files, mut report) = (BTreeMap::new(), DataReport::default());
    for (split, path) in config.files() {
        let mut file = TokenFile::open(path, config.format)?;
        let mut writer = ShardWriter::create(&dir.join(split.file()), info)?;
        report.empty += copy(&mut file, &mut writer)?;
        let shard = writer.finish()?;
        let (documents, tokens) = (shard.n_documents(), shard.n_tokens());
        if documents == 0 {
            return Err(Error::run(format!("{}: holds no tokens; name a file that does", path.display())));
        }
        let length = |id: u32| vocabulary.tokens.get(id as usize).map_or(0, |token| token.len() as u64);
        let bytes = shard.tokens(0..tokens).map(length).sum();
        let bytes_per_token = bytes as f64 / tokens as f64;
        report.kept += documents;
        let (sources, held_out) = (Vec::new(), None);
        report.splits.push(SplitReport { split, documents, bytes, tokens, bytes_per_token, sources, held_out });
        files.insert(split.file(), shard.entry());
    }
    report.read = report.kept + report.empty;
    write(dir, tokenizer, &model, &vocabulary, &info, files, report)
}

/// The model of a tokenizer that has nothing to learn.
fn without_model(tokenizer: &NamedTokenizer<'_>) -> Result<Vec<u8>> {
    let model = (tokenizer.make)()?.train();
    model.ok().filter(Vec::is_empty).ok_or_else(|| {
        let message = "expected the model of the tokenizer that made data.tokens, got none";
        Error::usage(format!("tokenizer.model: {message}"))
    })
}

/// Copies all documents; returns how many were empty.
fn copy(file: &mut TokenFile, writer: &mut ShardWriter) -> Result<u64> {
    let (end_of_text, n_vocabulary) = (writer.info().end_of_text, writer.info().n_vocabulary);
    let (mut tokens, mut n_empty, mut is_open) = (Vec::new(), 0, false);
    while let Some(ends) = file.next(n_vocabulary, &mut tokens)? {
        for part in tokens.split_inclusive(|&id| Some(id) == end_of_text) {
            let ended = part.last().copied() == end_of_text && end_of_text.is_some();
            let part = &part[..part.len() - usize::from(ended)];
            writer.append(part)?;
            is_open |= !part.is_empty();
            if ended && is_open {
                writer.end_document()?;
                is_open = false;
            }
        }
        if ends && is_open {
            writer.end_document()?;
            is_open = false;
        } else if ends && tokens.is_empty() {
            n_empty += 1;
        }
    }
    if is_open {
        writer.end_document()?;
    }
    Ok(n_empty)
}
