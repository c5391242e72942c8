//! Which crates a part of the code may name.

use super::source::Source;

/// What opens dynamic libraries: plugins, NVIDIA's libraries, MPI.
const LOADERS: &[&str] = &["host/src/plugin/", "host/ops/src/cuda/libraries.rs", "host/ranks/src/mpi/", "tests/"];

/// A crate that only one part of the code may name.
const ONLY_IN: [(&str, &[&str], &str); 5] = [
    ("wasmtime", &["host/src/plugin/", "tests/"], "use `crate::plugin::Plugin`"),
    ("libloading", LOADERS, "use `crate::plugin::Plugin`"),
    ("cudarc", &["host/ops/src/cuda/"], "use `crate::ops::Gpu`"),
    ("clap", &["host/src/cli/", "tests/"], "take plain arguments and let `cli` read the command line"),
    ("indicatif", &["host/report/", "tests/"], "use `crate::report::Progress`"),
];

/// What a folder never names.
const NEVER_IN: [(&str, &[&str], &str); 6] = [
    ("host/src/corpus/", &["candle_core", "candle_nn"], "return plain slices, `train` makes tensors of them"),
    ("host/src/feed/", &["candle_core", "candle_nn"], "return plain slices, `train` makes tensors of them"),
    ("host/src/model/", &["crate::plugin", "trainyard_plugin::Model"], "take the network that a plugin described"),
    ("host/ops/", &["trainyard::", "trainyard_plugin"], "take what the op needs as plain values"),
    ("host/src/", &["candle_nn"], NO_BACKWARD),
    ("host/ops/", &["candle_nn"], NO_BACKWARD),
];

/// candle-nn's fused ops have no backward: they cut the gradient without an error.
const NO_BACKWARD: &str =
    "its LayerNorm, RmsNorm, softmax_last_dim, sdpa and rope have no backward and cut the gradient; use `crate::ops`";

/// The same ops under the names that they have once imported.
const WITHOUT_BACKWARD: [&str; 7] =
    ["LayerNorm::forward", "RmsNorm::forward", "softmax_last_dim", "rms_norm_slow", "rotary_emb", "rope_i", "sdpa"];

pub fn check(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(names(source));
    found.extend(manifest(source));
    found
}

fn names(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (name, places, instead) in ONLY_IN {
        if !source.is_in(places) {
            let message = format!("{name} is for {} only: {instead}", places[0]);
            found.extend(source.find(name).into_iter().map(|offset| source.at(offset, &message)));
        }
    }
    for (folder, names, instead) in NEVER_IN {
        for name in names.iter().filter(|_| source.is_in(&[folder])) {
            let message = format!("{folder} never names {name}: {instead}");
            found.extend(source.find(name).into_iter().map(|offset| source.at(offset, &message)));
        }
    }
    for name in WITHOUT_BACKWARD.iter().filter(|_| source.is_in(&["host/src/", "host/ops/"])) {
        let message = format!("{name} has no backward and cuts the gradient without an error: use `crate::ops`");
        found.extend(source.find(name).into_iter().map(|offset| source.at(offset, &message)));
    }
    found
}

/// What a crate depends on.
fn manifest(source: &Source) -> Vec<String> {
    let is_plugin = source.is_in(&["plugins/"]);
    if !source.path.ends_with("Cargo.toml") || !(is_plugin || source.is_in(&["plugin-sdk/"])) {
        return Vec::new();
    }
    let allowed: &[&str] = match source.path.as_str() {
        "plugins/bpe/Cargo.toml" => {
            &["trainyard-plugin", "base64", "memchr", "serde", "serde_json", "unicode-normalization"]
        }
        "plugins/hf-tokenizer/Cargo.toml" => &["trainyard-plugin", "base64", "tokenizers", "serde_json"],
        "plugins/wordpiece/Cargo.toml" | "plugins/unigram/Cargo.toml" => {
            &["trainyard-plugin", "trainyard-hf-tokenizer", "tokenizers", "rayon"]
        }
        "plugins/unicode/Cargo.toml" => &["trainyard-plugin", "unicode-normalization"],
        "plugins/html-entities/Cargo.toml" => &["trainyard-plugin", "memchr", "htmlize"],
        "plugins/bleu/Cargo.toml" => &["trainyard-plugin", "trainyard-text", "libm"],
        "plugins/language/Cargo.toml" => &["trainyard-plugin", "whatlang"],
        _ if is_plugin => &["trainyard-plugin", "trainyard-models", "trainyard-text", "memchr"],
        "plugin-sdk/models/Cargo.toml" => &["trainyard-plugin"],
        "plugin-sdk/text/Cargo.toml" => {
            &["icu_segmenter", "memchr", "unicode-normalization", "unicode-segmentation", "xxhash-rust"]
        }
        _ => &["wit-bindgen"],
    };
    let table: toml::Table = source.text.parse().expect("cargo reads the same file");
    let of = |table: &toml::Table| -> Vec<String> {
        let dependencies = table.get("dependencies").and_then(toml::Value::as_table);
        dependencies.map(|table| table.keys().cloned().collect()).unwrap_or_default()
    };
    let mut names = of(&table);
    if let Some(targets) = table.get("target").and_then(toml::Value::as_table) {
        names.extend(targets.values().filter_map(toml::Value::as_table).flat_map(of));
    }
    let message = |name: &String| {
        source.at_line(
            1,
            &format!(
                "{name} is not among {allowed:?}: write what is needed in the crate, it must stay small and portable"
            ),
        )
    };
    names.iter().filter(|name| !allowed.contains(&name.as_str())).map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::assert_found;

    #[track_caller]
    fn found(path: &str, text: &str, expected: &[&str]) {
        let found = check(&Source::new(path, text));
        assert_found(&found, expected);
    }

    #[test]
    fn engines_are_named_in_one_place() {
        let engine = "//! x\nuse wasmtime::Engine;\n";
        found("host/src/train/a.rs", engine, &["host/src/train/a.rs:2: wasmtime is for host/src/plugin/ only"]);
        found("host/src/plugin/wasm.rs", engine, &[]);
        found("host/src/train/a.rs", "// wasmtime is fine in prose\nlet wasmtime_like = \"wasmtime\";", &[]);
        found("host/src/train/a.rs", "use libloading::Library;", &["libloading is for"]);
    }

    #[test]
    fn folders_do_not_know_each_other() {
        found("host/src/feed/a.rs", "use candle_core::Tensor;", &["a.rs:1: host/src/feed/ never names candle_core"]);
        found("host/src/model/a.rs", "use crate::plugin::Plugin;", &["never names crate::plugin"]);
        found("host/ops/src/a.rs", "fn f(g: trainyard_plugin::Graph) {}", &["never names trainyard_plugin"]);
        found("host/src/train/a.rs", "use crate::plugin::Plugin;", &[]);
    }

    #[test]
    fn ops_without_a_backward_are_banned() {
        found("host/src/model/a.rs", "use candle_nn::Linear;", &["never names candle_nn"]);
        found("host/src/model/a.rs", "let p = softmax_last_dim(&x);\n", &["softmax_last_dim has no backward"]);
        found("host/src/model/a.rs", "LayerNorm::forward(&n, x)", &["LayerNorm::forward has no backward"]);
    }

    #[test]
    fn crates_for_authors_stay_small() {
        found("plugins/a/Cargo.toml", "[dependencies]\ntrainyard-plugin.workspace = true\n", &[]);
        found("plugins/a/Cargo.toml", "[dependencies]\nregex = '1'\n", &["regex is not among"]);
        found("plugin-sdk/Cargo.toml", "[target.x.dependencies]\nserde = '1'\n", &["serde is not among"]);
        found("plugin-sdk/Cargo.toml", "[dependencies]\ntrainyard = '1'\n", &["trainyard is not among"]);
    }
}
