//! A config for a text: sizes chosen for the text and this machine, written down with the reasons.

mod config;
mod sizes;
mod survey;

use super::{Memory, RunConfig, RunFolder};
use crate::base::write::write_file;
use crate::corpus::{Format, format_of};
use crate::ops::{Device, DeviceChoice, Engine, Peak, Precision};
use crate::{Error, Result};
use config::{DOCUMENT_BYTES, Subject, amount, draft, duration, render};
use sizes::{Machine, SHAPES, Sizes};
use std::fs;
use std::path::{Path, PathBuf};
use survey::{Text, check_text};

/// Minutes that a run takes if nothing is said.
const MINUTES: f64 = 5.0;

/// Documents that a short text is cut into.
const DOCUMENTS: u64 = 100;

/// The shortest document that a text is cut to, in bytes.
const DOCUMENT_BYTES_MIN: u64 = 100;

/// Text from which on a model can learn something of a language, in bytes.
const LITTLE: u64 = 20_000;

/// The config of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextConfig {
    /// Where it is.
    pub path: PathBuf,
    /// What to say about it: the text, what was chosen, where the config is.
    pub lines: Vec<String>,
}

/// Tells if what is to be trained on is a text, or a folder or pattern of texts, rather than a config.
///
/// # Errors
/// A run's folder; a text that is not there.
pub fn is_text(path: &Path) -> Result<bool> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml")) {
        return Ok(false);
    }
    let Ok(metadata) = fs::metadata(path) else {
        return match (is_pattern(path), format_of(&name)) {
            (true, _) => Ok(true),
            (false, Some(_)) => Err(Error::usage(format!("{}: no such file", path.display()))),
            (false, None) => Ok(false),
        };
    };
    if metadata.is_dir() && RunFolder::open(path).is_ok() {
        let config = path.join("config.toml");
        return Err(Error::usage(format!(
            "{}: expected a config or a text, got the folder of a run; train it with `trainyard train {} --resume`",
            path.display(),
            config.display()
        )));
    }
    if metadata.is_dir() || format_of(&name).is_some() {
        return Ok(true);
    }
    // a config by any other name; what is no file is read as one, too
    let is_config = || fs::read_to_string(path).ok()?.parse::<toml::Table>().ok()?.contains_key("data").then_some(());
    Ok(metadata.is_file() && is_config().is_none())
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// The config to train on a text with: one that was written before, or a new one. `set` are overrides of it, which it
/// does not hold; `minutes` is about how long training may take.
///
/// # Errors
/// A text that cannot be read or holds none, a config of that name for something else, overrides with mistakes.
pub fn config_for_text(text: &Path, set: &[String], minutes: Option<f64>) -> Result<TextConfig> {
    let shown = text.display().to_string();
    let absolute = absolute(text)?;
    let name = value_of(set, "run.name").map_or_else(|| name_of(text), str::to_owned);
    let dir = value_of(set, "run.dir").map(|dir| std::path::absolute(dir).unwrap_or_else(|_| dir.into()));
    let path = dir.clone().unwrap_or_else(|| "runs".into()).join(format!("{name}.toml"));
    if path.exists() {
        return written_before(path, &absolute, &shown, minutes);
    }
    let file = text.file_name().unwrap_or_default().to_string_lossy();
    let format = format_of(&file);
    if text.is_file() && format.is_none_or(|format| format == Format::Text) && !is_packed(&file) {
        check_text(text)?;
    }
    let is_unnamed = text.is_file() && format.is_none();
    let config = path.display().to_string();
    let mut subject = Subject {
        name: &name,
        dir: dir.as_deref(),
        shown: &shown,
        path: &absolute,
        is_unnamed,
        document_bytes: DOCUMENT_BYTES,
        config: &config,
    };
    let read = |subject: &Subject<'_>| Text::read(&RunConfig::parse(&draft(subject), set)?.data);
    let mut seen = read(&subject)?;
    if seen.documents == 0 {
        return Err(Error::usage(format!("{shown}: holds no text to train on")));
    }
    if seen.documents < DOCUMENTS {
        // so many that some can be held out
        subject.document_bytes = (seen.bytes / DOCUMENTS).clamp(DOCUMENT_BYTES_MIN, DOCUMENT_BYTES);
        seen = read(&subject)?;
    }
    let (sizes, rendered) = choose(&subject, &seen, set, minutes.unwrap_or(MINUTES))?;
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(|error| Error::io(dir, "create", &error))?;
    }
    write_file(&path, rendered.as_bytes())?;
    Ok(TextConfig { lines: lines(&subject, &seen, &sizes), path })
}

/// The largest sizes that fit in the memory there is, and the config that says them.
fn choose(subject: &Subject<'_>, text: &Text, set: &[String], minutes: f64) -> Result<(Sizes, String)> {
    let (device, _) = Device::open(DeviceChoice::Auto)?;
    let flops = Peak::measure(&Engine::on(device.clone(), Precision::F32))?.flops();
    let machine = Machine { flops, seconds: 60.0 * minutes };
    let mut n_shapes = SHAPES.len();
    loop {
        let sizes = Sizes::choose(text, &machine, &SHAPES[..n_shapes]);
        let rendered = render(subject, text, &sizes);
        let config = RunConfig::parse(&rendered, set)?;
        let fits = Memory::of(&config, sizes.vocabulary, &device)?.check(&config, sizes.vocabulary, &device);
        n_shapes = SHAPES.iter().position(|shape| *shape == sizes.shape).unwrap_or(0);
        if fits.is_ok() || n_shapes == 0 {
            return Ok((sizes, rendered));
        }
    }
}

/// What to say about a new config.
fn lines(subject: &Subject<'_>, text: &Text, sizes: &Sizes) -> Vec<String> {
    let Subject { shown, config, .. } = subject;
    let Sizes { shape, vocabulary, steps, .. } = sizes;
    let mut lines = vec![
        format!("text: {shown}, {} in {} documents", amount(text), text.documents),
        format!(
            "chosen: vocabulary {vocabulary}, {} layers of width {}, context {}; {steps} steps of {} tokens, about {}",
            shape.layers,
            shape.width,
            shape.context,
            shape.step_tokens,
            duration(sizes.seconds)
        ),
        format!("config: {config} says why; edit it, and pass it instead of the text"),
    ];
    if text.bytes < LITTLE {
        let held_out = if text.share().is_none() { ", and none is held out to measure it on" } else { "" };
        lines.push(format!(
            "warning: {} is too little to learn a language from: the model will learn it by heart{held_out}",
            amount(text)
        ));
    } else if text.share().is_none() {
        lines.push(format!(
            "warning: {} documents are too few to hold any out: the model will not be measured",
            text.documents
        ));
    }
    lines
}

/// A config that an earlier call wrote, perhaps edited since.
fn written_before(path: PathBuf, text: &str, shown: &str, minutes: Option<f64>) -> Result<TextConfig> {
    let config = RunConfig::load(&path, &[])?;
    let is_same = config.data.source.iter().any(|source| source.path == Path::new(text));
    let path_shown = path.display();
    if !is_same {
        return Err(Error::usage(format!(
            "{shown}: {path_shown} is there already, for another text; set another name, such as --set run.name=other"
        )));
    }
    if minutes.is_some() {
        return Err(Error::usage(format!(
            "--minutes: {path_shown} was written before and has its train.steps; edit or remove it, or set another name, \
             such as --set run.name=other"
        )));
    }
    Ok(TextConfig { lines: vec![format!("config: {path_shown}, as it was written before")], path })
}

/// The path of a text for a config, which may lie elsewhere.
fn absolute(text: &Path) -> Result<String> {
    let failed = |error| Error::io(text, "resolve", &error);
    let path = if text.exists() { text.canonicalize() } else { std::path::absolute(text) }.map_err(failed)?;
    path.into_os_string()
        .into_string()
        .map_err(|path| Error::usage(format!("{}: expected a path in UTF-8, which configs are in", path.display())))
}

/// The value that the last override of a key gives it.
fn value_of<'a>(set: &'a [String], key: &str) -> Option<&'a str> {
    let values = set.iter().rev().filter_map(|text| text.split_once('='));
    let mut values = values.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim());
    values.next().map(|value| value.trim_matches(['"', '\'']))
}

/// The name of a run on a text: `alice` for `books/alice.txt.gz`.
fn name_of(text: &Path) -> String {
    let has_wildcard = |part: &str| part.contains(['*', '?', '[']);
    let canonical = text.canonicalize().unwrap_or_else(|_| text.to_owned());
    let parts: Vec<_> =
        canonical.iter().filter_map(|part| part.to_str()).take_while(|part| !has_wildcard(part)).collect();
    let last = parts.last().copied().unwrap_or_default();
    let stem = last.split('.').find(|part| !part.is_empty()).unwrap_or_default();
    let name = stem.replace(|char: char| !char.is_alphanumeric() && !"-_".contains(char), "-");
    match name.as_str() {
        "" | "-" => "text".to_owned(),
        // the folder of finished data
        "store" => "store-text".to_owned(),
        _ => name,
    }
}

fn is_packed(name: &str) -> bool {
    [".gz", ".gzip", ".zst", ".zstd", ".xz", ".bz2"].iter().any(|ending| name.to_ascii_lowercase().ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_named_after_their_text() {
        for (path, name) in [
            ("a/alice.txt.gz", "alice"),
            ("no/红楼梦.txt", "红楼梦"),
            ("no/.hidden", "hidden"),
            ("no/two words.md", "two-words"),
            ("crawl/**/*.jsonl", "crawl"),
            ("*.txt", "text"),
            ("store/", "store-text"),
        ] {
            assert_eq!(name_of(Path::new(path)), name, "{path}");
        }
    }
}
