//! Laws of metrics over generated text: counting in parts and merging them is counting the whole.

use super::{CheckReport, Defect, Found, Subject, equal};
use crate::plugin::Plugin;
use std::time::Instant;
use trainyard_plugin::{PROMPTS, PromptedPair, SIGNATURE, TextMetric, TextPair};

/// Largest relative difference between values that must be equal but for rounding.
const TOLERANCE: f64 = 1e-9;

pub fn check(report: &mut CheckReport, subject: &Subject<'_>) {
    let texts = subject.inputs.texts();
    let pairs = pairs(&texts);
    let value = |plugin: &Plugin| Ok(counted(plugin, &pairs)?.value()?.to_bits());
    report.add("info", info(subject));
    report.add(
        "value",
        counted(subject.plugin, &pairs)
            .and_then(|metric| Ok(metric.value()?))
            .map(|value| format!("{value} over {} pairs", pairs.len())),
    );
    report.add("deterministic", deterministic(subject, &pairs));
    report.add("batches", batches(subject, &pairs));
    report.add("threads", subject.same_on_threads(value));
    report.add("merge", merging(subject, &pairs));
    match subject.plugin.identity().has(PROMPTS) {
        true => report.add("prompts", prompts(subject, &pairs)),
        false => report.skip("prompts", "it does not claim to read them: abilities = [\"prompts\"]"),
    }
    match subject.plugin.identity().has(SIGNATURE) {
        true => report.add("signature", signature(subject, &pairs)),
        false => report.skip("signature", "it does not claim to have one: abilities = [\"signature\"]"),
    }
    report.add("speed", speed(subject));
    subject.same_in_other_form(report, value);
}

/// Each text with others to compare it with: none, one, or two references.
fn pairs<'a>(texts: &[&'a str]) -> Vec<TextPair<'a>> {
    let reference = |i: usize| texts[(7 * i + 3) % texts.len()];
    let references = |i: usize| match i % 4 {
        0 => vec![],
        1 => vec![texts[i]],
        2 => vec![reference(i)],
        _ => vec![reference(i), texts[i]],
    };
    texts.iter().enumerate().map(|(i, hypothesis)| TextPair { hypothesis, references: references(i) }).collect()
}

fn counted(plugin: &Plugin, pairs: &[TextPair<'_>]) -> Found<Box<dyn TextMetric>> {
    let mut metric = plugin.text_metric()?;
    metric.update(pairs)?;
    Ok(metric)
}

fn info(subject: &Subject<'_>) -> Found<String> {
    let metric = subject.plugin.text_metric()?;
    let (info, empty) = (metric.info()?, metric.value()?);
    Ok(format!("unit {:?}, {:?}; of nothing it is {empty}", info.unit, info.direction))
}

fn same(left: f64, right: f64, what: &str) -> Found<()> {
    let equal = left.to_bits() == right.to_bits() || (left - right).abs() <= TOLERANCE * left.abs().max(1.0);
    match equal {
        true => Ok(()),
        false => Err(Defect(format!("{what}: {left} and {right}"))),
    }
}

fn deterministic(subject: &Subject<'_>, pairs: &[TextPair<'_>]) -> Found<String> {
    let (first, second) = (counted(subject.plugin, pairs)?, counted(subject.plugin, pairs)?);
    equal(&first.value()?.to_bits(), &second.value()?.to_bits(), || "another instance counts otherwise".into())?;
    equal(&first.value()?.to_bits(), &second.value()?.to_bits(), || "asking changes the value".into())?;
    Ok("two instances have one value".into())
}

/// The order and the batches of the pairs do not matter.
fn batches(subject: &Subject<'_>, pairs: &[TextPair<'_>]) -> Found<String> {
    let expected = counted(subject.plugin, pairs)?.value()?;
    let mut alone = subject.plugin.text_metric()?;
    pairs.iter().rev().try_for_each(|pair| alone.update(std::slice::from_ref(pair)))?;
    alone.update(&[])?;
    same(alone.value()?, expected, "pairs alone in reverse order and in one batch")?;
    Ok(format!("{} pairs alone, in reverse order, and an empty batch", pairs.len()))
}

/// Merging in any order is counting the whole; a state saved and restored is all there is.
fn merging(subject: &Subject<'_>, pairs: &[TextPair<'_>]) -> Found<String> {
    let expected = counted(subject.plugin, pairs)?.value()?;
    let (left, right) = pairs.split_at(pairs.len() / 3);
    let (left, right) = (counted(subject.plugin, left)?.state()?, counted(subject.plugin, right)?.state()?);
    for (order, states) in [("two parts merged", [&left, &right]), ("merged the other way round", [&right, &left])] {
        let mut metric = subject.plugin.text_metric()?;
        states.iter().try_for_each(|state| metric.merge(state))?;
        same(metric.value()?, expected, &format!("{order}, and the whole"))?;
        let mut restored = subject.plugin.text_metric()?;
        restored.merge(&metric.state()?)?;
        same(restored.value()?, expected, "a state saved and restored")?;
    }
    let mut whole = counted(subject.plugin, pairs)?;
    whole.merge(&subject.plugin.text_metric()?.state()?)?;
    same(whole.value()?, expected, "merged with nothing, and the whole")?;
    Ok("two parts in both orders, saved and restored, and with nothing".into())
}

/// With prompts as without them, the order and the batches of the pairs do not matter, and merging is counting.
fn prompts(subject: &Subject<'_>, pairs: &[TextPair<'_>]) -> Found<String> {
    let pairs: Vec<_> = pairs.iter().rev().map(|pair| pair.hypothesis).zip(pairs.iter().cloned()).collect();
    let pairs: Vec<_> = pairs.into_iter().map(|(prompt, pair)| PromptedPair { prompt, pair }).collect();
    let counted = |pairs: &[PromptedPair<'_>]| -> Found<Box<dyn TextMetric>> {
        let mut metric = subject.plugin.text_metric()?;
        metric.update_prompted(pairs)?;
        Ok(metric)
    };
    let whole = counted(&pairs)?;
    let mut alone = counted(&[])?;
    pairs.iter().rev().try_for_each(|pair| alone.update_prompted(std::slice::from_ref(pair)))?;
    same(alone.value()?, whole.value()?, "pairs with prompts alone in reverse order and in one batch")?;
    let (left, right) = pairs.split_at(pairs.len() / 3);
    let mut merged = counted(right)?;
    merged.merge(&counted(left)?.state()?)?;
    same(merged.value()?, whole.value()?, "two parts with prompts merged, and the whole")?;
    Ok(format!("{} over {} pairs, alone, in reverse order and merged", whole.value()?, pairs.len()))
}

/// The signature is a function of the settings alone.
fn signature(subject: &Subject<'_>, pairs: &[TextPair<'_>]) -> Found<String> {
    let (new, used) = (subject.plugin.text_metric()?.signature()?, counted(subject.plugin, pairs)?.signature()?);
    equal(&new, &used, || "counting changes the signature".into())?;
    match new.split('|').all(|part| part.split_once(':').is_some_and(|(key, _)| !key.is_empty())) {
        true => Ok(new),
        false => Err(Defect(format!("expected key:value joined by |, got {new:?}"))),
    }
}

fn speed(subject: &Subject<'_>) -> Found<String> {
    let texts = subject.inputs.prose();
    let pairs = pairs(&texts);
    let mut metric = subject.plugin.text_metric()?;
    metric.update(&pairs)?;
    let begun = Instant::now();
    metric.update(&pairs)?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(format!("{:.1} µs for a pair of texts of 1 KB", 1e6 * seconds / pairs.len() as f64))
}
