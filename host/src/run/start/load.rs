//! Fills a network's parameters from a folder.

use super::folder::verify;
use super::imported::Imported;
use crate::Result;
use crate::formats::hf::{Fit, NewRows, Request, Wanted};
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

/// Reads the weights of `imported` into the parameters `params` of `network`, whose vocabulary has `vocab` tokens.
///
/// # Errors
/// Weights that are missing, damaged, not finite, or those of another network.
pub fn load(imported: &Imported, network: &Network, vocab: usize, new_rows: NewRows, params: &Params) -> Result<()> {
    verify(imported.folder.root())?;
    let mut weights = imported.folder.weights()?;
    let wanted = wanted(network);
    let request = Request {
        family: &imported.plugin.identity().name,
        wanted: &wanted,
        ignored: &network.ignored,
        vocab: (vocab, imported.vocab),
    };
    let fit = Fit::new(&request, &weights)?;
    for parameter in &wanted {
        params.set(&parameter.name, &fit.read(&parameter.name, &mut weights, new_rows)?)?;
    }
    Ok(())
}
