//! The numbers of records, by the names that they have in other tools.

use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use trainyard_report::{Final, MetricValue, Plugins, Record, Step, Validation, distinct};

/// Scalars of a step that have this name for every loss. An output of the loss with such a name is numbered.
const OF_STEP: [&str; 9] = [
    "loss",
    "lr",
    "grad_norm",
    "tokens_per_second",
    "data_wait_ms",
    "tokens",
    "epochs",
    "share_of_peak",
    "negative_weight",
];

/// Numbers by name, each name once.
pub type Named<'a> = Vec<(Cow<'a, str>, f64)>;

/// Names the numbers of a run's records.
///
/// | record | names |
/// |---|---|
/// | step | `train/loss`, `train/lr`, …, `train/OUTPUT` |
/// | validation | `validation/METRIC`, `validation/METRIC/OUTPUT` |
/// | watched text | `watch/TEXT/METRIC`, as for the validation |
/// | final report | `final/SPLIT/METRIC`, `final/predictions/SPLIT/NUMBER` |
/// | plugins | `plugins/PLACE/NAME/seconds` |
#[derive(Debug, Default)]
pub struct Scalars {
    /// Names of the loss's outputs, by what the loss calls them.
    outputs: BTreeMap<String, String>,
}

impl Scalars {
    /// The numbers of a record; empty where it has none.
    pub fn of(&mut self, record: &Record) -> Named<'_> {
        match record {
            Record::Step(step) => self.step(step),
            Record::Validation(validation) => measured("validation", validation),
            Record::Watch(watch) => measured(&format!("watch/{}", watch.text), &watch.measured),
            Record::Final(last) => of_final(last),
            Record::Plugins(plugins) => of_plugins(plugins),
            Record::Run(_) | Record::Resume(_) | Record::Rewind(_) | Record::Warning(_) => Vec::new(),
            Record::Update(_) | Record::Sample(_) | Record::End(_) => Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) -> Named<'_> {
        if step.outputs.keys().any(|name| !self.outputs.contains_key(name)) {
            let names = distinct(step.outputs.keys().map(String::as_str), &OF_STEP);
            self.outputs = step.outputs.keys().cloned().zip(names.iter().map(|name| format!("train/{name}"))).collect();
        }
        let mut values = vec![
            ("train/loss", step.loss),
            ("train/lr", step.lr),
            ("train/grad_norm", step.grad_norm),
            ("train/tokens_per_second", step.tokens_per_second),
            ("train/data_wait_ms", step.data_wait_ms),
        ];
        values.extend(step.tokens.map(|tokens| ("train/tokens", tokens as f64)));
        values.extend(step.epochs.map(|epochs| ("train/epochs", epochs)));
        values.extend(step.share_of_peak.map(|share| ("train/share_of_peak", share)));
        values.extend(step.negative_weight.map(|weight| ("train/negative_weight", weight)));
        values.extend(step.outputs.iter().filter_map(|(name, &value)| Some((self.outputs.get(name)?.as_str(), value))));
        values.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }
}

/// The numbers of a text that was measured, in the group of that name.
fn measured(group: &str, validation: &Validation) -> Named<'static> {
    let mut values = Named::new();
    values.extend(validation.values.iter().map(|(name, &value)| (format!("{group}/{name}").into(), value)));
    for (metric, outputs) in &validation.outputs {
        values.extend(outputs.iter().map(|(name, &value)| (format!("{group}/{metric}/{name}").into(), value)));
    }
    values
}

fn of_final(last: &Final) -> Named<'static> {
    let mut values = Named::new();
    for (split, measured) in [("validation", &last.report.validation), ("test", &last.report.test)] {
        for MetricValue { name, value, outputs, .. } in measured {
            let group = format!("final/{split}/{name}");
            values.push((group.clone().into(), *value));
            values.extend(outputs.iter().map(|(output, &value)| (format!("{group}/{output}").into(), value)));
        }
    }
    for (split, predictions) in &last.report.predictions {
        numbers(&mut values, &format!("final/predictions/{split}"), &predictions.values);
    }
    values
}

fn of_plugins(plugins: &Plugins) -> Named<'static> {
    let places: Vec<_> = plugins.plugins.iter().map(|plugin| format!("{}/{}", plugin.place, plugin.name)).collect();
    let names = distinct(places.iter().map(String::as_str), &[]).into_iter();
    let seconds = plugins.plugins.iter().map(|plugin| plugin.seconds);
    names.map(|name| format!("plugins/{name}/seconds").into()).zip(seconds).collect()
}

/// The numbers in an object, by their paths. Arrays are tables of their own, which have no curve.
fn numbers(values: &mut Named<'_>, path: &str, value: &Value) {
    match value {
        Value::Number(number) => values.extend(number.as_f64().map(|number| (path.to_owned().into(), number))),
        Value::Object(object) => {
            object.iter().for_each(|(name, value)| numbers(values, &format!("{path}/{name}"), value));
        }
        _ => {}
    }
}
