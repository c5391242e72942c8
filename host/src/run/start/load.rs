//! Fills a network's parameters from a folder.

use super::folder::verify;
use super::imported::Imported;
use crate::Result;
use crate::formats::hf::{Fit, NewRows, Request, Wanted};
use crate::formats::safetensors::Weights;
use crate::model::{CRF, Params};
use trainyard_plugin::network::{Network, Parameter};

/// The parameters of a network, as they are looked up in files.
pub fn wanted(parameters: &[Parameter]) -> Vec<Wanted> {
    let wanted = parameters.iter().map(|parameter| Wanted {
        name: parameter.name.clone(),
        shape: parameter.shape.iter().map(|&size| size as usize).collect(),
        aliases: parameter.aliases.clone(),
    });
    wanted.collect()
}

/// Patterns of the tensors in files that are no parameters of a network: a conditional random field over its logits is
/// looked up by itself.
pub fn ignored(network: &Network) -> Vec<String> {
    network.ignored.iter().cloned().chain(CRF.map(str::to_owned)).collect()
}

/// The weights of a folder, compared with a network that they belong to, but not read.
pub struct StartWeights {
    wanted: Vec<Wanted>,
    weights: Weights,
    fit: Fit,
}

impl StartWeights {
    /// Looks up the tensors of `imported` that `network`, with a vocabulary of `vocab` tokens, needs. Nothing of their
    /// size is allocated. `new_head` says that the network has another head, whose parameters may be new, and those of
    /// a `field` over it are if the folder has none for as many labels.
    ///
    /// # Errors
    /// Tensors that are missing, damaged, of another shape or of another network.
    pub fn new(
        imported: &Imported,
        (network, field): (&Network, &[Parameter]),
        vocab: usize,
        new_head: bool,
    ) -> Result<Self> {
        verify(imported.folder.root())?;
        let (weights, mut wanted, field) = (imported.folder.weights()?, wanted(&network.parameters), wanted(field));
        let has = |one: &Wanted| weights.entry(&one.name).is_some_and(|entry| entry.shape == one.shape);
        if field.iter().all(has) {
            wanted.extend(field);
        }
        let request = Request {
            family: &imported.plugin.identity().name,
            wanted: &wanted,
            ignored: &ignored(network),
            vocab: (vocab, imported.vocab),
            new_head,
        };
        Ok(Self { fit: Fit::new(&request, &weights)?, weights, wanted })
    }

    /// Reads them into the parameters of the network.
    ///
    /// # Errors
    /// Tensors that cannot be read or hold numbers that are not finite.
    pub fn load(&mut self, new_rows: NewRows, params: &Params) -> Result<()> {
        let fresh = self.fit.fresh();
        if !fresh.is_empty() {
            tracing::info!(
                "{}: not in it, and learnt from the beginning: {}",
                self.weights.folder().display(),
                fresh.join(", ")
            );
        }
        for Wanted { name, .. } in self.wanted.iter().filter(|wanted| !fresh.contains(&wanted.name)) {
            params.set(name, &self.fit.read(name, &mut self.weights, new_rows)?)?;
        }
        Ok(())
    }
}
