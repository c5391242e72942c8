//! Comparisons. Numbers are those of tests/peers/compare_scipy.py.

use super::{Sample, assert_says, folder};
use crate::{CompareOptions, Comparison, Method, Row, Split, run_folders};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use trainyard_report::{DOCUMENTS, DocumentLoss, EndState, write_documents};
use trainyard_statistics::Verdict;

fn compare(root: &Path, names: &[&str], options: &CompareOptions) -> crate::Result<Comparison> {
    Comparison::of(&names.iter().map(|name| root.join(name)).collect::<Vec<_>>(), options)
}

/// Compares all runs of a folder.
fn all(root: &Path, options: &CompareOptions) -> crate::Result<Comparison> {
    Comparison::of(&[root.to_owned()], options)
}

fn options() -> CompareOptions {
    CompareOptions::default()
}

fn of_metrics(metrics: &[&str]) -> CompareOptions {
    CompareOptions { metrics: metrics.iter().map(|&name| name.to_owned()).collect(), ..options() }
}

fn run(loss: &'static str, seed: i64, bits_per_byte: f64) -> Sample {
    Sample { loss, seed, bits_per_byte, ..Sample::default() }
}

/// Three losses by three seeds.
fn seeds() -> (TempDir, PathBuf) {
    folder(&[
        ("base-1", run("cross-entropy", 1, 2.612)),
        ("base-2", run("cross-entropy", 2, 2.610)),
        ("base-3", run("cross-entropy", 3, 2.615)),
        ("focal-1", run("focal", 1, 2.633)),
        ("focal-2", run("focal", 2, 2.630)),
        ("focal-3", run("focal", 3, 2.638)),
        ("smooth-1", run("label-smoothing", 1, 2.610)),
        ("smooth-2", run("label-smoothing", 2, 2.613)),
        ("smooth-3", run("label-smoothing", 3, 2.616)),
    ])
}

/// The row of a variant in the metric that is shown first.
fn row<'a>(compared: &'a Comparison, metric: &str, variant: &str) -> &'a Row {
    let is_meant = |found: &&crate::MetricComparison| found.name == metric && found.split == compared.split;
    let metric = compared.metrics.iter().find(is_meant).unwrap();
    metric.rows.iter().find(|row| row.variant == variant).unwrap()
}

#[test]
fn variants_over_seeds() {
    let (_dir, root) = seeds();
    let compared = all(&root, &of_metrics(&["bits-per-byte", "loss"])).unwrap();
    let expected = "\
variant  loss.plugin      seeds  tokens/s  time  plugins  parameters
base     cross-entropy        3     4.10k   10s    0.50s       3.75M
focal    focal                3     4.10k   10s    0.50s       3.75M
smooth   label-smoothing      3     4.10k   10s    0.50s       3.75M
8 settings are equal

test loss (lower is better)
variant    mean      sd  difference  verdict
base     5.2247  0.0050           –  base
focal    5.2773  0.0081        n/a¹
smooth   5.2360  0.0060        n/a¹

test bits-per-byte (bits/byte, lower is better)
variant    mean      sd  difference  95 % interval          p  verdict
base     2.6123  0.0025           –                            base
focal    2.6337  0.0040     +0.0213  0.0175 to 0.0251   0.003  worse
smooth   2.6130  0.0030     +0.0007  -0.0056 to 0.0069  0.691  no difference
¹ the losses are not the same function
paired t over 3 seeds, 95 % intervals, p by Holm over 2 comparisons of each metric

bits-per-byte against base
focal: +0.0213 bits/byte, 95 % interval 0.0175 to 0.0251: worse
smooth: +0.0007 bits/byte, 95 % interval -0.0056 to 0.0069: no difference that 3 seeds can show; 138 would
";
    assert_eq!(compared.to_string(), expected);
    let markdown = compared.markdown();
    assert!(
        markdown.contains("\n**test bits-per-byte (bits/byte, lower is better)**\n\n| variant | mean |"),
        "{markdown}"
    );
    let difference = row(&compared, "bits-per-byte", "focal").difference.as_ref().unwrap();
    let interval = difference.interval.unwrap();
    for (ours, theirs) in [
        (difference.mean, 0.021333333333333204),
        (difference.deviation.unwrap(), 0.0015275252316517786),
        (interval.low, 0.017538750299736863),
        (interval.high, 0.025127916366929546),
        (interval.p, 0.001704615874671368),
        (difference.p_holm.unwrap(), 0.003409231749342736),
    ] {
        assert!((ours - theirs).abs() < 1e-12, "{ours}, not {theirs}");
    }
    assert_eq!((difference.method, difference.verdict), (Method::PairedT, Some(Verdict::Worse)));
    let json = serde_json::to_value(&compared).unwrap();
    assert_eq!(json["variants"][1]["settings"]["loss.plugin"], "focal");
    assert_eq!(json["metrics"][1]["rows"][1]["difference"]["verdict"], "worse");
    assert_eq!(json["metrics"][1]["rows"][1]["values"]["2"], 2.63);
    // both texts are in what programs read
    let lines: Vec<_> =
        compared.csv().lines().map(|line| line.split(',').take(6).collect::<Vec<_>>().join(",")).collect();
    assert_eq!(lines[0], "text,metric,unit,higher_is_better,variant,loss.plugin");
    assert_eq!(lines[5], "test,bits-per-byte,bits/byte,false,focal,focal");
    assert_eq!((lines.len(), lines[11].as_str()), (13, "validation,bits-per-byte,bits/byte,false,focal,focal"));
}

#[test]
fn the_baseline_is_a_run_or_a_variant() {
    let (dir, root) = seeds();
    let against = |baseline: &str| all(&root, &CompareOptions { baseline: Some(baseline.to_owned()), ..options() });
    for baseline in ["focal", "focal-2", root.join("focal-3").to_str().unwrap()] {
        let compared = against(baseline).unwrap();
        assert_eq!(compared.baseline, "focal");
        assert_eq!(row(&compared, "bits-per-byte", "base").difference.as_ref().unwrap().verdict, Some(Verdict::Better));
        assert!(row(&compared, "bits-per-byte", "focal").difference.is_none());
    }
    let expected = "--baseline fokal: expected one of the runs that are compared; did you mean \"focal\"?";
    assert_says(against("fokal"), dir.path(), expected);
    let expected = "--metric bits-per-bite: expected a metric of these runs; did you mean \"bits-per-byte\"?";
    assert_says(all(&root, &of_metrics(&["bits-per-bite"])), dir.path(), expected);
    let wide = CompareOptions { confidence: 95.0, ..options() };
    let expected = "--confidence 95: expected a number between 0 and 1, such as 0.95 for 95 %";
    assert_says(all(&root, &wide), dir.path(), expected);
}

#[test]
fn one_seed_has_no_interval_unless_there_are_documents() {
    let (_dir, root) = folder(&[("a", run("cross-entropy", 1, 2.6)), ("b", run("focal", 1, 2.6213))]);
    let compared = all(&root, &of_metrics(&["bits-per-byte"])).unwrap();
    let expected = "\
variant  loss.plugin    seeds  tokens/s  time  plugins  parameters
a        cross-entropy      1     4.10k   10s    0.50s       3.75M
b        focal              1     4.10k   10s    0.50s       3.75M
8 settings are equal

test bits-per-byte (bits/byte, lower is better)
variant    mean  difference  verdict
a        2.6000           –  base
b        2.6213     +0.0213  one seed: no interval
no intervals: a variant needs two seeds in common with the base

bits-per-byte against a
b: +0.0213 bits/byte, one seed: no interval
";
    assert_eq!(compared.to_string(), expected);
    let documents = |bits: [f64; 4]| -> Vec<DocumentLoss> {
        let of = |(index, bytes): (usize, u64)| DocumentLoss {
            document: index as u64,
            weight: 1.0,
            nats: 0.5,
            bytes,
            bits: bits[index],
        };
        [100, 250, 400, 50].into_iter().enumerate().map(of).collect()
    };
    let folders = run_folders(std::slice::from_ref(&root)).unwrap();
    let write = |folder: usize, documents: Vec<DocumentLoss>| {
        write_documents(&folders[folder].join(DOCUMENTS), &[("test".to_owned(), documents)]).unwrap();
    };
    write(0, documents([260.0, 600.0, 1100.0, 130.0]));
    // in another order, and with one that the other run lacks
    let mut others = documents([270.0, 605.0, 1130.0, 131.0]);
    others.reverse();
    others.push(DocumentLoss { document: 9, bytes: 9, bits: 9.0, ..DocumentLoss::default() });
    write(1, others);
    let compared = Comparison::of(&[root], &options()).unwrap();
    let difference = row(&compared, "bits-per-byte", "b").difference.as_ref().unwrap();
    let interval = difference.interval.unwrap();
    for (ours, theirs) in [
        (difference.mean, 0.0575),
        (interval.low, -0.012218989772350884),
        (interval.high, 0.12721898977235088),
        (interval.p, 0.07868342736727936),
    ] {
        assert!((ours - theirs).abs() < 1e-12, "{ours}, not {theirs}");
    }
    assert_eq!((difference.method, difference.n), (Method::Jackknife, 4));
    assert!(row(&compared, "token-accuracy", "b").difference.as_ref().unwrap().interval.is_none());
    assert_eq!(compared.method, "jackknife t over 4 documents of one seed, for that seed alone, 95 % intervals");
}

#[test]
fn numbers_of_other_tokenizers_are_not_ranked() {
    let sample = Sample::default();
    let (_dir, root) = folder(&[("a", sample.clone()), ("b", Sample { tokenizer: "unigram", lr: "1e-3", ..sample })]);
    let compared = all(&root, &of_metrics(&["cross-entropy", "bits-per-byte", "token-accuracy"])).unwrap();
    let text = compared.to_string();
    assert!(text.starts_with("variant  tokenizer.plugin  seeds"), "{text}");
    assert!(text.contains("\nalso differs: optimizer.lr = 0.002, 0.001\n8 settings are equal\n"), "{text}");
    assert!(text.contains("\n¹ a mean over tokens, and the tokenizers are not the same\nno intervals: "), "{text}");
    assert!(row(&compared, "cross-entropy", "b").difference.is_none());
    assert!(row(&compared, "bits-per-byte", "b").difference.is_some());
    // their data has another digest for that reason alone
    assert_eq!(compared.differing, ["optimizer.lr", "tokenizer.plugin"]);
}

#[test]
fn runs_on_other_text_are_refused_unless_asked() {
    let other = Sample { tokenizer: "unigram", text: "0123456789abcdef", ..Sample::default() };
    let (dir, root) = folder(&[("a", Sample::default()), ("b", other)]);
    let expected = "DIR/runs/a and DIR/runs/b: expected runs that were measured on the same test text, got sha256 \
                    bd6b8655480e… and sha256 0123456789ab…; give all runs one text by [data.held_out], or pass \
                    --allow-other-text to see their numbers side by side, not ranked";
    assert_says(compare(&root, &["a", "b"], &options()), dir.path(), expected);
    let allowed = CompareOptions { allow_other_text: true, ..options() };
    let compared = compare(&root, &["a", "b"], &allowed).unwrap();
    assert!(compared.to_string().contains("\n¹ measured on another test text\n"), "{compared}");
    assert_eq!(row(&compared, "bits-per-byte", "b").summary.unwrap().mean, 2.6);
    assert!(row(&compared, "bits-per-byte", "b").difference.is_none());
}

#[test]
fn unfinished_runs_are_refused_unless_asked() {
    let killed = Sample { end: None, step: 12, loss: "focal", ..Sample::default() };
    let failed = Sample { end: Some(EndState::Failed), step: 3, ..Sample::default() };
    let (dir, root) = folder(&[("a", Sample::default()), ("b", killed), ("c", failed)]);
    let expected = "DIR/runs/b: expected a finished run, got one that is interrupted at step 12 of 20; resume it, leave \
                    it out, or pass --allow-unfinished to compare last validations";
    assert_says(compare(&root, &["a", "b"], &options()), dir.path(), expected);
    let allowed = CompareOptions { allow_unfinished: true, ..options() };
    let compared = compare(&root, &["a", "b"], &allowed).unwrap();
    assert_eq!(
        (compared.split, compared.variants[1].runs[0].unfinished.as_deref()),
        (Split::Validation, Some("interrupted at step 12 of 20"))
    );
    // 2.85 after step 10, 2.7 after the last
    assert!((row(&compared, "bits-per-byte", "b").difference.as_ref().unwrap().mean - 0.15).abs() < 1e-9);
    let note = "\nb is interrupted at step 12 of 20\na run has not finished: of all, the last validation while training is \
                compared, after step 10, 20 (2 of 9 batches)\n";
    assert!(compared.to_string().contains(note), "{compared}");
    let expected = "DIR/runs/c: expected a finished run, got one that is failed at step 3 of 20 (the loss is not finite); \
                    it has no validation yet: leave it out";
    assert_says(compare(&root, &["a", "c"], &allowed), dir.path(), expected);
}

#[test]
fn what_is_no_pair_of_runs_is_refused() {
    let (dir, root) = folder(&[("a", Sample::default()), ("b", Sample::default())]);
    let expected = "expected at least 2 runs to compare, got only DIR/runs/a; name another one";
    assert_says(compare(&root, &["a", "a"], &options()), dir.path(), expected);
    let expected = "DIR/runs/c: expected a folder of runs, got nothing; name the folder run.dir";
    assert_says(compare(&root, &["a", "c"], &options()), dir.path(), expected);
    fs::create_dir(root.join("c")).unwrap();
    fs::write(root.join("c/notes.txt"), "mine").unwrap();
    let expected = "DIR/runs/c: expected a run or a folder of runs, found none; see `trainyard runs`";
    assert_says(compare(&root, &["a", "c"], &options()), dir.path(), expected);
    fs::write(root.join("b/config.toml"), "run = [").unwrap();
    let error = compare(&root, &["a", "b"], &options()).unwrap_err().to_string();
    assert!(error.contains("runs/b/config.toml: expected the config of a run, got "), "{error}");
    fs::remove_file(root.join("b/config.toml")).unwrap();
    let expected = "DIR/runs/b: expected a finished run, got one that is being prepared; leave it out";
    assert_says(compare(&root, &["a", "b"], &options()), dir.path(), expected);
}

/// Two runs of the same seed are two variants: how far a repetition differs.
#[test]
fn a_repetition_is_a_variant_of_its_own() {
    let (dir, root) = folder(&[("a", Sample::default()), ("nested/deeper/b", Sample::default())]);
    // moved to another folder, from which paths lead elsewhere
    fs::create_dir(dir.path().join("moved")).unwrap();
    fs::rename(root.join("nested/deeper/b"), dir.path().join("moved/b")).unwrap();
    let compared = Comparison::of(&[root.join("a"), dir.path().join("moved/b")], &options()).unwrap();
    let names: Vec<_> = compared.variants.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!((names, compared.differing.len()), (vec!["runs/a", "moved/b"], 0));
    assert_eq!(row(&compared, "bits-per-byte", "moved/b").difference.as_ref().map(|found| found.mean), Some(0.0));
}

#[test]
fn plugins_are_known_by_their_digests() {
    let first = Sample { loss: "mine", sha256: "3f2a9c01aa", ..Sample::default() };
    let second = Sample { sha256: "77777777bb", more: "note = \"rebuilt\"", ..first.clone() };
    let (_dir, root) = folder(&[("a", first.clone()), ("b", second.clone())]);
    let compared = all(&root, &options()).unwrap();
    assert_eq!(compared.differing, ["loss.plugin"]);
    assert_eq!(compared.variants[0].settings["loss.plugin"], "mine 0.1.0 (3f2a9c01)");
    let obstacle = row(&compared, "loss", "b").obstacle.as_deref();
    assert_eq!(obstacle, Some("the losses are not the same function"));
    // the same file under another path is the same plugin
    let (_dir, root) = folder(&[("a", first.clone()), ("b", Sample { seed: 2, ..first })]);
    let path = root.join("b/config.toml");
    let config = fs::read_to_string(&path).unwrap().replace("plugin = \"mine\"", "plugin = \"./plugins/mine.wasm\"");
    fs::write(&path, config).unwrap();
    let compared = all(&root, &options()).unwrap();
    assert_eq!((compared.variants.len(), compared.variants[0].runs.len()), (1, 2));
}

/// What differs beside a seed that all have makes one pair.
#[test]
fn only_common_seeds_are_paired() {
    let (_dir, root) = folder(&[
        ("a-1", run("cross-entropy", 1, 2.6)),
        ("a-2", run("cross-entropy", 2, 2.7)),
        ("b-2", run("focal", 2, 2.71)),
        ("b-3", run("focal", 3, 2.9)),
        ("c-4", run("z-loss", 4, 2.5)),
    ]);
    let compared = all(&root, &options()).unwrap();
    let found = |variant| row(&compared, "bits-per-byte", variant);
    let b = found("b").difference.as_ref().unwrap();
    assert!(b.method == Method::OneSeed && (b.mean - 0.01).abs() < 1e-9, "{b:?}");
    assert_eq!(found("c-4").obstacle.as_deref(), Some("no seed in common with the base"));
}
