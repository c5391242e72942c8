//! Laws of filters that measure: the rules on what was measured say what `judge` says, and no limit has a say in what
//! is measured. Code that relies on them may store values and try other limits.

use super::{Defect, Found, Subject, equal, short};
use crate::plugin::Plugin;
use toml::Value;
use trainyard_plugin::{Filter, Rule, Verdict};

/// Rules, and the bits of what they compare.
pub type Measured = (Vec<Rule>, Vec<u64>);

pub fn check(subject: &Subject<'_>, texts: &[&str], observed: impl Fn(&Plugin) -> Ready) -> Found<String> {
    let mut filter = observed(subject.plugin)?;
    let (rules, values) = (filter.rules(), filter.measure(texts)?);
    equal(&observed(subject.plugin)?.rules(), &rules, || "another instance has other rules".into())?;
    for (i, text) in texts.iter().enumerate().rev() {
        let alone = bits(&filter.measure(&[text])?);
        let together = bits(&values[i * rules.len()..(i + 1) * rules.len()]);
        equal(&alone, &together, || format!("document {i} {} measured alone and in a batch (bits)", short(text)))?;
    }
    agrees(&mut *filter, &rules, &values, texts)?;
    equal(&filter.measure(&[])?, &Vec::new(), || "an empty batch".into())?;
    let n_limits = other_limits(subject.plugin, &rules, &values, texts, observed)?;
    Ok(format!("{} rules agree with judge on {} documents; {n_limits} other limits", rules.len(), texts.len()))
}

/// A filter after its first pass, or why there is none.
type Ready = Found<Box<dyn Filter>>;

/// What a filter measures, to be compared with what another form of it does.
pub fn measured(filter: &mut dyn Filter, texts: &[&str]) -> Found<Measured> {
    Ok((filter.rules(), bits(&filter.measure(texts)?)))
}

/// The verdicts are those of the rules; a verdict may say besides where in the document its reason lies.
fn agrees(filter: &mut dyn Filter, rules: &[Rule], values: &[f64], texts: &[&str]) -> Found<()> {
    let verdicts = filter.judge(texts)?;
    for (i, (text, verdict)) in texts.iter().zip(verdicts).enumerate() {
        let expected = Rule::verdict(rules, &values[i * rules.len()..(i + 1) * rules.len()]);
        let verdict = Verdict { spans: Vec::new(), ..verdict };
        equal(&verdict, &expected, || format!("document {i} {} judged, and by its rules", short(text)))?;
    }
    Ok(())
}

/// With other limits the rules are the same but for the limit, and so are the values. Returns how many were tried.
fn other_limits(
    plugin: &Plugin,
    rules: &[Rule],
    values: &[f64],
    texts: &[&str],
    observed: impl Fn(&Plugin) -> Ready,
) -> Found<usize> {
    let mut n_tried = 0;
    for rule in rules {
        let setting = &rule.setting;
        let Some(info) = plugin.identity().settings.iter().find(|info| info.name == *setting) else {
            return Err(Defect(format!("rule {}: its setting {setting:?} is none of the plugin's", rule.reason)));
        };
        for value in others(rule.limit, &info.value_type) {
            let mut settings = plugin.settings_given().clone();
            settings.insert(setting.clone(), value.clone());
            // a limit beyond another one may be refused
            let Ok(mut other) = observed(&plugin.with_settings(&settings)?) else { continue };
            let named = |rules: &[Rule]| -> Vec<_> {
                rules.iter().map(|rule| (rule.reason.clone(), rule.setting.clone(), rule.bound)).collect()
            };
            let what = || format!("{setting} = {value} changes more than a limit");
            equal(&named(&other.rules()), &named(rules), what)?;
            equal(&bits(&other.measure(texts)?), &bits(values), || {
                format!("{setting} = {value} changes what is measured")
            })?;
            n_tried += 1;
        }
    }
    Ok(n_tried)
}

/// Other values for a setting that gives this limit.
fn others(limit: f64, value_type: &str) -> Vec<Value> {
    let near = if limit.is_finite() { limit } else { 10.0 };
    match value_type {
        "f64" | "f32" => [near / 2.0, near * 2.0 + 0.25].map(Value::Float).into(),
        _ => [near / 2.0, near * 2.0 + 1.0].map(|value| Value::Integer(value as i64)).into(),
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}
