//! The folder of a checkpoint as other programs see it: a tokenizer.json with the run's ids, and settings that agree
//! with it. `tests/peers/hf_folder.py` loads the same folders with transformers.

use crate::plugins::config;
use crate::program::trainyard;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokenizers::Tokenizer as Reference;
use trainyard::plugin::Plugin;
use trainyard_plugin::Kind;

const TEXTS: [&str; 8] = [
    "the cat sat on the mat; that's the cat's hat, the end.",
    "",
    " ",
    "naïve café 中文 👩\u{200d}👧 \0\u{feff}\r\n  two  spaces",
    "<|endoftext|> </s> [SEP] <|user|> call <tool> now<tool>",
    "aaaaaaaaa abababab 0123456789 don't",
    "e\u{301} \u{1100}\u{1161} ½ﬁ",
    "\u{3000}床前明月光，疑是地上霜。\t",
];

const CONFIG: &str = "[run]\nname = 'r'\nseed = 1\ndir = 'runs'\n[data]\nvalidation = 0.0\ntest = 0.0\n\
    [[data.source]]\npath = 'text.txt'\n[model]\nkind = 'gpt'\nlayers = 1\nheads = 2\nwidth = 8\ncontext = 16\n[loss]\n\
    plugin = 'cross-entropy'\n[optimizer]\nkind = 'adamw'\nlr = 1e-3\n[schedule]\nkind = 'constant'\n[train]\n\
    steps = 1\nbatch = 1\n[tokenizer]\n";

/// Trains one step with this `[tokenizer]`; returns the checkpoint's folder and the output.
fn train(folder: &Path, tokenizer: &str) -> (PathBuf, String) {
    fs::write(folder.join("text.txt"), TEXTS.join("\n").repeat(20)).unwrap();
    fs::write(folder.join("c.toml"), format!("{CONFIG}{tokenizer}\n")).unwrap();
    let outcome = trainyard(&["train", "c.toml", "--overwrite"]).in_folder(folder).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    (folder.join("runs/r/checkpoints/step-1"), outcome.stderr)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Other programs get the ids that the run was trained on, and know which of them ends a text.
#[track_caller]
fn agrees(folder: &Path, checkpoint: &Path, plugin: &str, settings: &str) {
    let mut reference = Reference::from_file(checkpoint.join("tokenizer.json")).unwrap();
    reference.set_encode_special_tokens(true);
    let mut own = Plugin::open(&config(plugin, settings), Kind::Tokenizer).unwrap().tokenizer().unwrap();
    own.load(&fs::read(folder.join("runs/r/data/tokenizer.model")).unwrap()).unwrap();
    let batch = own.encode(&TEXTS).unwrap();
    for (text, ids) in TEXTS.iter().zip(batch.sequences()) {
        let expected = reference.encode(*text, false).unwrap();
        // what the reference makes a special token of is spelled out here
        if !expected.get_ids().iter().any(|id| reference.get_added_tokens_decoder().get(id).is_some_and(|t| t.special))
        {
            assert_eq!(ids, expected.get_ids(), "{plugin}: {text:?}");
        }
    }
    let (model, generation) = (json(&checkpoint.join("config.json")), json(&checkpoint.join("generation_config.json")));
    let settings = json(&checkpoint.join("tokenizer_config.json"));
    let end = settings["eos_token"].as_str().unwrap();
    assert_eq!(model["eos_token_id"], reference.token_to_id(end).unwrap());
    assert_eq!(generation["eos_token_id"], model["eos_token_id"]);
    assert_eq!(settings["tokenizer_class"], "PreTrainedTokenizerFast");
    assert!(reference.get_vocab_size(true) <= model["vocab_size"].as_u64().unwrap() as usize);
    assert!(!checkpoint.join("trainyard/tokenizer.model").exists());
}

#[test]
fn trained_tokenizers_are_in_it() {
    let folder = TempDir::new().unwrap();
    for (plugin, settings) in [
        ("byte", ""),
        ("bpe", "vocab_size = 300"),
        ("bpe", "vocab_size = 300\nsplit = 'gpt4'\nspecial_tokens = ['<|user|>']"),
        ("wordpiece", "vocab_size = 200"),
        ("unigram", "vocab_size = 150"),
    ] {
        let table = settings.replace('\n', ", ");
        let (checkpoint, _) = train(folder.path(), &format!("plugin = '{plugin}'\nconfig = {{ {table} }}"));
        agrees(folder.path(), &checkpoint, plugin, settings);
    }
}

#[test]
fn files_are_in_it_as_they_are_used() {
    let folder = TempDir::new().unwrap();
    let (checkpoint, _) = train(folder.path(), "plugin = 'bpe'\nconfig.vocab_size = 300");
    let mut file = json(&checkpoint.join("tokenizer.json"));
    let added = |id: u32, content: &str, special: bool| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": special})
    };
    file["added_tokens"] = json!([added(310, "<fin>", true), added(320, "<tool>", false)]);
    file["truncation"] = json!({"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0});
    file["model"]["dropout"] = json!(0.5);
    fs::write(folder.path().join("tokenizer.json"), file.to_string()).unwrap();
    for plugin in ["bpe", "hf-tokenizer"] {
        let tokenizer = format!("plugin = '{plugin}'\nmodel = 'tokenizer.json'\nend_of_text = '<fin>'");
        let (checkpoint, said) = train(folder.path(), &tokenizer);
        agrees(folder.path(), &checkpoint, plugin, "end_of_text = '<fin>'");
        assert_eq!(json(&checkpoint.join("tokenizer_config.json"))["eos_token"], "<fin>");
        assert_eq!(said.matches("dropout of 0.5 is switched off").count(), 1, "{said}");
    }
}

/// The format of a third-party tokenizer's model is unknown.
#[test]
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn a_foreign_tokenizer_is_not_in_it() {
    let folder = TempDir::new().unwrap();
    let plugin = Path::new(&crate::device::manifest_dir()).join("compat/0.1/compat-tokenizer.so");
    let tokenizer = format!("plugin = '{}'\ntrust = 'native'", plugin.display());
    let (checkpoint, said) = train(folder.path(), &tokenizer);
    let expected = "has no form that Hugging Face's programs load: checkpoints have no tokenizer.json, but \
                    trainyard/tokenizer.model";
    assert_eq!(said.matches(expected).count(), 1, "{said}");
    let has = |name: &str| checkpoint.join(name).exists();
    assert!(has("trainyard/tokenizer.model") && has("generation_config.json") && has("config.json"));
    assert!(!has("tokenizer.json") && !has("tokenizer_config.json"));
}

/// Ranks of tiktoken are converted to a Hugging Face file.
#[test]
fn rank_files_are_in_it() {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let base64 = |bytes: &[u8]| -> String {
        let digits = bytes.chunks(3).flat_map(|chunk| {
            let number = (0..3).fold(0, |number, i| number << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
            (0..4).map(move |i| match i <= chunk.len() {
                true => char::from(DIGITS[(number >> (18 - 6 * i)) as usize & 63]),
                false => '=',
            })
        });
        digits.collect()
    };
    let words = ["th", " t", "the", " the", "at", "aa", "aaa", "aaaa", "ab", "abab"];
    let tokens = (0..=u8::MAX).map(|byte| vec![byte]).chain(words.map(|word| word.as_bytes().to_vec()));
    let lines: String = tokens.zip(0..).map(|(token, rank)| format!("{} {rank}\n", base64(&token))).collect();
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("ranks"), lines + "= 266\n").unwrap();
    let (checkpoint, _) = train(folder.path(), "plugin = 'bpe'\nmodel = 'ranks'\nconfig.split = 'gpt2'");
    agrees(folder.path(), &checkpoint, "bpe", "split = 'gpt2'");
    assert_eq!(json(&checkpoint.join("config.json"))["eos_token_id"], 267);
}
