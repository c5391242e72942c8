//! Other names that files have for parameters.

use trainyard_plugin::network::Network;

/// Files may leave out `prefix` (with its dot), as those of a model without a head do.
pub fn without_prefix(network: &mut Network, prefix: &str) {
    for parameter in &mut network.parameters {
        if let Some(short) = parameter.name.strip_prefix(prefix) {
            parameter.aliases.push(short.to_owned());
        }
    }
}

/// Files may have `old` where a name ends in `new`; for all names that a parameter has.
pub fn old_suffix(network: &mut Network, new: &str, old: &str) {
    for parameter in &mut network.parameters {
        let names = std::iter::once(&parameter.name).chain(&parameter.aliases);
        let more: Vec<_> = names.filter_map(|name| Some(format!("{}{old}", name.strip_suffix(new)?))).collect();
        parameter.aliases.extend(more);
    }
}
