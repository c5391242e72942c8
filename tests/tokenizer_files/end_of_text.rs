//! The token that ends a document: by its name, by what the file appends to a text, by files next to it, by a setting;
//! and a run without one stops.

use super::{added, byte_level, load};
use crate::program::trainyard;
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;
use trainyard_plugin::{END_OF_TEXT, ErrorKind};

/// A file whose special tokens have these names, from id 400 on.
fn with_specials(names: &[&str]) -> Value {
    let mut file = byte_level();
    file["added_tokens"] = names.iter().zip(400..).map(|(name, id)| added(id, name, true)).collect();
    file
}

fn end(plugin: &str, settings: &str, file: &Value) -> Option<u32> {
    load(plugin, settings, file.to_string().as_bytes()).unwrap().vocabulary().unwrap().special(END_OF_TEXT)
}

#[test]
fn files_say_which() {
    let template = |end: &str| {
        json!({"type": "TemplateProcessing", "pair": [], "special_tokens": {end: {"id": end, "ids": [401], "tokens": [end]}},
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": end, "type_id": 0}}]})
    };
    for plugin in ["bpe", "hf-tokenizer"] {
        for name in [END_OF_TEXT, "</s>", "<eos>", "<｜end▁of▁sentence｜>", "<EOT>", "<|end|>", "<|eot_id|>"] {
            assert_eq!(end(plugin, "", &with_specials(&["<pad>", name])), Some(401), "{plugin}: {name}");
        }
        let mut file = with_specials(&["</s>", "<fin>"]);
        assert_eq!(end(plugin, "", &file), Some(400));
        assert_eq!(end(plugin, "end_of_text = '<fin>'", &file), Some(401));
        assert_eq!(end(plugin, "end_of_text = '</s>'", &file), Some(400));
        assert_eq!(end(plugin, "end_of_text = 'none'", &file), None);
        // an ordinary word becomes special when it is chosen
        let word = &super::words(&file, &super::both(&file))[0];
        let settings = format!("end_of_text = '{word}'");
        assert_eq!(end(plugin, &settings, &file), Some(super::id_of(&file, word)));
        file["post_processor"] = template("<fin>");
        assert_eq!(end(plugin, "", &file), Some(401), "{plugin}");
        let error = load(plugin, "end_of_text = '<end>'", file.to_string().as_bytes()).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Config);
        let expected = "load: end_of_text: expected the name of a special token of the model (it has \"</s>\", \
                        \"<fin>\"), got \"<end>\"";
        assert!(error.message.ends_with(expected), "{}", error.message);
    }
}

/// As in CodeGen's file, the token for unknown text, which bytes never are, ends a text.
#[test]
fn the_unknown_token_may_end_a_text() {
    for plugin in ["bpe", "hf-tokenizer"] {
        let mut file = with_specials(&[END_OF_TEXT]);
        file["model"]["unk_token"] = END_OF_TEXT.into();
        file["model"]["vocab"][END_OF_TEXT] = 400.into();
        assert_eq!(end(plugin, "", &file), Some(400), "{plugin}");
        super::both(&file);
    }
}

const CONFIG: &str = "[run]\nname = 'r'\nseed = 1\ndir = 'runs'\n[data]\nvalidation = 0.0\ntest = 0.0\n\
    [[data.source]]\npath = 'text.txt'\n[tokenizer]\nplugin = 'hf-tokenizer'\nmodel = 'tokenizer.json'\n[model]\n\
    kind = 'gpt'\nlayers = 1\nheads = 2\nwidth = 8\ncontext = 8\n[loss]\nplugin = 'cross-entropy'\n[optimizer]\n\
    kind = 'adamw'\nlr = 1e-3\n[schedule]\nkind = 'constant'\n[train]\nsteps = 1\nbatch = 1\n";

#[test]
fn a_run_stops_and_says_how_to_name_it() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("text.txt", "the cat sat on the mat");
    write("tokenizer.json", &with_specials(&["<pad>", "<fin>"]).to_string());
    write("c.toml", CONFIG);
    let prepare = |set: &[&str]| {
        let arguments: Vec<&str> = ["prepare", "c.toml", "--json"].iter().chain(set).copied().collect();
        trainyard(&arguments).in_folder(folder.path()).run()
    };
    let outcome = prepare(&[]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    let expected = "tokenizer \"hf-tokenizer\": no special token is known to end a document (\"<pad>\", \"<fin>\"): set \
                    tokenizer.end_of_text to the one that does, or to \"none\" to let documents follow one another \
                    unmarked";
    assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);

    let end_of = |outcome: crate::program::Outcome| {
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let path = format!("{}/vocabulary.json", report["dataset"].as_str().unwrap());
        let vocabulary: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        vocabulary["end_of_text"].as_u64()
    };
    assert_eq!(end_of(prepare(&["--set", "tokenizer.end_of_text='<pad>'"])), Some(400));
    assert_eq!(end_of(prepare(&["--set", "tokenizer.config.end_of_text='<fin>'"])), Some(401));
    assert_eq!(end_of(prepare(&["--set", "tokenizer.end_of_text='none'"])), None);
    let outcome = prepare(&["--set", "tokenizer.end_of_text='<end>'"]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    // what stands beside the file counts too
    write("tokenizer_config.json", r#"{"eos_token": "<fin>"}"#);
    assert_eq!(end_of(prepare(&[])), Some(401));
}
