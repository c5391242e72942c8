//! The family of tensors, guessed from their names.

use crate::Result;
use crate::plugin::{Plugin, PluginConfig, builtin_abilities};
use std::collections::BTreeSet;
use trainyard_plugin::{Kind, Sizes};

/// The least share of tensors that a family must have.
const LEAST: f64 = 0.5;

/// The built-in models that have parameters of these names, each with the share of the names that it has, the likeliest
/// first. Numbers of blocks do not count.
///
/// # Errors
/// A built-in model that cannot be opened, which is a defect.
pub fn guess<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<(String, f64)>> {
    let names: BTreeSet<_> = names.map(shape_of).collect();
    let mut found = Vec::new();
    for (name, _) in builtin_abilities(Kind::Model) {
        let model = Plugin::open(&PluginConfig::new(name.as_str()), Kind::Model)?.model()?;
        let network = model.describe(&Sizes::new(256, 64).labels(2))?;
        let known: BTreeSet<_> = network
            .parameters
            .iter()
            .flat_map(|parameter| [&parameter.name].into_iter().chain(&parameter.aliases))
            .map(|name| shape_of(name))
            .collect();
        let share = names.intersection(&known).count() as f64 / names.len().max(1) as f64;
        if share >= LEAST {
            found.push((name, share));
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(found)
}

/// A name without the numbers in it.
fn shape_of(name: &str) -> String {
    let part = |part: &str| if part.bytes().all(|byte| byte.is_ascii_digit()) { "0" } else { part }.to_owned();
    name.split('.').map(part).collect::<Vec<_>>().join(".")
}
