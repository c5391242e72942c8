//! A plugin gives the same answers, byte for byte, as a built-in, a component and a native library, in this process and
//! in a separate one.

use crate::plugins::forms;
use std::fmt::Debug;
use trainyard::plugin::Plugin;
use trainyard_plugin::{Kind, MEASURES, TextPair};

const TEXTS: [&str; 6] = [
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a \
     wife.",
    "",
    "naïve café — “quotes” 日本語 🦀\r\n\ttab",
    "the the the the the the the the the the the the",
    "# A heading\n\n- one\n- two...\n- three...\n",
    "0123456789 don't we'll I'm",
];

/// Runs `body` on each form and compares what it returns.
fn same<T: PartialEq + Debug>(name: &str, kind: Kind, settings: &str, body: impl Fn(&Plugin) -> trainyard::Result<T>) {
    let plugins = forms(name, kind, settings);
    assert_eq!(
        plugins.each_ref().map(|plugin| plugin.stamp().backend.as_str()),
        ["builtin", "wasm", "native", "wasm", "native"]
    );
    let [builtin, others @ ..] = plugins
        .each_ref()
        .map(|plugin| body(plugin).unwrap_or_else(|error| panic!("{}: {error}", plugin.stamp().backend)));
    for (other, form) in
        others.iter().zip(["component", "native library", "component in a process", "library in a process"])
    {
        assert_eq!(builtin, *other, "{name} as a {form}");
    }
}

fn tokenizer(name: &str, settings: &str) {
    same(name, Kind::Tokenizer, settings, |plugin| {
        let mut trainer = plugin.tokenizer()?;
        trainer.observe(&TEXTS[..3])?;
        trainer.observe(&TEXTS[3..])?;
        let model = trainer.train()?;
        let mut tokenizer = plugin.tokenizer()?;
        tokenizer.load(&model)?;
        let batch = tokenizer.encode(&TEXTS)?;
        let decoded = tokenizer.decode(&batch)?;
        assert!(decoded.iter().zip(TEXTS).all(|(decoded, text)| decoded == text.as_bytes()));
        Ok((model, tokenizer.vocabulary()?, batch, decoded))
    });
}

fn filter(name: &str, settings: &str) {
    same(name, Kind::Filter, settings, |plugin| {
        let mut filter = plugin.filter()?;
        let values = match plugin.identity().has(MEASURES) {
            true => filter.measure(&TEXTS)?,
            false => Vec::new(),
        };
        let rules = filter.rules();
        assert_eq!(values.len(), rules.len() * TEXTS.len());
        let bits: Vec<_> = values.into_iter().map(f64::to_bits).collect();
        Ok((filter.two_pass(), filter.judge(&TEXTS)?, filter.judge(&[])?, rules, bits))
    });
}

/// A filter that sees all texts first, in two parts that are merged.
fn filter_of_two_passes(name: &str, settings: &str) {
    same(name, Kind::Filter, settings, |plugin| {
        let (mut whole, mut part) = (plugin.filter()?, plugin.filter()?);
        whole.observe(&TEXTS)?;
        part.observe(&TEXTS[..2])?;
        let mut merged = plugin.filter()?;
        merged.observe(&TEXTS[2..])?;
        merged.merge(&part.state()?)?;
        assert_eq!(merged.state()?, whole.state()?, "merging equals observing all");
        Ok((whole.two_pass(), whole.state()?, whole.judge(&TEXTS)?, merged.judge(&TEXTS)?))
    });
}

fn loss(name: &str, settings: &str) {
    same(name, Kind::Loss, settings, |plugin| Ok(plugin.loss()?.describe()?));
}

fn metric(name: &str, settings: &str) {
    same(name, Kind::Metric, settings, |plugin| {
        let metric = plugin.metric()?;
        Ok((metric.info()?, metric.describe()?))
    });
}

fn text_metric(name: &str, settings: &str) {
    let pairs: Vec<_> =
        TEXTS.iter().map(|text| TextPair { hypothesis: text, references: vec![TEXTS[0], text] }).collect();
    same(name, Kind::TextMetric, settings, |plugin| {
        let mut whole = plugin.text_metric()?;
        whole.update(&pairs)?;
        let (mut first, mut second) = (plugin.text_metric()?, plugin.text_metric()?);
        first.update(&pairs[..2])?;
        second.update(&pairs[2..])?;
        first.merge(&second.state()?)?;
        assert_eq!(first.value()?.to_bits(), whole.value()?.to_bits(), "merging equals updating with all");
        Ok((whole.info()?, whole.state()?, whole.value()?.to_bits()))
    });
}

#[test]
fn byte() {
    tokenizer("byte", "");
}

#[test]
fn bpe() {
    tokenizer("bpe", "vocab_size = 300");
}

#[test]
fn filters() {
    filter("length", "min_chars = 1\nmax_words = 11");
    filter("gopher-quality", "min_words = 5");
    filter("gopher-quality", "min_words = 5\nwords = \"unicode\"\ndialect = \"dolma\"");
    filter("gopher-repetition", "max_top_2_gram = 0.5");
    filter("c4-lines", "min_sentences = 1");
    filter("c4-paragraphs", "min_paragraph_chars = 9");
    filter("fineweb-quality", "words = \"zh\"");
    filter("refinedweb-lines", "max_removed_words = 0");
    filter("char-rules", "letters = \"unicode\"");
}

#[test]
fn cleaners() {
    filter("unicode", "form = \"nfkc\"");
    filter("mojibake", "");
    filter("newlines", "max = 1");
    filter("unwrap-lines", "min_width = 1\nmin_share = 0.0");
    filter("html-entities", "");
    filter("citations", "marks = [\"Heading\"]");
    filter("pii", "");
}

#[test]
fn filters_of_words() {
    filter("length", "min_bytes = 30\nmax_lines = 2\nwords = \"unicode\"");
    filter("language", "languages = [\"en\", \"zh\"]\nmin_confidence = 0.1");
    filter("stop-words", "max_share = 0.5");
    filter("stop-words", "mode = \"remove\"");
    filter("word-statistics", "n = 2\nmin_type_token_ratio = 0.5\nmax_entropy = 4.0");
    filter("badwords", "list = [\"the\", \"café\"]\nmax = 3");
    filter_of_two_passes("rare-terms", "memory_mib = 1\nmax_share = 0.9");
}

#[test]
fn losses() {
    loss("cross-entropy", "");
    loss("label-smoothing", "");
    loss("focal", "gamma = 1.5");
    loss("z-loss", "");
}

#[test]
fn metrics() {
    metric("bits-per-byte", "");
    metric("token-accuracy", "");
    metric("perplexity", "");
}

#[test]
fn text_metrics() {
    text_metric("distinct-n", "n = 2");
    text_metric("bleu", "tokenizer = \"zh\"\nsmoothing = \"floor\"\nlowercase = true");
    text_metric("chrf", "word_order = 2\nbeta = 3");
    text_metric("rouge", "variant = \"rougeLsum\"\nwords = \"zh\"\nstemmer = true");
    text_metric("ter", "normalized = true\nasian_support = true");
    text_metric("exact-match", "ignore_articles = false\nignore_numbers = true");
    text_metric("token-f1", "words = \"zh\"");
    text_metric("label-scores", "score = \"f1-macro\"");
    text_metric("entities", "scheme = \"iob2\"\nscore = \"recall\"");
    text_metric("repetition", "n = 1\naverage = \"n-grams\"\nwords = \"unicode\"");
}

#[test]
fn errors_name_the_culprit_on_every_form() {
    let errors = forms("focal", Kind::Loss, "gama = 1").map(|plugin| {
        plugin.loss().err().map(|error| (error.exit_code(), error.to_string())).expect("an unknown setting")
    });
    for (exit_code, error) in &errors {
        assert_eq!(*exit_code, 2);
        assert!(error.ends_with("create: gama: unknown setting, expected one of gamma"), "{error}");
    }
    assert!(errors[0].1.starts_with("plugin \"focal\" 0.1.0 (builtin): "), "{}", errors[0].1);
    assert!(errors[1].1.starts_with("plugin \"focal\" 0.1.0 (wasm, "), "{}", errors[1].1);
    assert!(errors[2].1.starts_with("plugin \"focal\" 0.1.0 (native, "), "{}", errors[2].1);
    assert_eq!(errors[1..3], errors[3..5], "the same from a process of its own");
}
