//! Documents in batches for a plugin: what a call costs is shared, what it holds is bounded.

use super::judged::Judged;
use super::units::{BATCH_BYTES, BATCH_DOCUMENTS, Piece};
use crate::Result;
use crate::corpus::read::Document;

/// Groups documents into batches.
pub fn batches<I>(documents: I) -> impl Iterator<Item = Result<Vec<Document>>>
where
    I: Iterator<Item = Result<Document>>,
{
    grouped(documents, |document| document.text.len())
}

/// Groups judged documents into batches.
pub(crate) fn judged_batches(
    documents: impl Iterator<Item = Result<Judged>>,
) -> impl Iterator<Item = Result<Vec<Judged>>> {
    grouped(documents, |judged| judged.document.text.len())
}

/// Groups items into batches, their sizes as told.
pub(crate) fn grouped<T>(
    mut items: impl Iterator<Item = Result<T>>,
    n_bytes_of: fn(&T) -> usize,
) -> impl Iterator<Item = Result<Vec<T>>> {
    std::iter::from_fn(move || {
        let (mut batch, mut n_bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_DOCUMENTS && n_bytes < BATCH_BYTES {
            match items.next() {
                Some(Ok(item)) => {
                    n_bytes += n_bytes_of(&item);
                    batch.push(item);
                }
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        (!batch.is_empty()).then_some(Ok(batch))
    })
}

/// The documents of all pieces, in order.
pub(crate) fn documents_of(pieces: &[Piece]) -> impl Iterator<Item = Result<Judged>> + Send {
    pieces.iter().flat_map(|piece| {
        let (documents, error) = match piece.read() {
            Ok(documents) => (Some(documents), None),
            Err(error) => (None, Some(Err(error))),
        };
        error.into_iter().chain(documents.into_iter().flatten())
    })
}

/// The texts of a batch, as plugins take them.
pub fn texts(batch: &[Document]) -> Vec<&str> {
    batch.iter().map(|document| document.text.as_str()).collect()
}
