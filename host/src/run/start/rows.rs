//! The rows of a classifier, which are taken over by the names of their classes.

use crate::Result;
use crate::formats::hf::{Folder, Wanted};
use crate::model::CRF;
use candle_core::{DType, Tensor};
use std::collections::BTreeSet;
use trainyard_plugin::network::Network;

/// transformers' names of classes that have none: `LABEL_0`, …
const NAMELESS: &str = "LABEL_";

/// Which row of a folder's classifier each class of a run begins as.
#[derive(Debug, Clone, Default)]
pub struct ClassRows {
    /// Parameters with a row for each class.
    parameters: BTreeSet<String>,
    /// The folder's class for each class of the run; none for one that is new.
    of_class: Vec<Option<usize>>,
    /// Names of the run's classes; none of a number.
    names: Vec<String>,
    /// Names of the folder's classes.
    of_folder: Vec<String>,
    /// Whether the folder does not name its classes: they are then the run's, in their order.
    is_nameless: bool,
}

impl ClassRows {
    /// The rows for `n` classes of a run with these `names`, which are none where a number is predicted. Classes are
    /// the same if their names are.
    pub fn new(network: &Network, names: &[String], n: usize, folder: &Folder) -> Self {
        let of_folder = folder.label_names();
        let is_default = |(index, name): (usize, &String)| *name == format!("{NAMELESS}{index}");
        let is_nameless = of_folder.iter().enumerate().all(is_default) || names.is_empty();
        let row = |class: usize| match is_nameless {
            true => Some(class).filter(|_| of_folder.len() == n),
            false => of_folder.iter().position(|name| *name == names[class]),
        };
        Self {
            parameters: if n > 0 { of_classes(network) } else { BTreeSet::new() },
            of_class: (0..n).map(row).collect(),
            names: names.to_vec(),
            of_folder,
            is_nameless,
        }
    }

    /// Whether the classes are the folder's, in the same order.
    pub fn is_same(&self) -> bool {
        self.of_class.iter().copied().eq((0..self.of_folder.len()).map(Some))
    }

    /// Whether a parameter begins as the model does without a folder.
    pub fn is_new(&self, parameter: &str) -> bool {
        self.parameters.contains(parameter) && self.of_class.iter().all(Option::is_none)
    }

    /// Whether some rows of a parameter begin as the model does without a folder.
    pub fn keeps_some(&self, parameter: &str) -> bool {
        self.parameters.contains(parameter) && !self.is_same()
    }

    /// Looks for a parameter with the shape that the folder has for its own classes.
    pub fn look_for(&self, wanted: &mut Wanted) {
        if self.parameters.contains(&wanted.name) {
            let n = if is_square(&wanted.name) { 2 } else { 1 };
            wanted.shape.iter_mut().take(n).for_each(|size| *size = self.of_folder.len());
        }
    }

    /// The values of a parameter, where `tensor` are the folder's and `first` those that new classes keep.
    ///
    /// # Errors
    /// Tensors that do not fit.
    pub fn pick(&self, parameter: &str, tensor: Tensor, first: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
        if !self.keeps_some(parameter) {
            return Ok(tensor);
        }
        let first = first()?;
        let (n, n_of_folder) = (self.of_class.len(), self.of_folder.len());
        let numbers =
            |tensor: &Tensor| -> Result<Vec<f64>> { Ok(tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?) };
        let (mut values, own) = (numbers(&first)?, numbers(&tensor)?);
        let (columns, columns_of_folder) = (values.len() / n.max(1), own.len() / n_of_folder.max(1));
        let known = |class: usize| if is_square(parameter) { self.of_class[class] } else { Some(class) };
        for (class, row) in self.of_class.iter().enumerate() {
            let Some(row) = row else { continue };
            for column in 0..columns {
                if let Some(from) = known(column) {
                    values[class * columns + column] = own[row * columns_of_folder + from];
                }
            }
        }
        Ok(Tensor::from_vec(values, first.dims(), tensor.device())?)
    }

    /// What of the classes is taken over, for people.
    pub fn lines(&self) -> Vec<String> {
        let is_taken = self.of_class.iter().any(Option::is_some);
        if !is_taken || self.names.is_empty() {
            return Vec::new();
        }
        if self.is_nameless {
            let pairs: Vec<_> = self.of_folder.iter().zip(&self.names).map(|(a, b)| format!("{a} = {b}")).collect();
            return vec![format!("its classes have no names, they are taken over in their order: {}", some(&pairs))];
        }
        let by_row = |is_known: bool| {
            let of = self.names.iter().zip(&self.of_class).filter(|(_, row)| row.is_some() == is_known);
            of.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let gone: Vec<_> = self.of_folder.iter().filter(|name| !self.names.contains(name)).cloned().collect();
        let (known, new) = (by_row(true), by_row(false));
        let mut line = format!("classes taken over by their names: {}", some(&known));
        for (what, names) in [("new", new), ("left out", gone)] {
            if !names.is_empty() {
                line += &format!("; {what}: {}", some(&names));
            }
        }
        vec![line]
    }
}

/// Parameters with a row for each class: those of the linear layer that logits come from, and those of a conditional
/// random field.
fn of_classes(network: &Network) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = CRF.iter().map(|name| (*name).to_owned()).collect();
    let head = network.heads.iter().find(|head| head.name == "logits");
    let mut layer = head.and_then(|head| network.layers.get(head.value as usize));
    while let Some(one) = layer {
        if one.op == "linear" {
            let parameters = one.parameters.iter().filter_map(|&index| network.parameters.get(index as usize));
            found.extend(parameters.map(|parameter| parameter.name.clone()));
            break;
        }
        layer = one.inputs.first().and_then(|&input| network.layers.get(input as usize));
    }
    found
}

/// Whether a parameter has a column for each class too: the transitions of a conditional random field.
fn is_square(parameter: &str) -> bool {
    parameter == CRF[2]
}

/// The names that a line shows.
const SHOWN: usize = 12;

/// The first of `names`, and how many there are besides.
pub fn some(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn rows(of_class: &[Option<usize>], n_of_folder: usize) -> ClassRows {
        let names = |n: usize| (0..n).map(|index| index.to_string()).collect();
        let parameters = ["w", CRF[2]].map(str::to_owned).into();
        let (names, of_folder) = (names(of_class.len()), names(n_of_folder));
        ClassRows { parameters, of_class: of_class.to_vec(), names, of_folder, is_nameless: false }
    }

    fn picked(rows: &ClassRows, parameter: &str, own: &[[f64; 3]; 3], first: &[[f64; 2]; 2]) -> Vec<Vec<f64>> {
        let tensor = |tensor: candle_core::Result<Tensor>| tensor.expect("a tensor");
        let own = tensor(Tensor::new(own, &Device::Cpu));
        let first = || Ok(tensor(Tensor::new(first, &Device::Cpu)));
        rows.pick(parameter, own, first).and_then(|values| Ok(values.to_vec2()?)).expect("they fit")
    }

    #[test]
    fn rows_are_picked_by_class() {
        let own = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]];
        let first = [[0.1, 0.2], [0.3, 0.4]];
        // transitions between the folder's classes 2 and 0, in this order
        assert_eq!(picked(&rows(&[Some(2), Some(0)], 3), CRF[2], &own, &first), [[9.0, 7.0], [3.0, 1.0]]);
        // a class that is new keeps its values, and those to and from it
        assert_eq!(picked(&rows(&[None, Some(1)], 3), CRF[2], &own, &first), [[0.1, 0.2], [0.3, 5.0]]);
        // of other parameters only rows are classes
        let own = Tensor::new(&[[1.0], [2.0], [3.0]], &Device::Cpu).expect("a tensor");
        let first = || Ok(Tensor::new(&[[0.5], [0.6]], &Device::Cpu)?);
        let values = rows(&[Some(2), None], 3).pick("w", own, first).and_then(|values| Ok(values.to_vec2::<f64>()?));
        assert_eq!(values.expect("they fit"), [[3.0], [0.6]]);
    }

    #[test]
    fn classes_are_the_same_in_the_same_order() {
        assert!(rows(&[Some(0), Some(1)], 2).is_same());
        assert!(!rows(&[Some(1), Some(0)], 2).is_same() && !rows(&[Some(0), Some(1)], 3).is_same());
        assert!(rows(&[None, None], 2).is_new("w") && !rows(&[None, None], 2).is_new("x"));
        assert!(!rows(&[None, Some(0)], 2).is_new("w") && !rows(&[], 0).is_new("x"));
    }
}
