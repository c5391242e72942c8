//! Laws of tokenizers: what is encoded comes back, whatever the text, the batch, the order or the thread.

use super::input::Dice;
use super::{CheckReport, Defect, Found, Subject, equal, short};
use crate::plugin::{Plugin, Specials};
use std::time::Instant;
use trainyard_plugin::{ErrorKind, LOSSY, TokenBatch, Tokenizer};

/// Damaged models to load.
const DAMAGED: usize = 30;

/// Special tokens whose names are tried as text.
const NAMES_MAX: usize = 1000;

pub fn check(report: &mut CheckReport, subject: &Subject<'_>) {
    let model = match &subject.options.model {
        Some(model) => Ok(model.clone()),
        None => train(subject.plugin, &subject.inputs.prose()),
    };
    let model = match model {
        Ok(model) => model,
        Err(Defect(why)) => {
            let cure = if why.contains("train") { "; give a model with --model" } else { "" };
            return report.add("train", Err(Defect(format!("{why}{cure}"))));
        }
    };
    if subject.options.model.is_none() {
        report.add("train", training(subject, &model));
    }
    match subject.plugin.identity().has(LOSSY) {
        true => report.skip("round-trip", "it says that it is lossy"),
        false => report.add("round-trip", round_trip(subject, &model)),
    }
    report.add("deterministic", deterministic(subject, &model));
    report.add("batches", batches(subject, &model));
    report.add("threads", subject.same_on_threads(|plugin| encode_all(plugin, &model, &subject.inputs.texts())));
    report.add("special-tokens", special_tokens(subject, &model));
    report.add("any-ids", any_ids(subject, &model));
    report.add("bad-models", bad_models(subject, &model));
    report.add("speed", speed(subject, &model));
    subject.same_in_other_form(report, |plugin| encode_all(plugin, &model, &subject.inputs.texts()));
}

fn train(plugin: &Plugin, texts: &[&str]) -> Found<Vec<u8>> {
    let mut tokenizer = plugin.tokenizer()?;
    tokenizer.observe(texts)?;
    Ok(tokenizer.train()?)
}

fn loaded(plugin: &Plugin, model: &[u8]) -> Found<Box<dyn Tokenizer>> {
    let mut tokenizer = plugin.tokenizer()?;
    tokenizer.load(model)?;
    Ok(tokenizer)
}

fn encode_all(plugin: &Plugin, model: &[u8], texts: &[&str]) -> Found<TokenBatch> {
    Ok(loaded(plugin, model)?.encode(texts)?)
}

/// The model is a function of the texts, however they were cut into batches.
fn training(subject: &Subject<'_>, model: &[u8]) -> Found<String> {
    let texts = subject.inputs.prose();
    if train(subject.plugin, &texts)? != model {
        return Err(Defect("training twice on the same texts makes different models".into()));
    }
    let mut tokenizer = subject.plugin.tokenizer()?;
    for batch in texts.chunks(7) {
        tokenizer.observe(batch)?;
    }
    match tokenizer.train()? == model {
        true => Ok(format!("{} documents make a model of {} bytes, however batched", texts.len(), model.len())),
        false => Err(Defect("the same texts in other batches make another model".into())),
    }
}

fn round_trip(subject: &Subject<'_>, model: &[u8]) -> Found<String> {
    let texts = subject.inputs.texts();
    let mut tokenizer = loaded(subject.plugin, model)?;
    let batch = tokenizer.encode(&texts)?;
    let decoded = tokenizer.decode(&batch)?;
    for (i, (text, decoded)) in texts.iter().zip(&decoded).enumerate() {
        if text.as_bytes() != decoded {
            let (text, back) = (short(text), short(&String::from_utf8_lossy(decoded)));
            let cure = "a tokenizer that means to lose text says so: abilities = [\"lossy\"]";
            return Err(Defect(format!("text {i} {text} comes back as {back}; {cure}")));
        }
    }
    Ok(format!("{} texts come back byte for byte", texts.len()))
}

fn deterministic(subject: &Subject<'_>, model: &[u8]) -> Found<String> {
    let texts = subject.inputs.texts();
    let mut tokenizer = loaded(subject.plugin, model)?;
    let first = tokenizer.encode(&texts)?;
    equal(&tokenizer.encode(&texts)?, &first, || "the second call answers otherwise".into())?;
    let other = loaded(subject.plugin, model)?;
    equal(&other.vocabulary()?, &tokenizer.vocabulary()?, || "another instance has another vocabulary".into())?;
    equal(&encode_all(subject.plugin, model, &texts)?, &first, || "another instance answers otherwise".into())?;
    Ok(format!("{} tokens of {} texts, twice", first.ids.len(), texts.len()))
}

/// A text's tokens do not depend on its batch.
fn batches(subject: &Subject<'_>, model: &[u8]) -> Found<String> {
    let texts = subject.inputs.texts();
    let mut tokenizer = loaded(subject.plugin, model)?;
    let together = tokenizer.encode(&texts)?;
    let sequences: Vec<&[u32]> = together.sequences().collect();
    for (i, ids) in sequences.iter().enumerate().rev() {
        let alone = tokenizer.encode(&texts[i..=i])?;
        equal(&alone.ids.as_slice(), ids, || format!("text {i} {} alone and in a batch", short(&texts[i])))?;
    }
    equal(&tokenizer.encode(&[])?, &TokenBatch::default(), || "an empty batch".into())?;
    Ok(format!("{} texts alone, in reverse order, and an empty batch", texts.len()))
}

/// Text never produces a special token, not even text that spells the name of one.
fn special_tokens(subject: &Subject<'_>, model: &[u8]) -> Found<String> {
    let mut tokenizer = loaded(subject.plugin, model)?;
    let vocabulary = tokenizer.vocabulary()?;
    let names: Vec<&str> = vocabulary.specials.iter().take(NAMES_MAX).map(|special| special.name.as_str()).collect();
    let spelled: Vec<String> =
        names.iter().flat_map(|name| [(*name).into(), format!("a {name} b"), format!("a{name}{name}b")]).collect();
    let texts = subject.inputs.texts();
    let texts: Vec<&str> = texts.iter().copied().chain(spelled.iter().map(String::as_str)).collect();
    let batch = tokenizer.encode(&texts)?;
    Specials::new(&vocabulary).check(&batch).map_err(|error| Defect(error.message))?;
    Ok(format!("{} texts, {} of them with the names of special tokens, produce none", texts.len(), spelled.len()))
}

/// Models sample any ids.
fn any_ids(subject: &Subject<'_>, model: &[u8]) -> Found<String> {
    let mut tokenizer = loaded(subject.plugin, model)?;
    let n_tokens = tokenizer.vocabulary()?.tokens.len();
    let mut batch = TokenBatch { ids: (0..n_tokens as u32).collect(), ends: vec![n_tokens as u32] };
    for case in 0..subject.options.cases {
        let mut dice = Dice::new(subject.options.seed, case);
        let n = dice.below(30);
        batch.ids.extend((0..n).map(|_| dice.below(n_tokens) as u32));
        batch.end_sequence()?;
    }
    tokenizer.decode(&batch)?;
    Ok(format!("{} sequences of any of {n_tokens} ids are decoded", batch.ends.len()))
}

/// A damaged model is refused, or loaded; it breaks nothing.
fn bad_models(subject: &Subject<'_>, model: &[u8]) -> Found<String> {
    let mut refused = 0;
    for case in 0..DAMAGED {
        let mut dice = Dice::new(subject.options.seed ^ 0x6d6f_64656c, case);
        let mut damaged = model.to_vec();
        match case {
            0 => damaged.clear(),
            _ if case % 2 == 0 => damaged.truncate(dice.below(model.len().max(1))),
            _ => {
                let n = damaged.len();
                damaged.get_mut(dice.below(n.max(1))).into_iter().for_each(|byte| *byte ^= 1 << dice.below(8));
            }
        }
        let mut tokenizer = subject.plugin.tokenizer()?;
        let used = tokenizer.load(&damaged).and_then(|()| tokenizer.encode(&["a text"]).map(drop));
        match used {
            Ok(()) => {}
            Err(error) if !matches!(error.kind, ErrorKind::Internal | ErrorKind::State) => refused += 1,
            Err(error) => {
                return Err(Defect(format!(
                    "damaged model {case}: expected an error of kind input, got {}",
                    error.message
                )));
            }
        }
    }
    Ok(format!("{DAMAGED} damaged models break nothing, {refused} are refused"))
}

fn speed(subject: &Subject<'_>, model: &[u8]) -> Found<String> {
    let texts = subject.inputs.prose();
    let mut tokenizer = loaded(subject.plugin, model)?;
    tokenizer.encode(&texts)?;
    let begun = Instant::now();
    let tokens = tokenizer.encode(&texts)?;
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let seconds = begun.elapsed().as_secs_f64();
    let per_token = bytes as f64 / tokens.ids.len().max(1) as f64;
    Ok(format!("encodes {:.1} MB/s, {per_token:.2} bytes per token", bytes as f64 / 1e6 / seconds))
}
