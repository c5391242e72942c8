//! Metrics over generated text.

use super::{Ability, Entry, Instance, Skip, example, metrics, not_of};
use crate::plugin::Plugin;
use crate::plugin::call::{Answer, Call, Function};
use crate::plugin::seat::Seat;
use trainyard_plugin::{Kind, MetricInfo, PROMPTS, PromptedPair, Result, SIGNATURE, TextMetric, TextPair};

pub const ENTRY: Entry = Entry {
    frozen_in: Some((0, 1)),
    section: "[[metric]]",
    functions: &[Function::Info, Function::Update, Function::State, Function::Merge, Function::Value],
    abilities: &[
        Ability { name: PROMPTS, functions: &[Function::UpdatePrompted] },
        Ability { name: SIGNATURE, functions: &[Function::Signature] },
    ],
    restore: Some(|state| Call::Merge(state)),
    skip: Some(Skip {
        functions: &[Function::Update, Function::UpdatePrompted],
        item: "pair",
        changes: true,
        left_out: || Ok(Answer::Nothing(())),
        join: |_| Ok(Answer::Nothing(())),
    }),
    checks: metrics::checks,
    example: example!("text-metric", "Words per generated text", settings ""),
};

impl Plugin {
    /// A new text metric with the config's settings.
    ///
    /// # Errors
    /// Settings that it refuses, and a plugin of another kind.
    pub fn text_metric(&self) -> crate::Result<Box<dyn TextMetric>> {
        Ok(self.instance_of(Kind::TextMetric)?)
    }
}

impl TextMetric for Instance {
    fn info(&self) -> Result<MetricInfo> {
        self.ask(Call::Info)
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        self.ask(Call::Update(pairs))
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.ask(Call::State)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.ask(Call::Merge(state))
    }

    fn value(&self) -> Result<f64> {
        self.ask(Call::Value)
    }

    fn update_prompted(&mut self, pairs: &[PromptedPair<'_>]) -> Result<()> {
        self.ask(Call::UpdatePrompted(pairs))
    }

    fn signature(&self) -> Result<String> {
        self.ask(Call::Signature)
    }
}

impl Seat for Box<dyn TextMetric> {
    fn call(&mut self, call: Call<'_>) -> Result<Answer> {
        match call {
            Call::Info => self.info().map(Answer::from),
            Call::Update(pairs) => self.update(pairs).map(Answer::from),
            Call::State => self.state().map(Answer::from),
            Call::Merge(state) => self.merge(state).map(Answer::from),
            Call::Value => self.value().map(Answer::from),
            Call::UpdatePrompted(pairs) => self.update_prompted(pairs).map(Answer::from),
            Call::Signature => self.signature().map(Answer::from),
            other => Err(not_of(other, Kind::TextMetric)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::checked;
    use super::*;
    use trainyard_plugin::{ErrorKind, PluginError};

    /// A metric with this value, whatever it counts.
    struct Says(f64);

    impl TextMetric for Says {
        fn info(&self) -> Result<MetricInfo> {
            Ok(MetricInfo::lower_is_better(&"u".repeat(101)))
        }

        fn update(&mut self, _pairs: &[TextPair<'_>]) -> Result<()> {
            Ok(())
        }

        fn state(&self) -> Result<Vec<u8>> {
            Ok(Vec::new())
        }

        fn merge(&mut self, _state: &[u8]) -> Result<()> {
            Err(PluginError::input("a\nb"))
        }

        fn value(&self) -> Result<f64> {
            Ok(self.0)
        }
    }

    #[test]
    fn numbers_names_and_messages_are_checked() {
        let answer = |value: f64, call: Call<'_>| -> Result<Answer> {
            let plugin: Box<dyn TextMetric> = Box::new(Says(value));
            checked(Kind::TextMetric, &[], plugin)?.call(call)
        };
        let nan = answer(f64::NAN, Call::Value).and_then(f64::try_from);
        assert!(nan.is_ok_and(f64::is_nan));
        let infinite = "P: value: value is inf, expected a finite number or NaN";
        assert_eq!(answer(f64::INFINITY, Call::Value), Err(PluginError::internal(infinite)));
        let long = "P: info: unit \"uuuuuuuuuuuuuuuuuuuu\"… has 101 bytes, at most 100 are allowed";
        assert_eq!(answer(0.0, Call::Info), Err(PluginError::internal(long)));
        let error = answer(0.0, Call::Merge(&[])).expect_err("it always fails");
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Input, "P: merge: a b"));
        let error = answer(0.0, Call::Train).expect_err("of another kind").message;
        assert_eq!(error, "P: train: train is not a function of a text-metric");
    }
}
