//! The tensors of a folder that belong to the parameters of a network.

use super::growth::NewRows;
use super::names::Names;
use crate::base::patterns::Pattern;
use crate::formats::safetensors::{Entry, Weights};
use crate::{Error, Result};
use candle_core::{DType, Tensor};
use std::collections::{BTreeMap, BTreeSet};

/// A parameter of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name, which is that of its tensor in most files.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Other names of its tensor in files.
    pub aliases: Vec<String>,
}

/// The network that tensors are looked up for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its family, for messages.
    pub family: &'a str,
    /// Its parameters.
    pub wanted: &'a [Wanted],
    /// Patterns of tensors in files that are not parameters.
    pub ignored: &'a [String],
    /// Tokens that it has, and that the folder has.
    pub vocab: (usize, usize),
    /// Whether the network has another head than the folder's: parameters that the folder lacks, or has for another
    /// number of classes, are new, and tensors that the network lacks are left out.
    pub new_head: bool,
}

/// The tensor of each parameter.
#[derive(Debug)]
pub struct Fit {
    /// By parameter.
    places: BTreeMap<String, Place>,
    /// Parameters of a new head.
    fresh: Vec<String>,
    /// Tensors that the network with a new head does not have.
    unused: Vec<String>,
}

#[derive(Debug)]
struct Place {
    /// Its tensor's name in the folder.
    tensor: String,
    /// Names of tensors there that hold the same.
    copies: Vec<String>,
    /// The rows that it grows to.
    rows: Option<usize>,
}

/// The output layer, which files of a model whose output layer is the embedding may have all the same.
const HEAD: &str = "lm_head.weight";

/// Names that an error lists.
const NAMED_MAX: usize = 5;

impl Fit {
    /// Looks up the tensor of each parameter: by its name, by its aliases, and by both with a prefix of all names added
    /// or left out, as in files of a base model.
    ///
    /// # Errors
    /// Tensors that are missing, that have another shape, or that are not of this network; the error names some of
    /// them, and what to do.
    pub fn new(request: &Request<'_>, weights: &Weights) -> Result<Self> {
        let Request { family, wanted, ignored, .. } = *request;
        let wrong = |what: String| Error::run(format!("{}: {what}", weights.folder().display()));
        let ignored: Vec<_> = ignored.iter().map(|text| Pattern::new(text)).collect::<Result<_>>()?;
        let is_ignored = |name: &str| ignored.iter().any(|pattern| pattern.matches(name));
        let names = Names::new(wanted, weights);
        let (mut places, mut missing, mut misshapen) = (BTreeMap::new(), Vec::new(), Vec::new());
        let (mut used, mut reshaped) = (BTreeSet::new(), Vec::new());
        for parameter in wanted {
            let mut found = names.of(parameter, weights).into_iter();
            let Some(tensor) = found.next() else {
                missing.push(parameter.name.as_str());
                continue;
            };
            used.insert(tensor.clone());
            let copies: Vec<_> = found.collect();
            used.extend(copies.iter().cloned());
            match weights.entry(&tensor).map(|entry| rows(parameter, entry, request.vocab)) {
                Some(Ok(rows)) => drop(places.insert(parameter.name.clone(), Place { tensor, copies, rows })),
                // a classifier of another number of classes
                Some(Err(_)) if request.new_head && has_other_rows(parameter, weights.entry(&tensor)) => {
                    reshaped.push(parameter.name.clone());
                }
                Some(Err(what)) => misshapen.push(format!("{tensor} {what}")),
                None => missing.push(parameter.name.as_str()),
            }
        }
        add_tied_head(wanted, weights, &mut places, &mut used);
        let is_extra = |name: &&str| !used.contains(*name) && !names.variants(name).any(|name| is_ignored(&name));
        let extra: Vec<_> = weights.entries().map(|(name, _)| name).filter(is_extra).collect();
        if missing.len() * 2 > wanted.len() {
            return Err(wrong(format!(
                "its tensors are not those of the family {family}: {} of {} are missing, such as {}; it has {}: does \
                 config.json belong to these weights?",
                missing.len(),
                wanted.len(),
                some(&missing),
                some(&weights.entries().map(|(name, _)| name).collect::<Vec<_>>())
            )));
        }
        if request.new_head {
            let fresh = missing.iter().map(|name| (*name).to_owned()).chain(reshaped).collect();
            let unused = extra.into_iter().map(str::to_owned).collect();
            return match misshapen.is_empty() {
                true => Ok(Self { places, fresh, unused }),
                false => Err(wrong(format!("has {} of another shape: {}", tensors(misshapen.len()), some(&misshapen)))),
            };
        }
        let mut problems = Vec::new();
        if !missing.is_empty() {
            problems.push(format!("misses {} that config.json asks for: {}", tensors(missing.len()), some(&missing)));
        }
        if !misshapen.is_empty() {
            problems.push(format!("has {} of another shape: {}", tensors(misshapen.len()), some(&misshapen)));
        }
        if !extra.is_empty() {
            let n = tensors(extra.len());
            problems.push(format!("has {n} that are nothing in this {family}: {}", some(&extra)));
        }
        match problems.is_empty() {
            true => Ok(Self { places, fresh: Vec::new(), unused: Vec::new() }),
            false => Err(wrong(format!("{}; fix config.json, or get the folder again", problems.join("; ")))),
        }
    }

    /// Reads the tensor of a parameter, with new rows where the vocabulary grew.
    ///
    /// # Errors
    /// A tensor that cannot be read or holds a number that is not finite.
    pub fn read(&self, parameter: &str, weights: &mut Weights, new_rows: NewRows) -> Result<Tensor> {
        let Some(place) = self.places.get(parameter) else {
            return Err(Error::run(format!("tensor {parameter} was not looked up")));
        };
        let tensor = weights.read(&place.tensor)?;
        for copy in &place.copies {
            let other = weights.read(copy)?;
            if !is_equal(&tensor, &other)? {
                tracing::warn!(
                    "{}: {copy} differs from {}, expected the same numbers: the model has one tensor for both, and {} is \
                     used",
                    weights.folder().display(),
                    place.tensor,
                    place.tensor
                );
            }
        }
        match place.rows {
            Some(rows) => new_rows.grow(&tensor, rows),
            None => Ok(tensor),
        }
    }

    /// The parameters of a new head, which keep their first values.
    pub fn fresh(&self) -> &[String] {
        &self.fresh
    }

    /// The tensors of the folder that a network with a new head does not have.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// The parameters whose tables get new rows.
    pub fn grown(&self) -> impl Iterator<Item = &str> {
        self.places.iter().filter(|(_, place)| place.rows.is_some()).map(|(name, _)| name.as_str())
    }
}

/// Whether a tensor differs from its parameter in the number of rows alone.
fn has_other_rows(parameter: &Wanted, entry: Option<&Entry>) -> bool {
    let inner = |shape: &[usize]| shape.get(1..).map(<[usize]>::to_vec);
    entry.is_some_and(|entry| inner(&entry.shape) == inner(&parameter.shape))
}

/// The rows that a tensor must grow to, if any.
///
/// # Errors
/// Its shape is another one; the error says what it is and what it should be.
fn rows(
    parameter: &Wanted,
    entry: &Entry,
    (vocab, vocab_of_file): (usize, usize),
) -> std::result::Result<Option<usize>, String> {
    if parameter.shape == entry.shape {
        return Ok(None);
    }
    match (parameter.shape.split_first(), entry.shape.split_first()) {
        (Some((rows, inner)), Some((rows_of_file, inner_of_file)))
            if inner == inner_of_file && *rows == vocab && *rows_of_file == vocab_of_file && vocab > vocab_of_file =>
        {
            Ok(Some(vocab))
        }
        _ => Err(format!("{:?}, expected {:?}", entry.shape, parameter.shape)),
    }
}

/// Files of a model whose output layer is the embedding may have it twice.
fn add_tied_head(
    wanted: &[Wanted],
    weights: &Weights,
    places: &mut BTreeMap<String, Place>,
    used: &mut BTreeSet<String>,
) {
    let Some(head) = weights.entry(HEAD).filter(|_| !used.contains(HEAD)) else { return };
    let is_embedding = |parameter: &&Wanted| {
        parameter.name.contains("embed") || parameter.name.contains("wte") || parameter.name.contains("shared")
    };
    for parameter in wanted.iter().filter(is_embedding) {
        if let Some(place) = places.get_mut(&parameter.name)
            && weights.entry(&place.tensor).is_some_and(|entry| entry.shape == head.shape)
        {
            place.copies.push(HEAD.to_owned());
            used.insert(HEAD.to_owned());
            return;
        }
    }
}

fn is_equal(a: &Tensor, b: &Tensor) -> Result<bool> {
    if a.dims() != b.dims() {
        return Ok(false);
    }
    let differences = a.to_dtype(DType::F64)?.ne(&b.to_dtype(DType::F64)?)?;
    Ok(differences.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()? == 0.0)
}

fn tensors(n: usize) -> String {
    if n == 1 { "1 tensor".to_owned() } else { format!("{n} tensors") }
}

/// The first names of a list, and how many there are besides.
fn some<T: AsRef<str>>(names: &[T]) -> String {
    let first: Vec<_> = names.iter().take(NAMED_MAX).map(AsRef::as_ref).collect();
    match names.len() - first.len() {
        0 if first.is_empty() => "none".to_owned(),
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
