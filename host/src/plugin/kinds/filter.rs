//! Filters: which documents to train on.

use super::names::{check_count, check_name};
use super::{Ability, Entry, Instance, Skip, example, not_of, template};
use crate::plugin::Plugin;
use crate::plugin::call::{Answer, Call, Function};
use crate::plugin::checked::{Blamed, Checks};
use crate::plugin::seat::Seat;
use trainyard_plugin::{Filter, Identity, Kind, MEASURES, PluginError, Result, Rule, Span, Verdict};

/// Why a document is dropped that its filter could not judge.
pub const PLUGIN_ERROR: &str = "plugin-error";

pub const ENTRY: Entry = Entry {
    frozen_in: Some((0, 1)),
    section: "[[data.filter]]",
    functions: &[Function::TwoPass, Function::Observe, Function::State, Function::Merge, Function::Judge],
    abilities: &[Ability { name: MEASURES, functions: &[Function::Rules, Function::Measure] }],
    restore: Some(|state| Call::Merge(state)),
    skip: Some(Skip {
        functions: &[Function::Judge],
        item: "document",
        changes: false,
        left_out: || Ok(vec![Verdict::drop(PLUGIN_ERROR)].into()),
        join,
    }),
    checks: |_| Box::new(FilterChecks::default()),
    example: example!("filter", "Drops documents with few words", settings template!("settings/filter.toml")),
};

fn join(answers: Vec<Answer>) -> Result<Answer> {
    let mut all = Vec::with_capacity(answers.len());
    for answer in answers {
        all.extend(Vec::<Verdict>::try_from(answer)?);
    }
    Ok(all.into())
}

impl Plugin {
    /// A new filter with the config's settings.
    ///
    /// # Errors
    /// Settings that it refuses, and a plugin of another kind.
    pub fn filter(&self) -> crate::Result<Box<dyn Filter>> {
        Ok(self.instance_of(Kind::Filter)?)
    }
}

impl Filter for Instance {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        self.ask(Call::Judge(documents))
    }

    fn two_pass(&self) -> bool {
        self.ask(Call::TwoPass).unwrap_or(false)
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        self.ask(Call::Observe(documents))
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.ask(Call::State)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.ask(Call::Merge(state))
    }

    fn rules(&self) -> Vec<Rule> {
        self.ask(Call::Rules).unwrap_or_default()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        self.ask(Call::Measure(documents))
    }
}

impl Seat for Box<dyn Filter> {
    fn call(&mut self, call: Call<'_>) -> Result<Answer> {
        match call {
            Call::TwoPass => Ok(self.two_pass().into()),
            Call::Observe(documents) => self.observe(documents).map(Answer::from),
            Call::State => self.state().map(Answer::from),
            Call::Merge(state) => self.merge(state).map(Answer::from),
            Call::Judge(documents) => self.judge(documents).map(Answer::from),
            Call::Rules => Ok(self.rules().into()),
            Call::Measure(documents) => self.measure(documents).map(Answer::from),
            other => Err(not_of(other, Kind::Filter)),
        }
    }
}

#[derive(Default)]
struct FilterChecks {
    /// What a filter with the ability `measures` said when it was made: a function of its settings. None without it.
    rules: Option<Vec<Rule>>,
}

impl Checks for FilterChecks {
    fn begin(&mut self, plugin: &mut Blamed, identity: &Identity) -> Result<()> {
        if identity.has(MEASURES) {
            let rules = plugin.checked(Call::Rules, |rules: &mut Vec<Rule>| check_rules(rules))?;
            self.rules = Some(rules.try_into()?);
        }
        Ok(())
    }

    fn call(&mut self, plugin: &mut Blamed, call: Call<'_>) -> Result<Answer> {
        match (call, &self.rules) {
            (Call::Judge(documents), _) => {
                plugin.checked(call, |verdicts: &mut Vec<Verdict>| check_verdicts(documents, verdicts))
            }
            (Call::Rules, rules) => Ok(rules.clone().unwrap_or_default().into()),
            (Call::Measure(documents), Some(rules)) => plugin.checked(call, |values: &mut Vec<f64>| {
                check_count("values", documents.len() * rules.len(), values.len())?;
                // what is no number has one form: processors and sandboxes differ in its sign, stored values may not
                values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = f64::NAN);
                Ok(())
            }),
            (Call::Measure(_), None) => {
                let error = PluginError::unsupported("this filter measures nothing");
                plugin.blame(call.function(), Err(error))
            }
            (call, _) => plugin.call(call),
        }
    }
}

fn check_rules(rules: &[Rule]) -> Result<()> {
    rules.iter().enumerate().try_for_each(|(i, rule)| {
        check_rule(rule).map_err(|error| PluginError { message: format!("rule {i}: {}", error.message), ..error })
    })
}

fn check_verdicts(documents: &[&str], verdicts: &[Verdict]) -> Result<()> {
    check_count("verdicts", documents.len(), verdicts.len())?;
    for (i, (document, verdict)) in documents.iter().zip(verdicts).enumerate() {
        check_verdict(document, verdict)
            .map_err(|error| PluginError { message: format!("verdict {i}: {}", error.message), ..error })?;
    }
    Ok(())
}

fn check_verdict(document: &str, verdict: &Verdict) -> Result<()> {
    check_name("reason", &verdict.reason)?;
    if let Some(score) = verdict.score.filter(|score| !score.is_finite()) {
        return Err(PluginError::internal(format!("score is {score}, expected a finite number")));
    }
    verdict.spans.iter().try_for_each(|&Span { start, end }| {
        let (from, to) = (start as usize, end as usize);
        // `get` fails on an inverted range, on one past the end, and on one inside a character
        match document.get(from..to) {
            Some(_) => Ok(()),
            None => Err(PluginError::internal(format!(
                "span {start}..{end} is no range of whole characters in a document of {} bytes",
                document.len()
            ))),
        }
    })
}

fn check_rule(rule: &Rule) -> Result<()> {
    check_name("reason", &rule.reason)?;
    if rule.reason.is_empty() {
        return Err(PluginError::internal("has no reason, expected a stable code such as gopher_short_doc"));
    }
    check_name("setting", &rule.setting)?;
    match rule.limit.is_nan() {
        true => Err(PluginError::internal(format!("{}: limit is NaN, expected a number", rule.reason))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::checked;
    use super::*;

    /// A plugin that answers what it is told to.
    struct Says<T>(T);

    impl Filter for Says<Vec<Verdict>> {
        fn judge(&mut self, _documents: &[&str]) -> Result<Vec<Verdict>> {
            Ok(self.0.clone())
        }
    }

    impl Filter for Says<(Vec<Rule>, Vec<f64>)> {
        fn judge(&mut self, _documents: &[&str]) -> Result<Vec<Verdict>> {
            Ok(Vec::new())
        }

        fn rules(&self) -> Vec<Rule> {
            self.0.0.clone()
        }

        fn measure(&mut self, _documents: &[&str]) -> Result<Vec<f64>> {
            Ok(self.0.1.clone())
        }
    }

    fn judge(document: &str, verdicts: Vec<Verdict>) -> Result<Vec<Verdict>> {
        let plugin: Box<dyn Filter> = Box::new(Says(verdicts));
        checked(Kind::Filter, &[], plugin)?.call(Call::Judge(&[document]))?.try_into()
    }

    fn measure(rules: Vec<Rule>, values: Vec<f64>) -> Result<Vec<f64>> {
        let plugin: Box<dyn Filter> = Box::new(Says((rules, values)));
        checked(Kind::Filter, &[MEASURES], plugin)?.call(Call::Measure(&["a", "b"]))?.try_into()
    }

    #[test]
    fn verdicts_are_checked() {
        let spans = |start, end| Verdict { spans: vec![Span { start, end }], ..Verdict::keep() };
        assert!(judge("é!", vec![spans(0, 2)]).is_ok() && judge("é!", vec![spans(3, 3)]).is_ok());
        for (verdict, expected) in [
            (spans(1, 2), "span 1..2 is no range of whole characters in a document of 3 bytes"),
            (spans(2, 4), "span 2..4 is no range of whole characters in a document of 3 bytes"),
            (spans(3, 2), "span 3..2 is no range of whole characters in a document of 3 bytes"),
            (Verdict::keep().score(f64::NAN), "score is NaN, expected a finite number"),
            (Verdict::drop("a\tb"), "reason \"a\\tb\" holds the control character '\\t'"),
            (Verdict::drop("x".repeat(101)), "reason \"xxxxxxxxxxxxxxxxxxxx\"… has 101 bytes, at most 100 are allowed"),
        ] {
            assert_eq!(
                judge("é!", vec![verdict]),
                Err(PluginError::internal(format!("P: judge: verdict 0: {expected}")))
            );
        }
        assert_eq!(judge("é!", vec![]), Err(PluginError::internal("P: judge: expected 1 verdicts, got 0")));
    }

    #[test]
    fn rules_and_values_are_checked() {
        let rules = [Rule::at_least("few", "min", 1.0), Rule::at_most("many", "max", f64::INFINITY)];
        let values =
            measure(rules.to_vec(), vec![1.0, -f64::NAN, f64::INFINITY, 2.0]).expect("two documents, two rules");
        assert_eq!(
            values.iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
            [1.0, f64::NAN, f64::INFINITY, 2.0].map(f64::to_bits)
        );
        let message = |rules: &[Rule], values| measure(rules.to_vec(), values).expect_err("it is wrong").message;
        assert_eq!(message(&rules, vec![1.0; 2]), "P: measure: expected 4 values, got 2");
        let empty = "P: rules: rule 0: has no reason, expected a stable code such as gopher_short_doc";
        assert_eq!(message(&[Rule::at_least("", "min", 1.0)], vec![1.0; 2]), empty);
        let nan = [rules[0].clone(), Rule::at_most("x", "max", f64::NAN)];
        assert_eq!(message(&nan, vec![1.0; 4]), "P: rules: rule 1: x: limit is NaN, expected a number");
        // without the ability there are none, whatever the plugin says
        let plugin: Box<dyn Filter> = Box::new(Says((rules.to_vec(), Vec::new())));
        let mut without = checked(Kind::Filter, &[], plugin).expect("it is not asked");
        assert_eq!(without.call(Call::Rules), Ok(Answer::Rules(Vec::new())));
    }
}
