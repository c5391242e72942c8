//! Names of tensors: as a network has them, and as a file has them.

use super::fit::Wanted;
use crate::formats::safetensors::Weights;
use std::collections::BTreeSet;

/// How the names of a file differ from those of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Names {
    /// Not at all.
    Same,
    /// The file lacks this prefix: it was saved from the base model.
    Without(String),
    /// The file has this prefix on all names: it was saved with something around the model.
    With(String),
}

impl Names {
    /// The difference with which most parameters are found.
    pub fn new(wanted: &[Wanted], weights: &Weights) -> Self {
        let prefix = |name: &str| name.split_once('.').map(|(first, _)| format!("{first}."));
        let of_network: BTreeSet<_> = wanted.iter().filter_map(|parameter| prefix(&parameter.name)).collect();
        let of_file: BTreeSet<_> = weights.entries().filter_map(|(name, _)| prefix(name)).collect();
        let others = of_network.into_iter().map(Self::Without).chain(of_file.into_iter().map(Self::With));
        let found = |names: &Self| wanted.iter().filter(|parameter| !names.of(parameter, weights).is_empty()).count();
        let (mut best, mut most) = (Self::Same, found(&Self::Same));
        for names in others {
            // All of them are there already in most files.
            if most == wanted.len() {
                break;
            }
            let n = found(&names);
            if n > most {
                (best, most) = (names, n);
            }
        }
        best
    }

    /// The tensors that hold a parameter, the one to use first.
    pub fn of(&self, parameter: &Wanted, weights: &Weights) -> Vec<String> {
        let names = || [&parameter.name].into_iter().chain(&parameter.aliases);
        let mut found: Vec<String> = Vec::new();
        for name in names().map(|name| self.in_file(name)).chain(names().cloned()) {
            if weights.entry(&name).is_some() && !found.contains(&name) {
                found.push(name);
            }
        }
        found
    }

    fn in_file(&self, name: &str) -> String {
        match self {
            Self::Same => name.to_owned(),
            Self::Without(prefix) => name.strip_prefix(prefix.as_str()).unwrap_or(name).to_owned(),
            Self::With(prefix) => format!("{prefix}{name}"),
        }
    }

    /// The names that a network may have for a file's tensor.
    pub fn variants(&self, name: &str) -> impl Iterator<Item = String> {
        let other = match self {
            Self::Same => None,
            Self::Without(prefix) => Some(format!("{prefix}{name}")),
            Self::With(prefix) => name.strip_prefix(prefix.as_str()).map(str::to_owned),
        };
        [name.to_owned()].into_iter().chain(other)
    }
}
