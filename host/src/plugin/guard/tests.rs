//! Policies over plugins that fail on purpose.

use super::super::{OnError, Plugin, PluginConfig, Usage};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use trainyard_plugin::{
    Builtin, Constructor, Create, Filter, MetricInfo, NoConfig, PluginError, Result, TextMetric, TextPair, TokenBatch,
    Tokenizer, Verdict, Vocabulary, log,
};

/// Fails on texts that begin with `bad`; refuses those that begin with `odd`.
struct Picky {
    observed: u64,
}

impl Create for Picky {
    type Config = NoConfig;

    fn create(_: NoConfig) -> Result<Self> {
        Ok(Self { observed: 0 })
    }
}

fn look(text: &str) -> Result<()> {
    match text {
        _ if text.starts_with("bad") => Err(PluginError::internal(format!("fell over {text}"))),
        _ if text.starts_with("panic") => panic!("lost at {text}"),
        _ if text.starts_with("odd") => Err(PluginError::input(format!("cannot read {text}"))),
        _ => Ok(()),
    }
}

impl Filter for Picky {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        documents.iter().map(|text| look(text).map(|()| Verdict::keep().score(self.observed as f64))).collect()
    }

    fn two_pass(&self) -> bool {
        true
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        self.observed += documents.len() as u64;
        documents.iter().try_for_each(|text| look(text))
    }

    fn state(&self) -> Result<Vec<u8>> {
        Ok(self.observed.to_le_bytes().into())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.observed += state.try_into().map(u64::from_le_bytes).map_err(|_| PluginError::input("not 8 bytes"))?;
        Ok(())
    }
}

impl Tokenizer for Picky {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        texts.iter().try_for_each(|text| look(text))
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        Ok(vec![1])
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        self.observed = model.len() as u64;
        Ok(())
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        Ok(Vocabulary { tokens: (0..=255).map(|byte| vec![byte]).collect(), specials: Vec::new() })
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        let mut batch = TokenBatch::default();
        for text in texts {
            look(text)?;
            batch.ids.extend(text.bytes().map(u32::from));
            batch.end_sequence()?;
        }
        Ok(batch)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        Ok(batch.sequences().map(|ids| ids.iter().map(|&id| id as u8).collect()).collect())
    }
}

impl TextMetric for Picky {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::lower_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        for pair in pairs {
            look(pair.hypothesis)?;
            self.observed += 1;
        }
        Ok(())
    }

    fn state(&self) -> Result<Vec<u8>> {
        Filter::state(self)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        Filter::merge(self, state)
    }

    fn value(&self) -> Result<f64> {
        Ok(self.observed as f64)
    }
}

/// Fails in the first calls of its instances, `FAILURES` in all.
struct Flaky {
    observed: u64,
}

static FAILURES: AtomicU64 = AtomicU64::new(0);

impl Create for Flaky {
    type Config = NoConfig;

    fn create(_: NoConfig) -> Result<Self> {
        Ok(Self { observed: 0 })
    }
}

impl Filter for Flaky {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        log::warn("judging");
        match FAILURES.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1)) {
            Ok(_) => Err(PluginError::internal("stumbled")),
            Err(_) => Ok(documents.iter().map(|_| Verdict::keep().score(self.observed as f64)).collect()),
        }
    }

    fn two_pass(&self) -> bool {
        true
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        Filter::observe(&mut Picky { observed: 0 }, documents)?;
        self.observed += documents.len() as u64;
        Ok(())
    }

    fn state(&self) -> Result<Vec<u8>> {
        Ok(self.observed.to_le_bytes().into())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.observed += state.try_into().map(u64::from_le_bytes).map_err(|_| PluginError::input("not 8 bytes"))?;
        Ok(())
    }
}

macro_rules! plugin {
    ($kind:literal, $constructor:ident, $type:ty) => {{
        const IDENTITY: &str =
            concat!("trainyard-plugin\t1\nkind\t", $kind, "\nname\tp\nversion\t1.0.0\ncontract\t0.1\nsdk\t0.1.0\n");
        static BUILTIN: Builtin = Builtin {
            identity: IDENTITY,
            create: Constructor::$constructor(|settings| {
                Ok(Box::new(trainyard_plugin::export::create::<$type>(settings)?))
            }),
        };
        &BUILTIN
    }};
}

fn open(builtin: &'static Builtin, on_error: OnError, max_errors: u64) -> Plugin {
    let config = PluginConfig { on_error, max_errors, ..PluginConfig::new("p") };
    Plugin::linked(builtin, &config).expect("no settings")
}

fn counts(plugin: &Plugin) -> (u64, u64, u64) {
    let Usage { errors, skipped, restarts, .. } = plugin.usage();
    (errors, skipped, restarts)
}

const DOCUMENTS: [&str; 5] = ["one", "bad 1", "two", "odd 2", "three"];

#[test]
fn abort_passes_the_error_on() {
    let plugin = open(plugin!("filter", Filter, Picky), OnError::Abort, 10);
    let mut filter = plugin.filter().expect("a filter");
    let error = filter.judge(&DOCUMENTS).expect_err("a bad document");
    assert_eq!(error, PluginError::internal("plugin \"p\" 1.0.0 (builtin): judge: fell over bad 1"));
    assert_eq!(counts(&plugin), (1, 0, 0));
    assert_eq!(plugin.usage().items, 5);
    assert_eq!(plugin.usage().bytes, 21);
}

#[test]
fn skip_drops_the_documents_at_fault_and_no_others() {
    let plugin = open(plugin!("filter", Filter, Picky), OnError::Skip, 2);
    let mut filter = plugin.filter().expect("a filter");
    filter.observe(&["a", "b", "c"]).expect("harmless");
    let verdicts = filter.judge(&DOCUMENTS).expect("two are left out");
    let kept = Verdict::keep().score(3.0);
    let dropped = Verdict::drop("plugin-error");
    // the score is what was observed: the instance after the error knows it too
    assert_eq!(verdicts, [kept.clone(), dropped.clone(), kept.clone(), dropped, kept]);
    assert_eq!(counts(&plugin), (3, 2, 0));
    let error = filter.judge(&["bad 3"]).expect_err("one too many");
    let expected = "plugin \"p\" 1.0.0 (builtin): judge: fell over bad 3; 2 items were skipped before it (max_errors)";
    assert_eq!(error.message, expected);
}

#[test]
fn skip_leaves_texts_without_tokens_and_pairs_uncounted() {
    let plugin = open(plugin!("tokenizer", Tokenizer, Picky), OnError::Skip, 10);
    let mut tokenizer = plugin.tokenizer().expect("a tokenizer");
    tokenizer.load(&[]).expect("harmless");
    let batch = tokenizer.encode(&DOCUMENTS).expect("two are left out");
    assert_eq!(batch.ends, [3, 3, 6, 6, 11]);
    let error = tokenizer.observe(&["bad"]).expect_err("training text cannot be taken back");
    assert_eq!(error.message, "plugin \"p\" 1.0.0 (builtin): observe: fell over bad");

    let plugin = open(plugin!("text-metric", TextMetric, Picky), OnError::Skip, 10);
    let mut metric = plugin.text_metric().expect("a text metric");
    let pairs = DOCUMENTS.map(|hypothesis| TextPair { hypothesis, references: vec![] });
    metric.update(&pairs[..1]).expect("harmless");
    metric.update(&pairs).expect("two are left out");
    assert_eq!(metric.value().expect("a number"), 4.0);
    assert_eq!(counts(&plugin).1, 2);
}

/// A library under a built-in may panic: that is an error with the culprit's name, and the instance is given up.
#[test]
fn panics_are_errors() {
    let plugin = open(plugin!("filter", Filter, Picky), OnError::Abort, 10);
    let mut filter = plugin.filter().expect("a filter");
    let error = filter.judge(&["one", "panic\n1"]).expect_err("it panics");
    assert_eq!(error, PluginError::internal("plugin \"p\" 1.0.0 (builtin): panicked: lost at panic 1"));
    assert_eq!(filter.judge(&["one"]).expect("a new instance"), [Verdict::keep().score(0.0)]);
    assert_eq!(counts(&plugin), (1, 0, 0));

    let plugin = open(plugin!("tokenizer", Tokenizer, Picky), OnError::Skip, 10);
    let mut tokenizer = plugin.tokenizer().expect("a tokenizer");
    tokenizer.load(&[]).expect("harmless");
    let batch = tokenizer.encode(&["one", "panic", "two"]).expect("one is left out");
    assert_eq!(batch.ends, [3, 3, 6]);
}

#[test]
fn restart_tries_again_with_what_was_known() {
    let plugin = open(plugin!("filter", Filter, Flaky), OnError::Restart, 3);
    let mut filter = plugin.filter().expect("a filter");
    filter.observe(&["a", "b"]).expect("harmless");
    FAILURES.store(3, SeqCst);
    assert_eq!(filter.judge(&["x"]).expect("the fourth instance"), [Verdict::keep().score(2.0)]);
    assert_eq!(counts(&plugin), (3, 0, 3));
    FAILURES.store(1, SeqCst);
    let error = filter.judge(&["x"]).expect_err("no restart is left").message;
    assert_eq!(error, "plugin \"p\" 1.0.0 (builtin): judge: stumbled; after 3 restarts (max_errors)");

    let mut filter = plugin.filter().expect("another instance");
    let error = filter.observe(&["bad"]).expect_err("cannot be brought back").message;
    let lost = "what it had observed is lost, so that no restart can help";
    assert_eq!(error, format!("plugin \"p\" 1.0.0 (builtin): observe: fell over bad; {lost}"));
}

#[test]
fn restart_is_not_for_what_a_document_is() {
    let plugin = open(plugin!("filter", Filter, Picky), OnError::Restart, 3);
    let error = plugin.filter().expect("a filter").judge(&["odd"]).expect_err("it cannot be read").message;
    assert_eq!(error, "plugin \"p\" 1.0.0 (builtin): judge: cannot read odd");
    assert_eq!(counts(&plugin), (1, 0, 0));
}
