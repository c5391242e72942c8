//! The config loader: its message for every kind of mistake, word for word, and that it reads what it writes.

use std::path::{Path, PathBuf};
use trainyard_plugin::Value;
use {trainyard::run::RunConfig, trainyard::settings::plugin_settings};

const SETTING: &str = "true or false, a finite number, text, or a list of numbers or of texts";
const SMALLEST: &str = "[[data.source]]\npath = 'a.txt'\n[tokenizer]\nplugin = 'bpe'\n";

/// Loads `text` as `DIR/x.toml`.
fn load(text: &str, overrides: &[&str]) -> (tempfile::TempDir, trainyard::Result<RunConfig>) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("x.toml");
    std::fs::write(&path, text).expect("writable");
    let overrides: Vec<_> = overrides.iter().map(|&text| text.to_owned()).collect();
    let config = RunConfig::load(&path, &overrides);
    (dir, config)
}

fn loaded(text: &str, overrides: &[&str]) -> RunConfig {
    load(text, overrides).1.expect("a good config")
}

/// The whole error of `text` as `x.toml`.
fn error(text: &str, overrides: &[&str]) -> String {
    let (dir, config) = load(text, overrides);
    let error = config.expect_err("a bad config");
    assert_eq!(error.exit_code(), 2);
    error.to_string().replace(&format!("{}/", dir.path().display()), "")
}

/// `SMALLEST` has four lines, so `text` begins at line 5.
fn check(text: &str, expected: &str) {
    assert_eq!(error(&format!("{SMALLEST}{text}"), &[]), expected, "{text}");
}

#[test]
fn the_smallest_config_takes_all_defaults() {
    let config = loaded(SMALLEST, &[]);
    assert_eq!((config.run.name.as_str(), config.run.seed), ("x", 1));
    assert_eq!(config.run.dir, std::env::current_dir().expect("a current folder").join("runs"));
    assert_eq!((config.data.validation, config.data.test, config.data.filter.len()), (0.05, 0.05, 0));
    let settings = config.model.plugin().config;
    assert_eq!((config.model.size("layers"), config.model.size("width")), (Some(4), Some(256)));
    assert_eq!(settings["tied"], toml::Value::Boolean(true));
    assert_eq!((config.train.steps, config.train.batch, config.schedule.warmup), (1000, 16, 50));
    assert_eq!(config.loss.plugin, "cross-entropy");
    let metrics: Vec<_> = config.metric.iter().map(|metric| metric.plugin.as_str()).collect();
    assert_eq!(metrics, ["bits-per-byte", "token-accuracy"]);
}

#[test]
fn an_empty_config_says_what_is_missing() {
    let expected = "x.toml: data.source: expected at least one [[data.source]], got none\n\
                    x.toml: tokenizer: missing key \"plugin\", expected a built-in's name or a file";
    assert_eq!(error("", &[]), expected);
    let expected = "x.toml:1:1: data.source.0: missing key \"path\", expected a path\n\
                    x.toml:2:1: tokenizer: missing key \"plugin\", expected a built-in's name or a file";
    assert_eq!(error("[[data.source]]\n[tokenizer]\n", &[]), expected);
}

#[test]
fn a_missing_file_is_named() {
    let error = RunConfig::load(Path::new("no/such.toml"), &[]).expect_err("no file");
    assert_eq!(error.to_string(), "no/such.toml: cannot read the config: No such file or directory (os error 2)");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn out_of_range() {
    check("[train]\n  batch = 0", "x.toml:6:11: train.batch: expected a whole number, 1 or more, got 0");
    check("[train]\nclip = -0.5", "x.toml:6:8: train.clip: expected a number, 0 or more, got -0.5");
    check("[model]\ndropout = 1", "x.toml:6:11: model.dropout: expected a number, 0 to below 1, got 1");
    check("[optimizer]\nlr = 0.0", "x.toml:6:6: optimizer.lr: expected a number, above 0, got 0.0");
    check("[sample]\ntop_p = 1.5", "x.toml:6:9: sample.top_p: expected a number, above 0 to 1, got 1.5");
    check("[schedule]\nfloor = 2", "x.toml:6:9: schedule.floor: expected a number, 0 to 1, got 2");
    check(
        "[run]\nseed = 99999999999999999999",
        "x.toml:6:8: run.seed: expected a whole number, 0 or more, got 99999999999999999999",
    );
}

#[test]
fn numbers_that_are_not_finite() {
    check("[train]\nclip = nan", "x.toml:6:8: train.clip: expected a number, 0 or more, got NaN");
    check("[optimizer]\nlr = inf", "x.toml:6:6: optimizer.lr: expected a number, above 0, got inf");
    check("[loss.config]\ngamma = -inf", &format!("x.toml:6:9: loss.config.gamma: expected {SETTING}, got -inf"));
}

#[test]
fn wrong_type() {
    check("[train]\nsteps = 1.5", "x.toml:6:9: train.steps: expected a whole number, 1 or more, got 1.5");
    check("[train]\nsteps = 'many'", "x.toml:6:9: train.steps: expected a whole number, 1 or more, got \"many\"");
    check("[model]\ntied = 1", "x.toml:6:8: model.tied: expected true or false, got 1");
    check("[sample]\nprompt = [1]", "x.toml:6:10: sample.prompt: expected text, got a list");
    check("[sample]\nprompt = 2020-01-01", "x.toml:6:10: sample.prompt: expected text, got 2020-01-01");
    check("[optimizer]\nkind = 'adam'", "x.toml:6:8: optimizer.kind: expected \"adamw\" or \"sgd\", got \"adam\"");
    check("[metric]", "x.toml:5:1: metric: expected a list of tables, [[metric]], got a table");
    assert_eq!(
        error(&format!("train = 3\nmetric = [4]\n{SMALLEST}"), &[]),
        "x.toml:1:9: train: expected a table, got 3\nx.toml:2:11: metric.0: expected a table, got 4"
    );
    check(
        "[run]\nname = '../up'",
        "x.toml:6:8: run.name: expected a folder's name of letters, digits, '-', '_' and '.', not \
         beginning with '.', got \"../up\"",
    );
}

#[test]
fn unknown_names_come_with_the_nearest_known() {
    check(
        "[optimizer]\nlerning_rate = 0.1",
        "x.toml:6:1: optimizer: unknown key \"lerning_rate\", did you mean \"lr\"?",
    );
    check("[trian]\nsteps = 5", "x.toml:5:2: unknown section \"trian\", did you mean \"train\"?");
    check("[loss.limits]\ncall = 5", "x.toml:6:1: loss.limits: unknown key \"call\", did you mean \"call_ms\"?");
    check("[run]\nfoo = 5", "x.toml:6:1: run: unknown key \"foo\", expected one of name, dir, seed, tags, note");
    // Only the settings of the chosen kind are known.
    check(
        "[optimizer]\nkind = 'sgd'\nbeta1 = 0.9",
        "x.toml:7:1: optimizer: unknown key \"beta1\", expected one of kind, lr, momentum, weight_decay, group",
    );
}

#[test]
fn values_that_do_not_go_together() {
    check(
        "[model]\nwidth = 100\nheads = 3",
        "x.toml:7:9: model.heads: expected a divisor of model.width, which is 100, got 3",
    );
    check(
        "[schedule]\nwarmup = 20\n[train]\nsteps = 10",
        "x.toml:6:10: schedule.warmup: expected at most train.steps, which is 10, got 20",
    );
    check(
        "[data]\nvalidation = 0.5\ntest = 0.5",
        "x.toml:6:14: data.validation: expected less than 1 together with data.test, got 0.5 + 0.5",
    );
    check(
        "[train]\npatience = 3\nvalidate_every = 0",
        "x.toml:6:12: train.patience: needs validations: set validate_every to 1 or more, or patience to 0",
    );
    check(
        "[data]\nvalidation = 0\n[train]\npatience = 3",
        "x.toml:8:12: train.patience: needs held-out text: set data.validation above 0, or patience to 0",
    );
    check(
        "[model]\nkind = 'llama'\nheads = 6\nwidth = 96\nkv_heads = 4",
        "x.toml:9:12: model.kv_heads: expected a divisor of model.heads, which is 6, got 4",
    );
    check(
        "[model]\nkind = 'llama'\nheads = 4\nwidth = 20",
        "x.toml:8:9: model.width: rotary positions turn pairs: expected an even width per head, got 20 / 4 = 5",
    );
    // A value that is wrong by itself is not blamed a second time.
    check("[model]\nwidth = 0\nheads = 3", "x.toml:6:9: model.width: expected a whole number, 1 to 16777216, got 0");
}

#[test]
fn architectures_have_keys_of_their_own() {
    check(
        "[model]\nkv_heads = 2\nrope_theta = 500000",
        "x.toml:6:1: model.kv_heads: belongs to kind = \"llama\", this model is \"gpt\"\n\
         x.toml:7:1: model.rope_theta: belongs to kind = \"llama\", this model is \"gpt\"",
    );
    check(
        "[model]\nkind = 'llama'\ngelu = 'erf'",
        "x.toml:7:1: model.gelu: belongs to kind = \"gpt\", this model is \"llama\"",
    );
    check("[model]\nkind = 'bert'", "x.toml:6:8: model.kind: expected \"gpt\" or \"llama\", got \"bert\"");
    check("[model]\ngelu = 'relu'", "x.toml:6:8: model.gelu: expected \"tanh\" or \"erf\", got \"relu\"");
    let model = |text: &str| loaded(&format!("{SMALLEST}[model]\n{text}"), &[]).model;
    let sizes = |model: &trainyard::run::ModelConfig| ["hidden", "kv_heads"].map(|key| model.size(key));
    assert_eq!(sizes(&model("")), [Some(1024), None]);
    // 8/3 · 256 = 682.7, up to a multiple of 32
    let llama = model("kind = 'llama'");
    assert_eq!(sizes(&llama), [Some(704), None]);
}

#[test]
fn plugins_and_sources_are_checked() {
    let smallest =
        "[[data.source]]\npath = ''\ndocument = '('\n[tokenizer]\nplugin = ''\ntrust = 'all'\nsha256 = 'AB'\n";
    assert_eq!(
        error(smallest, &[]),
        "x.toml:2:8: data.source.0.path: expected a path, got \"\"\n\
         x.toml:3:12: data.source.0.document: expected a regular expression, got \"(\"\n\
         x.toml:5:10: tokenizer.plugin: expected a built-in's name or a file, got \"\"\n\
         x.toml:6:9: tokenizer.trust: expected \"native\" or \"wasm\", got \"all\"\n\
         x.toml:7:10: tokenizer.sha256: expected 64 digits in lower-case hexadecimal, got \"AB\""
    );
}

#[test]
fn policies_and_limits_of_plugins_are_checked() {
    check(
        "[loss]\non_error = 'ignore'",
        "x.toml:6:12: loss.on_error: expected \"abort\" or \"skip\" or \"restart\", got \"ignore\"",
    );
    check(
        "[loss]\nallow = ['env:A', 'net:x']",
        "x.toml:6:9: loss.allow: expected a list of \"env:NAME\", \"dir:PATH:ro\" or \"dir:PATH:rw\", got a list",
    );
    check(
        "[loss.limits]\ncall_ms = 0",
        "x.toml:5:1: loss.limits: call_ms = 0 is for trusted plugins, which can hang the run: add trust = \"wasm\" or \
         \"native\" beside plugin = …",
    );
    check(
        "[loss.limits]\ngraph_nodes = 5000",
        "x.toml:6:15: loss.limits.graph_nodes: expected a whole number, 1 to 4096, got 5000",
    );
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let text = "[train]\nsteps = 0\nbach = 2\n[model]\nwidth = 10\n";
    assert_eq!(
        error(&format!("{text}{SMALLEST}"), &["train.clip=-1", "sample.tokns=5"]),
        "x.toml:2:9: train.steps: expected a whole number, 1 or more, got 0\n\
         x.toml:3:1: train: unknown key \"bach\", did you mean \"batch\"?\n\
         x.toml:5:9: model.heads: expected a divisor of model.width, which is 10, got 4\n\
         --set train.clip=-1: train.clip: expected a number, 0 or more, got -1\n\
         --set sample.tokns=5: sample: unknown key \"tokns\", did you mean \"tokens\"?"
    );
}

#[test]
fn syntax_errors_have_places() {
    assert_eq!(
        error("[train]\nsteps = \nbatch = 2\nbatch = 3\n", &[]),
        "x.toml:2:9: string values must be quoted, expected literal string\nx.toml:4:1: duplicate key"
    );
}

#[test]
fn columns_count_characters() {
    assert_eq!(
        error(&format!("sample = {{ prompt = 'ä', tokens = -1 }}\n{SMALLEST}"), &[]),
        "x.toml:1:35: sample.tokens: expected a whole number, 0 or more, got -1"
    );
}

#[test]
fn overrides_change_any_value() {
    let text = format!("{SMALLEST}[[data.filter]]\nplugin = 'length'\n[train]\nsteps = 7\n");
    let config = loaded(
        &text,
        &[
            "train.steps=9",
            "data.filter.0.config.min_words=5",
            "data.filter.1.plugin=gopher-quality",
            "metric.0.plugin=token-accuracy",
            "sample.prompt=It is a truth",
            "loss={ plugin = 'focal', config = { gamma = 1.5 } }",
            "run.seed = 3",
        ],
    );
    assert_eq!((config.train.steps, config.run.seed), (9, 3));
    assert_eq!(config.data.filter[0].config["min_words"].as_integer(), Some(5));
    assert_eq!(config.data.filter[1].plugin, "gopher-quality");
    assert_eq!(config.metric.len(), 1);
    assert_eq!(config.sample.prompt, "It is a truth");
    assert_eq!(config.loss.config["gamma"].as_float(), Some(1.5));
}

#[test]
fn overrides_are_checked_like_the_file() {
    let check = |set: &str, expected: &str| assert_eq!(error(SMALLEST, &[set]), format!("--set {set}: {expected}"));
    check("train.batch=0", "train.batch: expected a whole number, 1 or more, got 0");
    check("train.bacth=3", "train: unknown key \"bacth\", did you mean \"batch\"?");
    check("trian.batch=3", "unknown section \"trian\", did you mean \"train\"?");
    check("train", "expected key=value, for example train.batch=8");
    check("train..batch=1", "the key has an empty part, expected names between dots, for example train.batch");
    check("tokenizer.plugin.x=1", "tokenizer.plugin is \"bpe\", not a table: it has no \"x\"");
    check(
        "data.source.path=a.txt",
        "data.source is a list of 1: expected a number from 0 to 1 after it, got \"path\"; write data.source.0",
    );
    check(
        "data.source.5.path=a.txt",
        "data.source is a list of 1: expected a number from 0 to 1 after it, got \"5\"; write data.source.0.path",
    );
    // The override is to blame, not the line of the file that it does not go with.
    let text = format!("{SMALLEST}[model]\nheads = 8\n");
    assert_eq!(
        error(&text, &["model.width=100"]),
        "--set model.width=100: model.heads: expected a divisor of model.width, which is 100, got 8"
    );
}

#[test]
fn paths_start_at_the_file_or_at_the_current_folder() {
    let text = "[[data.source]]\npath = '../texts/./a.txt'\n[tokenizer]\nplugin = 'p/bpe.wasm'\nmodel = '/m.json'\n";
    let (dir, config) = load(text, &["loss.plugin=./focal.wasm"]);
    let (dir, config) = (dir.path().canonicalize().expect("exists"), config.expect("a good config"));
    let current = std::env::current_dir().expect("a current folder");
    assert_eq!(config.data.source[0].path, dir.parent().expect("not the root").join("texts/a.txt"));
    assert_eq!(PathBuf::from(&config.tokenizer.plugin.plugin), dir.join("p/bpe.wasm"));
    assert_eq!(config.tokenizer.model, Some(PathBuf::from("/m.json")));
    assert_eq!(PathBuf::from(config.loss.plugin), current.join("focal.wasm"));
}

#[test]
fn what_is_written_is_read_back() {
    let rich = "
        run = { name = 'n', seed = 9223372036854775807 }
        metric = []
        [data]
        validation = 0.125
        filter = [{ plugin = 'length', config = { min_words = 3, on = true } }]
        [[data.source]]
        path = 'ä b.jsonl'
        document = '''(?i)^(chapter|\"letter\") \\d+'''
        invalid_utf8 = 'replace'
        invalid_lines = 'skip'
        encoding = 'gb18030'
        [tokenizer]
        plugin = './libbpe.so'
        trust = 'native'
        sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
        config = { vocabulary = 2048, names = ['a', 'b'], weights = [1, 0.5], none = [], tiny = 1e-300, whole = 2.0 }
        limits.call_ms = 0
        isolation = 'process'
        on_error = 'restart'
        max_errors = 3
        allow = ['env:LANG', 'dir:words:ro', 'dir:/tmp:rw']
        [optimizer]
        kind = 'sgd'
        lr = 0.1
        [sample]
        prompt = \"two\\nlines \\u0007\"
        top_p = 1
    ";
    let llama = format!(
        "{SMALLEST}[model]\nkind = 'llama'\nkv_heads = 2\nhidden = 99\nrope_theta = 5e5\nnorm_epsilon = 1e-6\n\
         [train]\nrecompute = true"
    );
    let erf = format!("{SMALLEST}[model]\ngelu = 'erf'");
    for text in [SMALLEST, rich, &llama, &erf] {
        let config = loaded(text, &[]);
        let written = config.to_toml().expect("writable");
        assert_eq!(loaded(&written, &[]), config, "{written}");
        assert_eq!(loaded(&written, &[]).to_toml().expect("writable"), written);
    }
}

#[test]
fn settings_are_flat() {
    let table = |text: &str| text.parse::<toml::Table>().expect("valid TOML");
    let settings = plugin_settings(&table("b = true\nn = 1\nx = 1.5\nt = 'é'\nl = [1, 2.5]\ns = ['a']")).expect("flat");
    let values: Vec<_> = settings.into_iter().map(|setting| (setting.key, setting.value)).collect();
    assert_eq!(
        values,
        [
            ("b".into(), Value::Boolean(true)),
            ("l".into(), Value::Numbers(vec![1.0, 2.5])),
            ("n".into(), Value::Integer(1)),
            ("s".into(), Value::Texts(vec!["a".into()])),
            ("t".into(), Value::Text("é".into())),
            ("x".into(), Value::Number(1.5)),
        ]
    );
    for (text, got) in
        [("k = { a = 1 }", "{ a = 1 }"), ("k = [1, 'a']", "[1, \"a\"]"), ("k = nan", "nan"), ("k = [inf]", "[inf]")]
    {
        let error = plugin_settings(&table(text)).expect_err(text).to_string();
        assert_eq!(
            error,
            format!(
                "config.k: expected true or false, a finite number, text, or a list of numbers or of texts, got {got}"
            )
        );
    }
}

/// The three configs that ship differ only in where their plugins come from.
#[test]
fn the_shipped_configs_are_one_run() {
    let ship = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs").join(name);
        let mut config = RunConfig::load(&path, &[]).expect("a good config");
        let plugins = config.data.filter.iter_mut().chain(&mut config.metric).chain(config.model.named_plugin_mut());
        for plugin in plugins.chain([&mut config.loss, &mut config.tokenizer.plugin]) {
            let stem = Path::new(&plugin.plugin).file_stem().expect("a name").to_string_lossy().into_owned();
            plugin.plugin = stem.strip_prefix("lib").unwrap_or(&stem).to_owned();
            plugin.trust = None;
        }
        assert_eq!(format!("{}.toml", config.run.name), name);
        config.run.name.clear();
        config
    };
    let wasm = ship("austen.toml");
    assert_eq!(wasm.data.source[0].path.file_name().expect("a name"), "austen.txt.zst");
    assert_eq!(ship("austen-native.toml"), wasm);
    assert_eq!(ship("austen-builtin.toml"), wasm);
}
