//! The store of finished work: nothing is done twice, nothing half-written is read, and it does not matter which
//! process did it.

use super::{Corpus, byte_tokenizer, filter, json_lines, named, read, texts};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use trainyard::corpus::NamedFilter;
use trainyard::feed::Preparation;
use trainyard::feed::tasks::Causal;
use trainyard::report::Detail;
use trainyard_plugin::{Filter, Rule, Verdict};

/// A filter that counts the documents that it sees, and keeps those of at least `min` bytes.
#[derive(Clone)]
struct Counting {
    min: f64,
    asked: Arc<AtomicUsize>,
}

impl Filter for Counting {
    fn judge(&mut self, documents: &[&str]) -> trainyard_plugin::Result<Vec<Verdict>> {
        let rules = self.rules();
        let values = self.measure(documents)?;
        Ok(values.iter().map(|value| Rule::verdict(&rules, &[*value])).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        vec![Rule::at_least("short", "min", self.min)]
    }

    fn measure(&mut self, documents: &[&str]) -> trainyard_plugin::Result<Vec<f64>> {
        self.asked.fetch_add(documents.len(), Ordering::Relaxed);
        Ok(documents.iter().map(|text| text.len() as f64).collect())
    }
}

fn counting(min: f64) -> (NamedFilter<'static>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut filter = named("counting", Counting { min, asked: asked.clone() });
    filter.settings.insert("min".into(), min.to_string());
    (filter, asked)
}

/// Three files of 400 documents with 1 to 99 bytes.
fn corpus() -> Corpus {
    let mut corpus = Corpus::new();
    for file in 0..3 {
        let lines = (0..400).map(|i| {
            let text = "x".repeat(1 + (i * 7 + file) % 99);
            serde_json::json!({ "id": format!("{file}-{i}"), "text": text }).to_string() + "\n"
        });
        corpus.add(&format!("{file}.jsonl"), lines.collect::<String>());
    }
    corpus.config.validation = 0.1;
    corpus
}

fn dataset(corpus: &Corpus) -> [Vec<u8>; 3] {
    ["train.shard", "validation.shard", "manifest.json"].map(|name| read(&corpus.dir().join(name)))
}

#[test]
fn an_unchanged_corpus_is_not_filtered_again() {
    let mut corpus = corpus();
    let (filter, asked) = counting(10.0);
    corpus.prepare_with(&[filter]).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1200);
    let first = dataset(&corpus);
    let (filter, asked) = counting(10.0);
    corpus.prepare_with(&[filter]).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert!(dataset(&corpus) == first);
    // a new file: only its documents
    corpus.add("3.jsonl", json_lines((0..50).map(|_| "a new document")));
    let (filter, asked) = counting(10.0);
    corpus.prepare_with(&[filter]).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 50);
}

#[test]
fn another_limit_uses_what_was_measured() {
    let mut corpus = corpus();
    let with_limit = |corpus: &Corpus, min: f64| {
        let (filter, asked) = counting(min);
        let dataset = corpus.prepare_with(&[filter]).unwrap();
        (asked.load(Ordering::Relaxed), dataset.manifest.report.kept)
    };
    let kept = |min: usize| (0..1200).filter(|i| 1 + (i % 400 * 7 + i / 400) % 99 >= min).count() as u64;
    assert_eq!(with_limit(&corpus, 10.0), (1200, kept(10)));
    assert_eq!(with_limit(&corpus, 90.0), (0, kept(90)));
    assert_eq!(with_limit(&corpus, 2.0), (0, kept(2)));
    corpus.config.scores = false;
    assert_eq!(with_limit(&corpus, 10.0), (1200, kept(10)), "verdicts are no values");
    assert_eq!(with_limit(&corpus, 90.0), (1200, kept(90)));
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let mut results = Vec::new();
    for threads in [1, 2, 7] {
        let mut corpus = corpus();
        corpus.config.threads = threads;
        let short = filter("short", |text| if text.len() < 5 { Verdict::drop("tiny") } else { Verdict::keep() });
        corpus.prepare_with(&[short, counting(10.0).0]).unwrap();
        results.push(dataset(&corpus));
    }
    assert!(results[0] == results[1] && results[0] == results[2]);
}

#[test]
fn parts_make_the_same_as_the_whole() {
    let (whole, parts) = (corpus(), corpus());
    whole.prepare_with(&[counting(10.0).0]).unwrap();
    let store = parts.folder.path().join("store");
    for part in 1..=3 {
        let (filter, asked) = counting(10.0);
        let (filters, tokenizer) = ([filter], byte_tokenizer());
        let (config, filters, tokenizer) = (&parts.config, &filters, &tokenizer);
        let preparation =
            Preparation { config, filters, tokenizer, task: &Causal, store: &store, detail: Detail::Silent };
        assert_eq!(preparation.prepare_part(part, 3).unwrap(), 1);
        assert_eq!(asked.load(Ordering::Relaxed), 400);
    }
    let (filter, asked) = counting(10.0);
    parts.prepare_with(&[filter]).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert!(dataset(&whole) == dataset(&parts));
}

/// All files below the store's `stages` that end in `ending`, sorted.
fn stage_files(corpus: &Corpus, ending: &str) -> Vec<PathBuf> {
    let stages = corpus.folder.path().join("store/stages");
    let files = fs::read_dir(stages).unwrap().flat_map(|unit| fs::read_dir(unit.unwrap().path()).unwrap());
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(ending));
    files.sort();
    files
}

#[test]
fn a_killed_preparation_goes_on_where_it_was() {
    // three pieces of 32 MB in one file, of which a kill left one, half of the next without its record, and a temporary
    let killed = Corpus::of("a.jsonl", json_lines((0..70).map(|i| format!("{i} {}", "word ".repeat(200_000)))));
    let dataset = |corpus: &Corpus| ["train.shard", "manifest.json"].map(|name| read(&corpus.dir().join(name)));
    killed.prepare_with(&[counting(10.0).0]).unwrap();
    let whole = dataset(&killed);
    let records = stage_files(&killed, ".json");
    assert_eq!(records.len(), 3);
    records[1..].iter().for_each(|path| fs::remove_file(path).unwrap());
    let pieces = stage_files(&killed, ".zst");
    fs::write(&pieces[1], &read(&pieces[1])[..1000]).unwrap();
    // of a process that is gone: no process has this number
    fs::rename(&pieces[2], pieces[2].with_extension("zst.99999999.tmp")).unwrap();
    fs::remove_dir_all(killed.folder.path().join("store/datasets")).unwrap();
    let (filter, asked) = counting(10.0);
    killed.prepare_with(&[filter]).unwrap();
    assert!((1..70).contains(&asked.load(Ordering::Relaxed)), "{asked:?}");
    assert!(whole == dataset(&killed));
    assert!(stage_files(&killed, ".tmp").is_empty());
}

#[test]
fn damage_in_the_store_is_an_error_with_a_cure() {
    let corpus = corpus();
    corpus.prepare_with(&[counting(10.0).0]).unwrap();
    fs::remove_dir_all(corpus.folder.path().join("store/datasets")).unwrap();
    let piece = &stage_files(&corpus, ".zst")[0];
    let mut bytes = read(piece);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(piece, bytes).unwrap();
    let error = corpus.message(&corpus.prepare_with(&[counting(10.0).0]).unwrap_err());
    assert!(error.starts_with("store/stages/"), "{error}");
    assert!(error.contains("delete it and run again"), "{error}");
}

#[test]
fn the_same_data_is_prepared_once_at_a_time() {
    let corpus = corpus();
    let (filters, tokenizer, store) = ([], byte_tokenizer(), corpus.folder.path().join("store"));
    let (config, filters, tokenizer) = (&corpus.config, &filters, &tokenizer);
    let preparation = Preparation { config, filters, tokenizer, task: &Causal, store: &store, detail: Detail::Silent };
    let (folder, first) = preparation.prepare_in_store().unwrap();
    let lock = fs::File::open(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let error = corpus.message(&preparation.prepare_in_store().unwrap_err());
    assert!(error.ends_with("another process is preparing the same data, wait for it to end"), "{error}");
    drop(lock);
    assert_eq!(preparation.prepare_in_store().unwrap().1.manifest, first.manifest);
}

#[test]
fn filters_of_a_source_judge_its_documents_only() {
    let corpus = corpus();
    let one = NamedFilter { source: Some(1), ..filter("one", |text| Verdict::rewrite(format!("1{text}"))) };
    let all = filter("all", |text| if text.len() > 95 { Verdict::drop("long") } else { Verdict::keep() });
    let dataset = corpus.prepare_with(&[one, all]).unwrap();
    let report = dataset.manifest.report;
    assert_eq!((report.filters[0].name.as_str(), report.filters[0].seen), ("1/one", 400));
    assert_eq!((report.filters[0].rewritten, report.filters[1].seen), (400, 1200));
}

#[test]
fn a_group_stays_in_one_split() {
    let mut corpus = Corpus::new();
    let line = |i: usize| serde_json::json!({ "id": i, "text": "some text", "book": i % 20 }).to_string() + "\n";
    corpus.add("a.jsonl", (0..400).map(line).collect::<String>()).metadata = vec!["book".into()];
    (corpus.config.validation, corpus.config.group) = (0.3, Some("book".into()));
    let dataset = corpus.prepare().unwrap();
    let splits = &dataset.manifest.report.splits;
    // 20 documents per book: the sizes of the splits are multiples of it
    assert!(splits.iter().all(|split| split.documents % 20 == 0), "{splits:?}");
    assert_eq!(splits.len(), 2);
}

#[test]
fn a_document_dropped_by_a_limit_is_still_measured_and_rewritten() {
    let corpus = Corpus::of("a.jsonl", json_lines(["short", "long enough"]));
    let upper = || filter("upper", |text| Verdict::rewrite(text.to_uppercase()));
    let dataset = corpus.prepare_with(&[counting(8.0).0, upper()]).unwrap();
    assert_eq!(texts(&dataset), ["LONG ENOUGH"]);
    let (loose, asked) = counting(1.0);
    let dataset = corpus.prepare_with(&[loose, upper()]).unwrap();
    assert_eq!((texts(&dataset), asked.load(Ordering::Relaxed)), (vec!["SHORT".into(), "LONG ENOUGH".into()], 0));
}
