//! Fields of a document that tasks learn from.

use crate::corpus::{Document, LABEL, Label, TARGET};
use crate::{Error, Result};

/// An error that names the document and the field.
pub(super) fn wrong(document: &Document, name: &str, what: &str) -> Error {
    Error::run(format!("document {:?}: {name}: {what}", document.id))
}

/// The text that is to be made of a document's own.
///
/// # Errors
/// A document without one.
pub(super) fn target(document: &Document) -> Result<String> {
    let none = "expected a second text, got none; name its field in [data.fields] target";
    document.target().ok_or_else(|| wrong(document, TARGET, none))
}

/// The labels of a document; none of one that has none. `several` says whether there may be more or fewer than one.
///
/// # Errors
/// A number that is no whole one, another number of labels.
pub(super) fn labels(document: &Document, several: bool) -> Result<Option<Vec<String>>> {
    let Some(label) = document.label() else { return Ok(None) };
    let mut names = label.names().to_vec();
    if let (Label::One(name), Some(number)) = (&label, label.number())
        && number.fract() != 0.0
    {
        let what = format!("expected a label, got the number {name}; set task.values = \"number\" to learn numbers");
        return Err(wrong(document, LABEL, &what));
    }
    if !several && names.len() != 1 {
        let cure = "set task.values = \"several\" for several labels of a document";
        return Err(wrong(document, LABEL, &format!("expected one label, got {}; {cure}", names.len())));
    }
    names.sort_unstable();
    names.dedup();
    Ok(Some(names))
}

/// The number that a document has as its label; none of one that has none.
///
/// # Errors
/// A label that is no number.
pub(super) fn number(document: &Document) -> Result<Option<f64>> {
    let Some(label) = document.label() else { return Ok(None) };
    let number = label.number().ok_or_else(|| {
        let got = label.names().join(", ");
        wrong(document, LABEL, &format!("expected a number, got {got:?}; set task.values = \"one\" to learn labels"))
    })?;
    Ok(Some(number))
}
