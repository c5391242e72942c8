//! Sweeps from a command line.

use super::file::{is_range, range};
use super::sweep::{Axis, Design, Seeds, Sweep, Values};
use super::value::split;
use std::path::Path;
use toml::Value;
use trainyard_base::{Error, Result};

impl Sweep {
    /// The grid of flags `KEY=VALUE,VALUE` on a config; without seeds, one run of each variant with the config's seed.
    /// Values are separated by commas outside quotes, brackets and braces, each as `--set` takes it. What else there is
    /// to say is in the fields, to be followed by [`Sweep::check`].
    ///
    /// # Errors
    /// A flag without a key or values, a key that two flags have, and what [`Sweep::check`] refuses.
    pub fn from_flags(config: &Path, grid: &[impl AsRef<str>], seeds: Option<Seeds>) -> Result<Self> {
        let mut axes = Vec::new();
        for flag in grid {
            let axis = axis(flag.as_ref())?;
            if axes.iter().any(|other: &Axis| other.key == axis.key) {
                return Err(Error::usage(format!(
                    "--grid {}: expected it once; separate its values by commas",
                    axis.key
                )));
            }
            axes.push(axis);
        }
        axes.sort_by(|a, b| a.key.cmp(&b.key));
        let stem = config.file_stem().and_then(|stem| stem.to_str()).unwrap_or("config");
        let sweep = Self {
            base: config.to_owned(),
            // a run of the config has the name itself
            name: format!("{stem}-sweep"),
            seeds: seeds.unwrap_or(Seeds::Count(1)),
            design: Design::Grid,
            set: Vec::new(),
            axes,
            random: None,
            halving: None,
        };
        Ok(sweep)
    }
}

fn axis(flag: &str) -> Result<Axis> {
    let (key, values) = flag.split_once('=').ok_or_else(|| {
        Error::usage(format!("--grid {flag}: expected key=value,value, for example loss.plugin=cross-entropy,focal"))
    })?;
    let key = key.trim().to_owned();
    let context = |error: Error| error.context(format!("--grid {key}"));
    let values = match split(values).map_err(context)?.as_slice() {
        [Value::Table(table)] if is_range(table) => Values::Range(range(&format!("--grid {key}"), table)?),
        values => Values::List(values.to_vec()),
    };
    Ok(Axis { key, values })
}
