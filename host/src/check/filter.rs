//! Laws of filters: a verdict is about one document, whatever is around it.

use super::{CheckReport, Defect, Found, Subject, equal, measures, short};
use crate::plugin::Plugin;
use std::time::Instant;
use trainyard_plugin::{Filter, IDEMPOTENT, MEASURES, Verdict};

pub fn check(report: &mut CheckReport, subject: &Subject<'_>) {
    let texts = subject.inputs.texts();
    let judge_all = |plugin: &Plugin| Ok(observed(plugin, &texts)?.judge(&texts)?);
    report.add("judge", judge_all(subject.plugin).map(|verdicts| summary(&verdicts)));
    report.add("deterministic", deterministic(subject, &texts));
    report.add("batches", batches(subject, &texts));
    report.add("threads", subject.same_on_threads(judge_all));
    match subject.plugin.filter().map(|filter| filter.two_pass()) {
        Ok(true) => report.add("merge", merging(subject, &texts)),
        _ => report.skip("merge", "it needs no first pass"),
    }
    match subject.plugin.identity().has(IDEMPOTENT) {
        true => report.add("idempotent", idempotent(subject, &texts)),
        false => report.skip("idempotent", "it does not claim to be: abilities = [\"idempotent\"]"),
    }
    let has_rules = subject.plugin.identity().has(MEASURES);
    match has_rules {
        true => report.add("measures", measures::check(subject, &texts, |plugin| observed(plugin, &texts))),
        false => report.skip("measures", "it does not claim to: export!(measured_filter …)"),
    }
    report.add("speed", speed(subject));
    subject.same_in_other_form(report, |plugin| {
        let mut filter = observed(plugin, &texts)?;
        let measured = has_rules.then(|| measures::measured(&mut *filter, &texts)).transpose()?;
        Ok((filter.judge(&texts)?, measured))
    });
}

/// A filter ready to judge: after the first pass, where it needs one.
fn observed(plugin: &Plugin, texts: &[&str]) -> Found<Box<dyn Filter>> {
    let mut filter = plugin.filter()?;
    if filter.two_pass() {
        filter.observe(texts)?;
    }
    Ok(filter)
}

fn summary(verdicts: &[Verdict]) -> String {
    let n = verdicts.len();
    let kept = verdicts.iter().filter(|verdict| verdict.keep).count();
    let rewritten = verdicts.iter().filter(|verdict| verdict.keep && verdict.text.is_some()).count();
    format!("{n} documents: {kept} kept, {rewritten} of them rewritten, {} dropped", n - kept)
}

fn deterministic(subject: &Subject<'_>, texts: &[&str]) -> Found<String> {
    let mut filter = observed(subject.plugin, texts)?;
    let first = filter.judge(texts)?;
    equal(&filter.judge(texts)?, &first, || "the second call answers otherwise".into())?;
    let other = observed(subject.plugin, texts)?.judge(texts)?;
    equal(&other, &first, || "another instance answers otherwise".into())?;
    Ok(format!("{} verdicts, twice", first.len()))
}

/// A document's verdict does not depend on its batch, nor on what was judged before.
fn batches(subject: &Subject<'_>, texts: &[&str]) -> Found<String> {
    let mut filter = observed(subject.plugin, texts)?;
    let together = filter.judge(texts)?;
    for (i, verdict) in together.iter().enumerate().rev() {
        let alone = filter.judge(&texts[i..=i])?;
        equal(&alone[0], verdict, || format!("document {i} {} alone and in a batch", short(&texts[i])))?;
    }
    equal(&filter.judge(&[])?, &Vec::new(), || "an empty batch".into())?;
    Ok(format!("{} documents alone, in reverse order, and an empty batch", texts.len()))
}

/// What several instances observed, merged in any order, is what one of them would have observed.
fn merging(subject: &Subject<'_>, texts: &[&str]) -> Found<String> {
    let expected = observed(subject.plugin, texts)?.judge(texts)?;
    let (left, right) = texts.split_at(texts.len() / 2);
    let state = |texts: &[&str]| -> Found<Vec<u8>> { Ok(observed(subject.plugin, texts)?.state()?) };
    let (left, right) = (state(left)?, state(right)?);
    for (order, states) in [("merged", [&left, &right]), ("merged the other way round", [&right, &left])] {
        let mut filter = subject.plugin.filter()?;
        for state in states {
            filter.merge(state)?;
        }
        equal(&filter.judge(texts)?, &expected, || format!("two halves, {order}, and the whole"))?;
        // what is saved is all there is
        let mut restored = subject.plugin.filter()?;
        restored.merge(&filter.state()?)?;
        equal(&restored.judge(texts)?, &expected, || "a state saved and restored".into())?;
    }
    Ok("two halves in both orders, saved and restored".into())
}

fn idempotent(subject: &Subject<'_>, texts: &[&str]) -> Found<String> {
    let mut filter = observed(subject.plugin, texts)?;
    let verdicts = filter.judge(texts)?;
    let kept = texts.iter().zip(verdicts).filter(|(_, verdict)| verdict.keep);
    let kept: Vec<String> = kept.map(|(text, verdict)| verdict.text.unwrap_or_else(|| (*text).to_owned())).collect();
    let again = filter.judge(&kept.iter().map(String::as_str).collect::<Vec<_>>())?;
    for (i, (text, verdict)) in kept.iter().zip(&again).enumerate() {
        let same = verdict.text.as_ref().is_none_or(|rewritten| rewritten == text);
        if !verdict.keep || !same {
            return Err(Defect(format!("kept document {i} {} is judged {} again", short(text), short(verdict))));
        }
    }
    Ok(format!("{} documents that it kept are kept as they are", kept.len()))
}

fn speed(subject: &Subject<'_>) -> Found<String> {
    let texts = subject.inputs.prose();
    let mut filter = observed(subject.plugin, &texts)?;
    filter.judge(&texts)?;
    let begun = Instant::now();
    filter.judge(&texts)?;
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let seconds = begun.elapsed().as_secs_f64();
    let per_document = 1e6 * seconds / texts.len() as f64;
    Ok(format!("{:.1} MB/s, {per_document:.1} µs for a document of 1 KB", bytes as f64 / 1e6 / seconds))
}
