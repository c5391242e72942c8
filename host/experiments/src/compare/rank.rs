//! Whether the numbers of two runs may be compared.

use super::run::{Run, Split};
use trainyard_base::{Error, Result};
use trainyard_report::{Comparable, MetricValue, TextReport};

/// Characters of a digest that are shown.
const DIGEST_SHOWN: usize = 12;

/// Says why a metric of two runs cannot be compared; none if it can be.
pub fn obstacle(base: (&Run, &MetricValue), other: (&Run, &MetricValue)) -> Option<String> {
    let ((base, a), (other, b)) = (base, other);
    if (&a.unit, a.higher_is_better) != (&b.unit, b.higher_is_better) || !is_same_metric(base, a, other, b) {
        return Some("not computed by the same plugin with the same settings".to_owned());
    }
    match narrower(a.comparable, b.comparable) {
        Comparable::Nothing => Some("comparable with no other run: a tokenizer loses text".to_owned()),
        Comparable::Loss if !is_same_plugin(base, other, "loss") => {
            Some("the losses are not the same function".to_owned())
        }
        Comparable::Tokenizer | Comparable::Loss if !is_same_tokenizer(base, other) => {
            Some("a mean over tokens, and the tokenizers are not the same".to_owned())
        }
        _ => None,
    }
}

/// The narrower of two.
fn narrower(a: Comparable, b: Comparable) -> Comparable {
    let rank = |comparable: &Comparable| match comparable {
        Comparable::Text => 0,
        Comparable::Tokenizer => 1,
        Comparable::Loss => 2,
        Comparable::Nothing => 3,
    };
    [a, b].into_iter().max_by_key(rank).unwrap_or(a)
}

/// Says whether a metric is of the same plugin in two runs. The loss has a rule of its own.
fn is_same_metric(base: &Run, a: &MetricValue, other: &Run, b: &MetricValue) -> bool {
    if a.name == crate::log::LOSS {
        return true;
    }
    let of = |run: &Run, metric: &MetricValue| -> Vec<_> {
        run.plugins_at("metric").filter(|plugin| plugin.name == metric.plugin).cloned().collect()
    };
    let (a_plugins, b_plugins) = (of(base, a), of(other, b));
    a.plugin == b.plugin
        && (a_plugins.is_empty() || b_plugins.is_empty() || {
            a_plugins.iter().any(|a| b_plugins.iter().any(|b| a.is_same(b)))
        })
}

fn is_same_plugin(base: &Run, other: &Run, place: &str) -> bool {
    match (base.plugins_at(place).next(), other.plugins_at(place).next()) {
        (Some(a), Some(b)) => a.is_same(b),
        (None, None) => true,
        _ => false,
    }
}

/// Says whether the tokens of two runs are the same: the same plugin, and the same file where it has learned one.
fn is_same_tokenizer(base: &Run, other: &Run) -> bool {
    if !is_same_plugin(base, other, "tokenizer") {
        return false;
    }
    let is_same_data = !base.data().is_empty() && base.data() == other.data();
    is_same_data || base.tokenizer_file == other.tokenizer_file
}

/// Says whether two runs were measured on the same text; none where they do not say.
pub fn is_same_text(base: &Run, other: &Run, split: Split) -> Option<bool> {
    if !base.data().is_empty() && base.data() == other.data() {
        return Some(true);
    }
    let (a, b) = (base.text(split)?, other.text(split)?);
    match (&a.digest, &b.digest) {
        (Some(a), Some(b)) => Some(a == b),
        _ if (a.documents, a.bytes) != (b.documents, b.bytes) => Some(false),
        _ => None,
    }
}

/// Checks that all runs were measured on the text of the first.
///
/// # Errors
/// Two were not; the error names both.
pub fn check_texts(base: &Run, runs: &[Run], split: Split) -> Result<()> {
    let Some(other) = runs.iter().find(|other| is_same_text(base, other, split) != Some(true)) else { return Ok(()) };
    let (split, of) = (split.name(), |run: &Run| described(run.text(split)));
    Err(Error::usage(format!(
        "{} and {}: expected runs that were measured on the same {split} text, got {} and {}; give all runs one text \
         by [data.held_out], or pass --allow-other-text to see their numbers side by side, not ranked",
        base.path.display(),
        other.path.display(),
        of(base),
        of(other)
    )))
}

fn described(text: Option<&TextReport>) -> String {
    match text {
        None => "a text that is not recorded".to_owned(),
        Some(TextReport { digest: Some(digest), .. }) => {
            format!("sha256 {}…", digest.get(..DIGEST_SHOWN).unwrap_or(digest))
        }
        Some(text) => format!("{} bytes without a digest", text.bytes),
    }
}
