//! What jinja2 makes of templates, from tests/peers/chat_templates.py.

use crate::{Conversation, Template, Tokens, json, python, time};
use chrono::{NaiveDate, NaiveDateTime};
use minijinja::value::Kwargs;
use minijinja::{Environment, Value};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Fixtures {
    conversations: Vec<String>,
    templates: Vec<Case>,
    floats: Vec<[String; 2]>,
    times: Vec<[String; 2]>,
    dumps: Vec<(String, Value, String)>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    template: String,
    conversation: usize,
    variables: BTreeMap<String, serde_json::Value>,
    prompt: bool,
    text: Option<String>,
    generated: Option<Vec<[usize; 2]>>,
    raised: Option<String>,
    fails: Option<String>,
}

impl Case {
    /// What is wrong with our text, if anything.
    fn difference(&self, conversations: &[String]) -> Option<String> {
        let conversation = Conversation::from_json(&conversations[self.conversation]).expect("a conversation");
        let rendered = Template::new(&self.template, &Tokens::new()).and_then(|mut template| {
            self.variables.iter().try_for_each(|(name, value)| template.set(name, value))?;
            template.render_at(&conversation, conversation.messages(), self.prompt, now())
        });
        match rendered {
            Ok(ours) => {
                let generated =
                    ours.generated.map(|ranges| ranges.iter().map(|range| [range.start, range.end]).collect());
                let is_same = self.text.as_ref() == Some(&ours.text) && self.generated == generated;
                let shown = self.text.as_ref().or(self.raised.as_ref()).or(self.fails.as_ref());
                (!is_same).then(|| format!("{shown:?} {:?} got {:?} {generated:?}", self.generated, ours.text))
            }
            Err(error) if self.raised.is_some() => {
                let is_same =
                    matches!(&error, trainyard_base::Error::Run(message) if Some(message) == self.raised.as_ref());
                (!is_same).then(|| format!("{:?} got {error}", self.raised))
            }
            Err(error) => self.text.as_ref().map(|text| format!("{text:?} got error {error}")),
        }
    }
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("../tests/fixtures.json")).expect("fixtures")
}

/// The time of the fixtures.
fn now() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2025, 3, 7).and_then(|day| day.and_hms_micro_opt(9, 5, 3, 42)).expect("a time")
}

#[test]
fn texts_are_those_of_jinja2() {
    let fixtures = fixtures();
    assert!(fixtures.templates.len() > 400);
    let wrong: Vec<String> = fixtures
        .templates
        .iter()
        .filter_map(|case| {
            case.difference(&fixtures.conversations).map(|difference| format!("{}: {difference}", case.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), fixtures.templates.len(), wrong.join("\n"));
}

#[test]
fn floats_are_spelled_as_in_python() {
    for [json, expected] in fixtures().floats {
        assert_eq!(python::float(json.parse().expect("a number")), expected, "{json}");
    }
}

#[test]
fn times_are_written_as_in_python() {
    for [format, expected] in fixtures().times {
        assert_eq!(time::formatted(now(), &format), expected, "{format}");
    }
}

#[test]
fn json_is_that_of_python() {
    let environment = Environment::new();
    let state = environment.empty_state();
    for (json, options, expected) in fixtures().dumps {
        let value: Value = serde_json::from_str(&json).expect("JSON");
        let names = options.try_iter().expect("options").map(|name| name.to_string());
        let options: Kwargs = names.map(|name| (name.clone(), options.get_attr(&name).expect("a value"))).collect();
        let ours = json::tojson(&state, &value, &[Value::from(options)]).expect("JSON");
        assert_eq!(ours, expected, "{json}");
    }
}
