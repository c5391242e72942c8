//! What people read at the end of a run.

use super::*;
use crate::Treatment;

fn metric(name: &str, value: f64, unit: &str, higher_is_better: bool) -> MetricValue {
    let comparable = if name == "loss" { Comparable::Loss } else { Comparable::Text };
    let (name, plugin) = (name.into(), "focal".into());
    MetricValue { name, plugin, value, unit: unit.into(), higher_is_better, comparable, outputs: BTreeMap::new() }
}

fn summary() -> TrainSummary {
    TrainSummary {
        run: "/r/austen".into(),
        checkpoint: "/r/austen/checkpoints/step-400".into(),
        model: "last",
        model_step: 400,
        validation_while_training: Some(Extent { batches: 20, of: 20 }),
        steps: 400,
        stopped_early: false,
        best: Some(BestReport { step: 400, loss: 3.5, kept: true }),
        train_loss: 3.25,
        seconds: 113.0,
        tokens_per_second: 14_500.0,
        data_wait: 0.226,
        sources: [("web", 0.5), ("books", 2.25)]
            .map(|(name, epochs)| SourceReport { name: name.into(), sequences: 1, epochs })
            .into(),
        parameters: 3_745_000,
        vocabulary: VocabularyReport { tokens: 4283, asked: Some(100_000) },
        report: FinalReport {
            validation: vec![metric("loss", 3.5, "", false), metric("bits-per-byte", 2.1, "bits/byte", false)],
            test: vec![metric("loss", 3.6, "", false), metric("bits-per-byte", 2.2, "bits/byte", false)],
            texts: BTreeMap::from([
                (
                    "test".to_owned(),
                    TextReport { text: Treatment::Raw, documents: 2, bytes: 1000, ..TextReport::default() },
                ),
                (
                    "validation".to_owned(),
                    TextReport { text: Treatment::Filtered, documents: 1, bytes: 900, ..TextReport::default() },
                ),
            ]),
            predictions: BTreeMap::new(),
            baseline: Some(Baseline { bytes: 1000, gzip_bytes: 375, xz_bytes: 250 }),
            sample: "It is a truth".into(),
            faults: Vec::new(),
            documents: Vec::new(),
            sets: BTreeMap::new(),
        },
        plugins: vec![PluginReport {
            place: "loss".into(),
            name: "focal".into(),
            backend: "wasm".into(),
            calls: 1,
            seconds: 2e-4,
            ..PluginReport::default()
        }],
        warnings: Vec::new(),
    }
}

#[test]
fn the_end_of_a_run_reads_well() {
    let expected = "\
held-out text   validation        test
loss (focal)        3.5000      3.6000  lower is better, training loss: not comparable with other losses
bits-per-byte       2.1000      2.2000  bits/byte, lower is better
gzip -9                         3.0000  bits/byte
xz -9                           2.0000  bits/byte
validation      1 document, 900 B, filtered
test            2 documents, 1000 B, raw

It is a truth

400 steps in 1m 53s, 14.5k tokens/s, 3.75M parameters
data: 0.50 epochs of web, 2.25 epochs of books, waited for 0.20% of the time
tokenizer: asked for 100000 tokens, learned 4283: the training text has no more; the model has 4283
loss of the last training step: 3.2500

loss       focal (wasm)                 1 call in 0.2 ms

run         /r/austen
config      /r/austen/config.toml
plugins     /r/austen/plugins.lock
metrics     /r/austen/metrics.jsonl
checkpoint  /r/austen/checkpoints/step-400
";
    assert_eq!(summary().to_string(), expected);
}

#[test]
fn the_end_of_a_run_with_patience_names_its_model() {
    let summary = TrainSummary {
        checkpoint: "/r/austen/checkpoints/step-300".into(),
        model: "best",
        model_step: 300,
        best: Some(BestReport { step: 300, loss: 3.25, kept: true }),
        validation_while_training: Some(Extent { batches: 20, of: 57 }),
        ..summary()
    };
    let text = summary.to_string();
    let line = "held-out text is measured as a whole; validations while training read the first 20 of 57 batches\n";
    assert!(text.contains(line), "{text}");
    let line = "step-300  (step 300, the best on validation: the model that is measured above)\n";
    assert!(text.ends_with(line), "{text}");
}

#[test]
fn the_best_validation_is_told_where_the_model_is_another() {
    let best = |kept| TrainSummary { best: Some(BestReport { step: 300, loss: 3.25, kept }), ..summary() }.to_string();
    let line =
        "\nbest        /r/austen/checkpoints/step-300  (validation loss 3.2500 after step 300: --checkpoint best)\n";
    assert!(best(true).ends_with(line), "{}", best(true));
    let line = "\nbest        not kept: validation loss 3.2500 after step 300, which train.patience keeps\n";
    assert!(best(false).ends_with(line), "{}", best(false));
    assert!(!TrainSummary { best: None, ..summary() }.to_string().contains("\nbest "));
}

#[test]
fn the_json_is_flat() {
    let json = serde_json::to_value(summary()).expect("no maps with other keys than text");
    assert_eq!(json["steps"], 400);
    assert_eq!(json["test"][1]["value"], 2.2);
    assert_eq!(json["baseline"]["xz_bytes"], 250);
}

#[test]
fn a_run_without_held_out_text_has_no_table() {
    let report = FinalReport { sample: "It is".into(), ..FinalReport::default() };
    assert_eq!(report.to_string(), "\nIt is\n");
}
