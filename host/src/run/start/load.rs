//! Fills a network's parameters from a folder.

use super::folder::verify;
use super::imported::Imported;
use super::rows::{ClassRows, some};
use crate::formats::hf::{Fit, NewRows, Request, Wanted};
use crate::formats::safetensors::Weights;
use crate::model::{CRF, Params};
use crate::{Error, Result};
use candle_core::{Device, Tensor};
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
    /// Parameters that are in the folder.
    found: Vec<String>,
    /// Parameters of a new head, which keep their first values.
    fresh: Vec<String>,
    /// Tensors of the folder's head, which the network does not have.
    unused: Vec<String>,
    rows: ClassRows,
    weights: Weights,
    fit: Fit,
}

impl StartWeights {
    /// Looks up the tensors of `imported` that `network`, with a vocabulary of `vocab` tokens and the same head, needs.
    /// Nothing of their size is allocated.
    ///
    /// # Errors
    /// Tensors that are missing, damaged, of another shape or of another network.
    pub fn new(imported: &Imported, network: &Network, vocab: usize) -> Result<Self> {
        Self::with_head(imported, (network, &[]), vocab, (false, ClassRows::default()))
    }

    /// The same for a network whose head may be another one than the folder's: what the folder lacks is then new, and
    /// so are the parameters of a `field` over it that the folder does not have. Classes begin as `rows` says.
    ///
    /// # Errors
    /// As [`StartWeights::new`].
    pub fn with_head(
        imported: &Imported,
        (network, field): (&Network, &[Parameter]),
        vocab: usize,
        (other_head, rows): (bool, ClassRows),
    ) -> Result<Self> {
        verify(imported.folder.root())?;
        let weights = imported.folder.weights()?;
        let as_in_folder = |mut wanted: Wanted| {
            rows.look_for(&mut wanted);
            wanted
        };
        let is_new = |wanted: &Wanted| rows.is_new(&wanted.name);
        let (own, of_field) = (wanted(&network.parameters), wanted(field));
        let (mut fresh, mut wanted): (Vec<_>, Vec<_>) = own.into_iter().map(as_in_folder).partition(is_new);
        let is_other = other_head || !fresh.is_empty();
        let has = |one: &Wanted| weights.entry(&one.name).is_some_and(|entry| entry.shape == one.shape);
        let field: Vec<_> = of_field.into_iter().map(as_in_folder).collect();
        match field.iter().all(|one| has(one) && !is_new(one)) {
            true => wanted.extend(field),
            false => fresh.extend(field),
        }
        let request = Request {
            family: &imported.plugin.identity().name,
            wanted: &wanted,
            ignored: &ignored(network),
            vocab: (vocab, imported.vocab),
            new_head: is_other,
        };
        let fit = Fit::new(&request, &weights)?;
        let left =
            CRF.iter().filter(|name| weights.entry(name).is_some() && !wanted.iter().any(|one| one.name == **name));
        let unused = fit.unused().iter().cloned().chain(left.map(|name| (*name).to_owned())).collect();
        let names = |wanted: Vec<Wanted>| wanted.into_iter().map(|wanted| wanted.name);
        let (lacking, found): (Vec<_>, Vec<_>) = names(wanted).partition(|name| fit.fresh().contains(name));
        Ok(Self { found, fresh: names(fresh).chain(lacking).collect(), unused, rows, weights, fit })
    }

    /// Reads them into the parameters of the network.
    ///
    /// # Errors
    /// Tensors that cannot be read or hold numbers that are not finite.
    pub fn load(&mut self, new_rows: NewRows, params: &Params) -> Result<()> {
        params.draw(|name| self.rows.keeps_some(name) || !self.found.iter().any(|found| found == name))?;
        for name in &self.found {
            let tensor = self.fit.read(name, &mut self.weights, new_rows)?;
            let first = || {
                let param = params.iter().find(|(own, _)| own == name).map(|(_, param)| &param.value);
                let param = param.ok_or_else(|| Error::run(format!("the model has no parameter {name}")))?;
                Ok(Tensor::from_vec(param.to_vec()?, param.dims(), &Device::Cpu)?)
            };
            params.set(name, &self.rows.pick(name, tensor, first)?)?;
        }
        Ok(())
    }

    /// What of the head is new, left out or of other classes, for people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.rows.lines();
        if !self.fresh.is_empty() {
            lines.push(format!("not in it, and learnt from the beginning: {}", some(&self.fresh)));
        }
        if !self.unused.is_empty() {
            lines.push(format!("in it, and left out: {}", some(&self.unused)));
        }
        let folder = self.weights.folder().display();
        lines.into_iter().map(|line| format!("start: {folder}: {line}")).collect()
    }
}
