//! Keys of tasks and of fields of documents, and the kind of a task.

use super::{Run, every_key_counts, folder};
use crate::device;

/// A task each, with the keys that it has, and those of them that have one value beside the others.
const TASKS: [(&str, &[&str]); 9] = [
    (
        "[model]\nplugin = 'bert'\n[task]\nkind = 'masked'\nrate = 0.2\nmask = 0.7\nrandom = 0.1\nwhole_words = true",
        &[],
    ),
    (
        "[model]\nplugin = 'bert'\n[data.fields]\nlabel = 'book'\ntarget = 'id'\n[task]\nkind = 'labels'\nlabels = ['a', 'b']\npair = true",
        &["task.weights"],
    ),
    (
        "[model]\nplugin = 'features'\n[data.fields]\nlabel = 'book'\n[task]\nkind = 'labels'\nweights = 'tf-idf'\n\
     sublinear = true\nngrams = 2\nbuckets = 1000\nclass_weights = { a = 2.0 }",
        &["task.pair", "task.weights"],
    ),
    (
        "[model]\nplugin = 'lstm'\n[data.fields]\ntags = 'book'\n[task]\nkind = 'tags'\ncrf = true\nall_pieces = true",
        &["task.word_features"],
    ),
    ("[model]\nplugin = 't5'\n[task]\nkind = 'denoise'\nform = 't5'\nrate = 0.2\nspan = 2.0\nstart = 'x'", &[]),
    (
        "[model]\nplugin = 't5'\n[data.fields]\nsource = 'text'\ntarget = 'book'\n[task]\nkind = 'seq2seq'\nstart = 'x'",
        &["data.fields.text"],
    ),
    (
        "[model]\nplugin = 'embeddings'\n[task]\nkind = 'embeddings'\nform = 'cbow'\nwindow = 4\nnegatives = 3\n\
     subsample = 0.01",
        &[],
    ),
    (
        "[model]\nplugin = 'llama'\n[data.fields]\nmessages = 'book'\ntools = 'id'\nsystem = 'text'\n[task]\nkind = 'chat'\n\
     learn = 'answers'",
        &[],
    ),
    (
        "[model]\nplugin = 'llama'\n[data.fields]\ntext = 'text'\ninput = 'book'\ntarget = 'id'\n[task]\nkind = 'chat'\n\
     learn = 'all'",
        &["data.fields.text"],
    ),
];

#[test]
fn every_key_of_a_task_counts() {
    let base = "[data]\nsource = [{ name = 'one', path = 'one.jsonl' }]\n[tokenizer]\nplugin = 'byte'\n";
    for (task, tied) in TASKS {
        let is_of_task =
            |key: &str| (key.starts_with("task.") || key.starts_with("data.fields.")) && !tied.contains(&key);
        every_key_counts(&format!("{base}{task}\n"), is_of_task);
    }
}

#[test]
fn every_key_of_an_adapter_counts() {
    let base = std::path::Path::new(&device::manifest_dir()).join("golden/networks/llama");
    let text = format!(
        "[data]\nsource = [{{ name = 'one', path = 'one.jsonl' }}]\n[tokenizer]\nplugin = 'byte'\n[start]\nfrom = '{}'\n\
         [adapter]\nrank = 4\nalpha = 8.0\ndropout = 0.1\ntargets = ['q_proj']\nrslora = true\nalso_train = ['norm']\n\
         ranks = {{ q_proj = 2 }}\nalphas = {{ q_proj = 2.0 }}\n",
        base.display()
    );
    every_key_counts(&text, |key| key.starts_with("adapter."));
}

#[test]
fn another_task_is_another_run() {
    let folder =
        folder("[data]\nsource = [{ path = 'one.jsonl' }]\n[tokenizer]\nplugin = 'byte'\n[model]\nplugin = 't5'\n");
    let path = folder.path().join("run.toml");
    let of = |kind: &str| Run::new(&path, &[format!("task.kind={kind}")]).unwrap();
    let error = of("seq2seq").resume(&of("denoise").identity, &[]).unwrap_err().to_string();
    assert!(error.starts_with("cannot resume: task"), "{error}");
}
