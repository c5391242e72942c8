//! Scalings of rotary positions, as `config.json` names them.

use crate::{Export, Import, ranges};
use trainyard_plugin::network::Rotary;
use trainyard_plugin::{PluginError, Result, Value};

/// A scaling of rotary angles: a name and named numbers, as in `config.json`. Written as a setting it is a text such as
/// `linear factor=2`; nothing is none.
///
/// ```
/// use trainyard_models::Scaling;
///
/// let scaling: Scaling = "yarn factor=4 original_max_position_embeddings=4096".parse()?;
/// assert_eq!(scaling.to_string(), "yarn factor=4 original_max_position_embeddings=4096");
/// # Ok::<(), trainyard_plugin::PluginError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    kind: &'static str,
    numbers: Vec<(&'static str, f64)>,
}

/// Name, numbers that it needs, numbers that it may have.
type Kind = (&'static str, &'static [&'static str], &'static [&'static str]);

const ORIGINAL: &str = "original_max_position_embeddings";
/// `dynamic` changes nothing within the positions that a model has.
const KINDS: [Kind; 5] = [
    ("default", &[], &[]),
    ("linear", &["factor"], &[]),
    ("dynamic", &["factor"], &[ORIGINAL]),
    ("llama3", &["factor", "low_freq_factor", "high_freq_factor", ORIGINAL], &[]),
    ("yarn", &["factor"], &[ORIGINAL, "beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim"]),
];

fn kind(name: &str) -> Result<&'static Kind> {
    KINDS.iter().find(|(known, ..)| *known == name).ok_or_else(|| {
        let known: Vec<_> = KINDS.iter().map(|(name, ..)| *name).collect();
        PluginError::config(format!("rope_scaling: expected {}, got {name:?}", known.join(" or ")))
    })
}

impl std::str::FromStr for Scaling {
    type Err = PluginError;

    fn from_str(text: &str) -> Result<Self> {
        let mut words = text.split_whitespace();
        let (kind, needed, more) = kind(words.next().unwrap_or("default"))?;
        let mut numbers = Vec::new();
        for word in words {
            let parsed = word.split_once('=').and_then(|(key, number)| {
                let key = needed.iter().chain(*more).find(|known| **known == key)?;
                let number: f64 = number.parse().ok()?;
                (number > 0.0 && number.is_finite()).then_some((*key, number))
            });
            let expected =
                || format!("rope_scaling: expected {kind} with {}, each", [*needed, *more].concat().join(", "));
            let number = parsed
                .ok_or_else(|| PluginError::config(format!("{} as name=number above 0, got {word:?}", expected())))?;
            numbers.push(number);
        }
        let scaling = Self { kind, numbers };
        match needed.iter().find(|key| scaling.number(key).is_none()) {
            Some(key) => Err(PluginError::config(format!("rope_scaling: {kind} needs {key}, got {text:?}"))),
            None => Ok(scaling),
        }
    }
}

impl std::fmt::Display for Scaling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.kind == "default" {
            return Ok(());
        }
        f.write_str(self.kind)?;
        self.numbers.iter().try_for_each(|(key, number)| write!(f, " {key}={number}"))
    }
}

impl Scaling {
    fn number(&self, key: &str) -> Option<f64> {
        self.numbers.iter().find(|(known, _)| *known == key).map(|(_, number)| *number)
    }

    /// `rotary` scaled, for a model of `positions` positions that reads up to `context`.
    ///
    /// # Errors
    /// A context in which the angles would depend on the length of the text.
    pub fn apply(&self, rotary: Rotary, positions: u32, context: u32) -> Result<Rotary> {
        let number = |key| self.number(key).unwrap_or(1.0);
        let original = self.number(ORIGINAL).unwrap_or(positions.into());
        Ok(match self.kind {
            "linear" => rotary.linear(number("factor")),
            "dynamic" => {
                ranges::positions(original as u32, context)?;
                rotary
            }
            "llama3" => {
                rotary.llama3(number("factor"), number("low_freq_factor"), number("high_freq_factor"), original)
            }
            "yarn" => {
                let (fast, slow) = (self.number("beta_fast").unwrap_or(32.0), number("beta_slow"));
                rotary.yarn(number("factor"), fast, slow, original, self.attention_factor())
            }
            _ => rotary,
        })
    }

    /// What YaRN multiplies cosines and sines by, where it is not the usual 0.1 ln(factor) + 1.
    fn attention_factor(&self) -> Option<f64> {
        let factor = self.number("factor").unwrap_or(1.0);
        let scale = |m: f64| if factor > 1.0 { 0.1 * m * factor.ln() + 1.0 } else { 1.0 };
        let both = self.number("mscale").zip(self.number("mscale_all_dim"));
        self.number("attention_factor").or(both.map(|(one, all)| scale(one) / scale(all)))
    }
}

impl Import<'_> {
    /// Settings `rope_theta` and `rope_scaling`, from the keys of transformers 4 (`rope_theta`, `rope_scaling.…`) or 5
    /// (`rope_parameters.…`).
    ///
    /// # Errors
    /// A scaling that is not known, or whose angles depend on the length of the text.
    pub fn rope(&mut self, theta: f64) -> Result<()> {
        let of_5 = self.keys().text("rope_parameters.rope_type")?.is_some()
            || self.keys().number("rope_parameters.rope_theta")?.is_some();
        let prefix = if of_5 { "rope_parameters" } else { "rope_scaling" };
        self.rope_of(prefix, "rope_theta", theta, ["rope_theta", "rope_scaling"])
    }

    /// `settings` (base and scaling) from the scaling under `prefix` and the base there, or under `theta_key`.
    ///
    /// # Errors
    /// As [`Import::rope`].
    pub fn rope_of(&mut self, prefix: &str, theta_key: &str, theta: f64, settings: [&str; 2]) -> Result<()> {
        let keys = self.keys();
        let outer = keys.number(theta_key)?;
        let theta = keys.number(&format!("{prefix}.rope_theta"))?.or(outer).unwrap_or(theta);
        let old = keys.text(&format!("{prefix}.type"))?;
        let name = keys.text(&format!("{prefix}.rope_type"))?.or(old).unwrap_or("default");
        let (kind, needed, more) =
            kind(name).map_err(|error| PluginError::config(format!("config.json: {}", error.message)))?;
        keys.only(&format!("{prefix}.truncate"), &[Value::Boolean(true)])?;
        let mut text = (*kind).to_owned();
        for key in needed.iter().chain(*more) {
            if let Some(number) = keys.number(&format!("{prefix}.{key}"))? {
                text += &format!(" {key}={number}");
            }
        }
        let scaling: Scaling = text.parse()?;
        self.set(settings[0], Value::Number(theta));
        self.set(settings[1], Value::Text(scaling.to_string()));
        Ok(())
    }
}

impl Export {
    /// `rope_theta` and `rope_scaling`, as transformers 4 writes and 5 reads them.
    pub fn rope(self, theta: f64, scaling: &Scaling) -> Self {
        self.number("rope_theta", theta).rope_scaling(scaling)
    }

    /// `rope_scaling`, if there is one.
    pub fn rope_scaling(self, scaling: &Scaling) -> Self {
        if scaling.kind == "default" {
            return self;
        }
        let export = self.text("rope_scaling.rope_type", scaling.kind);
        scaling.numbers.iter().fold(export, |export, (key, number)| {
            let key = format!("rope_scaling.{key}");
            if key.ends_with(ORIGINAL) { export.whole(&key, *number) } else { export.number(&key, *number) }
        })
    }
}
