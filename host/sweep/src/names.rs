//! Names of variants: what differs from the base, short enough to read and safe as the name of a folder.

use super::value::text;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Value;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a name. Longer ones are cut.
const NAME_MAX: usize = 80;

/// The name of the base without changes.
pub const BASE: &str = "base";

/// The key that names a plugin: an axis of it is called by what the plugin is for.
const PLUGIN: &str = "plugin";

/// Keys with their values, as far as a variant changes them.
pub type Swaps<'a> = Vec<(&'a str, &'a Value)>;

/// Names of variants, all different, also for a file system that knows no case. A name depends on what the variant
/// changes and on the keys of all axes; one that two variants would share gets a digest.
pub fn names(variants: &[Swaps<'_>]) -> Vec<String> {
    let mut keys: Vec<_> = variants.iter().flatten().map(|(key, _)| *key).collect();
    keys.sort_unstable();
    keys.dedup();
    let labels: BTreeMap<_, _> = keys.iter().copied().zip(labels(&keys)).collect();
    let named = |swaps: &Swaps<'_>| {
        let part = |(key, value): &(&str, &Value)| {
            format!("{}={}", labels.get(key).map_or(*key, String::as_str), label_of(value))
        };
        let name = swaps.iter().map(part).collect::<Vec<_>>().join(",");
        if name.is_empty() { BASE.to_owned() } else { name }
    };
    let long: Vec<_> = variants.iter().map(named).collect();
    let mut counts = BTreeMap::new();
    long.iter().for_each(|name| *counts.entry(name.to_lowercase()).or_insert(0) += 1);
    let short = |(name, swaps): (&String, &Swaps<'_>)| match counts.get(&name.to_lowercase()) {
        Some(1) if name.len() <= NAME_MAX => name.clone(),
        _ => shortened(name, swaps),
    };
    long.iter().zip(variants).map(short).collect()
}

/// The beginning of the name, and a digest of what the variant changes.
fn shortened(name: &str, swaps: &Swaps<'_>) -> String {
    let changes: Vec<_> = swaps.iter().map(|(key, value)| format!("{key}={}", text(value))).collect();
    let digest = format!("~{:012x}", xxh3_64(changes.join("\n").as_bytes()) >> 16);
    format!("{}{digest}", &name[..name.len().min(NAME_MAX - digest.len())])
}

/// The shortest end of each key that is no other key's.
fn labels(keys: &[&str]) -> Vec<String> {
    let forms: Vec<Vec<String>> = keys.iter().map(|key| ends(key)).collect();
    let label = |(index, own): (usize, &Vec<String>)| {
        let is_free = |form: &&String| forms.iter().enumerate().all(|(other, of)| other == index || !of.contains(form));
        own.iter().find(is_free).or(own.last()).cloned().unwrap_or_default()
    };
    forms.iter().enumerate().map(label).collect()
}

/// What a key may be called, from short to long: its ends that begin with a word, the whole key last.
fn ends(key: &str) -> Vec<String> {
    let parts: Vec<_> = key.split('.').collect();
    let is_word = |part: &&str| !part.bytes().all(|byte| byte.is_ascii_digit());
    let from = |parts: &[&str]| -> Vec<String> {
        (0..parts.len()).rev().filter(|&at| is_word(&parts[at])).map(|at| parts[at..].join(".")).collect()
    };
    let mut ends = match parts.split_last() {
        Some((&PLUGIN, place)) => from(place),
        _ => from(&parts),
    };
    if ends.last().is_none_or(|last| last != key) {
        ends.push(key.to_owned());
    }
    ends
}

/// A value in characters that need no quotes.
fn label_of(value: &Value) -> String {
    let label = match value {
        Value::String(text) => safe(stem(text)),
        Value::Array(items) => items.iter().map(label_of).collect::<Vec<_>>().join("+"),
        Value::Table(table) => leaves(table).join("+"),
        value => safe(&text(value)),
    };
    match (label.is_empty(), value) {
        (false, _) => label,
        (true, Value::Table(_)) => BASE.to_owned(),
        (true, _) => "none".to_owned(),
    }
}

/// What a table sets: its plugin by name, then each other key with its value.
fn leaves(table: &toml::Table) -> Vec<String> {
    let plugin = table.get(PLUGIN).map(label_of);
    let others = table.iter().filter(|(key, _)| *key != PLUGIN).flat_map(|(key, value)| match value {
        Value::Table(inner) => leaves(inner),
        value => vec![format!("{}={}", safe(key), label_of(value))],
    });
    plugin.into_iter().chain(others).collect()
}

/// The name of a file without its folder and ending; other texts as they are.
fn stem(text: &str) -> &str {
    let is_ending = |ending: &str| ending.len() <= 6 && ending.bytes().all(|byte| byte.is_ascii_alphabetic());
    let ending = Path::new(text).extension().and_then(|ending| ending.to_str()).filter(|ending| is_ending(ending));
    match text.contains('/') || ending.is_some() {
        true => Path::new(text).file_stem().and_then(|stem| stem.to_str()).unwrap_or(text),
        false => text,
    }
}

/// The text with a `-` for what a shell or a file system would take for something else.
fn safe(text: &str) -> String {
    let is_safe = |char: char| char.is_ascii_alphanumeric() || "._+-".contains(char);
    let mut name = String::new();
    for char in text.chars() {
        match is_safe(char) {
            true => name.push(char),
            false if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            false => {}
        }
    }
    name.trim_end_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::value::parse;
    use super::*;

    fn of(variants: &[&[(&str, &str)]]) -> Vec<String> {
        let parsed: Vec<Vec<_>> =
            variants.iter().map(|swaps| swaps.iter().map(|(key, value)| (*key, parse(value))).collect()).collect();
        let swaps: Vec<Swaps<'_>> =
            parsed.iter().map(|swaps| swaps.iter().map(|(key, value)| (*key, value)).collect()).collect();
        names(&swaps)
    }

    #[test]
    fn a_name_says_what_differs() {
        assert_eq!(of(&[&[]]), ["base"]);
        assert_eq!(of(&[&[("loss.plugin", "focal"), ("optimizer.lr", "2e-3")]]), ["loss=focal,lr=0.002"]);
        assert_eq!(of(&[&[("loss.plugin", "../a/my.wasm")]]), ["loss=my"]);
        assert_eq!(of(&[&[("a.lr", "-1"), ("b.lr", "1e-8")]]), ["a.lr=-1,b.lr=1e-8"]);
        assert_eq!(of(&[&[("data.filter.0.config.min_words", "5")]]), ["min_words=5"]);
        assert_eq!(of(&[&[("metric.0.plugin", "a"), ("metric.1.plugin", "b")]]), ["metric.0=a,metric.1=b"]);
        assert_eq!(of(&[&[("loss.plugin", "a"), ("x.loss", "b")]]), ["loss.plugin=a,x.loss=b"]);
        let tokenizer = "{ plugin = \"bpe\", config.vocab_size = 1024 }";
        assert_eq!(of(&[&[("tokenizer", tokenizer)]]), ["tokenizer=bpe+vocab_size=1024"]);
        assert_eq!(of(&[&[("tokenizer", "{}"), ("data.filter", "[]")]]), ["tokenizer=base,filter=none"]);
        let filters = "[{ plugin = \"length\" }, { plugin = \"pii\" }]";
        assert_eq!(of(&[&[("data.filter", filters)]]), ["filter=length+pii"]);
        assert_eq!(of(&[&[("sample.prompt", "It is a truth, / \\ $HOME …")]]), ["prompt=HOME"]);
    }

    #[test]
    fn names_differ_and_are_folders() {
        let long = "x".repeat(200);
        let swaps: [&[(&str, &str)]; 7] = [
            &[("loss.plugin", "a/my.wasm")],
            &[("loss.plugin", "b/my.wasm")],
            &[("loss.plugin", "MY")],
            &[("loss.plugin", &long)],
            &[("loss.plugin", "../..")],
            &[("loss.plugin", "ÄÖ")],
            &[("loss.plugin", "'?'")],
        ];
        let names = of(&swaps);
        let lower: std::collections::BTreeSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(lower.len(), names.len(), "{names:?}");
        for name in &names {
            assert!(name.len() <= NAME_MAX && name.starts_with("loss="), "{name}");
            assert!(name.chars().all(|char| char.is_ascii_alphanumeric() || "._+-=,~".contains(char)), "{name}");
        }
        let reversed: Vec<_> = swaps.iter().rev().copied().collect();
        let mut again = of(&reversed);
        again.reverse();
        assert_eq!(names, again);
    }
}
