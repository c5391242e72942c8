//! All tensors of a folder.

use super::file::TensorFile;
use super::{Entry, INDEX, MODEL, index};
use crate::formats::peft::{ADAPTER_CONFIG, Adapter, check_base};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The tensors of a model, in one file or in shards; opened, but not read.
#[derive(Debug)]
pub struct Weights {
    folder: PathBuf,
    files: Vec<TensorFile>,
    /// The file's place by tensor.
    places: BTreeMap<String, usize>,
    /// What is added to them.
    adapter: Option<Adapter>,
}

/// Files with weights that are not read, because loading them can run code.
const PICKLES: [&str; 3] = ["pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth"];

/// The most shards that are opened.
const SHARDS_MAX: usize = 1000;

impl Weights {
    /// Opens `model.safetensors` of a folder, or the shards of its index. All headers are read. The weights of an
    /// adapter are those of its model with it.
    ///
    /// # Errors
    /// No such file, or one that is damaged, cut off, or leads out of the folder.
    pub fn open(folder: &Path) -> Result<Self> {
        let (single, index) = (folder.join(MODEL), folder.join(INDEX));
        if single.exists() {
            return Self::new(folder, vec![TensorFile::open(&single)?], &BTreeMap::new());
        }
        if index.exists() {
            return Self::sharded(folder, &index);
        }
        if folder.join(ADAPTER_CONFIG).exists() {
            return Self::adapted(folder);
        }
        let what = match PICKLES.iter().find(|name| folder.join(name).exists()) {
            Some(pickle) => format!(
                "has its weights in {pickle}, a Python pickle, which can run code when it is read; expected {MODEL}: save \
                 the model again with transformers' save_pretrained"
            ),
            None => format!("expected {MODEL} or {INDEX} in it"),
        };
        Err(Error::run(format!("{}: {what}", folder.display())))
    }

    /// Opens the weights of the model that the adapter in `folder` is for, with it.
    fn adapted(folder: &Path) -> Result<Self> {
        let adapter = Adapter::open(folder)?;
        let base = adapter.config.base(folder)?;
        if base.join(ADAPTER_CONFIG).exists() && !base.join(MODEL).exists() && !base.join(INDEX).exists() {
            let (folder, base) = (folder.display(), base.display());
            let cure = format!("make a model of it with: trainyard convert {base} FOLDER");
            return Err(Error::usage(format!("{folder}: is an adapter for {base}, which is an adapter too; {cure}")));
        }
        check_base(folder)?;
        let weights = Self::open(&base)?;
        adapter.check(|name| weights.entry(name).map(|entry| &entry.shape[..]))?;
        Ok(Self { adapter: Some(adapter), ..weights })
    }

    fn sharded(folder: &Path, index: &Path) -> Result<Self> {
        let named = index::read(index)?;
        let mut names: Vec<&String> = named.values().collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > SHARDS_MAX {
            return Err(Error::run(format!(
                "{}: names {} files, expected at most {SHARDS_MAX}",
                index.display(),
                names.len()
            )));
        }
        let files = names.iter().map(|name| TensorFile::open(&folder.join(name))).collect::<Result<Vec<_>>>()?;
        let mut owners = BTreeMap::new();
        for (tensor, name) in &named {
            let place = names.binary_search(&name).unwrap_or_default();
            if !files[place].entries.contains_key(tensor) {
                return Err(Error::run(format!(
                    "{}: says that {tensor} is in {name}, which does not have it; get both files again",
                    index.display()
                )));
            }
            owners.insert(tensor.clone(), place);
        }
        Self::new(folder, files, &owners)
    }

    /// `owners` decides for names that several files have.
    fn new(folder: &Path, files: Vec<TensorFile>, owners: &BTreeMap<String, usize>) -> Result<Self> {
        let mut places = owners.clone();
        for (place, file) in files.iter().enumerate() {
            for name in file.entries.keys().filter(|name| !owners.contains_key(*name)) {
                if places.insert(name.clone(), place).is_some() {
                    return Err(Error::run(format!(
                        "{}: tensor {name} is in several files, and the index does not say which counts",
                        folder.display()
                    )));
                }
            }
        }
        Ok(Self { folder: folder.to_owned(), files, places, adapter: None })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.files.iter().map(|file| file.path().to_owned()).chain(self.adapter.iter().map(Adapter::path))
    }

    /// Names, types and shapes, in the order of the names.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.places.iter().map(|(name, &place)| (name.as_str(), &self.files[place].entries[name]))
    }

    /// Type and shape of a tensor.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.places.get(name).map(|&place| &self.files[place].entries[name])
    }

    /// Reads a tensor: `f64` as such, other formats as `f32`, which holds them exactly.
    ///
    /// # Errors
    /// A tensor that is not there, has a type that is not read, or holds a number that is not finite; a file that
    /// cannot be read.
    pub fn read(&mut self, name: &str) -> Result<candle_core::Tensor> {
        match self.places.get(name) {
            Some(&place) => {
                let weight = self.files[place].read(name)?;
                self.adapter.as_mut().map_or(Ok(weight.clone()), |adapter| adapter.merged(name, weight))
            }
            None => Err(Error::run(format!("{}: tensor {name} is missing", self.folder.display()))),
        }
    }
}
