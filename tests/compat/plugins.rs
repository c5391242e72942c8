//! Plugins that were built when their contract was published: they are loaded, never built, and answer as they did.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trainyard::plugin::{Plugin, PluginConfig, Trust};
use trainyard_plugin::network::{Layer, Parameter};
use trainyard_plugin::{Graph, Kind, MetricInfo, Setting, Sizes, TextPair};

const TEXTS: [&str; 3] =
    ["", "the cat and the hat and the bat\n", "Ünïcode — 你好, 🙂 and some words of English to go on with."];

/// The plugins of all contracts that can run on this machine.
fn plugins() -> Vec<PathBuf> {
    let is_plugin = |path: &PathBuf| {
        let is_native = cfg!(all(target_os = "linux", target_arch = "x86_64"));
        path.extension().is_some_and(|ending| ending == "wasm" || (ending == "so" && is_native))
    };
    let contracts = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/compat")).unwrap();
    let folders = contracts.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut plugins: Vec<_> = files.filter(is_plugin).collect();
    plugins.sort();
    plugins
}

/// Where the answers of the plugins in this folder are.
fn answers_file(plugin: &Path) -> PathBuf {
    plugin.with_file_name("answers.json")
}

fn answers(plugin: &Path) -> Value {
    let mut config = PluginConfig::new(plugin.to_str().unwrap());
    config.trust = Some(Trust::Native);
    let plugin = Plugin::open_any(&config, &Kind::ALL).unwrap_or_else(|error| panic!("{error}"));
    match plugin.identity().kind {
        Kind::Tokenizer => tokenizer(&plugin),
        Kind::Filter => filter(&plugin),
        Kind::Loss => graph(&plugin.loss().unwrap().describe().unwrap()),
        Kind::Metric => {
            let metric = plugin.metric().unwrap();
            json!([info(&metric.info().unwrap()), graph(&metric.describe().unwrap())])
        }
        Kind::TextMetric => text_metric(&plugin),
        Kind::Model => model(&plugin),
    }
}

fn tokenizer(plugin: &Plugin) -> Value {
    let mut first = plugin.tokenizer().unwrap();
    first.observe(&TEXTS).unwrap();
    let model = first.train().unwrap();
    let mut second = plugin.tokenizer().unwrap();
    second.load(&model).unwrap();
    let (vocabulary, batch) = (second.vocabulary().unwrap(), second.encode(&TEXTS).unwrap());
    let decoded: Vec<_> =
        second.decode(&batch).unwrap().iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    let specials: Vec<_> = vocabulary.specials.iter().map(|special| json!([special.name, special.id])).collect();
    json!({ "model": model, "tokens": vocabulary.tokens.len(), "specials": specials, "ids": batch.ids,
            "ends": batch.ends, "decoded": decoded })
}

fn filter(plugin: &Plugin) -> Value {
    let mut filter = plugin.filter().unwrap();
    let verdicts = filter.judge(&TEXTS).unwrap();
    let verdict = |it: &trainyard_plugin::Verdict| {
        let spans: Vec<_> = it.spans.iter().map(|span| [span.start, span.end]).collect();
        json!([it.keep, it.reason, it.score, it.text, spans])
    };
    json!({ "two_pass": filter.two_pass(), "verdicts": verdicts.iter().map(verdict).collect::<Vec<_>>() })
}

fn text_metric(plugin: &Plugin) -> Value {
    let [mut first, mut second] = [(); 2].map(|()| plugin.text_metric().unwrap());
    let pair = |hypothesis: &'static str| TextPair { hypothesis, references: TEXTS.to_vec() };
    first.update(&[pair(TEXTS[1])]).unwrap();
    second.update(&[pair(TEXTS[2])]).unwrap();
    let state = second.state().unwrap();
    first.merge(&state).unwrap();
    json!([info(&first.info().unwrap()), first.value().unwrap()])
}

fn model(plugin: &Plugin) -> Value {
    let (model, sizes) = (plugin.model().unwrap(), Sizes::new(100, 16));
    let network = model.describe(&sizes).unwrap();
    let setting = |setting: &Setting| json!([setting.key, format!("{:?}", setting.value)]);
    let settings = |settings: &[Setting]| settings.iter().map(setting).collect::<Vec<_>>();
    let parameter = |it: &Parameter| json!([it.name, it.shape, it.init, it.scale, it.decay, it.aliases]);
    let layer = |it: &Layer| json!([it.op, it.scope, it.inputs, it.parameters, settings(&it.attributes)]);
    let parameters: Vec<_> = network.parameters.iter().map(parameter).collect();
    let layers: Vec<_> = network.layers.iter().map(layer).collect();
    let heads: Vec<_> = network.heads.iter().map(|head| json!([head.name, head.value])).collect();
    let exported = model.export(&sizes).unwrap_or_default();
    let imported = model.import(&exported).unwrap_or_default();
    json!([
        network.op_set,
        parameters,
        layers,
        heads,
        network.blocks,
        network.ignored,
        settings(&exported),
        settings(&imported),
    ])
}

fn info(info: &MetricInfo) -> Value {
    json!([info.unit, format!("{:?}", info.direction), info.aggregation])
}

fn graph(graph: &Graph) -> Value {
    let nodes: Vec<_> = graph.nodes.iter().map(|node| json!([node.op, node.inputs, node.attributes])).collect();
    let outputs: Vec<_> = graph.outputs.iter().map(|output| json!([output.name, output.sum, output.weight])).collect();
    json!([graph.op_set, nodes, outputs])
}

#[test]
fn plugins_of_every_contract_load_and_answer_as_they_did() {
    let plugins = plugins();
    let mut kinds = Vec::new();
    for path in &plugins {
        let text = std::fs::read_to_string(answers_file(path)).unwrap();
        let known: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let expected = known.get(name).unwrap_or_else(|| panic!("{} has no answers", path.display()));
        // numbers are compared as they are after a way through text
        let answers: Value = serde_json::from_str(&answers(path).to_string()).unwrap();
        assert_eq!(answers, *expected, "{}", path.display());
        let kind = trainyard::plugin::inspect(path).unwrap().kind;
        kinds.push((kind, path.extension().unwrap() == "wasm"));
    }
    // before the contract is published there are none
    for kind in Kind::ALL.into_iter().filter(|_| !plugins.is_empty()) {
        assert!(kinds.contains(&(kind.name().into(), true)), "no component of a {kind} is kept");
    }
}

/// For plugins that are new: `scripts/compat-plugins.sh` runs it after it built them. The answers of the others stay.
#[test]
#[ignore = "writes the expected answers"]
fn freeze_answers() {
    let mut files: BTreeMap<PathBuf, BTreeMap<String, Value>> = BTreeMap::new();
    for path in plugins() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let file = answers_file(&path);
        let known = || {
            let text = std::fs::read_to_string(&file).unwrap_or_else(|_| "{}".to_owned());
            serde_json::from_str(&text).unwrap()
        };
        files.entry(file.clone()).or_insert_with(known).entry(name).or_insert_with(|| answers(&path));
    }
    for (path, answers) in files {
        let lines: Vec<_> = answers.iter().map(|(name, value)| format!("{}: {value}", json!(name))).collect();
        std::fs::write(path, format!("{{\n{}\n}}\n", lines.join(",\n"))).unwrap();
    }
}
