//! What holds for every sweep, whatever its base is.

use super::sweep::{Axis, Design, Halving, Range, Scale, Seeds, Sweep, Values};
use super::value;
use trainyard_base::{Error, Result};

/// Settings that the sweep itself gives to each run, and what to use instead.
const TAKEN: [(&str, &str); 3] = [
    ("run.name", "the sweep's key name is for it"),
    ("run.dir", "set it in the base or in the sweep's key set"),
    ("run.seed", "the sweep's key seeds is for it"),
];

/// The folder of prepared data, beside those of runs and sweeps.
const STORE: &str = "store";

impl Sweep {
    /// Checks what holds whatever the base is.
    ///
    /// # Errors
    /// A name that is no folder's, no seeds, an axis without values, twice the same value or setting, a setting that
    /// the sweep itself gives, a design without what it needs.
    pub fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        self.check_seeds()?;
        for set in &self.set {
            let (key, _) = set.split_once('=').ok_or_else(|| {
                Error::usage(format!("set: expected key=value, got {set:?}; for example train.steps=100"))
            })?;
            // the base's folder and seed are the sweep's
            check_taken("set", key.trim(), &TAKEN[..1])?;
        }
        let mut keys = Vec::new();
        for axis in &self.axes {
            for key in axis.check()? {
                check_taken("axes", &key, &TAKEN)?;
                keys.push((key, &axis.key));
            }
        }
        for (index, (key, axis)) in keys.iter().enumerate() {
            let is_within = |other: &str| key == other || key.starts_with(&format!("{other}."));
            let others = keys.iter().enumerate().filter(|(at, (_, of))| *at != index && of != axis);
            if let Some((_, (_, other))) = others.into_iter().find(|(_, (other, _))| is_within(other)) {
                return Err(Error::usage(format!(
                    "axes: {axis} and {other} both set {key}; put what depends on each other into one axis, as tables"
                )));
            }
        }
        self.check_design(keys.iter().any(|(key, _)| key == "train.steps"))
    }

    fn check_seeds(&self) -> Result<()> {
        if self.seeds.is_empty() {
            return Err(Error::usage("seeds: expected at least one, got none"));
        }
        let Seeds::List(seeds) = &self.seeds else { return Ok(()) };
        match seeds.iter().enumerate().find(|(index, seed)| seeds[..*index].contains(seed)) {
            None => Ok(()),
            Some((_, seed)) => Err(Error::usage(format!("seeds: expected different seeds, got {seed} twice"))),
        }
    }

    fn check_design(&self, varies_steps: bool) -> Result<()> {
        let design = self.design;
        let (draws, halves) = (self.random.is_some(), design == Design::Halving);
        let range = self.axes.iter().find(|axis| matches!(axis.values, Values::Range(_)));
        let message = match (&self.halving, range) {
            _ if design == Design::Random && !draws => {
                "design: random needs a table [random]; for example n = 20, seed = 1".to_owned()
            }
            _ if draws && !matches!(design, Design::Random | Design::Halving) => {
                format!("random: expected none for design = {design}; set design to random, or remove the table")
            }
            (None, _) if halves => {
                "design: halving needs a table [halving]; for example factor = 3, steps = [100, 900]".to_owned()
            }
            (Some(_), _) if !halves => {
                format!("halving: expected none for design = {design}; set design to halving, or remove the table")
            }
            (_, Some(axis)) if !draws => {
                format!("axes.{}: expected a list of values, got a range; list them, or draw by [random]", axis.key)
            }
            (Some(_), _) if varies_steps => {
                "axes.train.steps: expected none for design = halving, which gives each rung its steps".to_owned()
            }
            (Some(halving), _) => return halving.check(),
            (None, _) => return Ok(()),
        };
        Err(Error::usage(message))
    }
}

impl Axis {
    /// Checks the values; returns the settings that they set.
    fn check(&self) -> Result<Vec<String>> {
        let place = format!("axes.{}", self.key);
        let list = match &self.values {
            Values::Range(range) => {
                range.check(&place)?;
                return Ok(value::settings(&self.key, &0.into())?.into_iter().map(|(key, _)| key).collect());
            }
            Values::List(list) => list,
        };
        if list.is_empty() {
            return Err(Error::usage(format!("{place}: expected values, got an empty list")));
        }
        let mut keys = Vec::new();
        for (index, value) in list.iter().enumerate() {
            if list[..index].iter().any(|other| value::are_equal(other, value)) {
                let twice = value::text(value);
                return Err(Error::usage(format!("{place}: expected different values, got {twice} twice")));
            }
            keys.extend(value::settings(&self.key, value)?.into_iter().map(|(key, _)| key));
        }
        keys.sort();
        keys.dedup();
        Ok(keys)
    }
}

impl Range {
    fn check(&self, place: &str) -> Result<()> {
        let Self { from, to, step, scale, .. } = *self;
        let message = match (step, scale) {
            _ if !(from.is_finite() && to.is_finite() && from < to) => {
                format!("expected from below to, got {from} and {to}")
            }
            (Some(_), Scale::Log) => "expected a step or a logarithmic scale, got both".to_owned(),
            (Some(step), _) if !(step > 0.0 && step <= to - from) => {
                format!("expected a step above 0 and at most {}, got {step}", to - from)
            }
            (None, Scale::Log) if from <= 0.0 => format!("expected from above 0 for a logarithmic scale, got {from}"),
            _ => return Ok(()),
        };
        Err(Error::usage(format!("{place}: {message}")))
    }
}

impl Halving {
    fn check(&self) -> Result<()> {
        let Self { factor, steps: [first, last], .. } = *self;
        let message = match factor {
            0 | 1 => format!("halving.factor: expected 2 or more, got {factor}"),
            _ if first == 0 || first > last => {
                format!("halving.steps: expected the steps of the first rung and of the last, got [{first}, {last}]")
            }
            _ => return Ok(()),
        };
        Err(Error::usage(message))
    }
}

fn check_name(name: &str) -> Result<()> {
    let is_safe = |char: char| char.is_alphanumeric() || "._+-=,".contains(char);
    match !name.is_empty() && name.chars().all(is_safe) && !name.starts_with('.') && name.len() <= 100 && name != STORE
    {
        true => Ok(()),
        false => Err(Error::usage(format!(
            "name: expected at most 100 letters, digits and . _ + - = , that begin with no dot and are not {STORE:?}, got {name:?}"
        ))),
    }
}

fn check_taken(place: &str, key: &str, taken: &[(&str, &str)]) -> Result<()> {
    match taken.iter().find(|(taken, _)| *taken == key) {
        None => Ok(()),
        Some((_, instead)) => {
            Err(Error::usage(format!("{place}: expected a setting that the sweep does not give, got {key}; {instead}")))
        }
    }
}
