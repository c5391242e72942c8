//! Labelled documents through the stages: strata, and texts that are rewritten under their tags.

use super::{Filtering, NamedFilter};
use crate::corpus::explain::{Prepared, why};
use crate::corpus::survey::stats::{StatsOptions, collect};
use crate::corpus::{DataConfig, LINEAGE, Split};
use crate::report::Detail;
use crate::settings;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use trainyard_plugin::{Filter, Verdict};
use trainyard_text::Words;

/// Joins the words of every text that has "join" in it, and makes the others upper-case.
struct Join;

impl Filter for Join {
    fn judge(&mut self, documents: &[&str]) -> trainyard_plugin::Result<Vec<Verdict>> {
        let rewrite = |text: &&str| match text.contains("join") {
            true => text.replace(' ', ""),
            false => text.to_uppercase(),
        };
        Ok(documents.iter().map(|text| Verdict { text: Some(rewrite(text)), ..Verdict::keep() }).collect())
    }
}

fn config(dir: &Path, data: &str) -> DataConfig {
    let text = format!("[data]\n{data}").replace("DIR", &dir.display().to_string());
    settings::parse(Path::new("x.toml"), &text, &[], |root| root.section("data", DataConfig::read)).unwrap()
}

/// 40 documents of class a and 20 of b, in two files.
fn write_classes(dir: &Path) {
    for (name, label, n) in [("a", "a", 40), ("b", "b", 20)] {
        let lines: String = (0..n)
            .map(|i| {
                let words: Vec<_> = (0..20).map(|word| format!("{label}{i}x{word}")).collect();
                format!("{{\"id\": \"{label}{i}\", \"text\": \"{}\", \"class\": \"{label}\"}}\n", words.join(" "))
            })
            .collect();
        fs::write(dir.join(format!("{name}.jsonl")), lines).unwrap();
    }
}

/// The split of every document that stays, and what explains it.
fn splits(dir: &Path, data: &str) -> BTreeMap<String, Split> {
    let config = config(dir, data);
    let store = dir.join("store");
    let filtering = Filtering { config: &config, filters: &[], store: &store, detail: Detail::Silent };
    let filtered = filtering.filter(true).unwrap();
    let kept = filtered.kept().collect::<crate::Result<Vec<_>>>().unwrap();
    fs::write(dir.join(LINEAGE), serde_json::to_vec(&filtered.lineage()).unwrap()).unwrap();
    let prepared = Prepared::open(dir).unwrap();
    let splits: BTreeMap<_, _> = kept.into_iter().flatten().map(|(split, document)| (document.id, split)).collect();
    for (id, split) in &splits {
        assert_eq!(why(&prepared, id, None).unwrap().split, Some(*split), "{id}");
    }
    splits
}

const STRATA: &str = "validation = 0.1\ntest = 0.1\nstratify = \"label\"\nfields.label = \"class\"\n";

fn count(splits: &BTreeMap<String, Split>, class: &str) -> [usize; 3] {
    Split::ALL.map(|split| splits.iter().filter(|(id, of)| id.starts_with(class) && **of == split).count())
}

#[test]
fn every_class_gives_its_share_and_files_may_be_in_any_order() {
    let dir = TempDir::new().unwrap();
    write_classes(dir.path());
    let source = |name: &str| format!("[[data.source]]\npath = \"DIR/{name}.jsonl\"\n");
    let one = splits(dir.path(), &format!("{STRATA}{}{}", source("a"), source("b")));
    assert_eq!((count(&one, "a"), count(&one, "b")), ([32, 4, 4], [16, 2, 2]));
    let other = splits(dir.path(), &format!("{STRATA}{}{}", source("b"), source("a")));
    assert_eq!(other, one);
    let plain = splits(dir.path(), &format!("validation = 0.1\ntest = 0.1\n{}{}", source("a"), source("b")));
    assert!(plain != one);
}

#[test]
fn decontamination_moves_no_document_between_splits() {
    let dir = TempDir::new().unwrap();
    write_classes(dir.path());
    let source = "[[data.source]]\npath = \"DIR/a.jsonl\"\n[[data.source]]\npath = \"DIR/b.jsonl\"\n";
    let before = splits(dir.path(), &format!("{STRATA}{source}"));
    let known = before.iter().filter(|(_, split)| **split == Split::Train).map(|(id, _)| id).take(5);
    let known: Vec<_> = known.cloned().collect();
    let lines = fs::read_to_string(dir.path().join("a.jsonl")).unwrap();
    let is_known = |line: &&str| known.iter().any(|id| line.contains(&format!("\"id\": \"{id}\"")));
    let evaluation: Vec<_> = lines.lines().filter(is_known).collect();
    fs::write(dir.path().join("known.jsonl"), evaluation.join("\n")).unwrap();
    let data = format!("{STRATA}decontaminate.files = [\"DIR/known.jsonl\"]\n{source}");
    let after = splits(dir.path(), &data);
    assert_eq!(after.len(), before.len() - 5);
    assert!(after.iter().all(|(id, split)| before[id] == *split && !known.contains(id)));
}

#[test]
fn a_text_that_is_rewritten_must_fit_its_tags() {
    let dir = TempDir::new().unwrap();
    let lines = "{\"text\": \"to join\", \"tags\": [\"O\", \"O\"]}\n{\"text\": \"to be\", \"tags\": [\"O\", \"O\"]}\n";
    fs::write(dir.path().join("a.jsonl"), lines).unwrap();
    let config = config(dir.path(), "fields.tags = \"tags\"\n[[data.source]]\npath = \"DIR/a.jsonl\"\n");
    let make = Box::new(|| Ok(Box::new(Join) as Box<dyn Filter>));
    let (name, plugin, settings) = ("join".to_owned(), "join".to_owned(), BTreeMap::new());
    let filters = [NamedFilter { name, plugin, settings, source: None, make }];
    let store = dir.path().join("store");
    let filtered = Filtering { config: &config, filters: &filters, store: &store, detail: Detail::Silent };
    let filtered = filtered.filter(true).unwrap();
    let kept = filtered.kept().collect::<crate::Result<Vec<_>>>().unwrap();
    let texts: Vec<_> = kept.iter().flatten().map(|(_, document)| document.text()).collect();
    assert_eq!(texts, ["TO BE"]);
    fs::write(dir.path().join(LINEAGE), serde_json::to_vec(&filtered.lineage()).unwrap()).unwrap();
    let why = why(&Prepared::open(dir.path()).unwrap(), "a.jsonl:1", None).unwrap();
    assert_eq!(why.dropped_by, Some(("join".into(), "tags do not fit the rewritten text".into())));
    assert!(why.to_string().contains("metadata  {\"tags\":[\"O\",\"O\"]}"), "{why}");
}

#[test]
fn statistics_count_labels_by_source_and_split() {
    let dir = TempDir::new().unwrap();
    write_classes(dir.path());
    let source = "[[data.source]]\npath = \"DIR/a.jsonl\"\n[[data.source]]\npath = \"DIR/b.jsonl\"\n";
    let config = config(dir.path(), &format!("{STRATA}{source}"));
    let options = StatsOptions { words: Words::default(), lowercase: false, top: 5, memory_bytes: 1 << 20 };
    let stats = collect(&config, &options, dir.path()).unwrap();
    let labels = &stats.total.labels;
    assert_eq!(labels.iter().map(|label| label.counted.count).collect::<Vec<_>>(), [40, 20]);
    assert_eq!(labels[1].splits.values().copied().collect::<Vec<_>>(), [16, 2, 2]);
    assert_eq!(stats.sources[1].labels[0].counted.text, "b");
    let shown = stats.to_string();
    let expected = "labels of all\n                 40  66.667%  a  (train 32, validation 4, test 4)\n";
    assert!(shown.contains(expected), "{shown}");
    assert!(!shown.contains("tags of"), "{shown}");
}
