//! The family of tensors, guessed from their names.

use crate::Result;
use crate::plugin::{Plugin, PluginConfig, builtin_abilities};
use std::collections::BTreeSet;
use trainyard_plugin::{Kind, Sizes};

/// The least share of names that must agree.
const LEAST: f64 = 0.5;

/// The built-in models that have parameters of these names, each with the share of both that agree, the likeliest
/// first. Numbers of blocks do not count.
///
/// # Errors
/// A built-in model that cannot be opened, which is a defect.
pub fn guess<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<(String, f64)>> {
    let names: BTreeSet<_> = names.map(shape_of).collect();
    let mut found = Vec::new();
    for (name, _) in builtin_abilities(Kind::Model) {
        let model = Plugin::open(&PluginConfig::new(name.as_str()), Kind::Model)?.model()?;
        let network = model.describe(&Sizes::new(256, 64))?;
        let (mut matched, mut known) = (BTreeSet::new(), BTreeSet::new());
        for parameter in &network.parameters {
            known.insert(shape_of(&parameter.name));
            let of_file = [&parameter.name].into_iter().chain(&parameter.aliases).map(|name| shape_of(name));
            matched.extend(of_file.filter(|name| names.contains(name)));
        }
        // Names that only the file or only the model has both count against it.
        let missing = known.len().saturating_sub(matched.len());
        let share = matched.len() as f64 / (names.len() + missing).max(1) as f64;
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
