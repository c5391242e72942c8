//! Settings on the command line (`--set`, `--unset`), and the reference of all settings.

use crate::program::{Outcome, trainyard};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use trainyard::run::{RunConfig, json_schema, keys, reference_page};

const CONFIG: &str = "\
[[data.source]]
path = 'a.txt'
[[data.filter]]
plugin = 'length'
config.min_words = 3
[[data.filter]]
plugin = 'gopher-quality'
config.min_words = 20
[tokenizer]
plugin = '../x/bpe.wasm'
config = { vocab_size = 300, split = 'gpt4' }
[loss]
plugin = 'focal'
config.gamma = 3.0
[[metric]]
plugin = 'bits-per-byte'
[[metric]]
plugin = 'distinct-n'
config.n = 3
[schedule]
warmup = 100
[train]
steps = 1000
";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.toml"), CONFIG).unwrap();
    folder
}

fn show(arguments: &[&str]) -> Outcome {
    let folder = folder();
    trainyard(&[&["config", "show", "x.toml"], arguments].concat()).in_folder(folder.path()).run()
}

/// The config as it is with these arguments, which say what `notes` has, a line each.
#[track_caller]
fn shown(arguments: &[&str], notes: &[&str]) -> toml::Table {
    let outcome = show(arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let said: Vec<_> = outcome.stderr.lines().map(|line| line.trim_start_matches(" WARN ")).collect();
    assert_eq!(said, notes, "{arguments:?}");
    outcome.stdout.parse().unwrap()
}

#[track_caller]
fn fails(arguments: &[&str], expected: &str) {
    let outcome = show(arguments);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (2, format!("error: {expected}\n").as_str()), "{arguments:?}");
}

#[test]
fn another_plugin_drops_the_settings_of_the_old_one() {
    let config = shown(
        &["--set", "loss.plugin=z-loss"],
        &["loss.config: dropped gamma, set for \"focal\": the plugin is now \"z-loss\""],
    );
    assert!(config["loss"].get("config").is_none(), "{config}");
    let note = "tokenizer.config: dropped split, vocab_size, set for \"bpe\": the plugin is now \"byte\"";
    assert!(shown(&["--set", "tokenizer.plugin=byte"], &[note])["tokenizer"].get("config").is_none());
    let notes = [
        "data.filter.1.config: dropped min_words, set for \"gopher-quality\": the plugin is now \"language\"",
        "metric.1.config: dropped n, set for \"distinct-n\": the plugin is now \"perplexity\"",
    ];
    let config = shown(&["--set", "data.filter.1.plugin=language", "--set", "metric.1.plugin=perplexity"], &notes);
    assert_eq!(config["data"]["filter"][0]["config"]["min_words"].as_integer(), Some(3));
    assert!(config["data"]["filter"][1].get("config").is_none() && config["metric"][1].get("config").is_none());
}

#[test]
fn settings_of_the_command_line_and_of_the_same_plugin_stay() {
    let note = "loss.config: dropped gamma, set for \"focal\": the plugin is now \"z-loss\"";
    for sets in [["loss.plugin=z-loss", "loss.config.weight=0.5"], ["loss.config.weight=0.5", "loss.plugin=z-loss"]] {
        let config = shown(&["--set", sets[0], "--set", sets[1]], &[note]);
        let settings = config["loss"]["config"].as_table().unwrap();
        assert_eq!(settings.iter().collect::<Vec<_>>(), [(&"weight".to_owned(), &toml::Value::Float(0.5))]);
    }
    // another form of the same plugin
    for plugin in ["bpe", "y/libbpe.so", "/z/bpe.wasm"] {
        let config = shown(&["--set", &format!("tokenizer.plugin={plugin}")], &[]);
        assert_eq!(config["tokenizer"]["config"]["vocab_size"].as_integer(), Some(300));
    }
    // a whole table has no old settings to drop
    let config = shown(&["--set", "loss={ plugin = 'z-loss', config.weight = 1.0 }"], &[]);
    assert_eq!(config["loss"]["config"]["weight"].as_float(), Some(1.0));
}

#[test]
fn keys_are_removed_before_others_are_set() {
    let config = shown(&["--unset", "loss.config", "--set", "loss.config.gamma=1.0", "--unset", "train.steps"], &[]);
    assert_eq!(config["loss"]["config"]["gamma"].as_float(), Some(1.0));
    assert_eq!(config["train"]["steps"].as_integer(), Some(1000));
    // indices are those of the file
    let config = shown(&["--unset", "data.filter.0", "--unset", "data.filter.1.config", "--unset", "metric"], &[]);
    let filters = config["data"]["filter"].as_array().unwrap();
    assert_eq!((filters.len(), filters[0]["plugin"].as_str()), (1, Some("gopher-quality")));
    assert!(filters[0].get("config").is_none());
    assert_eq!(config["metric"][1]["plugin"].as_str(), Some("token-accuracy"));
    let both = ["--unset", "data.filter.0", "--unset", "data.filter.1", "--unset", "data.filter.0"];
    assert_eq!(shown(&both, &[])["data"]["filter"].as_array().unwrap().len(), 0);
}

#[test]
fn what_is_not_there_cannot_be_removed() {
    fails(&["--unset", "los"], "--unset los: the config has no key \"los\", did you mean \"loss\"?");
    fails(&["--unset", "train.batch"], "--unset train.batch: train has no key \"batch\", expected one of steps");
    fails(
        &["--unset", "tokenizer.config.vocab"],
        "--unset tokenizer.config.vocab: tokenizer.config has no key \"vocab\", did you mean \"vocab_size\"?",
    );
    fails(
        &["--unset", "metric.2"],
        "--unset metric.2: metric is a list of 2: expected a number from 0 to 1 after it, got \"2\"",
    );
    fails(
        &["--unset", "loss.plugin.x"],
        "--unset loss.plugin.x: loss.plugin is \"focal\", not a table: it has no \"x\"",
    );
    fails(
        &["--unset", "a..b"],
        "--unset a..b: the key has an empty part, expected names between dots, for example train.batch",
    );
    fails(
        &["--unset", "tokenizer.plugin"],
        "x.toml:9:1: tokenizer: missing key \"plugin\", expected a built-in's name or a file",
    );
}

#[test]
fn overrides_are_where_configs_are() {
    for command in [
        &["train"][..],
        &["prepare"],
        &["eval"],
        &["generate"],
        &["drill"],
        &["bench", "step"],
        &["plugin", "dev"],
        &["data", "stats"],
        &["data", "why"],
        &["data", "drops"],
        &["data", "rethreshold"],
        &["config", "show"],
    ] {
        let help = trainyard(&[command, &["--help"]].concat()).run().stdout;
        assert!(help.contains("--set <KEY=VALUE>") && help.contains("--unset <KEY>"), "{command:?}: {help}");
    }
}

#[test]
fn warm_up_is_a_number_of_steps_or_a_share() {
    let warmup = |sets: &[&str], notes: &[&str]| {
        let arguments: Vec<_> = sets.iter().flat_map(|set| ["--set", set]).collect();
        shown(&arguments, notes)["schedule"]["warmup"].as_integer().unwrap()
    };
    // ceil or round of 0.05 · 1000, as in other trainers; a share of any size is a step at least
    for (value, steps) in [("0.05", 50), ("0.0004", 1), ("0.0", 0), ("0", 0), ("1", 1), ("7", 7), ("0.9999", 1000)] {
        assert_eq!(warmup(&[&format!("schedule.warmup={value}")], &[]), steps, "{value}");
    }
    assert_eq!(warmup(&["schedule.warmup=0.1", "train.steps=30"], &[]), 3);
    for value in ["1.0", "-0.1", "-1", "5%"] {
        let outcome = show(&["--set", &format!("schedule.warmup={value}")]);
        let expected = "expected a whole number, 0 or more, or a share, 0 to below 1, got ";
        assert!(outcome.code == 2 && outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
    let note = "schedule.warmup: clipped from 100 to 10, which train.steps was set to";
    assert_eq!(warmup(&["train.steps=10"], &[note]), 10);
    fails(
        &["--set", "train.steps=10", "--set", "schedule.warmup=20"],
        "--set schedule.warmup=20: schedule.warmup: expected at most train.steps, which is 10, got 20",
    );
}

#[test]
fn a_plugin_that_is_not_built_says_how_to_build_it() {
    let folder = folder();
    let root = folder.path();
    let with = |plugin: &str| {
        let set = format!("loss.plugin={plugin}");
        fs::write(root.join("a.txt"), "text").unwrap();
        let outcome =
            trainyard(&["train", "x.toml", "--set", "tokenizer.plugin=byte", "--set", &set]).in_folder(root).run();
        assert_eq!(outcome.code, 2, "{}", outcome.stderr);
        outcome.stderr.lines().last().unwrap().replace(&root.canonicalize().unwrap().display().to_string(), "ROOT")
    };
    let start = "error: ROOT/target/plugins/focal.wasm: no such file; ";
    assert_eq!(with("target/plugins/focal.wasm"), format!("{start}use the built-in: plugin = \"focal\""));
    for name in ["focal", "mine"] {
        fs::create_dir_all(root.join("plugins").join(name)).unwrap();
        fs::write(root.join("plugins").join(name).join("Cargo.toml"), "").unwrap();
    }
    let build = "build it with `trainyard plugin build plugins/focal`, or use the built-in: plugin = \"focal\"";
    assert_eq!(with("target/plugins/focal.wasm"), format!("{start}{build}"));
    let build = "build it with `trainyard plugin build plugins/mine`";
    assert_eq!(
        with("target/plugins/libmine.so"),
        format!("error: ROOT/target/plugins/libmine.so: no such file; {build}")
    );
    fs::write(root.join("Makefile"), "").unwrap();
    fs::create_dir(root.join("plugin-sdk")).unwrap();
    let build = "build it with `make plugins` or `trainyard plugin build plugins/mine`";
    assert_eq!(
        with("target/plugins/mine.wasm"),
        format!("error: ROOT/target/plugins/mine.wasm: no such file; {build}")
    );
    let other = "correct the path, or see what there is with `trainyard plugin list`";
    assert_eq!(with("elsewhere/mine.wasm"), format!("error: ROOT/elsewhere/mine.wasm: no such file; {other}"));
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

#[test]
fn the_page_of_settings_is_what_the_code_reads() {
    let page = fs::read_to_string(repository().join("docs/config.md")).unwrap_or_default();
    let is_same = page == reference_page().unwrap();
    assert!(is_same, "docs/config.md: write it again: trainyard config reference > docs/config.md");
}

/// Every key of two configs that between them have all: it is in the reference, with a meaning and a type.
#[test]
fn no_key_is_missing_in_the_reference() {
    let settings = RunConfig::settings();
    let schema = json_schema();
    for text in [include_str!("identity/sources.toml"), include_str!("identity/tokens.toml")] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.toml"), text).unwrap();
        let config = RunConfig::load(&folder.path().join("x.toml"), &[]).unwrap();
        for key in keys(&config).unwrap().keys() {
            let parts: Vec<_> =
                key.split('.').map(|part| if part.parse::<u32>().is_ok() { "0" } else { part }).collect();
            let is_own = |part: &&str| ["config", "weights"].contains(part);
            let end = parts.iter().position(is_own).map_or(parts.len(), |at| at + 1);
            let path = parts[..end].join(".");
            assert!(settings.iter().any(|setting| setting.path == path), "{path}");
            let node = find(&schema, &parts[..end]).unwrap_or_else(|| panic!("{path} is not in the schema"));
            assert!(node.get("type").is_some(), "{path}: {node}");
            let is_choice = node.get("enum").is_some();
            assert!(is_choice || node["description"].as_str().is_some_and(|text| text.len() > 5), "{path}: {node}");
        }
    }
    assert!(settings.len() > 150, "{}", settings.len());
}

fn find<'a>(schema: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(schema, |node, part| match *part {
        "0" => node.get("items"),
        part => node["properties"].get(part),
    })
}

#[test]
fn the_reference_has_types_ranges_defaults_and_conditions() {
    let schema = json_schema();
    let of =
        |path: &str| find(&schema, &path.split('.').collect::<Vec<_>>()).unwrap_or_else(|| panic!("{path}")).clone();
    assert_eq!((&of("train.batch")["minimum"], &of("train.batch")["default"]), (&1.into(), &16.into()));
    assert_eq!(of("model.dropout")["exclusiveMaximum"], 1.0);
    assert_eq!(of("optimizer.kind")["enum"], serde_json::json!(["adamw", "sgd"]));
    assert_eq!(of("data.source.0")["required"], serde_json::json!(["path"]));
    assert_eq!(schema["additionalProperties"], false);
    let settings = RunConfig::settings();
    let setting = |path: &str| settings.iter().find(|setting| setting.path == path).unwrap_or_else(|| panic!("{path}"));
    let only_with = |path: &str| setting(path).only_with.clone().unwrap();
    assert_eq!(only_with("model.kv_heads"), ("model.kind".to_owned(), vec!["llama".to_owned()]));
    assert_eq!(only_with("optimizer.beta1"), ("optimizer.kind".to_owned(), vec!["adamw".to_owned()]));
    assert_eq!(only_with("optimizer.momentum"), ("optimizer.kind".to_owned(), vec!["sgd".to_owned()]));
    assert!(setting("optimizer.lr").only_with.is_none());
    assert_eq!(setting("model.hidden").defaults.len(), 1);
    assert_eq!(setting("data.test").defaults.len(), 1);
    assert_eq!(setting("data.dedup.minhash.bands").defaults.len(), 3);
    assert!(settings.iter().all(|setting| !setting.path.starts_with("data.held_out.filter")));
}

/// What is shown is a config, and the same one.
#[test]
fn a_config_that_is_shown_can_be_read() {
    let first = show(&["--set", "train.batch=3"]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("y.toml"), &first.stdout).unwrap();
    let second = trainyard(&["config", "show", "y.toml"]).in_folder(folder.path()).run();
    assert_eq!((second.code, second.stdout), (0, first.stdout));
}

/// A config that says what is different from another, in another folder.
#[test]
fn a_config_extends_another() {
    let folder = folder();
    let root = folder.path();
    fs::create_dir(root.join("more")).unwrap();
    let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
    write(
        "more/y.toml",
        "extends = '../x.toml'\n[train]\nsteps = 5\n[schedule]\nwarmup = 1\n[loss]\nplugin = 'z-loss'\n",
    );
    write("more/z.toml", "extends = 'y.toml'\n[[data.source]]\npath = 'b.txt'\n[tokenizer]\nconfig.vocab_size = 400\n");
    let shown = |name: &str| {
        let ran = trainyard(&["config", "show", name, "--set", "train.batch=2"]).in_folder(root).succeeds();
        ran.stdout.parse::<toml::Table>().unwrap()
    };
    let [y, z] = ["more/y.toml", "more/z.toml"].map(shown);
    let source = |config: &toml::Table| config["data"]["source"][0]["path"].as_str().unwrap().to_owned();
    // a path starts at the file that it is written in
    assert!(source(&y).ends_with("a.txt") && !source(&y).contains("more"), "{}", source(&y));
    assert!(source(&z).ends_with("more/b.txt"), "{}", source(&z));
    assert_eq!((y["run"]["name"].as_str(), z["run"]["name"].as_str()), (Some("y"), Some("z")));
    assert_eq!(y["train"]["steps"].as_integer(), Some(5));
    assert_eq!(z["train"]["batch"].as_integer(), Some(2));
    // another plugin has none of the old one's settings, the same one has those that are not said again
    assert!(y["loss"].get("config").is_none_or(|config| config.get("gamma").is_none()), "{}", y["loss"]);
    assert_eq!(z["tokenizer"]["config"]["vocab_size"].as_integer(), Some(400));
    assert_eq!(z["tokenizer"]["config"]["split"].as_str(), Some("gpt4"));
    assert!(z.get("extends").is_none());
    let fails = |text: &str, expected: &str| {
        write("w.toml", text);
        let ran = trainyard(&["config", "show", "w.toml"]).in_folder(root).run();
        assert!(ran.code == 2 && ran.stderr.contains(expected), "{text:?}: {}", ran.stderr);
    };
    fails("extends = 'w.toml'", "extends: expected at most 8 configs in a chain; is it a circle?");
    fails("extends = 'nothing.toml'", "w.toml:1:11: extends: cannot read ");
    fails("extends = 3", "w.toml:1:11: extends: expected a path, got 3");
    // a mistake is named where it is written
    write("more/y.toml", "extends = '../x.toml'\n[train]\nsteps = 0\n");
    fails("extends = 'more/y.toml'", "more/y.toml:3:9: train.steps: expected a whole number, 1 or more, got 0");
}
