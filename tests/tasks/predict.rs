//! `trainyard predict`: one line per document, in order.

use super::toys::{Dice, Toy};
use crate::program::trainyard;
use serde_json::{Value as Json, json};
use std::fs;

#[track_caller]
fn lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The predictions for documents on stdin, which are those for a file of them.
#[track_caller]
fn predicted(toy: &Toy, documents: &[Json]) -> Vec<Json> {
    let input: String = documents.iter().map(|document| format!("{document}\n")).collect();
    fs::write(toy.folder.path().join("stdin.jsonl"), &input).unwrap();
    let outcome = trainyard(&["predict", "runs/run"]).in_folder(toy.folder.path()).input(input).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let of_file = toy.command(&["predict", "runs/run", "--data", "stdin.jsonl"]);
    assert_eq!((of_file.code, &of_file.stdout), (0, &outcome.stdout), "{}", of_file.stderr);
    let predictions = lines(&outcome.stdout);
    assert_eq!(predictions.len(), documents.len(), "{}", outcome.stdout);
    for (index, (document, prediction)) in documents.iter().zip(&predictions).enumerate() {
        let id = document.get("id").cloned().unwrap_or_else(|| format!("stdin.jsonl:{}", index + 1).into());
        assert_eq!(prediction["id"], id);
    }
    predictions
}

#[test]
fn labels_of_any_text() {
    let toy = Toy::labels();
    toy.trains(&[]);
    let mut documents = vec![
        json!({ "text": "aeoaeo" }),
        json!({ "text": "" }),
        json!({ "id": "long", "text": "xyz".repeat(100) }),
        json!({ "id": "labelled", "text": "zzzz", "label": "unheard of" }),
        json!({ "text": "   " }),
        json!({ "text": "\u{4e2d}\u{6587}" }),
        json!({ "id": 7, "text": "ooo" }),
    ];
    documents[6]["id"] = "7".into();
    // more than are read at once
    let mut dice = Dice::new();
    let text = |dice: &mut Dice| ["aeo", "xyz"].map(|letters| dice.text(letters, 12))[dice.below(2)].clone();
    documents.extend((0..1100).map(|_| json!({ "text": text(&mut dice) })));
    let predictions = predicted(&toy, &documents);
    assert_eq!((&predictions[0]["label"], &predictions[2]["label"]), (&json!("good"), &json!("bad")));
    assert_eq!(predictions[1], json!({ "id": "stdin.jsonl:2" }));
    assert_eq!(predictions[3]["label"], "bad");
    for (document, prediction) in documents.iter().zip(&predictions).skip(7) {
        let is_good = document["text"].as_str().unwrap().contains(['a', 'e', 'o']);
        assert_eq!(prediction["label"], if is_good { "good" } else { "bad" });
        let probabilities = prediction["probabilities"].as_object().unwrap();
        let sum: f64 = probabilities.values().map(|value| value.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-6 && probabilities.len() == 2, "{prediction}");
    }
    assert_eq!(predicted(&toy, &[json!({ "text": "" })]), [json!({ "id": "stdin.jsonl:1" })]);
    let outcome = trainyard(&["predict", "runs/run"]).in_folder(toy.folder.path()).input("").run();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""), "{}", outcome.stderr);
    let outcome = trainyard(&["predict", "runs/run"]).in_folder(toy.folder.path()).input("{\"text\": 1\n").run();
    assert_ne!(outcome.code, 0);
    assert!(outcome.stderr.starts_with("error: ") && outcome.stderr.contains("stdin.jsonl:1"), "{}", outcome.stderr);
}

#[test]
fn tags_with_their_places_in_characters() {
    for toy in [Toy::tags(true), Toy::word_tags()] {
        check_places(&toy);
    }
}

fn check_places(toy: &Toy) {
    toy.trains(&[]);
    let texts = ["Anna went Oslo", "\u{53bb} New York \u{53bb} Anna", "", &"went ".repeat(30), "New York, Oslo."];
    let documents: Vec<_> = texts.iter().map(|text| json!({ "text": text })).collect();
    let predictions = predicted(toy, &documents);
    assert_eq!(predictions[0]["tags"], json!(["B-PER", "O", "B-LOC"]));
    let spans = |prediction: &Json| -> Vec<(u64, u64, String, String)> {
        let number = |value: &Json| value.as_u64().unwrap();
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        let all = prediction["spans"].as_array().unwrap().iter();
        all.map(|s| (number(&s["start"]), number(&s["end"]), text(&s["label"]), text(&s["text"]))).collect()
    };
    for (text, prediction) in texts.iter().zip(&predictions).filter(|(text, _)| !text.is_empty()) {
        let chars: Vec<char> = text.chars().collect();
        for (start, end, _, inside) in spans(prediction) {
            assert_eq!(chars[start as usize..end as usize].iter().collect::<String>(), inside);
        }
        assert_eq!(prediction["words"].as_array().unwrap().len(), prediction["tags"].as_array().unwrap().len());
    }
    let place = |start, end, label: &str, text: &str| (start, end, label.to_owned(), text.to_owned());
    let expected = [place(2, 10, "LOC", "New York"), place(13, 17, "PER", "Anna")];
    let got = spans(&predictions[1]);
    assert!(expected.iter().all(|span| got.contains(span)), "{got:?}");
    assert!(spans(&predictions[4]).contains(&place(0, 8, "LOC", "New York")), "{}", predictions[4]);
    // words beyond what the model reads are none of its names
    let tags = predictions[3]["tags"].as_array().unwrap();
    assert!(tags.len() == 30 && tags[29] == "O", "{tags:?}");
}

#[test]
fn texts_are_written() {
    let toy = Toy::pairs();
    toy.trains(&[]);
    let texts = ["aeoae", "", "xyzx", &"oea".repeat(30), "zzz"];
    let documents: Vec<_> = texts.iter().map(|text| json!({ "text": text })).collect();
    let predictions = predicted(&toy, &documents);
    for (text, prediction) in texts.iter().zip(&predictions).filter(|(text, _)| !text.is_empty()) {
        assert_eq!(prediction["text"], if text.contains('z') { "nono" } else { "yes" }, "{text}");
    }
}

/// How many texts have tags that continue what did not begin.
fn n_broken(crf: bool) -> usize {
    let toy = Toy::tags(crf);
    toy.trains(&["--set", "train.steps=50"]);
    let mut dice = Dice::new();
    let words = ["New", "York", "wwww", "ork", "NY"];
    let mut text = || (0..6).map(|_| words[dice.below(5)]).collect::<Vec<_>>().join(" ");
    let documents: Vec<_> = (0..60).map(|_| json!({ "text": text() })).collect();
    let broken = |prediction: &Json| {
        let tags: Vec<&str> = prediction["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        let may_follow = |before: &str, tag: &str| match tag.strip_prefix("I-") {
            Some(name) => before.split_once('-').is_some_and(|(_, other)| other == name),
            None => true,
        };
        std::iter::once("O").chain(tags.iter().copied()).zip(&tags).any(|(before, tag)| !may_follow(before, tag))
    };
    predicted(&toy, &documents).iter().filter(|prediction| broken(prediction)).count()
}

#[test]
fn a_field_continues_nothing_that_did_not_begin() {
    assert_eq!(n_broken(true), 0);
    assert!(n_broken(false) > 10, "a model without a field does not know of beginnings");
}
