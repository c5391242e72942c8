//! Files as they are, tokenized to be measured: no filter, cleaner or deduplication sees them.

use super::encode::Encoder;
use super::{Encode, Encoded, NamedTokenizer, shard_info};
use crate::base::files::hex;
use crate::corpus::{
    Baseline, DataConfig, DataReport, LabelsConfig, NameReport, SourceConfig, Split, SplitReport, Unlabelled,
    digest_files, digest_of, documents, grouped, in_order, list,
};
use crate::feed::shard::Shard;
use crate::feed::tasks;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// Text to be measured, tokenized.
#[derive(Debug)]
pub struct RawText {
    /// Tokens of all documents.
    pub shard: Shard,
    /// Size and digest, and what does not come back from the tokens.
    pub report: SplitReport,
    /// Sizes under general-purpose compressors.
    pub baseline: Option<Baseline>,
    /// Names of the documents, or of their words.
    pub names: Vec<NameReport>,
    /// Files that were read, each with its SHA-256.
    pub files: Vec<(PathBuf, String)>,
}

/// Tokenizes all documents of `sources` with a tokenizer whose trained model is `model`, into a shard in `dir`.
///
/// # Errors
/// Files that cannot be read or hold no text, whatever the tokenizer reports.
pub fn raw_text(
    sources: Vec<SourceConfig>,
    task: &dyn tasks::Encode,
    tokenizer: &NamedTokenizer<'_>,
    model: &[u8],
    dir: &Path,
) -> Result<RawText> {
    let config = DataConfig::new(sources);
    let files = list(&config)?;
    let digests = digest_files(&files)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut instances = Vec::new();
    for _ in 0..threads {
        let mut instance = (tokenizer.make)()?;
        instance.load(model)?;
        instances.push(instance);
    }
    let Some(vocabulary) = instances.first().map(|instance| instance.vocabulary()).transpose()? else {
        return Err(Error::run("no thread to tokenize with"));
    };
    let info = shard_info(tokenizer, model, &vocabulary, digest_of(&files, &digests))?;
    let n_tokens = vocabulary.tokens.len();
    let mut workers: Vec<_> = instances.into_iter().map(|instance| Encode { task, instance, n_tokens }).collect();
    let mut encoder = Encoder::of([Split::Test], dir, info, task, &vocabulary)?;
    let all = documents(&config)?.map(|document| Ok((Split::Test, document?)));
    let all = grouped(all, |(_, document)| document.text().len());
    in_order(all, &mut workers, |Encoded { batch, samples, fidelity }| {
        encoder.push(&config, &batch, &samples, &fidelity)
    })?;
    let mut report = DataReport::default();
    encoder.finish(&mut report)?;
    let split = report.splits.pop().filter(|split| split.documents > 0);
    let Some(split) = split else {
        let paths: Vec<_> = config.source.iter().map(|source| source.path.display().to_string()).collect();
        return Err(Error::run(format!("{}: no text to measure, name a file that holds some", paths.join(", "))));
    };
    Ok(RawText {
        shard: Shard::open(&dir.join(Split::Test.file()))?,
        report: split,
        names: report.names,
        baseline: report.held_out.map(|held_out| held_out.baseline),
        files: files.into_iter().map(|file| file.path).zip(digests.iter().map(|digest| hex(digest))).collect(),
    })
}

/// What is at `path`, read as `like` is read; a file whose name does not say what it holds is plain text.
///
/// # Errors
/// A path where nothing is.
pub fn raw_source(path: &Path, like: &SourceConfig) -> Result<SourceConfig> {
    let default = SourceConfig::new(path);
    let mut source = SourceConfig {
        path: default.path,
        name: default.name,
        format: None,
        weight: 1.0,
        share: None,
        metadata: Vec::new(),
        label: None,
        label_from: None,
        labels: LabelsConfig { unlabelled: Unlabelled::Keep, ..like.labels.clone() },
        filter: Vec::new(),
        ..like.clone()
    };
    let is_pattern = path.to_string_lossy().contains(['*', '?', '[']);
    if !path.exists() && !is_pattern {
        return Err(Error::usage(format!("{}: no such file or folder", path.display())));
    }
    if path.is_file() && list(&DataConfig::new(vec![source.clone()])).is_err() {
        source.format = Some(crate::corpus::Format::Text);
    }
    Ok(source)
}
