//! Labels, tags and settings that are wrong: one line that says what, where and how to mend it.

use super::toys::Toy;
use serde_json::json;
use std::fs;

/// Replaces the data; everything is for training but `held`, which is for validation.
fn with_data(toy: &Toy, train: &[serde_json::Value], held: &[serde_json::Value]) -> String {
    let text = |lines: &[serde_json::Value]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    fs::write(toy.folder.path().join("data.jsonl"), text(train)).unwrap();
    fs::write(toy.folder.path().join("held.jsonl"), text(held)).unwrap();
    let given = "data.held_out={ path = 'held.jsonl', as = 'validation' }";
    toy.refused(&["data.validation=0.0", "data.test=0.0", given])
}

fn labelled(label: impl Into<serde_json::Value>) -> serde_json::Value {
    json!({ "id": "d", "text": "some text", "label": label.into() })
}

#[test]
fn labels_that_cannot_be_learnt() {
    let toy = Toy::labels();
    let both = [labelled("a"), labelled("b")];
    let error = with_data(&toy, &both, &[labelled("c")]);
    assert_eq!(
        error,
        "label \"c\" is in the validation data but not in the training data; raise the share of training, set data.stratify = \"label\", or remove these documents"
    );
    let error = with_data(&toy, &[labelled("a"), labelled("a")], &[labelled("a")]);
    assert_eq!(error, "label: expected two different ones in the training data, got only \"a\"");
    let error = with_data(&toy, &[json!({ "text": "a" }), json!({ "text": "b" })], &[]);
    assert_eq!(error, "label: no document of the training data has one; name its field in [data.fields] label");
    let error = with_data(&toy, &[labelled(0.5), labelled(1.5)], &[labelled(0.5)]);
    assert_eq!(error, "x");
    let error = with_data(&toy, &[labelled(json!(["a", "b"])), labelled("a")], &[labelled("a")]);
    assert_eq!(error, "x");
}

#[test]
fn settings_of_labels() {
    let toy = Toy::labels();
    for (settings, expected) in [
        (&["task.class_weights={ poor = 1.0 }"][..], "task.class_weights: \"poor\" is no label; there are bad, good"),
        (&["task.class_weights={ good = -1 }"], "x"),
        (&["task.balanced=true", "task.class_weights={ good = 2 }"], "x"),
        (
            &["task.labels=['good', 'fine']"],
            "label \"bad\" is none of good, fine; list it in task.labels, or remove these documents",
        ),
        (&["task.labels=['good']"], "label: expected two different ones in the training data, got only \"good\""),
        (&["task.values=number"], "x"),
        (
            &["model.config.head=mlm"],
            "model.config.head: expected \"sequence\", as task.kind is \"labels\", got \"mlm\"",
        ),
        (
            &["model.config.head=tokens"],
            "model.config.head: expected \"sequence\", as task.kind is \"labels\", got \"tokens\"",
        ),
        (
            &["task.kind=masked"],
            "model.config.head: expected one over the vocabulary, as task.kind is \"masked\", got \"sequence\"",
        ),
        (&["task.kind=tags", "model.config.head=tokens"], "x"),
        (&["task.pair=true"], "x"),
    ] {
        assert_eq!(toy.refused(settings), expected, "{settings:?}");
    }
}

#[test]
fn keys_of_another_task() {
    let toy = Toy::labels();
    for (setting, expected) in [
        ("task.rate=0.2", "belongs to kind = \"masked\", this task is \"labels\""),
        ("task.crf=true", "belongs to kind = \"tags\", this task is \"labels\""),
        ("task.start=x", "belongs to kind = \"seq2seq\", this task is \"labels\""),
    ] {
        let key = setting.split('=').next().unwrap();
        assert_eq!(toy.refused(&[setting]), format!("--set {setting}: {key}: {expected}"));
    }
    let error = toy.refused(&["task.wrong=1"]);
    assert!(error.contains("task.wrong"), "{error}");
    let error = toy.refused(&["task.kind=label"]);
    assert!(error.contains("labels"), "{error}");
}

#[test]
fn tags_that_do_not_fit() {
    let toy = Toy::tags(true);
    let tagged = |tags| json!({ "id": "d", "text": "two words", "tags": tags });
    let good = tagged(json!(["O", "B-X"]));
    let error = with_data(&toy, &[good.clone(), tagged(json!(["O"]))], &[good.clone()]);
    assert_eq!(error, "x");
    let error = with_data(&toy, &[good.clone(), json!({ "id": "d", "text": "two words" })], &[good.clone()]);
    assert_eq!(error, "x");
    let error = toy.refused(&["task.class_weights={ O = 0.1 }"]);
    assert_eq!(error, "x");
}

#[test]
fn predictions_of_what_predicts_tokens() {
    let toy = Toy::masked();
    toy.trains(&["--set", "train.steps=1", "--set", "train.validate_every=0"]);
    let outcome = toy.command(&["predict", "runs/run", "--data", "data.jsonl"]);
    assert_eq!(outcome.code, 2);
    let expected = "error: task: \"masked\" has no labels to predict; `trainyard generate` writes text\n";
    assert_eq!(outcome.stderr, expected);
}
