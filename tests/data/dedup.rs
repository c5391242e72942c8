//! Deduplication and decontamination as stages of preparing.

use super::{Corpus, filter, texts};
use trainyard::corpus::dedup::{Action, DecontaminateConfig, DedupConfig, Exact, MinHashConfig, Preset};
use trainyard::feed::{Dataset, Shard};
use trainyard_plugin::Verdict;

/// Forty words that only document `i` has.
fn words(i: usize) -> String {
    (0..40).map(|word| format!("{}w{word}", i * 7919)).collect::<Vec<_>>().join(" ")
}

fn line(id: &str, text: &str) -> String {
    serde_json::json!({ "id": id, "text": text }).to_string() + "\n"
}

/// 120 texts, of which every third has an equal one in the other file and every fourth a near one.
fn files() -> [String; 2] {
    let mut files = [String::new(), String::new()];
    for i in 0..120 {
        files[0] += &line(&format!("m{i:03}"), &words(i));
        if i % 3 == 0 {
            files[1] += &line(&format!("z{i:03}"), &words(i));
        }
        if i % 4 == 0 {
            files[1] += &line(&format!("a{i:03}"), &words(i).replace("w39", "other"));
        }
    }
    files
}

fn corpus(order: [usize; 2], threads: usize, config: DedupConfig) -> Corpus {
    let mut corpus = Corpus::new();
    for file in order {
        corpus.add(&format!("{file}.jsonl"), &files()[file]);
    }
    (corpus.config.threads, corpus.config.dedup) = (threads, Some(config));
    corpus
}

fn near() -> DedupConfig {
    let minhash = MinHashConfig { jaccard: 0.5, ..MinHashConfig::preset(Preset::Fineweb) };
    DedupConfig { minhash: Some(minhash), ..DedupConfig::default() }
}

fn sorted(dataset: &Dataset) -> Vec<String> {
    let mut texts = texts(dataset);
    texts.sort();
    texts
}

#[test]
fn one_of_each_stays_whatever_the_order_and_the_threads() {
    // of a near pair the lower id stays: the edited text
    let mut expected: Vec<_> =
        (0..120).map(|i| if i % 4 == 0 { words(i).replace("w39", "other") } else { words(i) }).collect();
    expected.sort();
    for (order, threads) in [([0, 1], 1), ([1, 0], 1), ([0, 1], 3), ([1, 0], 4)] {
        let dataset = corpus(order, threads, near()).prepare().unwrap();
        assert_eq!(sorted(&dataset), expected, "{order:?} {threads}");
        let report = dataset.manifest.report.filters.last().unwrap().clone();
        let dropped = |reason: &str| report.reasons[reason].documents;
        assert_eq!((report.name.as_str(), report.seen), ("dedup", 190));
        assert_eq!(dropped("dedup_exact") + dropped("dedup_near"), 70);
    }
}

#[test]
fn a_group_of_duplicates_lies_in_one_split() {
    let mut corpus = corpus([0, 1], 2, DedupConfig { action: Action::Group, ..near() });
    corpus.config.validation = 0.4;
    let dataset = corpus.prepare().unwrap();
    let first_words = |shard: &Shard| -> Vec<String> {
        let text = |i| super::text(&shard.document(i));
        (0..shard.n_documents()).map(|i| text(i).split(' ').next().unwrap().to_owned()).collect()
    };
    let (train, validation) = (first_words(&dataset.train), first_words(dataset.validation.as_ref().unwrap()));
    assert_eq!(train.len() + validation.len(), 190);
    assert!(validation.len() > 40 && !validation.iter().any(|word| train.contains(word)));
}

#[test]
fn only_what_filters_keep_is_compared() {
    let drop_m = |text: &str| if text.contains("other") { Verdict::drop("edited") } else { Verdict::keep() };
    let dataset = corpus([0, 1], 2, near()).prepare_with(&[filter("edited", drop_m)]).unwrap();
    let mut expected: Vec<_> = (0..120).map(words).collect();
    expected.sort();
    assert_eq!(sorted(&dataset), expected);
}

#[test]
fn repeated_lines_are_cut() {
    let boilerplate = "subscribe to our newsletter for more of this";
    let lines: String =
        (0..5).map(|i| line(&format!("d{i}"), &format!("text {i} {}\n{boilerplate}\n", words(i)))).collect();
    let mut corpus = Corpus::of("a.jsonl", lines);
    corpus.config.dedup = Some(DedupConfig { exact: Exact::Line, ..DedupConfig::default() });
    let dataset = corpus.prepare().unwrap();
    let texts = texts(&dataset);
    assert_eq!(texts.len(), 5);
    let with: Vec<_> = (0..5).filter(|&i| texts[i].contains(boilerplate)).collect();
    assert_eq!(with, [0]);
    assert_eq!(dataset.manifest.report.filters[0].rewritten, 4);
}

#[test]
fn training_text_that_evaluations_know_goes() {
    let mut corpus = Corpus::of("a.jsonl", (0..60).map(|i| line(&format!("d{i}"), &words(i))).collect::<String>());
    corpus.write("benchmark.txt", format!("Question: {} Answer: 7.", words(11)));
    let files = vec![corpus.path("benchmark.txt")];
    corpus.config.decontaminate = Some(DecontaminateConfig { files, ..DecontaminateConfig::default() });
    let report = corpus.prepare().unwrap().manifest.report;
    assert_eq!(report.filters[0].summary(), "1 of 60 documents (contaminated 1)");
    assert_eq!(report.filters[0].reasons["contaminated"].samples, ["d11"]);
    // another benchmark is another result, though no document changed
    corpus.write("benchmark.txt", format!("{} {}", words(3), words(4)));
    assert_eq!(corpus.prepare().unwrap().manifest.report.kept, 58);
}

#[test]
fn training_text_that_is_held_out_goes() {
    // d0 … d59, and copies under other ids: where a copy is held out, its twin in the training text goes
    let lines = (0..60).flat_map(|i| [line(&format!("d{i}"), &words(i)), line(&format!("copy{i}"), &words(i))]);
    let mut corpus = Corpus::of("a.jsonl", lines.collect::<String>());
    corpus.config.test = 0.3;
    corpus.config.decontaminate = Some(DecontaminateConfig::default());
    let dataset = corpus.prepare().unwrap();
    let test = dataset.test.as_ref().unwrap();
    let held_out: Vec<_> = (0..test.n_documents()).map(|i| super::text(&test.document(i))).collect();
    let trained = texts(&dataset);
    assert!(held_out.len() > 15 && !trained.iter().any(|text| held_out.contains(text)));
    assert!(dataset.manifest.report.filters[0].dropped() > 5);
}
