//! What is fuzzed: plain functions over bytes. Each may refuse its input with an error; it must not panic, hang or take
//! more than a gigabyte.
//!
//! Used twice: by the ordinary test in `tests/fuzz.rs`, and by the coverage-guided fuzzer in `tests/fuzz/guided/`.

use std::fs;
use std::path::{Path, PathBuf};
use trainyard::corpus::documents;
use trainyard::feed::{Number, Per, Plane, Shard};
use trainyard::formats::gguf::Imported;
use trainyard::formats::hf::Folder;
use trainyard::formats::safetensors::Weights;
use trainyard::loss::Program;
use trainyard::plugin::{Plugin, PluginConfig, inspect};
use trainyard::run::checkpoint::Reader;
use trainyard_plugin::graph::ops::OPS;
use trainyard_plugin::{Graph, Kind, Node, Output};

/// A function over bytes; the folder is its own, for files that it needs.
pub type Target = fn(&[u8], &Path);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 10] = [
    ("config", config),
    ("tokenizer", tokenizer),
    ("shard", shard),
    ("manifest", manifest),
    ("identity", identity),
    ("graph", graph),
    ("parquet", parquet),
    ("gguf", gguf),
    ("safetensors", safetensors),
    ("hugging-face", hugging_face),
];

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("the folder is writable");
    path
}

/// A run's config.
pub fn config(bytes: &[u8], folder: &Path) {
    let path = write(folder, "config.toml", bytes);
    if let Ok(config) = trainyard::run::RunConfig::load(&path, &[]) {
        config.to_toml().expect("what was read can be written");
    }
}

/// A Hugging Face tokenizer file, read by each tokenizer that reads them. The first byte chooses the tokenizer.
pub fn tokenizer(bytes: &[u8], folder: &Path) {
    let Some((first, model)) = bytes.split_first() else { return };
    let name = ["bpe", "hf-tokenizer", "wordpiece", "unigram"][usize::from(*first) % 4];
    let mut config = PluginConfig::new(name);
    if name == "hf-tokenizer" {
        let path = write(folder, "tokenizer.json", model).display().to_string();
        config.config.insert("path".into(), path.into());
    }
    let Ok(plugin) = Plugin::open(&config, Kind::Tokenizer) else { return };
    let Ok(mut tokenizer) = plugin.tokenizer() else { return };
    if tokenizer.load(model).is_err() {
        return;
    }
    let _ = tokenizer.vocabulary();
    if let Ok(batch) = tokenizer.encode(&["Hello, wörld 日本 🦀\n\n  x", "", "<|endoftext|>"]) {
        let _ = tokenizer.decode(&batch);
    }
}

/// A shard whose checksum is right, whatever its bytes say.
pub fn shard(bytes: &[u8], folder: &Path) {
    const HEADER: usize = 128;
    if bytes.len() < HEADER {
        return drop(Shard::open(&write(folder, "short", bytes)));
    }
    let (header, body) = bytes.split_at(HEADER);
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    hasher.update(body);
    hasher.update(header);
    let file = [bytes, &hasher.digest128().to_le_bytes()].concat();
    let Ok(shard) = Shard::open(&write(folder, "shard", &file)) else { return };
    // Read in pieces that a hostile count cannot make large.
    let n = shard.n_tokens().min(1000);
    let _ = shard.tokens(0..n).map(u64::from).sum::<u64>();
    let answer = Plane { name: "answer", number: Number::U8, per: Per::Token };
    let _ = shard.plane(&answer, 0..n).map(|numbers| numbers.sum::<f64>());
    for document in 0..shard.n_documents().min(100) {
        let _ = shard.rows(document);
        let _ = shard.document(document);
    }
}

/// A checkpoint's manifest, beside files that it may name.
pub fn manifest(bytes: &[u8], folder: &Path) {
    let checkpoint = folder.join("step-1");
    fs::create_dir_all(checkpoint.join("trainyard")).expect("the folder is writable");
    write(&checkpoint, "trainyard/manifest.json", bytes);
    write(&checkpoint, "model.safetensors", &bytes[..bytes.len() / 2]);
    if let Ok(reader) = Reader::open(&checkpoint) {
        let _ = reader.json::<serde_json::Value>("trainyard/state.json");
        let _ = reader.tensors("model.safetensors");
    }
}

/// A plugin file: who it is, without running it.
pub fn identity(bytes: &[u8], folder: &Path) {
    for name in ["plugin.wasm", "libplugin.so"] {
        if let Ok(inspection) = inspect(&write(folder, name, bytes)) {
            let _ = inspection.to_string();
        }
    }
}

/// A graph: each byte chooses an op, an input or a constant.
pub fn graph(bytes: &[u8], _: &Path) {
    let mut bytes = bytes.iter().copied();
    let mut next = || bytes.next();
    let mut nodes: Vec<Node> = Vec::new();
    while let Some(byte) = next() {
        let op = &OPS[usize::from(byte) % OPS.len()];
        let near = |byte: u8, n: usize| (n as u32).wrapping_sub(u32::from(byte));
        let n = nodes.len();
        let Some(n_inputs) = next() else { break };
        let inputs = (0..n_inputs % 4).map_while(|_| next()).map(|byte| near(byte, n)).collect();
        let n_attributes = n_inputs / 4 % 3;
        let attributes =
            (0..n_attributes).map_while(|_| next()).map(|byte| CONSTANTS[usize::from(byte) % CONSTANTS.len()]);
        nodes.push(Node { op: op.name.to_owned(), inputs, attributes: attributes.collect() });
    }
    let last = (nodes.len() as u32).wrapping_sub(1);
    let outputs = vec![Output { name: "loss".into(), sum: last, weight: last.wrapping_sub(1) }];
    let graph = Graph { op_set: 1, nodes, outputs };
    if let Ok(program) = Program::compile(&[&graph]) {
        let _ = program.explain();
    }
}

const CONSTANTS: [f64; 8] = [0.0, 1.0, -1.0, 0.5, 1e300, -1e-300, f64::NAN, f64::INFINITY];

/// A Parquet file.
pub fn parquet(bytes: &[u8], folder: &Path) {
    let data = write(folder, "data.parquet", bytes);
    let text = format!(
        "[data]\nsource = [{{ path = {:?} }}]\n[tokenizer]\nplugin = \"byte\"\n[loss]\nplugin = \"cross-entropy\"\n",
        data.display().to_string()
    );
    let config =
        trainyard::run::RunConfig::load(&write(folder, "config.toml", text.as_bytes()), &[]).expect("a right config");
    if let Ok(documents) = documents(&config.data) {
        // An error ends the file; a lie about the number of rows must not go on for ever.
        let _ = documents.take(10_000).take_while(Result::is_ok).count();
    }
}

/// A model of llama.cpp.
pub fn gguf(bytes: &[u8], folder: &Path) {
    let Ok(mut model) = Imported::open(&write(folder, "model.gguf", bytes)) else { return };
    let _ = model.files();
    for entry in model.entries().to_vec() {
        // what lies inside the file can be read
        let tensor = model.tensor(&entry.name).expect("a tensor of a checked header");
        assert_eq!(tensor.dims(), entry.shape);
    }
}

/// Tensors in one file.
pub fn safetensors(bytes: &[u8], folder: &Path) {
    write(folder, "model.safetensors", bytes);
    let Ok(mut weights) = Weights::open(folder) else { return };
    let all: Vec<_> = weights.entries().map(|(name, entry)| (name.to_owned(), entry.shape.clone())).collect();
    for (name, shape) in all {
        // Some types are not read, and numbers may be strange.
        if let Ok(tensor) = weights.read(&name) {
            assert_eq!(tensor.dims(), shape);
        }
    }
}

/// A `config.json` and an index of shards, which are the same bytes here.
pub fn hugging_face(bytes: &[u8], folder: &Path) {
    write(folder, "config.json", bytes);
    write(folder, "model.safetensors.index.json", bytes);
    if let Ok(folder) = Folder::open(folder) {
        let _ = folder.config.settings();
    }
    let _ = Weights::open(folder);
}
