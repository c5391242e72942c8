//! What a plugin costs, as `bench` measures it.

use crate::Result;
use crate::bench::{self, LossOptions, PluginOptions, Spread};
use crate::ops::Precision;
use crate::plugin::PluginConfig;
use std::path::Path;
use trainyard_plugin::Kind;

/// Measurements of each number.
const ROUNDS: u64 = 3;

/// Names and values; what cannot be measured says why.
///
/// # Errors
/// A signal that asks the program to end.
pub fn cost(config: &PluginConfig, kind: &str, text: &Path) -> Result<Vec<(String, String)>> {
    if kind == Kind::Model.name() {
        // what a model costs is in the comparison
        return Ok(Vec::new());
    }
    let options = PluginOptions { text: text.to_owned(), rounds: ROUNDS, threads: 1, isolated: false };
    let mut all = match bench::plugin(std::slice::from_ref(config), &options) {
        Ok(bench) => bench.plugins.first().map(of_plugin).unwrap_or_default(),
        Err(error) => vec![("not measured".to_owned(), error.to_string())],
    };
    if kind == Kind::Loss.name() {
        all.push((
            "loss over its matrix products".to_owned(),
            of_loss(config).unwrap_or_else(|error| error.to_string()),
        ));
    }
    Ok(all)
}

fn of_plugin(time: &bench::PluginTime) -> Vec<(String, String)> {
    let spread = |of: &Spread, unit: &str| {
        format!("{:.2} {unit} (half within {:.2} to {:.2})", of.median, of.lower_quartile, of.upper_quartile)
    };
    let mut all = vec![
        ("loading, not compiled before".to_owned(), spread(&time.cold_load_ms, "ms")),
        ("loading".to_owned(), spread(&time.warm_load_ms, "ms")),
        ("a new instance".to_owned(), spread(&time.instance_us, "µs")),
        (time.call.to_owned(), spread(&time.call_ns, "ns")),
    ];
    for speed in &time.speeds {
        all.push(("text through it, one thread".to_owned(), spread(&speed.megabytes_per_second, "MB/s")));
    }
    all
}

/// The time of a loss over that of the matrix products that every loss needs.
fn of_loss(config: &PluginConfig) -> Result<String> {
    let options = LossOptions {
        rows: 1024,
        width: 128,
        vocab: 2048,
        backward: true,
        precision: Precision::F32,
        rounds: ROUNDS,
        threads: 1,
    };
    let bench = bench::loss(std::slice::from_ref(config), &options)?;
    let ratio = bench.losses.first().map_or(f64::NAN, |loss| loss.ratio.median);
    let LossOptions { rows, width, vocab, .. } = options;
    Ok(format!("{ratio:.2} × ({rows} rows, width {width}, vocabulary {vocab}, forward and backward)"))
}
