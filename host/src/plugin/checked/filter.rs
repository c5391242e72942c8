//! Checks what a filter answers.

use super::{Checked, check_count, check_name};
use trainyard_plugin::{Filter, PluginError, Result, Rule, Span, Verdict};

impl Checked<dyn Filter> {
    /// Asks a filter with the ability `measures` for its rules, once: they are a function of its settings.
    pub fn with_rules(mut self) -> Result<Self> {
        let rules = self.plugin.rules();
        let checked = rules.iter().enumerate().try_for_each(|(i, rule)| {
            check_rule(rule).map_err(|error| PluginError { message: format!("rule {i}: {}", error.message), ..error })
        });
        self.blame("rules", checked)?;
        self.rules = rules;
        Ok(self)
    }
}

impl Filter for Checked<dyn Filter> {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        let checked =
            self.plugin.judge(documents).and_then(|verdicts| check_verdicts(documents, &verdicts).map(|()| verdicts));
        self.blame("judge", checked)
    }

    fn rules(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        let n_values = documents.len() * self.rules.len();
        let checked = self
            .plugin
            .measure(documents)
            .and_then(|values| check_count("values", n_values, values.len()).map(|()| values));
        let mut values = self.blame("measure", checked)?;
        // what is no number has one form: processors and sandboxes differ in its sign, stored values may not
        values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = f64::NAN);
        Ok(values)
    }

    fn two_pass(&self) -> bool {
        self.plugin.two_pass()
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        let result = self.plugin.observe(documents);
        self.blame("observe", result)
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.blame("state", self.plugin.state())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let result = self.plugin.merge(state);
        self.blame("merge", result)
    }
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
        Checked::new("P".into(), 100, plugin).judge(&[document])
    }

    fn measure(rules: Vec<Rule>, values: Vec<f64>) -> Result<Vec<f64>> {
        let plugin: Box<dyn Filter> = Box::new(Says((rules, values)));
        Checked::new("P".into(), 100, plugin).with_rules()?.measure(&["a", "b"])
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
        assert_eq!(Checked::new("P".into(), 100, plugin).rules(), []);
    }
}
