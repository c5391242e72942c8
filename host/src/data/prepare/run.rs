//! Sources to shards, in one folder: read, filter, split, train the tokenizer, encode.

use super::encode::Encoder;
use super::filter::{NamedFilter, filter_documents};
use super::spool::{Spool, batches, texts};
use crate::data::DataConfig;
use crate::data::load::{Dataset, MANIFEST, ShardInfo, write};
use crate::data::manifest::DataReport;
use crate::data::read::{Document, Documents, digest_files, list};
use crate::data::split::Split;
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use trainyard_plugin::{END_OF_TEXT, Tokenizer, Vocabulary};

/// A tokenizer and how reports name it.
pub struct NamedTokenizer {
    /// Its name.
    pub name: String,
    /// What its training is a function of, besides the documents: plugin and settings.
    pub digest: String,
    /// A trained model to load; without it the tokenizer is trained on the train split.
    pub model: Option<Vec<u8>>,
    /// The plugin.
    pub instance: Box<dyn Tokenizer>,
}

/// Prepares `dir`: `train.shard`, `validation.shard`, `test.shard` (where their share is above 0), `tokenizer.model`,
/// `vocabulary.json`, and at last `manifest.json`. Leaves the tokenizer loaded.
///
/// The result is a function of the sources, the config, the filters and the tokenizer: the same bytes each time.
/// Memory holds a batch of documents and some 60 bytes per document, not the corpus; `dir` holds the kept text
/// meanwhile. Filters and tokenizer must be new: what an instance observed before would count again.
///
/// Errors: sources that cannot be read, filters that leave nothing, an empty split, whatever a plugin reports.
pub fn prepare(
    config: &DataConfig,
    filters: &mut [NamedFilter],
    tokenizer: &mut NamedTokenizer,
    dir: &Path,
) -> Result<Dataset> {
    fs::create_dir_all(dir).map_err(|error| Error::io(dir, "create", &error))?;
    remove_stale(dir)?;
    let files = list(config)?;
    let source = digest_files(&files)?;
    let mut documents = Documents::new(config, files)?;
    let (mut spool, filters) = filter_documents(&mut documents, filters, dir)?;
    let counts = documents.counts;
    let mut report = DataReport {
        read: counts.documents,
        empty: counts.empty,
        invalid_utf8_replaced: counts.invalid_utf8_replaced,
        invalid_utf8_dropped: counts.invalid_utf8_dropped,
        filters,
        kept: spool.n_documents,
        ..DataReport::default()
    };
    check_splits(config, &mut spool, &report)?;
    tracing::info!("data: {} of {} documents kept", report.kept, report.read);

    let model = match &tokenizer.model {
        Some(model) => model.clone(),
        None => train(config, &mut spool, tokenizer.instance.as_mut())?,
    };
    tokenizer.instance.load(&model)?;
    let vocabulary = tokenizer.instance.vocabulary()?;
    let info = shard_info(tokenizer, &model, &vocabulary, source)?;

    let mut encoder = Encoder::new(config, dir, info, &vocabulary)?;
    for batch in batches(spool.documents()?) {
        encoder.push(config, tokenizer.instance.as_mut(), &batch?)?;
    }
    let files = encoder.finish(&mut report)?;

    write(dir, tokenizer, &model, &vocabulary, &info, files, report)
}

/// Without its manifest an older preparation cannot be taken for this one, should this one be cut short.
pub(in crate::data) fn remove_stale(dir: &Path) -> Result<()> {
    for name in [MANIFEST.to_owned()].into_iter().chain(Split::ALL.map(Split::file)) {
        let path = dir.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(&path, "remove", &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Every split that was asked for has a document; found out before hours go into a tokenizer.
fn check_splits(config: &DataConfig, spool: &mut Spool, report: &DataReport) -> Result<()> {
    if report.kept == 0 {
        let dropped: Vec<_> = report.filters.iter().filter(|filter| filter.dropped() > 0).collect();
        if dropped.is_empty() {
            let (read, empty, invalid) = (report.read, report.empty, report.invalid_utf8_dropped);
            let what = format!("read {read} documents: {empty} empty, {invalid} not utf-8");
            return Err(Error::run(format!("data: no document to train on ({what}); name sources that hold text")));
        }
        let dropped: Vec<_> = dropped.iter().map(|f| format!("filter {:?} dropped {}", f.name, f.summary())).collect();
        return Err(Error::run(format!(
            "data: no document is left: {}; loosen the filter's settings or remove it",
            dropped.join(", ")
        )));
    }
    let mut n_documents = BTreeMap::from(Split::ALL.map(|split| (split, 0u64)));
    for document in spool.documents()? {
        *n_documents.entry(Split::of(&document?.id, config)).or_default() += 1;
    }
    for split in Split::ALL {
        let share = split.share(config);
        if n_documents[&split] > 0 || share == Some(0.0) {
            continue;
        }
        let (name, kept) = (split.name(), report.kept);
        let cure = "cut the text into more documents (data.source.document) or add some";
        return Err(Error::run(match share {
            None => format!(
                "data: no document of {kept} is in the train split, data.validation and data.test take them all; lower these, or {cure}"
            ),
            Some(share) => format!(
                "data: no document of {kept} is in the {name} split with data.{name} = {share}; raise it, set it to 0, or {cure}"
            ),
        }));
    }
    Ok(())
}

fn train(config: &DataConfig, spool: &mut Spool, tokenizer: &mut dyn Tokenizer) -> Result<Vec<u8>> {
    let is_train = |document: &Result<Document>| match document {
        Ok(document) => Split::of(&document.id, config) == Split::Train,
        Err(_) => true,
    };
    for batch in batches(spool.documents()?.filter(is_train)) {
        tokenizer.observe(&texts(&batch?))?;
    }
    Ok(tokenizer.train()?)
}

pub(in crate::data) fn shard_info(
    tokenizer: &NamedTokenizer,
    model: &[u8],
    vocabulary: &Vocabulary,
    source: [u8; 32],
) -> Result<ShardInfo> {
    let mut digest = Sha256::new();
    digest.update((tokenizer.digest.len() as u64).to_le_bytes());
    digest.update(&tokenizer.digest);
    digest.update(model);
    let n_vocabulary = u32::try_from(vocabulary.tokens.len()).unwrap_or(u32::MAX);
    if n_vocabulary == 0 {
        return Err(Error::plugin(format!("tokenizer {:?}: the vocabulary is empty", tokenizer.name)));
    }
    let end_of_text = vocabulary.special(END_OF_TEXT);
    if end_of_text.is_none() {
        tracing::warn!("tokenizer {:?} has no {END_OF_TEXT}: documents follow one another unmarked", tokenizer.name);
    }
    Ok(ShardInfo { n_vocabulary, end_of_text, tokenizer: digest.finalize().into(), source })
}
