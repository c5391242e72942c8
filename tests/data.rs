//! The data path, with plugins small enough to predict: a byte is a token, a filter is a closure.

mod batches;
mod dedup;
mod encodings;
mod files;
mod mixture;
mod odd_lines;
pub mod packing;
mod pages;
mod parquet;
mod prepare;
mod reading;
mod resume;
mod shards;
mod sources;
mod store;
mod tokens;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use trainyard::Result;
use trainyard::corpus::{DataConfig, NamedFilter, SourceConfig};
use trainyard::feed::{Dataset, EndOfText, NamedTokenizer, Preparation};
use trainyard::report::Detail;
use trainyard_plugin::{END_OF_TEXT, Filter, PluginError, SpecialToken, TokenBatch, Tokenizer, Verdict, Vocabulary};

const END: u32 = 256;

/// One token per byte; the model is the number of bytes that training saw.
#[derive(Default)]
struct Bytes {
    observed: u64,
    loaded: bool,
}

impl Tokenizer for Bytes {
    fn observe(&mut self, texts: &[&str]) -> trainyard_plugin::Result<()> {
        self.observed += texts.iter().map(|text| text.len() as u64).sum::<u64>();
        Ok(())
    }

    fn train(&mut self) -> trainyard_plugin::Result<Vec<u8>> {
        Ok(self.observed.to_string().into_bytes())
    }

    fn load(&mut self, _model: &[u8]) -> trainyard_plugin::Result<()> {
        self.loaded = true;
        Ok(())
    }

    fn vocabulary(&self) -> trainyard_plugin::Result<Vocabulary> {
        let mut tokens: Vec<_> = (0..=255u8).map(|byte| vec![byte]).collect();
        tokens.push(Vec::new());
        Ok(Vocabulary { tokens, specials: vec![SpecialToken { name: END_OF_TEXT.into(), id: END }] })
    }

    fn encode(&mut self, texts: &[&str]) -> trainyard_plugin::Result<TokenBatch> {
        if !self.loaded {
            return Err(PluginError::state("encode before load"));
        }
        let mut batch = TokenBatch::default();
        for text in texts {
            batch.ids.extend(text.bytes().map(u32::from));
            batch.end_sequence()?;
        }
        Ok(batch)
    }

    fn decode(&mut self, batch: &TokenBatch) -> trainyard_plugin::Result<Vec<Vec<u8>>> {
        Ok(batch.sequences().map(|ids| ids.iter().map(|&id| id as u8).collect()).collect())
    }
}

fn byte_tokenizer() -> NamedTokenizer<'static> {
    let make = Box::new(|| Ok(Box::<Bytes>::default() as Box<dyn Tokenizer>));
    NamedTokenizer { name: "bytes".into(), digest: "bytes 1".into(), model: None, end_of_text: EndOfText::Own, make }
}

/// A filter made from a function of one document.
#[derive(Clone)]
struct Judge<F>(F);

impl<F: FnMut(&str) -> Verdict + Send> Filter for Judge<F> {
    fn judge(&mut self, documents: &[&str]) -> trainyard_plugin::Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| (self.0)(document)).collect())
    }
}

fn filter(name: &str, judge: impl FnMut(&str) -> Verdict + Clone + Send + Sync + 'static) -> NamedFilter<'static> {
    named(name, Judge(judge))
}

fn named(name: &str, filter: impl Filter + Clone + Sync + 'static) -> NamedFilter<'static> {
    NamedFilter {
        name: name.into(),
        plugin: format!("{name} 1"),
        settings: BTreeMap::new(),
        source: None,
        make: Box::new(move || Ok(Box::new(filter.clone()))),
    }
}

/// A folder with a corpus and the folder that data is prepared in.
struct Corpus {
    folder: TempDir,
    config: DataConfig,
}

impl Corpus {
    fn new() -> Self {
        let config = DataConfig::new(Vec::new());
        Self { folder: TempDir::new().unwrap(), config }
    }

    /// A corpus of one file.
    fn of(name: &str, content: impl AsRef<[u8]>) -> Self {
        let mut corpus = Self::new();
        corpus.add(name, content);
        corpus
    }

    /// Writes a file and makes it a source.
    fn add(&mut self, name: &str, content: impl AsRef<[u8]>) -> &mut SourceConfig {
        self.write(name, content);
        self.source(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn source(&mut self, name: &str) -> &mut SourceConfig {
        self.config.source.push(SourceConfig::new(self.path(name)));
        self.config.source.last_mut().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("corpus").join(name)
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn prepare(&self) -> Result<Dataset> {
        self.prepare_with(&[])
    }

    fn prepare_with(&self, filters: &[NamedFilter<'_>]) -> Result<Dataset> {
        self.prepare_by(filters, &byte_tokenizer())
    }

    fn prepare_by(&self, filters: &[NamedFilter<'_>], tokenizer: &NamedTokenizer<'_>) -> Result<Dataset> {
        let (store, config) = (self.folder.path().join("store"), &self.config);
        let store = store.as_path();
        Preparation { config, filters, tokenizer, store, detail: Detail::Silent }.prepare(&self.dir())
    }

    /// The error of preparing, without the folder's path.
    fn error(&self) -> String {
        self.message(&self.prepare().unwrap_err())
    }

    fn message(&self, error: &trainyard::Error) -> String {
        let message = error.to_string();
        assert!(!message.contains('\n'), "an error is one line: {message:?}");
        message.replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// The texts of the train split.
    fn texts(&self) -> Vec<String> {
        texts(&self.prepare().unwrap())
    }
}

fn texts(dataset: &Dataset) -> Vec<String> {
    let train = &dataset.train;
    (0..train.n_documents()).map(|i| text(&train.document(i))).collect()
}

fn text(tokens: &[u32]) -> String {
    String::from_utf8(tokens.iter().map(|&id| u8::try_from(id).unwrap()).collect()).unwrap()
}

/// JSON lines of documents `a0`, `a1` … with these texts.
fn json_lines(texts: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let lines = texts.into_iter().enumerate();
    lines
        .map(|(i, text)| serde_json::json!({ "id": format!("a{i}"), "text": text.as_ref() }).to_string() + "\n")
        .collect()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}
