//! Laws of models: they describe one network for one set of sizes, whoever asks, and a config that they write is one
//! that they read.

use super::gradient::{self, LENGTH, PARAMETERS_MAX, VOCAB};
use super::{CheckReport, Found, Subject, equal, short};
use crate::model::flops;
use crate::model::graph::Graph;
use crate::plugin::Plugin;
use trainyard_plugin::network::{Network, check_for, count};
use trainyard_plugin::{ErrorKind, PluginError, Setting, Sizes, Value};

/// Vocabulary and context of the networks that are asked for: the first is that of the summary.
const SIZES: [Sizes; 5] =
    [Sizes::new(1000, 64), Sizes::new(2, 1), Sizes::new(257, 17), Sizes::new(50_257, 1024), Sizes::new(130_000, 8192)];

pub fn check(report: &mut CheckReport, subject: &Subject<'_>) {
    let network = match describe(subject.plugin, &SIZES[0]) {
        Ok(network) => network,
        Err(defect) => return report.add("describe", Err(defect)),
    };
    report.add("describe", summary(&network));
    report.add("deterministic", deterministic(subject));
    report.add("threads", subject.same_on_threads(|plugin| describe(plugin, &SIZES[0])));
    report.add("sizes", sizes(subject));
    match round_trip(subject) {
        Ok(Some(done)) => report.add("config", Ok(done)),
        Ok(None) => report.skip("config", "it neither reads nor writes the config.json of other programs"),
        Err(defect) => report.add("config", Err(defect)),
    }
    match describe(subject.plugin, &Sizes::new(VOCAB, LENGTH as u32)) {
        Ok(small) if count(&small) > PARAMETERS_MAX => {
            report.skip("gradient", &format!("{} parameters are many: check it with smaller settings", count(&small)));
        }
        small => report.add("gradient", small.and_then(|small| gradient::check(&small, subject.options.seed))),
    }
    abilities(report, subject);
    subject.same_in_other_form(report, |plugin| describe(plugin, &SIZES[0]));
}

fn describe(plugin: &Plugin, sizes: &Sizes) -> Found<Network> {
    Ok(plugin.model()?.describe(sizes)?)
}

fn summary(network: &Network) -> Found<String> {
    let (layers, blocks) = (network.layers.len(), network.blocks.len());
    let heads: Vec<_> = network.heads.iter().map(|head| head.name.as_str()).collect();
    let (n, Sizes { vocab, context, .. }) = (count(network), SIZES[0]);
    let mega = flops::per_token(&Graph::new(network)?, context as usize) / 1e6;
    Ok(format!(
        "{layers} layers in {blocks} blocks, {n} parameters and {mega:.2} Mflop per trained token for {vocab} tokens and \
         context {context}, heads: {}",
        heads.join(", ")
    ))
}

/// Two instances, and two calls of one, say the same.
fn deterministic(subject: &Subject<'_>) -> Found<String> {
    let one = subject.plugin.model()?;
    let (first, again) = (one.describe(&SIZES[0])?, one.describe(&SIZES[0])?);
    equal(&first, &again, || "a second call describes another network".into())?;
    // `sizes` says whether it can be of this size
    drop(one.describe(&SIZES[2]));
    let after = one.describe(&SIZES[0])?;
    equal(&first, &after, || "a call with other sizes between changes what is described".into())?;
    equal(&describe(subject.plugin, &SIZES[0])?, &first, || "another instance describes another network".into())?;
    Ok("two instances describe one network".into())
}

/// The network grows with the sizes: only tables over vocabulary and context may change.
fn sizes(subject: &Subject<'_>) -> Found<String> {
    let (mut done, mut refused) = (0, None);
    for sizes in SIZES {
        match subject.plugin.model()?.describe(&sizes) {
            Ok(network) => {
                check_for(&network, &sizes)?;
                done += 1;
            }
            // a model may say that it cannot be of this size
            Err(error) if error.kind == ErrorKind::Config => refused = Some(error.message),
            Err(error) => return Err(error.into()),
        }
    }
    let Sizes { vocab, context, .. } = SIZES[SIZES.len() - 1];
    Ok(match refused {
        None => format!("{done} of {} sizes, up to {vocab} tokens and context {context}", SIZES.len()),
        Some(why) => format!("{done} of {} sizes; of the others it says: {}", SIZES.len(), short(&why)),
    })
}

/// What it exports is read again, as settings that describe the same network. None where it supports neither.
fn round_trip(subject: &Subject<'_>) -> Found<Option<String>> {
    let model = subject.plugin.model()?;
    let exported = match model.export(&SIZES[0]) {
        Ok(exported) => exported,
        Err(PluginError { kind: ErrorKind::Unsupported, .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !exported.iter().any(|setting| setting.key == "model_type") {
        return Err(
            PluginError::internal("export-config gives no model_type, by which other programs know a model").into()
        );
    }
    let imported = match model.import(&exported) {
        Ok(imported) => imported,
        Err(PluginError { kind: ErrorKind::Unsupported, .. }) => {
            return Ok(Some(format!("writes {} keys, reads none", exported.len())));
        }
        Err(error) => return Err(error.into()),
    };
    let again = subject.plugin.with_settings(&table(&imported))?;
    let expected = model.describe(&SIZES[0])?;
    equal(&describe(&again, &SIZES[0])?, &expected, || "what it exports is imported as another network".into())?;
    let unknown = Setting { key: "a_key_that_no_model_has".into(), value: Value::Integer(1) };
    match model.import(&[exported.as_slice(), &[unknown]].concat()) {
        Err(_) => Ok(Some(format!("reads the {} keys that it writes, and refuses an unknown one", exported.len()))),
        Ok(_) => {
            let message = "import-config accepts a key that it does not know: it may change what the model computes";
            Err(PluginError::internal(message).into())
        }
    }
}

/// Settings as the `config` of a run.
fn table(settings: &[Setting]) -> toml::Table {
    let value = |value: &Value| match value {
        Value::Boolean(value) => toml::Value::Boolean(*value),
        Value::Integer(value) => toml::Value::Integer(*value),
        Value::Number(value) => toml::Value::Float(*value),
        Value::Text(text) => toml::Value::String(text.clone()),
        Value::Numbers(values) => toml::Value::Array(values.iter().map(|value| toml::Value::Float(*value)).collect()),
        Value::Texts(values) => {
            toml::Value::Array(values.iter().map(|text| toml::Value::String(text.clone())).collect())
        }
    };
    settings.iter().map(|setting| (setting.key.clone(), value(&setting.value))).collect()
}

/// A model that says which model types it reads must read configs.
fn abilities(report: &mut CheckReport, subject: &Subject<'_>) {
    let types = trainyard_plugin::HUGGING_FACE;
    let named: Vec<_> =
        subject.plugin.identity().abilities.iter().filter_map(|ability| ability.strip_prefix(types)).collect();
    if named.is_empty() {
        return;
    }
    let read = |model_type: &&str| -> Found<()> {
        let setting = Setting { key: "model_type".into(), value: Value::Text((*model_type).to_owned()) };
        match subject.plugin.model()?.import(&[setting]) {
            Err(error) if error.kind == ErrorKind::Unsupported => Err(error.into()),
            // keys without which there is no model may be missing
            _ => Ok(()),
        }
    };
    let outcome = named.iter().try_for_each(read);
    report.add("abilities", outcome.map(|()| format!("reads configs of {}", named.join(", "))));
}
