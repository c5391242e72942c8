//! Models: what is trained.

use super::names::check_name;
use super::{Entry, Instance, example, not_of, template};
use crate::plugin::Plugin;
use crate::plugin::call::{Answer, Call, Function};
use crate::plugin::checked::{Blamed, Checks};
use crate::plugin::seat::Seat;
use trainyard_plugin::network::{self, Network};
use trainyard_plugin::{Kind, Model, PluginError, Result, Setting, Sizes, Value};

pub const ENTRY: Entry = Entry {
    frozen_in: Some((0, 1)),
    section: "[model]",
    functions: &[Function::Network, Function::ImportConfig, Function::ExportConfig],
    abilities: &[],
    restore: None,
    skip: None,
    checks: |_| Box::new(ModelChecks::default()),
    example: example!(
        "model",
        "Language model of causal convolutions with gates",
        settings template!("settings/model.toml")
    ),
};

/// Most keys of a config, and most of its numbers or texts under one key.
const MAX_KEYS: usize = 10_000;
/// Longest text of a config, in bytes.
const MAX_TEXT_BYTES: usize = 1 << 20;

impl Plugin {
    /// A new model with the config's settings.
    ///
    /// # Errors
    /// Settings that it refuses, and a plugin of another kind.
    pub fn model(&self) -> crate::Result<Box<dyn Model>> {
        Ok(self.instance_of(Kind::Model)?)
    }
}

impl Model for Instance {
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        self.ask(Call::Network(sizes))
    }

    fn import(&self, config: &[Setting]) -> Result<Vec<Setting>> {
        self.ask(Call::ImportConfig(config))
    }

    fn export(&self, sizes: &Sizes) -> Result<Vec<Setting>> {
        self.ask(Call::ExportConfig(sizes))
    }
}

impl Seat for Box<dyn Model> {
    fn call(&mut self, call: Call<'_>) -> Result<Answer> {
        match call {
            Call::Network(sizes) => self.describe(sizes).map(Answer::from),
            Call::ImportConfig(config) => self.import(config).map(Answer::from),
            Call::ExportConfig(sizes) => self.export(sizes).map(Answer::from),
            other => Err(not_of(other, Kind::Model)),
        }
    }
}

/// Checks of a model's answers.
#[derive(Default)]
struct ModelChecks {
    /// What it described last, and for which sizes: it must say the same again.
    last: Option<(Sizes, Network)>,
}

impl Checks for ModelChecks {
    fn call(&mut self, plugin: &mut Blamed, call: Call<'_>) -> Result<Answer> {
        match call {
            Call::Network(sizes) => plugin.checked(call, |network: &mut Network| self.check_network(sizes, network)),
            Call::ImportConfig(_) | Call::ExportConfig(_) => {
                plugin.checked(call, |settings: &mut Vec<Setting>| check_settings(settings))
            }
            call => plugin.call(call),
        }
    }
}

impl ModelChecks {
    fn check_network(&mut self, sizes: &Sizes, network: &Network) -> Result<()> {
        network::check_for(network, sizes)?;
        match &self.last {
            Some((of, known)) if of == sizes && known != network => {
                let message = "two calls with the same sizes describe two networks, expected the same network";
                Err(PluginError::internal(message))
            }
            _ => {
                self.last = Some((*sizes, network.clone()));
                Ok(())
            }
        }
    }
}

fn check_settings(settings: &[Setting]) -> Result<()> {
    if settings.len() > MAX_KEYS {
        let message = format!("{} settings, at most {MAX_KEYS} are allowed", settings.len());
        return Err(PluginError::internal(message));
    }
    let mut seen = std::collections::HashSet::new();
    for Setting { key, value } in settings {
        check_name("setting", key)?;
        if !seen.insert(key) {
            return Err(PluginError::internal(format!("setting {key:?} appears twice")));
        }
        let fits = match value {
            Value::Boolean(_) | Value::Integer(_) => true,
            Value::Number(value) => value.is_finite(),
            Value::Text(text) => text.len() <= MAX_TEXT_BYTES,
            Value::Numbers(values) => values.len() <= MAX_KEYS && values.iter().all(|value| value.is_finite()),
            Value::Texts(values) => {
                values.len() <= MAX_KEYS && values.iter().map(String::len).sum::<usize>() <= MAX_TEXT_BYTES
            }
        };
        if !fits {
            return Err(PluginError::internal(format!(
                "setting {key:?} has a number that is not finite, or more than {MAX_KEYS} values or 1 MiB of text"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::checked;
    use super::*;
    use std::cell::RefCell;
    use trainyard_plugin::network::{Linear, Net};

    /// A model that describes what it is told to, one network after the other.
    struct Says(RefCell<Vec<Network>>, Vec<Setting>);

    impl Model for Says {
        fn describe(&self, _sizes: &Sizes) -> Result<Network> {
            Ok(self.0.borrow_mut().remove(0))
        }

        fn export(&self, _sizes: &Sizes) -> Result<Vec<Setting>> {
            Ok(self.1.clone())
        }
    }

    const SIZES: Sizes = Sizes::new(50, 16);

    /// A small network whose head is over `vocab` tokens.
    fn small(vocab: u32, positions: u32) -> Network {
        let g = Net::new();
        let x = g.embedding("wte", g.ids(), vocab, 8) + g.embedding("wpe", g.positions(), positions, 8);
        let x = g.linear("h", x, 8, Linear::BIAS).silu();
        g.head("logits", g.tied("wte", x));
        g.network().expect("it is well typed")
    }

    fn describe(networks: Vec<Network>) -> Result<Network> {
        let n = networks.len();
        let plugin: Box<dyn Model> = Box::new(Says(networks.into(), Vec::new()));
        let mut seat = checked(Kind::Model, &[], plugin)?;
        let mut last = Network::default();
        for _ in 0..n {
            last = seat.call(Call::Network(&SIZES))?.try_into()?;
        }
        Ok(last)
    }

    #[track_caller]
    fn refused(networks: Vec<Network>, expected: &str) {
        let error = describe(networks).expect_err(expected).message;
        assert!(error.starts_with("P: describe: ") && error.contains(expected), "{error}");
    }

    #[test]
    fn networks_are_checked() {
        let good = small(50, 16);
        assert_eq!(describe(vec![good.clone(), good.clone()]), Ok(good.clone()));
        refused(vec![small(49, 16)], "wte (linear): the head \"logits\" has 49 columns, expected 50");
        refused(vec![small(50, 15)], "wpe (embedding): wpe.weight has 15 rows, too few for 16 positions");
        let mut cyclic = good.clone();
        cyclic.layers[1].inputs[0] = 1;
        refused(vec![cyclic], "(a network has no cycles)");
        let mut clash = good.clone();
        clash.parameters[1].name = clash.parameters[0].name.clone();
        refused(vec![clash], "two parameters are named \"wte.weight\"");
        let mut other = good.clone();
        other.parameters[0].scale = 0.5;
        refused(vec![good, other], "two calls with the same sizes describe two networks");
    }

    #[test]
    fn settings_are_checked() {
        let setting = |key: &str, value| Setting { key: key.into(), value };
        for (settings, expected) in [
            (vec![setting("a", Value::Integer(1)), setting("a", Value::Integer(1))], "setting \"a\" appears twice"),
            (vec![setting("a\n", Value::Boolean(true))], "holds the control character"),
            (vec![setting("a", Value::Number(f64::NAN))], "setting \"a\" has a number that is not finite"),
            (vec![setting("a", Value::Text("x".repeat(2 << 20)))], "1 MiB of text"),
        ] {
            let plugin: Box<dyn Model> = Box::new(Says(RefCell::default(), settings));
            let error = checked(Kind::Model, &[], plugin).and_then(|mut seat| seat.call(Call::ExportConfig(&SIZES)));
            let error = error.expect_err(expected).message;
            assert!(error.starts_with("P: export-config: ") && error.contains(expected), "{error}");
        }
    }
}
