//! Planning: sweep files, flags, designs, cells.

use super::*;
use std::path::Path;

/// A base of which only what a sweep looks at is there.
fn base() -> Base {
    let resolved = "[run]\nname = \"x\"\ndir = \"/project/runs\"\nseed = 4\n[loss]\nplugin = \"cross-entropy\"\n\
                    [tokenizer]\nplugin = \"bpe\"\nconfig.vocab_size = 1024\n[optimizer]\nlr = 0.001\n";
    Base::new(Path::new("/project/x.toml"), resolved, Path::new("/project")).unwrap()
}

fn parse(text: &str) -> Sweep {
    Sweep::parse(text, Path::new("sweeps/ab.toml")).unwrap()
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = Sweep::parse(text, Path::new("ab.toml")).unwrap_err().to_string();
    assert_eq!(error, format!("ab.toml: {expected}"));
}

fn names(sweep: &Sweep) -> Vec<String> {
    sweep.variants(&base()).unwrap().into_iter().map(|variant| variant.name).collect()
}

const AXES: &str = r#"
base = "../x.toml"
[axes]
"loss.plugin" = ["cross-entropy", "focal"]
optimizer.lr = [1e-3, 2e-3, 1]
"#;

#[test]
fn a_grid_has_all_combinations() {
    let sweep = parse(AXES);
    assert_eq!((sweep.base.as_path(), sweep.name.as_str()), (Path::new("sweeps/../x.toml"), "ab"));
    let expected = [
        "loss=cross-entropy,lr=0.001",
        "loss=cross-entropy,lr=0.002",
        "loss=cross-entropy,lr=1",
        "loss=focal,lr=0.001",
        "loss=focal,lr=0.002",
        "loss=focal,lr=1",
    ];
    assert_eq!(names(&sweep), expected);
    let cells = sweep.cells(&base()).unwrap();
    assert_eq!(cells.len(), 6);
    assert_eq!(cells[4].folder, Path::new("runs/ab/loss=focal,lr=0.002/seed-4"));
    assert_eq!(cells[4].log(), Path::new("runs/ab/loss=focal,lr=0.002/seed-4.log"));
    let sets = [
        "loss.plugin=focal",
        "optimizer.lr=0.002",
        "data.store=runs/store",
        "run.seed=4",
        "run.dir=runs/ab/loss=focal,lr=0.002",
        "run.name=seed-4",
    ];
    assert_eq!(cells[4].sets, sets);
    assert!(
        cells[4].is_same(&["loss.plugin=focal", "optimizer.lr=0.002", "run.seed=4", "train.threads=2"].map(Into::into))
    );
    assert!(!cells[4].is_same(&cells[3].sets));
}

#[test]
fn one_at_a_time_changes_the_base_once() {
    let text = format!("seeds = [7, 2]\ndesign = \"one-at-a-time\"\nset = [\"train.steps=100\"]{AXES}");
    let tokenizers = "tokenizer = [{ plugin = \"bpe\", config.vocab_size = 1024 }, { plugin = \"byte\" }]\n";
    let sweep = parse(&(text + tokenizers));
    assert_eq!(names(&sweep), ["base", "loss=focal", "lr=0.002", "lr=1", "tokenizer=byte"]);
    let cells = sweep.cells(&base()).unwrap();
    let order: Vec<_> = cells.iter().map(|cell| (cell.variant.as_str(), cell.seed)).collect();
    assert_eq!(order[..2], [("base", 7), ("loss=focal", 7)]);
    assert_eq!(order[5..7], [("base", 2), ("loss=focal", 2)]);
    let of_base = ["train.steps=100", "data.store=runs/store", "run.seed=7", "run.dir=runs/ab/base", "run.name=seed-7"];
    assert_eq!(cells[0].sets, of_base);
    assert_eq!(cells[4].sets[..2], ["train.steps=100", "tokenizer.plugin=byte"]);
}

#[test]
fn draws_are_those_of_their_seed() {
    let random = |n, seed, losses| {
        let text = format!(
            "base = \"x.toml\"\ndesign = \"random\"\nrandom = {{ n = {n}, seed = {seed} }}\n[axes]\n\
             \"loss.plugin\" = {losses}\noptimizer.lr = {{ from = 1e-4, to = 1e-2, scale = \"log\" }}\n\
             \"train.batch\" = {{ from = 2, to = 9 }}\n\"model.context\" = {{ from = 64, to = 512, step = 64 }}\n"
        );
        parse(&text).variants(&base()).unwrap()
    };
    let losses = "[\"cross-entropy\", \"focal\"]";
    let variants = random(40, 1, losses);
    assert_eq!(variants[..20], random(20, 1, "[\"focal\", \"cross-entropy\"]"));
    assert_ne!(variants, random(40, 2, losses));
    let value = |variant: &Variant, key: &str| -> f64 {
        variant.sets.iter().find_map(|set| set.strip_prefix(key)?.parse().ok()).unwrap()
    };
    let rates: Vec<_> = variants.iter().map(|variant| value(variant, "optimizer.lr=")).collect();
    assert!(rates.iter().all(|rate| (1e-4..=1e-2).contains(rate)), "{rates:?}");
    let n_low = rates.iter().filter(|&&rate| rate < 1e-3).count();
    assert!((10..=30).contains(&n_low), "{n_low} of 40 are below the middle");
    for variant in &variants {
        assert!((2.0..=9.0).contains(&value(variant, "train.batch=")), "{variant:?}");
        assert!(value(variant, "model.context=") % 64.0 == 0.0, "{variant:?}");
    }
    let few = "base = \"x\"\ndesign = \"random\"\nrandom.n = 3\naxes.a = [1, 2]\n";
    let error = parse(few).cells(&base()).unwrap_err().to_string();
    assert_eq!(error, "random.n: expected as many variants as the axes have, got 3, of which 2 differ");
}

#[test]
fn rungs_have_fewer_variants_and_more_steps() {
    let text = format!("design = \"halving\"\nseeds = 2\nhalving = {{ factor = 3, steps = [100, 700] }}{AXES}");
    let sweep = parse(&text);
    assert_eq!(sweep.halving.as_ref().unwrap().budgets(), [100, 300, 700]);
    assert_eq!(sweep.rungs(6), [(6, Some(100)), (2, Some(300)), (1, Some(700))]);
    assert_eq!(sweep.n_runs(6), 18);
    let cells = sweep.cells(&base()).unwrap();
    assert_eq!(cells.len(), 12);
    assert_eq!(cells[0].folder, Path::new("runs/ab/rung-1/loss=cross-entropy,lr=0.001/seed-4"));
    assert!(cells[0].sets.contains(&"train.steps=100".to_owned()));
    let budgets = |factor, steps| Halving { factor, steps, metric: None }.budgets();
    assert_eq!(budgets(3, [100, 900]), [100, 300, 900]);
    assert_eq!(budgets(2, [5, 5]), [5]);
    assert_eq!(budgets(u64::MAX, [1, u64::MAX]), [1, u64::MAX]);
}

#[test]
fn names_do_not_depend_on_the_order_of_values() {
    let of = |losses: &str| {
        let mut names = names(&parse(&format!("base = \"x\"\naxes.loss.plugin = [{losses}]\n")));
        names.sort();
        names
    };
    assert_eq!(of("'a/my.wasm', 'b/my.wasm', 'focal'"), of("'focal', 'b/my.wasm', 'a/my.wasm'"));
}

#[test]
fn flags_are_a_grid() {
    let flags = ["optimizer.lr=1e-3,2e-3", "loss.plugin=cross-entropy, 'focal'", "tokenizer={ plugin = 'byte' },{}"];
    let sweep = Sweep::from_flags(Path::new("configs/x.toml"), &flags, Some("3".parse().unwrap())).unwrap();
    assert_eq!((sweep.name.as_str(), &sweep.seeds), ("x-sweep", &Seeds::Count(3)));
    assert_eq!(names(&sweep).len(), 8);
    assert_eq!(names(&sweep)[0], "loss=cross-entropy,lr=0.001,tokenizer=byte");
    assert_eq!(sweep.cells(&base()).unwrap().iter().map(|cell| cell.seed).collect::<Vec<_>>()[7..9], [4, 5]);
    let none: [&str; 0] = [];
    let sweep = Sweep::from_flags(Path::new("x.toml"), &none, Some("7,".parse().unwrap())).unwrap();
    assert_eq!((names(&sweep), sweep.seeds), (vec!["base".to_owned()], Seeds::List(vec![7])));
    let error = |flags: &[&str]| {
        let sweep = Sweep::from_flags(Path::new("x.toml"), flags, None);
        sweep.and_then(|sweep| sweep.cells(&base())).unwrap_err().to_string()
    };
    assert_eq!(
        error(&["loss.plugin"]),
        "--grid loss.plugin: expected key=value,value, for example loss.plugin=cross-entropy,focal"
    );
    assert_eq!(error(&["a=1", "a=2"]), "--grid a: expected it once; separate its values by commas");
    assert_eq!(error(&["a=1,1.0"]), "axes.a: expected different values, got 1.0 twice");
    assert_eq!(
        error(&["a=1,,2"]),
        "--grid a: \"1,,2\": expected values between commas, got an empty one; write '' for it"
    );
    assert_eq!(
        error(&["a={from=1,to=2}"]),
        "axes.a: expected a list of values, got a range; list them, or draw by [random]"
    );
    let error = "1,x".parse::<Seeds>().unwrap_err().to_string();
    assert_eq!(error, "seeds: expected a number of seeds or seeds as 1,2,5, got \"1,x\"");
}

#[test]
fn wrong_files_are_refused() {
    refused("base = ", "line 1, column 8: string values must be quoted, expected literal string");
    refused("", "base: expected the path of a config, got none");
    refused("base = 1", "base: expected a text, got 1");
    refused("base = \"x\"\nseed = 3", "unknown key \"seed\", did you mean \"seeds\"?");
    refused(
        "base = \"x\"\nzzz = 3",
        "unknown key \"zzz\", expected one of base, name, seeds, design, set, axes, random, halving",
    );
    refused("base = \"x\"\ndesign = \"one\"", "design: unknown design \"one\", did you mean \"one-at-a-time\"?");
    refused("base = \"x\"\nseeds = 0", "seeds: expected at least one, got none");
    refused("base = \"x\"\nseeds = [1, 1]", "seeds: expected different seeds, got 1 twice");
    refused("base = \"x\"\nseeds = \"a\"", "seeds: expected a number of seeds, or a list of seeds, got \"a\"");
    refused("base = \"x\"\nset = [\"a\"]", "set: expected key=value, got \"a\"; for example train.steps=100");
    refused("base = \"x\"\naxes.a = 1", "axes.a: expected a list of values, or a range { from, to }, got 1");
    refused("base = \"x\"\naxes.a = []", "axes.a: expected values, got an empty list");
    refused(
        "base = \"x\"\naxes.run.seed = [1]",
        "axes: expected a setting that the sweep does not give, got run.seed; the sweep's key seeds is for it",
    );
    refused(
        "base = \"x\"\nset = [\"run.name=a\"]",
        "set: expected a setting that the sweep does not give, got run.name; the sweep's key name is for it",
    );
    refused(
        "base = \"x\"\n[axes]\ntokenizer = [{ plugin = \"byte\" }]\n\"tokenizer.plugin\" = [\"bpe\"]",
        "axes: tokenizer and tokenizer.plugin both set tokenizer.plugin; put what depends on each other into one axis, as tables",
    );
    refused(
        "base = \"x\"\naxes.a = { from = 1, to = 2, by = 1 }",
        "axes.a: unknown key \"by\", expected one of from, to, step, scale",
    );
    refused("base = \"x\"\naxes.a = { from = 2, to = 1 }", "axes.a: expected from below to, got 2 and 1");
    refused("base = \"x\"\ndesign = \"random\"", "design: random needs a table [random]; for example n = 20, seed = 1");
    refused(
        "base = \"x\"\nrandom.n = 2",
        "random: expected none for design = grid; set design to random, or remove the table",
    );
    refused(
        "base = \"x\"\ndesign = \"halving\"",
        "design: halving needs a table [halving]; for example factor = 3, steps = [100, 900]",
    );
    refused(
        "base = \"x\"\ndesign = \"halving\"\nhalving.steps = [9, 3]",
        "halving.steps: expected the steps of the first rung and of the last, got [9, 3]",
    );
    refused(
        "base = \"x\"\nname = \"../a\"",
        "name: expected at most 100 letters, digits and . _ + - = , that begin with no dot and are not \"store\", got \"../a\"",
    );
    let error = Sweep::open(Path::new("none/ab.toml")).unwrap_err().to_string();
    assert_eq!(error, "none/ab.toml: cannot read the sweep: No such file or directory (os error 2)");
}

#[test]
fn a_sweep_is_bounded() {
    let many: Vec<_> = (0..101).map(|n| n.to_string()).collect();
    let many = many.join(",");
    let sweep = Sweep::from_flags(Path::new("x"), &[format!("a={many}"), format!("b={many}")], None).unwrap();
    assert_eq!(
        sweep.cells(&base()).unwrap_err().to_string(),
        "expected a sweep of at most 10000 runs, got 101 × 101 combinations; name fewer values, or draw by [random]"
    );
    let sweep = Sweep::from_flags(Path::new("x"), &["a=1,2"], Some(Seeds::Count(u64::MAX))).unwrap();
    assert_eq!(
        sweep.cells(&base()).unwrap_err().to_string(),
        "expected a sweep of at most 10000 runs, got 18446744073709551615: 2 variants × 18446744073709551615 seeds; name fewer values, or draw by [random]"
    );
}
