//! What other programs are told of a task, and models of theirs whose classes are taken over by name. With transformers
//! itself: `tests/peers/task_checkpoints.py`.

use crate::program::{Outcome, trainyard};
use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const COLOURS: [&str; 3] = ["red", "green", "blue"];

/// The document `i`: what is said of it is a function of its text.
fn document(i: usize, labels: &[&str]) -> Value {
    let text = format!("a {} thing number {}", COLOURS[i % 3], i * 7919 % 97);
    let target: String = text.chars().rev().collect();
    let tags = ["O", "B-HUE", "O", "O", "O"];
    let mut several = vec![labels[i % 2], labels[i % labels.len()]];
    several.dedup();
    json!({"text": text, "label": labels[i % labels.len()], "several": several,
        "number": i % 3, "tags": tags, "target": target})
}

/// A folder with 90 documents that have these labels.
fn project(labels: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..90).map(|i| document(i, labels).to_string()).collect();
    fs::write(folder.path().join("documents.jsonl"), lines.join("\n")).unwrap();
    folder
}

/// A run of two steps: `[task]` and `[model]` are `task`, and `start` is its folder's name or nothing.
fn config(task: &str, more: &str) -> String {
    let fields = "text = 'text'\nlabel = 'label'\ntags = 'tags'\ntarget = 'target'";
    format!(
        "[data]\npacking = 'pad'\nvalidation = 0.0\ntest = 0.0\n[data.fields]\n{fields}\n\
         [[data.source]]\npath = 'documents.jsonl'\n[task]\n{task}\n[tokenizer]\nplugin = 'byte'\n\
         [optimizer]\nlr = 1e-9\n[train]\nsteps = 2\nbatch = 4\nvalidate_every = 0\nthreads = 1\n\
         checkpoint_every = 1\nkeep_checkpoints = 0\n\
         [sample]\ntokens = 0\n{more}"
    )
}

const BERT: &str = "[model]\nplugin = 'bert'\ncontext = 40\nconfig = { layers = 1, width = 8, heads = 2 }\n";

fn try_train(folder: &TempDir, name: &str, config: &str) -> Outcome {
    fs::write(folder.path().join(format!("{name}.toml")), config).unwrap();
    trainyard(&["train", &format!("{name}.toml")]).in_folder(folder.path()).run()
}

/// Trains the run `name`; returns its last checkpoint and what it said.
#[track_caller]
fn train(folder: &TempDir, name: &str, config: &str) -> (PathBuf, String) {
    let outcome = try_train(folder, name, config);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    (folder.path().join(format!("runs/{name}/checkpoints/step-2")), outcome.stderr)
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn tensors(checkpoint: &Path) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(checkpoint.join("model.safetensors"), &Device::Cpu).unwrap()
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).unwrap()
}

fn row(tensor: &Tensor, row: usize) -> Vec<f32> {
    numbers(&tensor.get(row).unwrap())
}

/// The largest difference of two lists of numbers.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn classes_are_named_in_config_json() {
    let folder = project(&["x", "y", "z"]);
    let labels = |values: &str, field: &str| {
        config(&format!("kind = 'labels'\nvalues = '{values}'"), BERT).replace("label = 'label'", field)
    };
    for (values, field, names, problem) in [
        ("one", "label = 'label'", &["x", "y", "z"][..], "single_label_classification"),
        ("several", "label = 'several'", &["x", "y", "z"], "multi_label_classification"),
        ("number", "label = 'number'", &["LABEL_0"], "regression"),
    ] {
        let (checkpoint, _) = train(&folder, values, &labels(values, field));
        let told = json_of(&checkpoint.join("config.json"));
        assert_eq!(told["architectures"], json!(["BertForSequenceClassification"]));
        assert_eq!(told["problem_type"], problem);
        let of: serde_json::Map<_, _> =
            names.iter().enumerate().map(|(i, name)| (i.to_string(), json!(name))).collect();
        assert_eq!(told["id2label"], Value::Object(of), "{values}");
        let ids: serde_json::Map<_, _> = names.iter().enumerate().map(|(i, name)| ((*name).into(), json!(i))).collect();
        assert_eq!(told["label2id"], Value::Object(ids), "{values}");
    }
    let (checkpoint, _) = train(&folder, "tags", &config("kind = 'tags'", BERT));
    let told = json_of(&checkpoint.join("config.json"));
    assert_eq!(told["architectures"], json!(["BertForTokenClassification"]));
    assert_eq!((&told["id2label"], &told["problem_type"]), (&json!({"0": "B-HUE", "1": "O"}), &Value::Null));
}

#[test]
fn tokens_around_a_text_are_in_tokenizer_json() {
    let folder = project(&["x", "y"]);
    let ids = |checkpoint: &Path, text: &str| {
        let tokenizer = tokenizers::Tokenizer::from_file(checkpoint.join("tokenizer.json")).unwrap();
        tokenizer.encode(text, true).unwrap().get_ids().to_vec()
    };
    let (checkpoint, _) = train(&folder, "labels", &config("kind = 'labels'", BERT));
    assert_eq!(ids(&checkpoint, "a"), [256, 97, 256]);
    let settings = json_of(&checkpoint.join("tokenizer_config.json"));
    assert_eq!((&settings["cls_token"], &settings["sep_token"]), (&settings["eos_token"], &settings["eos_token"]));
    // a window that is a whole document, and a mask that the tokenizer does not have
    let (checkpoint, _) = train(&folder, "masked", &config("kind = 'masked'", BERT));
    assert_eq!(ids(&checkpoint, "a[MASK]"), [256, 97, 257, 256]);
    let settings = json_of(&checkpoint.join("tokenizer_config.json"));
    assert_eq!((&settings["mask_token"], &settings["cls_token"]), (&json!("[MASK]"), &settings["eos_token"]));
    assert_eq!(json_of(&checkpoint.join("config.json"))["architectures"], json!(["BertForMaskedLM"]));
    for (plugin, class) in [("t5", "T5ForConditionalGeneration"), ("bart", "BartForConditionalGeneration")] {
        let (checkpoint, _) = train(&folder, plugin, &config("kind = 'seq2seq'", &BERT.replace("bert", plugin)));
        assert_eq!(ids(&checkpoint, "a"), [97, 256]);
        let told = json_of(&checkpoint.join("config.json"));
        assert_eq!(told["architectures"], json!([class]));
        for file in ["config.json", "generation_config.json"] {
            let told = json_of(&checkpoint.join(file));
            let of = |key: &str| told[key].as_u64();
            let ids = [of("decoder_start_token_id"), of("eos_token_id"), of("pad_token_id")];
            assert_eq!(ids, [Some(256); 3], "{plugin} {file}");
        }
    }
}

/// The names of the classes in `config.json`, in another order than a run has them.
fn rename(checkpoint: &Path, names: &[&str]) {
    let path = checkpoint.join("config.json");
    let mut told = json_of(&path);
    told["id2label"] = names.iter().enumerate().map(|(i, name)| (i.to_string(), json!(name))).collect();
    told.as_object_mut().unwrap().remove("label2id");
    fs::write(path, told.to_string()).unwrap();
}

/// A copy of a checkpoint without what trainyard alone knows of it.
fn theirs(folder: &TempDir, checkpoint: &Path, names: &[&str]) -> PathBuf {
    let copy = folder.path().join("theirs");
    fs::create_dir(&copy).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(checkpoint.join(name), copy.join(name)).unwrap();
    }
    rename(&copy, names);
    copy
}

#[test]
fn classes_are_taken_over_by_name() {
    let folder = project(&["x", "y", "z"]);
    let (checkpoint, _) = train(&folder, "first", &config("kind = 'labels'", BERT));
    let copy = theirs(&folder, &checkpoint, &["z", "x", "y"]);
    // another seed: what is new does not begin as it did before
    let start = "[start]\nfrom = 'theirs'\n[run]\nseed = 2\n";
    let (next, said) = train(&folder, "next", &config("kind = 'labels'", start));
    assert!(said.contains("classes taken over by their names: x, y, z\n"), "{said}");
    assert!(!said.contains("learnt from the beginning"), "{said}");
    let (before, after) = (tensors(&checkpoint), tensors(&next));
    for name in ["classifier.weight", "classifier.bias"] {
        for (row_after, row_before) in [(0, 1), (1, 2), (2, 0)] {
            let (after, before) = (
                row(&after[name].unsqueeze(1).unwrap(), row_after),
                row(&before[name].unsqueeze(1).unwrap(), row_before),
            );
            assert!(difference(&after, &before) < 1e-6, "{name}");
        }
    }
    // one is new, one is gone
    rename(&copy, &["y", "q", "x"]);
    let (next, said) = train(&folder, "mixed", &config("kind = 'labels'", start));
    assert!(said.contains("classes taken over by their names: x, y; new: z; left out: q\n"), "{said}");
    let after = tensors(&next)["classifier.weight"].clone();
    let before = before["classifier.weight"].clone();
    assert!(
        difference(&row(&after, 0), &row(&before, 2)) < 1e-6 && difference(&row(&after, 1), &row(&before, 0)) < 1e-6
    );
    assert!((0..3).all(|other| difference(&row(&after, 2), &row(&before, other)) > 1e-4));
    // classes of other names are others, however many
    rename(&copy, &["a", "b", "c"]);
    let (next, said) = train(&folder, "others", &config("kind = 'labels'", start));
    assert!(said.contains("learnt from the beginning: classifier.weight, classifier.bias\n"), "{said}");
    let after = tensors(&next)["classifier.weight"].clone();
    assert!((0..3).all(|class| difference(&row(&after, class), &row(&before, class)) > 1e-4));
    // those that have none are taken in their order
    rename(&copy, &["LABEL_0", "LABEL_1", "LABEL_2"]);
    let (next, said) = train(&folder, "nameless", &config("kind = 'labels'", start));
    assert!(said.contains("its classes have no names, they are taken over in their order: LABEL_0 = x"), "{said}");
    assert!(difference(&numbers(&tensors(&next)["classifier.weight"]), &numbers(&before)) < 1e-6);
}

#[test]
fn a_task_has_its_head_whatever_the_run_began_from() {
    let folder = project(&["x", "y"]);
    train(&folder, "masked", &config("kind = 'masked'", BERT));
    // no word of the head; the embeddings stay as they are
    let start = "freeze = ['bert.embeddings']\n[start]\nfrom = 'runs/masked'\n";
    let config_of =
        |task: &str| config(task, "").replace("[sample]", &format!("{start}[sample]")).replace("1e-9", "0.01");
    let (masked, (labels, said)) = (
        tensors(&folder.path().join("runs/masked/checkpoints/step-2")),
        train(&folder, "labels", &config_of("kind = 'labels'")),
    );
    assert!(said.contains("learnt from the beginning: classifier.weight, classifier.bias, bert.pooler"), "{said}");
    let after = tensors(&labels);
    for (name, tensor) in &after {
        let is_frozen = name.starts_with("bert.embeddings");
        let Some(before) = masked.get(name) else { continue };
        assert_eq!(difference(&numbers(before), &numbers(tensor)) == 0.0, is_frozen, "{name}");
    }
    let resolved = fs::read_to_string(folder.path().join("runs/labels/config.toml")).unwrap();
    assert!(resolved.contains("head = \"sequence\""), "{resolved}");
    // from labels to tags with a random field, and back to words
    let next = |task: &str, from: &str| config_of(task).replace("runs/masked", from).replace("freeze", "#");
    let (tags, said) = train(&folder, "tags", &next("kind = 'tags'\ncrf = true", "runs/labels"));
    assert!(said.contains("learnt from the beginning: classifier.weight, classifier.bias, crf.start"), "{said}");
    assert!(tensors(&tags).contains_key("crf.transitions"));
    let (again, said) = train(&folder, "again", &next("kind = 'tags'", "runs/tags"));
    assert!(said.contains("left out: crf.start_transitions, crf.end_transitions, crf.transitions\n"), "{said}");
    assert!(!said.contains("learnt from the beginning"), "{said}");
    assert_eq!(json_of(&again.join("config.json"))["architectures"], json!(["BertForTokenClassification"]));
    let (words, _) = train(&folder, "words", &next("kind = 'masked'", "runs/again"));
    assert_eq!(json_of(&words.join("config.json"))["architectures"], json!(["BertForMaskedLM"]));
}

#[test]
fn a_head_that_does_not_fit_the_task_is_refused() {
    let folder = project(&["x", "y"]);
    let wrong = config("kind = 'labels'", &BERT.replace("heads = 2", "heads = 2, head = 'mlm'"));
    let outcome = try_train(&folder, "wrong", &wrong);
    let expected =
        "model.config: head: expected \"sequence\", the head for task.kind = \"labels\", got \"mlm\"; leave it out";
    assert!(outcome.code == 2 && outcome.stderr.contains(expected), "{}", outcome.stderr);
    let none = config("kind = 'labels'", "[model]\nplugin = 'gpt2'\ncontext = 40\n");
    let outcome = try_train(&folder, "none", &none);
    let expected = "expected 2, one for each label: take the model's head for classes, or a model that has one";
    assert!(outcome.code != 0 && outcome.stderr.contains(expected), "{}", outcome.stderr);
}

/// Models that transformers does not have are taken over by name too.
#[test]
fn recurrent_models_keep_their_classes() {
    let folder = project(&["x", "y", "z"]);
    let lstm = "[model]\nplugin = 'lstm'\ncontext = 40\nconfig = { layers = 1, width = 8, bidirectional = true }\n";
    let (checkpoint, _) = train(&folder, "first", &config("kind = 'labels'", lstm));
    theirs(&folder, &checkpoint, &["y", "x", "z"]);
    let (next, said) = train(&folder, "next", &config("kind = 'labels'", "[start]\nfrom = 'theirs'\n"));
    assert!(said.contains("classes taken over by their names: x, y, z\n"), "{said}");
    let [before, after] = [&checkpoint, &next].map(|checkpoint| tensors(checkpoint)["head.weight"].clone());
    assert!(
        difference(&row(&before, 0), &row(&after, 1)) < 1e-6 && difference(&row(&before, 2), &row(&after, 2)) < 1e-6
    );
}

#[test]
fn a_translator_learns_on_from_another() {
    let folder = project(&["x", "y"]);
    let t5 = BERT.replace("bert", "t5");
    let (first, _) = train(&folder, "first", &config("kind = 'seq2seq'", &t5));
    let (next, said) = train(&folder, "next", &config("kind = 'seq2seq'", "[start]\nfrom = 'runs/first'\n"));
    assert!(!said.contains("learnt from the beginning"), "{said}");
    let (before, after) = (tensors(&first), tensors(&next));
    assert!(after.iter().all(|(name, after)| difference(&numbers(&before[name]), &numbers(after)) < 1e-6));
    assert_eq!(json_of(&next.join("config.json")), json_of(&first.join("config.json")));
}

/// What the model in a folder predicts for the documents of the project.
#[track_caller]
fn predicted(folder: &TempDir, of: &str) -> Vec<Value> {
    let outcome = trainyard(&["predict", of, "--data", "documents.jsonl"]).in_folder(folder.path()).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The same but for the last digits of numbers.
fn is_alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-6,
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((key, a), (other, b))| key == other && is_alike(a, b))
        }
        _ => a == b,
    }
}

#[test]
fn a_model_of_no_run_predicts() {
    let folder = project(&["x", "y", "z"]);
    for (task, names) in [("kind = 'labels'", &["x", "y", "z"][..]), ("kind = 'tags'", &["B-HUE", "O"])] {
        let (checkpoint, _) = train(&folder, "run", &(config(task, BERT) + "[run]\nname = 'run'"));
        theirs(&folder, &checkpoint, names);
        let [of_run, of_folder] = ["runs/run", "theirs"].map(|name| predicted(&folder, name));
        // batches of another size add in another order
        let are_alike = of_run.iter().zip(&of_folder).all(|(a, b)| is_alike(a, b));
        assert!(are_alike && of_run.len() == 90 && of_folder.len() == 90, "{:?} {:?}", of_run[0], of_folder[0]);
        fs::remove_dir_all(folder.path().join("theirs")).unwrap();
        fs::remove_dir_all(folder.path().join("runs/run")).unwrap();
    }
    let (checkpoint, _) = train(&folder, "run", &config("kind = 'masked'", BERT));
    let refused = |of: &str, expected: &str| {
        let outcome = trainyard(&["predict", of]).in_folder(folder.path()).run();
        assert!(outcome.code != 0 && outcome.stderr.contains(expected), "{}", outcome.stderr);
    };
    refused("runs/run/checkpoints/step-2", "name the run: predict runs/run --checkpoint step-2");
    theirs(&folder, &checkpoint, &[]);
    refused("theirs", "or a causal one, got BertForMaskedLM");
}
