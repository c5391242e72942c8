//! Labels, tags and settings that are wrong: one line that says what, where and how to mend it.

use super::toys::Toy;
use serde_json::json;
use std::fs;

/// The error of a run on these documents: `train` is for training, `held` for the test.
fn with_data(toy: &Toy, train: &[serde_json::Value], held: &[serde_json::Value]) -> String {
    let text = |lines: &[serde_json::Value]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    fs::write(toy.folder.path().join("data.jsonl"), text(train)).unwrap();
    fs::write(toy.folder.path().join("held.jsonl"), text(held)).unwrap();
    let given = "data.held_out={ path = 'held.jsonl' }";
    let error = toy.refused(&["data.validation=0.0", "data.test=0.0", given]);
    error.replace(&toy.folder.path().canonicalize().unwrap().display().to_string(), "FOLDER")
}

fn labelled(label: impl Into<serde_json::Value>) -> serde_json::Value {
    json!({ "text": "some text", "label": label.into() })
}

#[test]
fn labels_that_cannot_be_learnt() {
    let toy = Toy::labels();
    let held = [labelled("a")];
    let refused = |train: &[serde_json::Value], held: &[serde_json::Value], expected: &str| {
        assert_eq!(with_data(&toy, train, held), expected);
    };
    refused(
        &[labelled("a"), labelled("b")],
        &[labelled("c")],
        "label \"c\" is in the test data but not in the training data; raise the share of training, set \
         data.stratify = \"label\", or remove these documents",
    );
    let one = "label: expected two different ones in the training data, got only \"a\"";
    refused(&[labelled("a"), labelled("a")], &held, one);
    refused(
        &[labelled(0.5), labelled(1.5)],
        &held,
        "document \"data.jsonl:1\": label: expected a label, got the number 0.5; set task.values = \"number\" to learn numbers",
    );
    refused(
        &[labelled(json!(["a", "b"])), labelled("a")],
        &held,
        "document \"data.jsonl:1\": label: expected one label, got 2; set task.values = \"several\" for several labels of a document",
    );
    // documents that nobody said where their labels are
    let none = |cure: &str| {
        format!("label: no document of the training data has {cure}; name its field in [data.fields] label")
    };
    let toy = Toy::labels();
    assert_eq!(toy.refused(&["!data.fields"]), none("one"));
    assert_eq!(toy.refused(&["!data.fields", "task.values=number"]), none("a number"));
}

#[test]
fn settings_of_labels() {
    let toy = Toy::labels();
    for (settings, expected) in [
        (&["task.class_weights={ poor = 1.0 }"][..], "task.class_weights: \"poor\" is no label; there are bad, good"),
        (
            &["task.class_weights={ good = -1 }"],
            "--set task.class_weights={ good = -1 }: task.class_weights: good: expected a number of 0 or more, got -1",
        ),
        (
            &["task.balanced=true", "task.class_weights={ good = 2 }"],
            "--set task.balanced=true: task.balanced: expected one of the two, got both",
        ),
        (
            &["task.labels=['good', 'fine']"],
            "label \"bad\" is none of good, fine; list it in task.labels, or remove these documents",
        ),
        (&["task.labels=['good']"], "label: expected two different ones in the training data, got only \"good\""),
        (
            &["task.values=number"],
            "document \"data.jsonl:1\": label: expected a number, got \"good\"; set task.values = \"one\" to learn labels",
        ),
        (
            &["model.config.head=mlm"],
            "run.toml:12:1: model.config: head: expected \"sequence\", the head for task.kind = \"labels\", got \"mlm\"; \
             leave it out",
        ),
        (
            &["model.config.head=tokens"],
            "run.toml:12:1: model.config: head: expected \"sequence\", the head for task.kind = \"labels\", got \
             \"tokens\"; leave it out",
        ),
        (
            &["task.kind=masked"],
            "model.config.head: expected one over the vocabulary, as task.kind is \"masked\", got \"sequence\"",
        ),
        (
            &["task.kind=tags", "model.config.head=tokens"],
            "document \"data.jsonl:1\": tags: expected tags or spans, got none; name their field in [data.fields] tags",
        ),
        (
            &["task.pair=true"],
            "document \"data.jsonl:1\": target: expected a second text, got none; name its field in [data.fields] target",
        ),
    ] {
        assert_eq!(toy.refused(settings), expected, "{settings:?}");
    }
}

#[test]
fn keys_of_another_task() {
    let toy = Toy::labels();
    for (setting, expected) in [
        ("task.rate=0.2", "belongs to kind = \"masked\" or \"denoise\", this task is \"labels\""),
        ("task.crf=true", "belongs to kind = \"tags\", this task is \"labels\""),
        ("task.start=x", "belongs to kind = \"seq2seq\" or \"denoise\", this task is \"labels\""),
    ] {
        let key = setting.split('=').next().unwrap();
        assert_eq!(toy.refused(&[setting]), format!("--set {setting}: {key}: {expected}"));
    }
    let error = toy.refused(&["task.wrong=1"]);
    assert!(error.contains("task: unknown key \"wrong\", expected one of kind, values, labels, "), "{error}");
    let error = toy.refused(&["task.kind=label"]);
    assert!(error.contains("labels"), "{error}");
}

#[test]
fn tags_that_do_not_fit() {
    let toy = Toy::tags(true);
    let tagged = |tags| json!({ "text": "two words", "tags": tags });
    let good = tagged(json!(["O", "B-X"]));
    let held = [good.clone()];
    let error = with_data(&toy, &[good.clone(), tagged(json!(["O"]))], &held);
    let expected = "FOLDER/data.jsonl:2: field \"tags\": expected one tag for each of 2 words, got 1, which is too few; \
                    correct it, or set data.source.invalid_lines to \"skip\"";
    assert_eq!(error, expected);
    let error = with_data(&toy, &[good.clone(), json!({ "text": "two words" })], &held);
    let expected =
        "FOLDER/data.jsonl:2: no tags (field \"tags\"); add it, or set data.unlabelled to \"skip\" or \"keep\"";
    assert_eq!(error, expected);
    let toy = Toy::tags(true);
    for (settings, expected) in [
        (&["task.class_weights={ O = 0.1 }"][..], "task.crf: a conditional random field has no weights: remove one"),
        (&["task.buckets=8"], "task.buckets: is about features of words: expected task.word_features as well"),
        (
            &["task.word_features=true"],
            "task.word_features: the model has a row for each feature; set model.plugin = \"features\"",
        ),
    ] {
        let error = toy.refused(settings);
        assert!(error.ends_with(expected), "{error}");
    }
    let toy = Toy::word_tags();
    for (settings, expected) in [
        (&["task.all_pieces=true"][..], "task.word_features: a word is one bag of features: remove one"),
        (
            &["task.word_features=false", "!task.buckets"],
            "task.kind = \"tags\": the model has one row for a text; use one with a row for each token, or set \
             task.word_features",
        ),
    ] {
        let error = toy.refused(settings);
        assert!(error.ends_with(expected), "{error}");
    }
}

#[test]
fn predictions_of_what_predicts_tokens() {
    let toy = Toy::masked();
    toy.trains(&["--set", "train.steps=1", "--set", "train.validate_every=0"]);
    let outcome = toy.command(&["predict", "runs/run", "--data", "data.jsonl"]);
    assert_eq!(outcome.code, 2);
    let expected = "error: task: \"masked\" has nothing to predict of documents; train one of labels or tags that \
                    starts from it ([start] from)\n";
    assert_eq!(outcome.stderr, expected);
}
