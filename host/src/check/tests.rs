//! Plugins that break one law each: the suite names the law, and nothing else fails.

use super::{
    CheckOptions, CheckReport, Outcome, Subject, check, filter, graph, input::Inputs, model, text_metric, tokenizer,
};
use crate::plugin::{Plugin, PluginConfig, builtin_names, inspect};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use trainyard_plugin::network::{Linear, Net, Network};
use trainyard_plugin::{
    Builder, Builtin, ConfigKeys, Constructor, Create, Filter, Graph, Kind, Loss, MetricInfo, Model, PluginError,
    Result, Setting, Sizes, SpecialToken, TextMetric, TextPair, TokenBatch, Tokenizer, Value, Verdict, Vocabulary,
    config,
};

config! {
    /// Settings of all plugins here.
    pub struct Settings {
        /// the law to break
        breaks: String = "",
    }
}

/// A plugin of any kind that breaks a law.
struct Outlaw {
    breaks: String,
    seen: u64,
}

/// What no plugin may have: state that all instances share.
static SHARED: AtomicU64 = AtomicU64::new(0);

impl Create for Outlaw {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        Ok(Self { breaks: settings.breaks, seen: 0 })
    }
}

impl Outlaw {
    fn read(state: &[u8]) -> Result<u64> {
        state.try_into().map(u64::from_le_bytes).map_err(|_| PluginError::input("expected 8 bytes"))
    }
}

impl Filter for Outlaw {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        let score = match self.breaks.as_str() {
            "judge" => return Err(PluginError::internal("cannot")),
            "deterministic" => SHARED.fetch_add(1, SeqCst),
            "batches" => documents.len() as u64,
            _ => self.seen,
        };
        let verdict = |text: &&str| match self.breaks.as_str() {
            "idempotent" => Verdict::rewrite(format!("{text}!")),
            _ => Verdict::keep(),
        };
        Ok(documents.iter().map(|text| verdict(text).score(score as f64)).collect())
    }

    fn two_pass(&self) -> bool {
        true
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        self.seen += documents.len() as u64;
        Ok(())
    }

    fn state(&self) -> Result<Vec<u8>> {
        Ok(self.seen.to_le_bytes().into())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        match self.breaks.as_str() {
            "merge" => self.seen = Self::read(state)?,
            _ => self.seen += Self::read(state)?,
        }
        Ok(())
    }
}

impl Tokenizer for Outlaw {
    fn observe(&mut self, _: &[&str]) -> Result<()> {
        self.seen += 1;
        Ok(())
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        Ok(match self.breaks.as_str() {
            "train" => vec![self.seen as u8],
            _ => vec![7],
        })
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        match (self.breaks.as_str(), model) {
            ("bad-models", []) => Err(PluginError::internal("index out of range")),
            (_, [_]) => Ok(()),
            _ => Err(PluginError::input("expected one byte")),
        }
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        let tokens = (0..=255).map(|byte| vec![byte]).chain([Vec::new()]).collect();
        Ok(Vocabulary { tokens, specials: vec![SpecialToken { name: "<|outlaw|>".into(), id: 256 }] })
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        let mut batch = TokenBatch::default();
        for text in texts {
            match self.breaks.as_str() {
                "special-tokens" if text.contains("<|outlaw|>") => batch.ids.push(256),
                "round-trip" => batch.ids.extend(text.to_lowercase().bytes().map(u32::from)),
                "deterministic" => batch.ids.push(SHARED.fetch_add(1, SeqCst) as u32 % 256),
                "batches" => batch.ids.push(texts.len() as u32 % 256),
                _ => batch.ids.extend(text.bytes().map(u32::from)),
            }
            batch.end_sequence()?;
        }
        Ok(batch)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        let texts: Vec<Vec<u8>> =
            batch.sequences().map(|ids| ids.iter().filter(|&&id| id < 256).map(|&id| id as u8).collect()).collect();
        match self.breaks.as_str() {
            "any-ids" if texts.iter().any(|text| std::str::from_utf8(text).is_err()) => {
                Err(PluginError::input("not UTF-8"))
            }
            _ => Ok(texts),
        }
    }
}

impl Loss for Outlaw {
    fn describe(&self) -> Result<Graph> {
        let g = Builder::new();
        let logp = g.logits().log_softmax().gather(g.target());
        Ok(match self.breaks.as_str() {
            "describe" => Graph { op_set: 1, nodes: Vec::new(), outputs: Vec::new() },
            "deterministic" => g.mean(-logp * (1.0 + SHARED.fetch_add(1, SeqCst) as f64)),
            "finite" => g.mean(g.logits().square().sum_vocab().log() - logp),
            "padding" => g.ratio((-logp).sum_rows(), g.weight().sum_rows()),
            "negative" => g.ratio((-logp * g.weight()).sum_rows(), -g.weight().sum_rows()),
            "weight" => g.ratio((-logp * g.weight()).sum_rows(), (logp.exp() * g.weight()).sum_rows()),
            "adds-up" => g.ratio((-logp * g.weight()).sum_rows().square(), g.weight().sum_rows()),
            "gradient" => g.mean(g.weight()),
            _ => g.mean(-logp),
        })
    }
}

impl TextMetric for Outlaw {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::lower_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        match self.breaks.as_str() {
            "batches" => self.seen += 1,
            _ => self.seen += pairs.len() as u64,
        }
        Ok(())
    }

    fn state(&self) -> Result<Vec<u8>> {
        Ok(self.seen.to_le_bytes().into())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        Filter::merge(self, state)
    }

    fn value(&self) -> Result<f64> {
        Ok(match self.breaks.as_str() {
            "deterministic" => SHARED.fetch_add(1, SeqCst) as f64,
            _ => self.seen as f64,
        })
    }
}

impl Model for Outlaw {
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let (vocab, width) = match self.breaks.as_str() {
            "describe" => return Err(PluginError::internal("cannot")),
            "deterministic" => (sizes.vocab, 4 + (SHARED.fetch_add(1, SeqCst) % 64) as u32),
            "sizes" => (1000, 4),
            _ => (sizes.vocab, 4),
        };
        let g = Net::new();
        let x = g.embedding("embed", g.ids(), vocab, width);
        let x = x + g.linear("h", x, width, Linear::BIAS).silu();
        g.head("logits", g.tied("embed", x));
        g.network()
    }

    fn import(&self, config: &[Setting]) -> Result<Vec<Setting>> {
        let keys = ConfigKeys::new(config);
        keys.only("model_type", &[Value::Text("outlaw".into())])?;
        if self.breaks != "config" {
            keys.finish()?;
        }
        Ok(Vec::new())
    }

    fn export(&self, _sizes: &Sizes) -> Result<Vec<Setting>> {
        Ok(vec![Setting { key: "model_type".into(), value: Value::Text("outlaw".into()) }])
    }
}

macro_rules! outlaw {
    ($kind:literal, $constructor:ident) => {{
        const IDENTITY: &str = concat!(
            "trainyard-plugin\t1\nkind\t",
            $kind,
            "\nname\toutlaw\nversion\t1.0.0\ncontract\t0.1\nsdk\t0.1.0\nability\tidempotent\n"
        );
        static BUILTIN: Builtin = Builtin {
            identity: IDENTITY,
            create: Constructor::$constructor(|settings| {
                Ok(Box::new(trainyard_plugin::export::create::<Outlaw>(settings)?))
            }),
        };
        Plugin::linked(&BUILTIN, &PluginConfig::new("outlaw")).expect("an identity")
    }};
}

/// The checks that fail when `breaks` is the law that is broken.
fn failed(plugin: &Plugin, breaks: &str) -> Vec<&'static str> {
    let settings = toml::toml! { breaks = breaks };
    let plugin = plugin.with_settings(&settings).expect("a flat setting");
    let options = CheckOptions { seed: 1, cases: 20, ..CheckOptions::default() };
    let inputs = Inputs::new(options.seed, options.cases);
    let subject = Subject { plugin: &plugin, other: None, inputs: &inputs, options: &options };
    let mut report = CheckReport::new(&plugin, options.seed);
    match plugin.identity().kind {
        Kind::Tokenizer => tokenizer::check(&mut report, &subject),
        Kind::Filter => filter::check(&mut report, &subject),
        Kind::TextMetric => text_metric::check(&mut report, &subject),
        Kind::Model => model::check(&mut report, &subject),
        _ => graph::check(&mut report, &subject),
    }
    let failed = report.checks.iter().filter(|check| check.outcome == Outcome::Fail);
    failed.map(|check| check.name).collect()
}

/// What breaks one law may break others on the way; the law itself must be among them, and alone where it can be.
#[track_caller]
fn breaks(plugin: &Plugin, laws: &[(&str, &[&'static str])]) {
    assert_eq!(failed(plugin, ""), [""; 0], "an honest plugin");
    for (law, expected) in laws {
        assert_eq!(failed(plugin, law), *expected, "{law}");
    }
}

#[test]
fn filters() {
    let plugin = outlaw!("filter", Filter);
    let all = ["judge", "deterministic", "batches", "threads", "merge", "idempotent", "speed"];
    breaks(
        &plugin,
        &[
            ("judge", &all),
            ("deterministic", &["deterministic", "batches", "threads", "merge"]),
            ("batches", &["batches"]),
            ("merge", &["merge"]),
            ("idempotent", &["idempotent"]),
        ],
    );
}

#[test]
fn tokenizers() {
    let plugin = outlaw!("tokenizer", Tokenizer);
    breaks(
        &plugin,
        &[
            ("train", &["train"]),
            ("round-trip", &["round-trip"]),
            ("deterministic", &["round-trip", "deterministic", "batches", "threads"]),
            ("batches", &["round-trip", "batches"]),
            ("special-tokens", &["special-tokens"]),
            ("any-ids", &["any-ids"]),
            ("bad-models", &["bad-models"]),
        ],
    );
}

#[test]
fn losses() {
    let plugin = outlaw!("loss", Loss);
    breaks(
        &plugin,
        &[
            ("describe", &["describe"]),
            ("deterministic", &["deterministic", "threads"]),
            ("finite", &["finite"]),
            ("padding", &["padding"]),
            ("adds-up", &["adds-up"]),
            ("negative", &["weight"]),
            ("weight", &["weight"]),
            ("gradient", &["gradient"]),
        ],
    );
}

#[test]
fn text_metrics() {
    let plugin = outlaw!("text-metric", TextMetric);
    breaks(
        &plugin,
        &[
            ("deterministic", &["deterministic", "batches", "threads", "merge"]),
            ("batches", &["batches", "merge"]),
            ("merge", &["merge"]),
        ],
    );
}

#[test]
fn models() {
    let plugin = outlaw!("model", Model);
    breaks(
        &plugin,
        &[
            ("describe", &["describe"]),
            ("deterministic", &["deterministic", "threads", "config"]),
            ("sizes", &["sizes", "gradient"]),
            ("config", &["config"]),
        ],
    );
}

#[test]
fn every_builtin_keeps_its_laws() {
    // hf-tokenizer needs a model: tests/hf_tokenizer.rs has some
    for name in builtin_names().filter(|name| name != "hf-tokenizer") {
        let options = CheckOptions { seed: 1, cases: 50, ..CheckOptions::default() };
        let mut config = PluginConfig::new(name);
        if config.plugin == "badwords" {
            // it looks for nothing unless told
            config.config.insert("list".into(), vec!["bad", "坏"].into());
        }
        let identity = inspect(Path::new(&config.plugin)).expect("a built-in");
        if identity.kind == "model" && identity.settings.iter().any(|setting| setting.name == "layers") {
            // enough of them, and tried in no time
            config.config.insert("layers".into(), 1.into());
        }
        let report = check(&config, &options).expect("a built-in");
        assert!(report.passed(), "{report}");
        assert!(report.checks.len() >= 9, "{report}");
    }
}
