//! What models answer that no host may accept: each is refused in one line, quickly, in every form.

use super::Form::{self, Native, NativeProcess, Wasm, WasmProcess};
use super::{exercise, hostile, text};
use std::time::{Duration, Instant};
use trainyard_plugin::Kind::Model;

const ALL: [Form; 4] = [Wasm, Native, WasmProcess, NativeProcess];

/// Behaviours, and the errors after the culprit.
const CASES: &[(&str, Option<&str>)] = &[
    ("nothing", None),
    ("cyclic", Some("describe: layer 4 (add): input 4 is not an earlier layer (a network has no cycles)")),
    ("forward", Some("describe: layer 4 (add): input 13 is not an earlier layer (a network has no cycles)")),
    (
        "input-outside",
        Some("describe: wte (linear): input 4294967295 is not an earlier layer (a network has no cycles)"),
    ),
    ("parameter-outside", Some("describe: wte (linear): there is no parameter 4294967295")),
    ("ill-typed", Some("describe: wte (linear): input 0 is an index per row, expected a matrix")),
    ("unequal-widths", Some("describe: layer 4 (add): the inputs are [row, 8] and [row, 9], expected two of one type")),
    ("wrong-head", Some("describe: wte (linear): no head depends on it; use it or leave it out")),
    (
        "wrong-vocab",
        Some(
            "describe: wte (linear): the head \"logits\" has 51 columns, expected 50, one for each token of the vocabulary",
        ),
    ),
    (
        "few-tokens",
        Some(
            "describe: wte (linear): the head \"logits\" has 49 columns, expected 50, one for each token of the vocabulary",
        ),
    ),
    (
        "few-positions",
        Some("describe: wpe (embedding): wpe.weight has 15 rows, too few for 16 positions of the context"),
    ),
    ("unknown-op", Some("describe: wte (linearr): unknown op \"linearr\"; did you mean \"linear\"?")),
    ("control-op", Some("describe: wte (\\u{1b}[2J): unknown op \"\\u{1b}[2J\"")),
    ("long-op", Some("unknown op \"xxxxxxxxxx")),
    ("long-scope", Some("has other characters than ASCII's, or more than 512")),
    ("control-name", Some("describe: the name of a parameter \"\\u{1b}[2J\" has other characters than ASCII's")),
    ("name-clash", Some("describe: two parameters are named \"wte.weight\"")),
    ("alias-clash", Some("describe: two parameters are named \"wte.weight\"")),
    ("many-aliases", Some("describe: parameter \"wte.weight\" has 100000 other names, at most 64 are allowed")),
    (
        "many-dimensions",
        Some("describe: parameter wte.weight has shape [1, 1, 1, 1, 1, 1, 1, 1], expected up to 8 dimensions"),
    ),
    ("huge-parameter", Some("expected up to 8 dimensions, at least one number and at most 2^40")),
    (
        "empty-parameter",
        Some("describe: parameter wte.weight has shape [0, 8], expected up to 8 dimensions, at least one"),
    ),
    ("unknown-init", Some("describe: parameter wte.weight begins \"glorot\", expected \"zeros\", \"ones\"")),
    ("unused-parameter", Some("describe: parameter unused changes no head: no gradient would reach it")),
    ("unused-layer", Some("describe: nowhere (linear): no head depends on it; use it or leave it out")),
    ("no-heads", Some("describe: the network has no head \"logits\", which losses read")),
    ("same-heads", Some("describe: two heads are named \"logits\"")),
    ("head-outside", Some("describe: head \"logits\" is no layer's matrix")),
    ("newer-op-set", Some("describe: op set 1000 is unknown, expected 1 to 2")),
    ("empty", Some("describe: head \"logits\" is no layer's matrix")),
    ("nan-attribute", Some("describe: h.0.ln (layer_norm): attribute epsilon must be a finite number")),
    ("long-attribute", Some("describe: wte (linear): attribute layout must be a text of at most 512 bytes")),
    ("many-attributes", Some("describe: wte (linear): attribute layout is given twice")),
    ("other-heads", Some("describe: h.0 (attention): 3 heads share 2 heads of keys, expected a divisor of heads")),
    ("changes", Some("describe: two calls with the same sizes describe two networks, expected the same network")),
    ("enormous", Some("describe: the network has 200000 layers, at most 100000 are allowed")),
    ("enormous-parameters", Some("describe: the network has 200000 parameters, at most 100000 are allowed")),
    ("config-nan", Some("export-config: setting \"theta\" has a number that is not finite")),
    ("config-twice", Some("export-config: setting \"model_type\" appears twice")),
    ("config-control", Some("export-config: setting \"\\u{1b}[2J\" holds the control character")),
    ("config-enormous", Some("export-config: 1000000 settings, at most 10000 are allowed")),
    ("huge-config", Some("export-config: returned more than 256 MiB (limits.output_mb)")),
];

#[test]
fn every_answer_of_a_model_has_its_error() {
    let mut wrong = Vec::new();
    for form in ALL {
        for (behaviour, expected) in CASES {
            let plugin = hostile(Model, form, behaviour, |config| config.limits.memory_mb = 2048);
            let begun = Instant::now();
            let got = exercise(&plugin, Model).err();
            let (fits, culprit) = (begun.elapsed() < Duration::from_secs(20), text(&plugin, plugin.culprit()));
            let is_expected = match (&got, expected) {
                (None, None) => true,
                (Some(got), Some(expected)) => {
                    let lines = got.lines().count();
                    got.starts_with(&culprit) && got.contains(expected) && lines == 1 && got.len() < 1500
                }
                _ => false,
            };
            if !is_expected || !fits {
                wrong.push(format!("{form:?} {behaviour:?}: got {got:?} after {:?}", begun.elapsed()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// As many layers as are allowed are checked without recursion and in bounded time.
#[test]
fn the_largest_network_is_accepted() {
    let plugin = hostile(Model, Native, "deep", |config| config.limits.memory_mb = 2048);
    assert_eq!(exercise(&plugin, Model), Ok(()));
}
