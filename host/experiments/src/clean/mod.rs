//! What can go: old checkpoints, what killed processes left, and prepared data that no run links.

mod remove;
mod run;
mod store;

pub(crate) use remove::{size, written};

use crate::folder::{CONFIG, LOCK, METRICS, is_running};
use crate::log::Log;
use crate::runs::{Found, State, find, name_of};
use crate::settings;
use crate::table::Table;
use crate::text::plural;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use trainyard_base::{Error, Result, clean};
use trainyard_report::bytes;

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct CleanOptions {
    /// Looks for prepared data that no run links, too.
    pub unused_data: bool,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A checkpoint that is not the run's model and not its best.
    Checkpoint,
    /// A checkpoint that a killed process left half-written or half-removed.
    Leftover,
    /// A file that a killed process left half-written.
    File,
    /// Prepared data.
    Dataset,
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Checkpoint => "checkpoint",
            Self::Leftover | Self::File => "left over",
            Self::Dataset => "data",
        })
    }
}

/// Something that can go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Its folder or file.
    pub path: PathBuf,
    /// The length of its files that trainyard wrote.
    pub bytes: u64,
}

/// What can go of one run or store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The run's or store's folder, as a path within the folder that was searched.
    pub name: String,
    /// The folder.
    pub path: PathBuf,
    /// Each item.
    pub items: Vec<Item>,
}

/// A plan: what can go, and what is left alone. Nothing is removed before [`Self::apply`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Clean {
    /// Runs and stores of which something can go.
    pub groups: Vec<Group>,
    /// The length of all files that can go.
    pub bytes: u64,
    /// Folders that are left alone, and why.
    pub left_alone: Vec<(String, String)>,
    #[serde(skip)]
    runs: Vec<PathBuf>,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// The number of items.
    pub items: usize,
    /// The length of their files.
    pub bytes: u64,
    /// Folders with files that trainyard did not write, which stay.
    pub kept: Vec<PathBuf>,
    /// What could not be removed or is used by now, and why.
    pub left_alone: Vec<(String, String)>,
}

impl Clean {
    /// Finds what can go of the runs at and below `folder`: checkpoints besides the last, the best and the run's model
    /// that none of these runs starts from, and what killed processes left. With `unused_data`, also prepared data in
    /// the stores of these runs that none of them and no other folder on the same disk has; documents after filters and
    /// tokenizers stay in the store, since runs elsewhere may have use for them.
    ///
    /// # Errors
    /// The folder itself cannot be read.
    pub fn plan(folder: &Path, options: &CleanOptions) -> Result<Self> {
        let Found { runs, unreadable } = find(folder)?;
        let mut plan = Self::default();
        for (path, error) in unreadable {
            plan.left_alone.push((name_of(folder, &path), error.to_string()));
        }
        let begun_from = starts(&runs);
        for path in &runs {
            let name = name_of(folder, path);
            match of_idle_run(path) {
                Ok(mut items) => {
                    items.retain(|item| !item.path.canonicalize().is_ok_and(|path| begun_from.contains(&path)));
                    plan.add(name, path, items);
                }
                Err(error) => plan.left_alone.push((name, error.to_string())),
            }
        }
        for store in if options.unused_data { stores(folder, &runs) } else { BTreeSet::new() } {
            let name = name_of(folder, &store);
            match store::items(&store, &runs) {
                Ok(items) => plan.add(name, &store, items),
                Err(error) => plan.left_alone.push((name, error.to_string())),
            }
        }
        plan.runs = runs;
        Ok(plan)
    }

    fn add(&mut self, name: String, path: &Path, items: Vec<Item>) {
        self.bytes += items.iter().map(|item| item.bytes).sum::<u64>();
        if !items.is_empty() {
            self.groups.push(Group { name, path: path.to_owned(), items });
        }
    }

    /// Removes what the plan names, if it still can go: only files that trainyard wrote. A run is locked meanwhile, and
    /// left alone if a process trains in it by now.
    pub fn apply(&self) -> Cleaned {
        let mut cleaned = Cleaned::default();
        for group in &self.groups {
            if !self.runs.contains(&group.path) {
                group.items.iter().for_each(|item| cleaned.remove(item));
                continue;
            }
            match of_locked_run(&group.path) {
                Ok((_lock, now)) => {
                    let is_left =
                        |item: &&Item| now.iter().any(|other| (other.kind, &other.path) == (item.kind, &item.path));
                    group.items.iter().filter(is_left).for_each(|item| cleaned.remove(item));
                }
                Err(error) => cleaned.left_alone.push((group.name.clone(), error.to_string())),
            }
        }
        cleaned
    }
}

impl Cleaned {
    fn remove(&mut self, item: &Item) {
        match remove::remove(item.kind, &item.path) {
            Ok(Some(path)) if item.kind == Kind::Dataset => {
                self.left_alone.push((path.display().to_string(), "it is used by now".to_owned()));
                return;
            }
            Ok(kept) => self.kept.extend(kept),
            Err(error) => {
                self.left_alone.push((item.path.display().to_string(), error.to_string()));
                return;
            }
        }
        self.items += 1;
        self.bytes += item.bytes;
    }
}

/// Finds what can go of a run that no process trains in.
fn of_run(path: &Path, log: &Log) -> Result<Vec<Item>> {
    match run::obstacle(path, State::of(log, false)) {
        Some(obstacle) => Err(Error::run(obstacle)),
        None => run::items(path, log),
    }
}

/// Finds what can go of a run, unless a process trains in it.
fn of_idle_run(path: &Path) -> Result<Vec<Item>> {
    let log = Log::read(&path.join(METRICS))?;
    let host = log.header.as_ref().map_or("", |header| &header.host);
    if is_running(path, host) { Err(Error::run("a process trains in it")) } else { of_run(path, &log) }
}

/// Locks a run and finds what can go of it now.
fn of_locked_run(path: &Path) -> Result<(File, Vec<Item>)> {
    let lock = lock(path)?;
    Ok((lock, of_run(path, &Log::read(&path.join(METRICS))?)?))
}

/// Locks a run's folder as a process that trains does.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let open = File::options().create(true).read(true).write(true).truncate(false).open(&path);
    let mut file = open.map_err(|error| Error::io(&path, "create", &error))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Err(Error::run("a process trains in it by now")),
        Err(TryLockError::Error(error)) => return Err(Error::io(&path, "lock", &error)),
        Ok(()) => {}
    }
    // who is refused meanwhile is told by whom
    drop(file.set_len(0).and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes())));
    Ok(file)
}

/// The checkpoints that runs start from.
fn starts(runs: &[PathBuf]) -> BTreeSet<PathBuf> {
    let named = |run: &PathBuf| {
        let settings = settings::read(&run.join(CONFIG)).unwrap_or_default();
        let from = ["start.from", "adapter.from"].into_iter().filter_map(|key| settings.get(key).map(settings::plain));
        from.filter_map(|from| run.join(from).canonicalize().ok()).collect::<Vec<_>>()
    };
    runs.iter().flat_map(named).collect()
}

/// The stores of runs: next to the runs, and where their configs say.
fn stores(folder: &Path, runs: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut stores: BTreeSet<PathBuf> = [folder.join("store")].into();
    for run in runs {
        stores.extend(run.parent().map(|parent| parent.join("store")));
        let settings = settings::read(&run.join(CONFIG)).unwrap_or_default();
        stores.extend(settings.get("data.store").map(|store| run.join(settings::plain(store))));
    }
    let is_store = |store: &PathBuf| store.join("datasets").is_dir();
    stores.into_iter().filter(is_store).filter_map(|store| store.canonicalize().ok()).collect()
}

impl Display for Clean {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut table = Table::default();
        table.text("of").text("what").text("path").number("size");
        for group in &self.groups {
            for item in &group.items {
                let path = item.path.strip_prefix(&group.path).unwrap_or(&item.path).display().to_string();
                table.row(vec![group.name.clone(), item.kind.to_string(), path, bytes(item.bytes as f64)]);
            }
        }
        if !self.groups.is_empty() {
            write!(f, "{table}")?;
        }
        write_left_alone(f, &self.left_alone)?;
        let n = self.groups.iter().map(|group| group.items.len()).sum();
        match n {
            0 => writeln!(f, "nothing to remove"),
            n => writeln!(f, "{} in {} can go", bytes(self.bytes as f64), plural(n, "item")),
        }
    }
}

impl Display for Cleaned {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for path in &self.kept {
            writeln!(
                f,
                "{}: holds files that trainyard did not write, they stay",
                clean::line(&path.to_string_lossy())
            )?;
        }
        write_left_alone(f, &self.left_alone)?;
        writeln!(f, "removed {}: {}", plural(self.items, "item"), bytes(self.bytes as f64))
    }
}

fn write_left_alone(f: &mut Formatter<'_>, left_alone: &[(String, String)]) -> fmt::Result {
    let mut lines = left_alone.iter();
    lines.try_for_each(|(name, why)| writeln!(f, "{}: left alone: {}", clean::line(name), clean::line(why)))
}
