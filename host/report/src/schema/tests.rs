//! Every line that is written fits the schema, and lines that do not are told apart.

use super::*;
use crate::*;
use serde_json::json;
use std::collections::BTreeMap;

/// Says why a value does not fit a schema; only the keywords that [`schema`] uses are known.
fn check(root: &Value, schema: &Value, value: &Value) -> std::result::Result<(), String> {
    for (keyword, of) in schema.as_object().expect("an object") {
        let fits = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "format" => true,
            "$ref" => {
                let path = of.as_str().and_then(|path| path.strip_prefix('#')).expect("a path in the schema");
                check(root, root.pointer(path).expect("a definition"), value)?;
                true
            }
            "oneOf" => list(of).filter(|schema| check(root, schema, value).is_ok()).count() == 1,
            "anyOf" => list(of).any(|schema| check(root, schema, value).is_ok()),
            "const" => value == of,
            "enum" => list(of).any(|one| one == value),
            "type" if of.is_array() => list(of).any(|one| is_of(value, one)),
            "type" => is_of(value, of),
            "minimum" => value.as_f64().is_none_or(|number| number >= of.as_f64().expect("a number")),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= of.as_u64().expect("a count")),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= of.as_u64().expect("a count")),
            "items" => {
                value.as_array().into_iter().flatten().try_for_each(|item| check(root, of, item))?;
                true
            }
            "required" => list(of).all(|key| value.get(key.as_str().expect("a key")).is_some()),
            "properties" => {
                let inner = of.as_object().expect("an object").iter();
                let mut there = inner.filter_map(|(key, schema)| Some((schema, value.get(key)?)));
                there.try_for_each(|(schema, value)| check(root, schema, value))?;
                true
            }
            "additionalProperties" if of.is_boolean() => of == true,
            "additionalProperties" => {
                assert!(schema.get("properties").is_none(), "names of a map");
                value.as_object().into_iter().flatten().try_for_each(|(_, value)| check(root, of, value))?;
                true
            }
            other => panic!("{other} is not known to this test"),
        };
        if !fits {
            return Err(format!("{value} breaks {keyword} {of}"));
        }
    }
    Ok(())
}

fn list(value: &Value) -> std::slice::Iter<'_, Value> {
    value.as_array().expect("a list").iter()
}

fn is_of(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    }
}

fn value(name: &str, value: f64) -> MetricValue {
    MetricValue {
        name: name.to_owned(),
        plugin: "focal".to_owned(),
        value,
        unit: "nats/token".to_owned(),
        higher_is_better: false,
        comparable: Comparable::Nothing,
        outputs: BTreeMap::from([("x".to_owned(), f64::NAN)]),
    }
}

/// Records of every kind: with all that they may have, and with as little as possible.
fn records() -> Vec<Record> {
    let values = [value("loss", 1.5), value("accuracy", f64::INFINITY)];
    let metric = Metric {
        name: "loss".to_owned(),
        plugin: String::new(),
        unit: String::new(),
        higher_is_better: true,
        comparable: Comparable::Text,
    };
    let header = Header { metrics: vec![metric], set: vec!["a=1".to_owned()], ..Header::default() };
    let step = Step {
        step: 1,
        loss: f64::NAN,
        seconds: Some(0.5),
        tokens: Some(256),
        epochs: Some(0.1),
        share_of_peak: Some(0.5),
        negative_weight: Some(-1.0),
        outputs: BTreeMap::from([("x".to_owned(), 1.0), ("y".to_owned(), f64::NAN)]),
        ..Step::default()
    };
    let validation = Validation::new(1, Extent { batches: 2, of: 9 }, &values, true);
    let report = FinalReport {
        validation: values.to_vec(),
        texts: BTreeMap::from([("test".to_owned(), TextReport { source: Some("a".into()), ..TextReport::default() })]),
        predictions: BTreeMap::from([("test".to_owned(), TaskReport { values: json!({"f1": 0.5}), text: "-".into() })]),
        baseline: Some(Baseline { bytes: 3, gzip_bytes: 2, xz_bytes: 1 }),
        faults: vec!["x".to_owned()],
        ..FinalReport::default()
    };
    let best = Some(BestReport { step: 1, loss: f64::NAN, kept: true });
    let ended = "2026-11-29T05:03:17Z".to_owned();
    let end =
        End { step: 1, state: EndState::Failed, seconds: 1.0, ended, best, error: Some("x".into()), signal: None };
    let last = Final { step: 1, model_step: 1, report };
    vec![
        Record::Run(Box::new(header)),
        Record::Resume(Box::default()),
        Record::Update(Update { step: 2, update: 3, rank: 1, first: 2, parts: 2, staleness: 1, met: true }),
        Record::Rewind(Rewind { step: 1, from: "step-1".to_owned(), later: vec![2, 3] }),
        Record::Warning(Warning { step: 0, warning: "x".to_owned() }),
        Record::Step(step),
        Record::Step(Step::default()),
        Record::Validation(validation.clone()),
        Record::Validation(Validation::default()),
        Record::Watch(Watch { text: "general".to_owned(), measured: validation }),
        Record::Sample(Sample { step: 1, seconds: Some(0.5), text: "It is".to_owned() }),
        Record::Final(Box::new(last.clone())),
        Record::Final(Box::new(Final { report: FinalReport::default(), ..last })),
        Record::Plugins(Plugins { step: 1, plugins: vec![PluginReport::default()] }),
        Record::End(End { best: None, error: None, signal: Some("SIGINT".into()), ..end.clone() }),
        Record::End(end),
    ]
}

#[test]
fn every_line_of_a_log_fits_the_schema() {
    let schema = schema();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("metrics.jsonl");
    let mut log = MetricsLog::create(&path).expect("a log");
    records().iter().for_each(|record| log.write(record).expect("a line"));
    let text = std::fs::read_to_string(&path).expect("the log");
    assert_eq!(text.lines().count(), records().len());
    for line in text.lines() {
        let line = serde_json::from_str(line).expect("JSON");
        assert_eq!(check(&schema, &schema, &line), Ok(()), "{line}");
    }
}

#[test]
fn what_is_no_record_does_not_fit() {
    let schema = schema();
    let line = |record: &Record| serde_json::to_value(record).expect("JSON");
    let good = records().iter().map(line).find(|line| line["kind"] == "step").expect("a step");
    for (key, wrong) in [("kind", json!("picture")), ("step", json!(-1)), ("loss", json!("1.5")), ("outputs", json!(1))]
    {
        let mut line = good.clone();
        line[key] = wrong;
        check(&schema, &schema, &line).expect_err(key);
    }
    for key in ["kind", "step", "loss", "lr", "seconds"] {
        let mut line = good.clone();
        line.as_object_mut().expect("an object").remove(key);
        check(&schema, &schema, &line).expect_err(key);
    }
}

/// Kinds and descriptions come from the types, so that none is forgotten.
#[test]
fn every_kind_and_key_is_described() {
    let schema = schema();
    let kinds: Vec<_> = list(&schema["oneOf"]).map(|kind| &kind["properties"]["kind"]["const"]).collect();
    let expected = "run resume rewind warning step update validation watch sample final plugins end"
        .split(' ')
        .collect::<Vec<_>>();
    assert_eq!(kinds, expected);
    for (name, of) in schema["$defs"].as_object().expect("definitions") {
        for (key, property) in of["properties"].as_object().into_iter().flatten() {
            let text = property["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty() && !text.contains("[`"), "{name}.{key}: {property}");
        }
    }
}
