//! `sweep.json`: what the runs in a sweep's folder belong to.

use super::base::Base;
use super::cells::{Cell, results_of};
use super::sweep::{Design, Sweep};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use trainyard_base::files::{MAX_BINARY_BYTES, read_file};
use trainyard_base::write::write_file;
use trainyard_base::{Error, Result, clean};

/// The file in the sweep's folder.
const FILE: &str = "sweep.json";

/// What marks the folder of a run.
const RUN: &str = ".trainyard-run.json";

/// Settings of the base that decide no result, or that each run is given.
const FREE: [&str; 9] = [
    "run",
    "sample",
    "data.store",
    "data.threads",
    "train.threads",
    "train.workers",
    "train.device",
    "train.checkpoint_every",
    "train.keep_checkpoints",
];

/// Characters of a value in a message.
const SHOWN: usize = 80;

/// What the file holds.
#[derive(Serialize)]
struct Written<'a> {
    /// Version of the program that began the sweep, or that made it larger.
    version: &'a str,
    sweep: &'a Sweep,
    /// The base's settings.
    settings: &'a toml::Table,
    cells: &'a [Cell],
}

/// Takes the folder of a sweep: writes `sweep.json` where there is none, or where the one that is there describes a
/// part of this sweep, such as fewer seeds.
///
/// # Errors
/// The folder of a run or of another sweep, a file that cannot be read or written.
pub fn claim(sweep: &Sweep, base: &Base, version: &str) -> Result<PathBuf> {
    let folder = sweep.folder(base);
    if folder.join(RUN).exists() {
        return Err(Error::usage(format!(
            "{}: expected the folder of a sweep, got that of a run; set another name",
            folder.display()
        )));
    }
    let path = folder.join(FILE);
    let cells = sweep.cells(base)?;
    let written = Written { version, sweep, settings: &base.document, cells: &cells };
    let failed = |error: serde_json::Error| Error::run(format!("{}: cannot write: {error}", path.display()));
    let text = serde_json::to_string_pretty(&written).map_err(failed)? + "\n";
    let new: Value = serde_json::from_str(&text).map_err(failed)?;
    if let Some(old) = read(&path)? {
        if let Some(difference) = difference(&old, &new) {
            return Err(Error::usage(format!(
                "{}: expected the same sweep or a part of it, got another one: {difference}; set another name, or pass --overwrite",
                path.display()
            )));
        }
        if old["cells"] == new["cells"] {
            return Ok(folder);
        }
    }
    fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, "create", &error))?;
    match write_file(&path, text.as_bytes()) {
        // another part, on another machine, may have written the same
        Err(_) if read(&path).is_ok_and(|now| now.is_some_and(|now| now["cells"] == new["cells"])) => Ok(folder),
        written => written.map(|()| folder),
    }
}

/// Moves the folder of a sweep aside, where there is one: to `NAME.1`, or the first number that is free. Returns where
/// it is then.
///
/// # Errors
/// A folder that cannot be renamed.
pub fn set_aside(sweep: &Sweep, base: &Base) -> Result<Option<PathBuf>> {
    let folder = sweep.folder(base);
    if !folder.join(FILE).exists() {
        return Ok(None);
    }
    let numbered = |number: usize| {
        let mut name = folder.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    let aside = (1..).map(numbered).find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_default();
    fs::rename(&folder, &aside).map_err(|error| Error::io(&folder, "rename", &error))?;
    Ok(Some(aside))
}

fn read(path: &Path) -> Result<Option<Value>> {
    let bytes = match read_file(path, MAX_BINARY_BYTES) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(|error| Error::io(path, "read", &error))?,
    };
    let value = serde_json::from_slice(&bytes).ok().filter(|value: &Value| value["cells"].is_array());
    value.map(Some).ok_or_else(|| {
        Error::usage(format!("{}: expected the record of a sweep, got something else; remove it", path.display()))
    })
}

/// What makes the new sweep another one than the old; none where it has all the old one's runs.
fn difference(old: &Value, new: &Value) -> Option<String> {
    let changed = |name: &str, old: &Value, new: &Value| {
        let shown = |value: &Value| match value {
            Value::Null => "nothing".to_owned(),
            value => clean::clip(&value.to_string(), SHOWN).into_owned(),
        };
        format!("{name} was {}, is {}", shown(old), shown(new))
    };
    let (before, now) = (leaves(&old["settings"]), leaves(&new["settings"]));
    let mut keys: Vec<_> = before.keys().chain(now.keys()).collect();
    keys.sort();
    let value = |of: &BTreeMap<String, Value>, key: &String| of.get(key).cloned().unwrap_or_default();
    if let Some(key) = keys.into_iter().find(|key| before.get(*key) != now.get(*key)) {
        return Some(changed(&format!("the base's {key}"), &value(&before, key), &value(&now, key)));
    }
    let fields = ["design", "set", "axes", "random", "halving", "seeds"].into_iter();
    let differs = fields.map(|name| (name, &old["sweep"][name], &new["sweep"][name])).find(|(_, old, new)| old != new);
    let runs_of_new = runs(new);
    let is_part = runs(old).iter().all(|(run, sets)| runs_of_new.get(run) == Some(sets));
    // which variants reach a later rung depends on all of the first one
    let has_rungs = new["sweep"]["design"] == Design::Halving.name();
    match differs {
        Some((name, old, new)) if !is_part || has_rungs => Some(changed(name, old, new)),
        None if !is_part => Some("its runs have other names".to_owned()),
        _ => None,
    }
}

/// Settings by key, without those that are free.
fn leaves(settings: &Value) -> BTreeMap<String, Value> {
    fn add(place: &str, table: &Map<String, Value>, found: &mut BTreeMap<String, Value>) {
        for (key, value) in table {
            let key = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            match value {
                _ if FREE.contains(&key.as_str()) => {}
                Value::Object(inner) => add(&key, inner, found),
                value => drop(found.insert(key, value.clone())),
            }
        }
    }
    let mut found = BTreeMap::new();
    if let Value::Object(table) = settings {
        add("", table, &mut found);
    }
    found
}

/// What decides the results of each run, by its variant and seed.
fn runs(recorded: &Value) -> BTreeMap<(String, u64), Vec<String>> {
    let cells = recorded["cells"].as_array().map(Vec::as_slice).unwrap_or_default();
    let run = |cell: &Value| {
        let sets: Vec<String> = serde_json::from_value(cell["sets"].clone()).ok()?;
        let sets = results_of(&sets).into_iter().map(str::to_owned).collect();
        Some(((cell["variant"].as_str()?.to_owned(), cell["seed"].as_u64()?), sets))
    };
    cells.iter().filter_map(run).collect()
}
