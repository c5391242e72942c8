//! A prepared folder, opened and verified.

use super::prepare::NamedTokenizer;
use super::shard::{CURE, Shard, ShardInfo};
use super::tasks::Encode;
use crate::base::files::hex;
use crate::base::write::write_file;
use crate::corpus::{DataReport, FileEntry, Manifest, Split, TokenizerReport};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use trainyard_plugin::Vocabulary;
use xxhash_rust::xxh3::xxh3_128;

/// Version of the manifest of shards without planes, and of those with them: a program that knows no planes says so.
const FORMATS: [u32; 2] = [1, 2];

pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const MODEL: &str = "tokenizer.model";
pub(crate) const VOCABULARY: &str = "vocabulary.json";

/// Everything that training and evaluation read.
#[derive(Debug)]
pub struct Dataset {
    /// Trained on.
    pub train: Shard,
    /// Held out for validation; none when its share is 0.
    pub validation: Option<Shard>,
    /// Held out until the end; none when its share is 0.
    pub test: Option<Shard>,
    /// The tokenizer that made the tokens.
    pub tokenizer: TokenizerFiles,
    /// What was prepared, from what.
    pub manifest: Manifest,
}

impl Dataset {
    /// Says that the folder was moved to `dir`.
    pub(crate) fn relocate(&mut self, dir: &Path) {
        let shards = [Some(&mut self.train), self.validation.as_mut(), self.test.as_mut()];
        shards.into_iter().flatten().for_each(|shard| shard.relocate(dir));
    }
}

/// What is needed of the tokenizer besides the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizerFiles {
    /// For [`trainyard_plugin::Tokenizer::load`].
    pub model: Vec<u8>,
    /// Size of the vocabulary.
    pub n_tokens: usize,
    /// The token that ends a document.
    pub end_of_text: Option<u32>,
    /// Bytes of text that each token stands for, shape [n_tokens]; 0 for special tokens.
    pub token_bytes: Vec<u32>,
}

/// `vocabulary.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct VocabularyFile {
    end_of_text: Option<u32>,
    token_bytes: Vec<u32>,
}

impl VocabularyFile {
    pub fn new(vocabulary: &Vocabulary, end_of_text: Option<u32>) -> Self {
        let token_bytes =
            vocabulary.tokens.iter().map(|token| u32::try_from(token.len()).unwrap_or(u32::MAX)).collect();
        Self { end_of_text, token_bytes }
    }
}

/// Opens what [`super::Preparation`] wrote, and verifies every file against the manifest, which reads each once.
///
/// # Errors
/// A folder without manifest (preparation was cut short, or never ran), a missing, altered or foreign file.
pub fn open(dir: &Path) -> Result<Dataset> {
    let path = dir.join(MANIFEST);
    let json = fs::read(&path).map_err(|error| Error::io(&path, &format!("read ({CURE})"), &error))?;
    let manifest: Manifest = serde_json::from_slice(&json)
        .map_err(|error| Error::run(format!("{}: not a data manifest: {error}; {CURE}", path.display())))?;
    if !FORMATS.contains(&manifest.format) {
        let ([plain, planes], got) = (FORMATS, manifest.format);
        let message = format!("expected format {plain} or {planes}, got {got}; {CURE}");
        return Err(Error::run(format!("{}: {message}", path.display())));
    }
    let shard = |split: Split| -> Result<Option<Shard>> {
        let Some(entry) = manifest.files.get(&split.file()) else { return Ok(None) };
        let path = dir.join(split.file());
        let shard = Shard::open(&path)?;
        check(&path, entry, shard.n_bytes(), shard.checksum())?;
        Ok(Some(shard))
    };
    let train = shard(Split::Train)?
        .ok_or_else(|| Error::run(format!("{}: names no {}; {CURE}", path.display(), Split::Train.file())))?;
    let (validation, test) = (shard(Split::Validation)?, shard(Split::Test)?);
    let model = read_checked(dir, MODEL, &manifest)?;
    let vocabulary: VocabularyFile = serde_json::from_slice(&read_checked(dir, VOCABULARY, &manifest)?)
        .map_err(|error| Error::run(format!("{}: {error}; {CURE}", dir.join(VOCABULARY).display())))?;
    let tokenizer = TokenizerFiles {
        model,
        n_tokens: vocabulary.token_bytes.len(),
        end_of_text: vocabulary.end_of_text,
        token_bytes: vocabulary.token_bytes,
    };
    let dataset = Dataset { train, validation, test, tokenizer, manifest };
    dataset.check(&path)?;
    Ok(dataset)
}

impl Dataset {
    /// What the files say of each other; `manifest` is the file of the manifest.
    fn check(&self, manifest: &Path) -> Result<()> {
        let TokenizerFiles { n_tokens, end_of_text, .. } = self.tokenizer;
        let shards = [(Split::Train, Some(&self.train)), (Split::Validation, self.validation.as_ref())];
        for (split, shard) in shards.into_iter().chain([(Split::Test, self.test.as_ref())]) {
            let Some(shard) = shard else { continue };
            let info = shard.info();
            if (info.n_vocabulary as usize, info.end_of_text) != (n_tokens, end_of_text) {
                let vocabulary = |n_tokens: usize, end: Option<u32>| match end {
                    Some(id) => format!("{n_tokens} tokens with {id} as end of text"),
                    None => format!("{n_tokens} tokens without an end of text"),
                };
                return Err(Error::run(format!(
                    "{}: is of {}, {VOCABULARY} of {}; {CURE}",
                    shard.path().display(),
                    vocabulary(info.n_vocabulary as usize, info.end_of_text),
                    vocabulary(n_tokens, end_of_text)
                )));
            }
            let spans = self.manifest.report.splits.iter().filter(|report| report.split == split);
            for span in spans.flat_map(|report| &report.sources) {
                let end = span.first_document.checked_add(span.documents);
                if end.is_none_or(|end| end > shard.n_documents()) {
                    return Err(Error::run(format!(
                        "{}: source {:?} ends after the last of {} documents of {}; {CURE}",
                        manifest.display(),
                        span.name,
                        shard.n_documents(),
                        split.file()
                    )));
                }
            }
        }
        Ok(())
    }
}

/// Completes a prepared folder whose shards are `files` and have the planes of `task`: writes the tokenizer's model,
/// the vocabulary and, last of all, the manifest; then opens it.
///
/// # Errors
/// A file that cannot be written, or is not what was written.
pub(super) fn write(
    dir: &Path,
    task: &dyn Encode,
    (tokenizer, model): (&NamedTokenizer<'_>, &[u8]),
    vocabulary: &Vocabulary,
    info: &ShardInfo,
    mut files: BTreeMap<String, FileEntry>,
    report: DataReport,
) -> Result<Dataset> {
    let not_json = |error| Error::run(format!("cannot write the manifest: {error}"));
    let vocabulary = serde_json::to_vec(&VocabularyFile::new(vocabulary, info.end_of_text)).map_err(not_json)?;
    for (name, bytes) in [(MODEL, model), (VOCABULARY, &vocabulary)] {
        write_file(&dir.join(name), bytes)?;
        files.insert(name.into(), FileEntry { bytes: bytes.len() as u64, xxh3: format!("{:032x}", xxh3_128(bytes)) });
    }
    let tokenizer = TokenizerReport {
        name: tokenizer.name.clone(),
        digest: tokenizer.digest.clone(),
        model_sha256: hex(&Sha256::digest(model)),
        trained: tokenizer.model.is_none(),
        n_tokens: info.n_vocabulary,
    };
    let format = FORMATS[usize::from(!task.planes().is_empty())];
    let manifest = Manifest { format, source_digest: hex(&info.source), tokenizer, files, report };
    write_file(&dir.join(MANIFEST), &serde_json::to_vec_pretty(&manifest).map_err(not_json)?)?;
    open(dir)
}

fn read_checked(dir: &Path, name: &str, manifest: &Manifest) -> Result<Vec<u8>> {
    let path = dir.join(name);
    let bytes = fs::read(&path).map_err(|error| Error::io(&path, &format!("read ({CURE})"), &error))?;
    let entry = manifest
        .files
        .get(name)
        .ok_or_else(|| Error::run(format!("{}: names no {name}; {CURE}", dir.join(MANIFEST).display())))?;
    check(&path, entry, bytes.len() as u64, xxh3_128(&bytes))?;
    Ok(bytes)
}

fn check(path: &Path, entry: &FileEntry, bytes: u64, xxh3: u128) -> Result<()> {
    if entry.bytes != bytes || entry.xxh3 != format!("{xxh3:032x}") {
        return Err(Error::run(format!("{}: not the file that the manifest names; {CURE}", path.display())));
    }
    Ok(())
}
