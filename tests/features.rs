//! Features of documents compared with scikit-learn's, and statistics.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use trainyard::corpus::survey::features::{FeatureKind, FeatureOptions, Frequency, Tokens, extract};
use trainyard::corpus::survey::stats::{StatsOptions, collect};
use trainyard::corpus::{DataConfig, SourceConfig};
use trainyard_text::Words;

/// The texts as JSON lines, ids counted from 0.
fn source(folder: &Path, texts: &[&str]) -> DataConfig {
    let path = folder.join("texts.jsonl");
    let lines: Vec<_> =
        texts.iter().enumerate().map(|(i, text)| json!({ "id": i, "text": text }).to_string()).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    DataConfig::new(vec![SourceConfig::new(&path)])
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A matrix as it was written.
struct Matrix {
    indptr: Vec<i64>,
    indices: Vec<i32>,
    data: Vec<f64>,
    idf: Vec<f64>,
    shape: Value,
}

fn read_matrix(folder: &Path) -> Matrix {
    let bytes = fs::read(folder.join("features.safetensors")).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let data = |name: &str| tensors.tensor(name).map_or(Vec::new(), |tensor| tensor.data().to_vec());
    let f64s = |name: &str| data(name).as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
    Matrix {
        indptr: data("indptr").as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect(),
        indices: data("indices").as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes)).collect(),
        data: f64s("data"),
        idf: f64s("idf"),
        shape: serde_json::from_str(&metadata.metadata().as_ref().unwrap()["shape"]).unwrap(),
    }
}

#[track_caller]
fn assert_close(got: &[f64], expected: &Value) {
    let expected: Vec<f64> = serde_json::from_value(expected.clone()).unwrap();
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= 1e-12 * expected.abs(), "{got}, expected {expected}");
    }
}

fn options(case: &str) -> FeatureOptions {
    let default = FeatureOptions::default();
    let default = FeatureOptions { overwrite: true, ..default };
    let counts = FeatureOptions { kind: FeatureKind::Counts, ..default.clone() };
    let share = Frequency::Share;
    match case {
        "counts" => counts,
        "counts, n-grams" => {
            FeatureOptions { ngrams: 1..=3, min_df: Frequency::Documents(2), max_df: share(0.5), ..counts }
        }
        "counts, most frequent" => FeatureOptions { max_features: Some(42), lowercase: false, ..counts },
        "tfidf" => default,
        "tfidf, sublinear" => FeatureOptions { sublinear: true, ngrams: 2..=2, min_df: share(0.05), ..default },
        "hashing" => FeatureOptions { kind: FeatureKind::Hashing(1 << 20), ..default },
        "hashing, few columns" => FeatureOptions { kind: FeatureKind::Hashing(97), ngrams: 1..=2, ..default },
        _ => panic!("{case}"),
    }
}

#[test]
fn features_are_those_of_scikit_learn() {
    let golden = read_json(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/features.json")));
    let texts: Vec<&str> = golden["documents"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    let config = source(folder.path(), &texts);
    for case in golden["cases"].as_array().unwrap() {
        let out = folder.path().join("out");
        let report = extract(&config, &options(case["name"].as_str().unwrap()), &out).unwrap();
        let matrix = read_matrix(&out);
        assert_eq!(json!([report.documents, report.terms]), case["shape"], "{}", case["name"]);
        assert_eq!(matrix.shape, case["shape"]);
        assert_eq!(json!(matrix.indptr), case["indptr"], "{}", case["name"]);
        assert_eq!(json!(matrix.indices), case["indices"], "{}", case["name"]);
        assert_close(&matrix.data, &case["data"]);
        if let Some(terms) = case["terms"].as_str() {
            let terms = terms.split(' ').enumerate();
            let terms: BTreeMap<_, _> = terms.map(|(i, term)| (term.replace('+', " "), i)).collect();
            assert_eq!(read_json(&out.join("vocabulary.json")), json!(terms));
        }
        if case["idf"].is_array() {
            assert_close(&matrix.idf, &case["idf"]);
        }
    }
}

#[test]
fn threads_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let text = |i: usize| (0..50).map(|j| format!("w{} ", (i * j * j + 7 * j) % (17 * i + 5))).collect::<String>();
    let texts: Vec<String> = (0..3000).map(text).collect();
    let config = source(folder.path(), &texts.iter().map(String::as_str).collect::<Vec<_>>());
    let options = FeatureOptions { neighbours: 3, ngrams: 1..=2, overwrite: true, ..FeatureOptions::default() };
    let stats = StatsOptions { words: Words::Unicode, lowercase: false, top: 5, memory_bytes: 1 << 30 };
    let mut results = Vec::new();
    for (n_threads, memory_bytes) in [(1, 1 << 30), (3, 1 << 20)] {
        let out = folder.path().join("out");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| extract(&config, &options, &out)).unwrap();
        let files = ["features.safetensors", "vocabulary.json", "ids.json", "neighbours.jsonl"];
        let files = files.map(|name| fs::read(out.join(name)).unwrap());
        // a mebibyte for 150 000 words and their n-grams: most are counted through files
        let stats = StatsOptions { memory_bytes, ..stats.clone() };
        let stats = pool.install(|| collect(&config, &stats, folder.path())).unwrap();
        results.push((files, serde_json::to_string(&stats).unwrap()));
    }
    assert!(results[0] == results[1]);
}

#[test]
fn neighbours_are_the_largest_cosines() {
    let folder = tempfile::tempdir().unwrap();
    let config = source(folder.path(), &["aa bb", "aa bb bb", "cc", "bb aa", "aa dd"]);
    let options = FeatureOptions { kind: FeatureKind::Counts, neighbours: 2, ..FeatureOptions::default() };
    extract(&config, &options, folder.path()).unwrap();
    let text = fs::read_to_string(folder.path().join("neighbours.jsonl")).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids = |row: usize| rows[row]["neighbours"].as_array().unwrap().iter().map(|n| n[0].as_str().unwrap()).collect();
    let ids: Vec<Vec<&str>> = (0..5).map(ids).collect();
    assert_eq!(ids, [vec!["3", "1"], vec!["0", "3"], vec![], vec!["0", "1"], vec!["0", "3"]]);
    let cosine = rows[0]["neighbours"][1][1].as_f64().unwrap();
    assert!((cosine - 3.0 / 10f64.sqrt()).abs() < 1e-15);
}

#[test]
fn nothing_left_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let config = source(folder.path(), &["a b", "c …"]);
    let error = extract(&config, &FeatureOptions::default(), folder.path()).unwrap_err();
    assert_eq!(error.to_string(), "features: no term is left of 0; lower --min-df, or raise --max-df");
    let words = FeatureOptions { tokens: Tokens::Words(Words::Unicode), overwrite: true, ..FeatureOptions::default() };
    assert_eq!(extract(&config, &words, folder.path()).unwrap().terms, 3);
}

#[test]
fn statistics() {
    let folder = tempfile::tempdir().unwrap();
    let config = source(folder.path(), &["The cat.\nthe cat", "床前明月光", "The cat.\nthe cat", "x\u{3000}é"]);
    let options = StatsOptions { words: Words::Zh, lowercase: true, top: 2, memory_bytes: 1 << 20 };
    let stats = collect(&config, &options, folder.path()).unwrap();
    let total = &stats.total;
    assert_eq!((total.documents, total.words, total.lines, total.characters), (4, 15, 6, 40));
    assert_eq!((total.bytes, stats.duplicates), (16 + 15 + 16 + 6, 1));
    let [words, pairs, _] = &stats.grams[..] else { panic!("{:?}", stats.grams) };
    assert_eq!((words.tokens, words.types, words.hapaxes, words.top[1].text.as_str()), (15, 9, 7, "the"));
    assert_eq!((pairs.top[0].text.as_str(), pairs.top[0].count), ("the cat", 4));
    let scripts: Vec<_> = stats.characters.scripts.iter().map(|script| script.text.as_str()).collect();
    assert_eq!(scripts, ["Latin", "White space", "Han", "Punctuation"]);
    assert_eq!(total.words_quantiles, [2, 2, 4, 4, 5]);
    assert!(stats.to_string().contains("15 words, 9 different (type/token 0.6000), 77.8% of these once"), "{stats}");
}
