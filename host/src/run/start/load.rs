//! Fills a network's parameters from a folder.

use super::folder::verify;
use super::imported::Imported;
use crate::Result;
use crate::formats::hf::{Fit, NewRows, Request, Wanted};
use crate::formats::safetensors::Weights;
use crate::model::Params;
use trainyard_plugin::network::Network;

/// The parameters of a network, as they are looked up in files.
pub fn wanted(network: &Network) -> Vec<Wanted> {
    let wanted = network.parameters.iter().map(|parameter| Wanted {
        name: parameter.name.clone(),
        shape: parameter.shape.iter().map(|&size| size as usize).collect(),
        aliases: parameter.aliases.clone(),
    });
    wanted.collect()
}

/// The weights of a folder, compared with a network that they belong to, but not read.
pub struct StartWeights {
    wanted: Vec<Wanted>,
    weights: Weights,
    fit: Fit,
}

impl StartWeights {
    /// Looks up the tensors of `imported` that `network`, with a vocabulary of `vocab` tokens, needs. Nothing of their
    /// size is allocated. `new_head` says that the network has another head, whose parameters may be new.
    ///
    /// # Errors
    /// Tensors that are missing, damaged, of another shape or of another network.
    pub fn new(imported: &Imported, network: &Network, vocab: usize, new_head: bool) -> Result<Self> {
        verify(imported.folder.root())?;
        let (weights, wanted) = (imported.folder.weights()?, wanted(network));
        let request = Request {
            family: &imported.plugin.identity().name,
            wanted: &wanted,
            ignored: &network.ignored,
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
