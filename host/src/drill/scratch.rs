//! The scratch folder that contains a drill's runs.

use super::DrillOptions;
use super::program::{Act, Ended, start};
use crate::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Name of the run within its place.
const RUN: &str = "drill";

/// The most files of one kind in one folder that are damaged.
const SAME_KIND_MAX: usize = 2;

/// The folder of a drill; removed at the end.
pub struct Scratch(TempDir);

/// One run with its store.
pub struct Place(PathBuf);

/// A file of a run.
pub struct RunFile {
    /// Path below the place.
    pub path: PathBuf,
}

impl Scratch {
    /// Makes an empty folder.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(options: &DrillOptions) -> Result<Self> {
        let parent = options.scratch.clone().unwrap_or_else(std::env::temp_dir);
        let folder = tempfile::Builder::new().prefix("trainyard-drill-").tempdir_in(&parent);
        Ok(Self(folder.map_err(|error| Error::io(&parent, "make a scratch folder in", &error))?))
    }

    /// Returns the place that all runs use in turn, emptied, so that their files name the same paths.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn place(&self) -> Result<Place> {
        self.folder("run")
    }

    /// Makes another place, to keep a copy of a run in.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn aside(&self) -> Result<Place> {
        self.folder("copy")
    }

    fn folder(&self, name: &str) -> Result<Place> {
        let root = self.0.path().join(name);
        if root.exists() {
            fs::remove_dir_all(&root).map_err(|error| Error::io(&root, "remove", &error))?;
        }
        fs::create_dir_all(&root).map_err(|error| Error::io(&root, "create", &error))?;
        // as the system's own calls name it, whatever links lead there
        Ok(Place(root.canonicalize().map_err(|error| Error::io(&root, "resolve", &error))?))
    }

    /// Keeps the folder.
    pub fn keep(self) -> PathBuf {
        self.0.keep()
    }
}

impl Place {
    /// Returns the folder of the place.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Returns the run's folder.
    pub fn run(&self) -> PathBuf {
        self.0.join("runs").join(RUN)
    }

    /// Trains, from the beginning or from the point where an earlier run in this place stopped.
    ///
    /// # Errors
    /// The program cannot be started or traced.
    pub fn train(&self, options: &DrillOptions, act: Act) -> Result<Ended> {
        let mut command = Command::new(&options.program);
        command.arg("train").arg(&options.config);
        let every = (options.steps / 4).max(1);
        let own = [
            format!("train.steps={}", options.steps),
            format!("train.checkpoint_every={every}"),
            format!("train.validate_every={every}"),
        ];
        let places = [
            format!("run.dir={}", toml_text(&self.0.join("runs"))),
            format!("run.name={RUN}"),
            format!("data.store={}", toml_text(&self.0.join("store"))),
        ];
        for setting in own.iter().chain(&options.set).chain(&places) {
            command.arg("--set").arg(setting);
        }
        // a run that was killed before it had marked its folder is none yet
        if [".trainyard-run.json", "config.toml"].iter().any(|name| self.run().join(name).exists()) {
            command.arg("--resume");
        }
        start(&mut command, &self.0, act).map_err(|error| Error::io(&options.program, "run", &error))
    }

    /// Returns files of the run and its store: of every kind, the first two if there are many.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn files(&self) -> Result<Vec<RunFile>> {
        let mut found = Vec::new();
        walk(&self.0, &mut found)?;
        found.sort();
        let mut n_alike: HashMap<(PathBuf, String), usize> = HashMap::new();
        found.retain(|path| {
            let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
            let kind =
                path.file_name().unwrap_or_default().to_string_lossy().replace(|c: char| c.is_ascii_hexdigit(), "");
            let n = n_alike.entry((folder, kind)).or_default();
            *n += 1;
            *n <= SAME_KIND_MAX
        });
        let below = |path: &PathBuf| RunFile { path: path.strip_prefix(&self.0).unwrap_or(path).to_owned() };
        Ok(found.iter().map(below).collect())
    }

    /// Copies everything to an empty place; hard links stay links there.
    ///
    /// # Errors
    /// A file cannot be copied.
    pub fn copy_to(&self, target: &Self) -> Result<()> {
        let mut files = Vec::new();
        walk(&self.0, &mut files)?;
        let mut copied: HashMap<Inode, PathBuf> = HashMap::new();
        let mut folders = HashSet::new();
        for file in files {
            let to = target.0.join(file.strip_prefix(&self.0).unwrap_or(&file));
            let failed = |error: std::io::Error| Error::io(&to, "copy to", &error);
            let folder = to.parent().unwrap_or(&target.0).to_owned();
            if folders.insert(folder.clone()) {
                fs::create_dir_all(&folder).map_err(failed)?;
            }
            match inode(&file).and_then(|inode| copied.get(&inode)) {
                Some(first) => fs::hard_link(first, &to).map_err(failed)?,
                None => drop(fs::copy(&file, &to).map_err(failed)?),
            }
            if let Some(inode) = inode(&file) {
                copied.entry(inode).or_insert(to);
            }
        }
        Ok(())
    }
}

/// Device and inode number of a file.
type Inode = (u64, u64);

#[cfg(unix)]
fn inode(path: &Path) -> Option<Inode> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn inode(_: &Path) -> Option<Inode> {
    None
}

fn toml_text(path: &Path) -> String {
    toml::Value::String(path.display().to_string()).to_string()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|error| Error::io(folder, "read", &error))? {
        let path = entry.map_err(|error| Error::io(folder, "read", &error))?.path();
        match path.is_dir() {
            // the mark of the best checkpoint: its files are in that checkpoint
            true if path.is_symlink() => {}
            true => walk(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}
