//! One pass over all judged documents, where splits are stratified: the classes of those that stay.

use super::filter::Filters;
use super::judged::Judged;
use super::pool::{Work, in_order};
use super::units::Piece;
use crate::Result;
use crate::corpus::DataConfig;
use crate::corpus::strata::{Splitter, StrataBuilder};

/// The splits of the documents in `pieces` that stay. What decontamination drops counts as if it stayed: it drops by
/// the splits, which must not change for that.
///
/// # Errors
/// A store that cannot be read.
pub(in crate::corpus) fn splitter<'a>(
    config: &'a DataConfig,
    filters: &Filters<'_>,
    pieces: &[Piece],
    threads: usize,
) -> Result<Splitter<'a>> {
    if config.labels.stratify.is_none() {
        return Ok(Splitter::plain(config));
    }
    let mut seen = StrataBuilder::default();
    let mut workers: Vec<_> = (0..threads).map(|_| Classes { config, filters }).collect();
    in_order(pieces.iter().map(Ok), &mut workers, |part| {
        seen.extend(part);
        Ok(())
    })?;
    Ok(Splitter::stratified(config, seen))
}

struct Classes<'a> {
    config: &'a DataConfig,
    filters: &'a Filters<'a>,
}

impl Work<&Piece> for Classes<'_> {
    type Output = StrataBuilder;

    fn work(&mut self, piece: &Piece) -> Result<StrataBuilder> {
        let mut part = StrataBuilder::default();
        for judged in piece.read()? {
            let judged: Judged = judged?;
            if !self.filters.drops_before_decontamination(&judged) {
                part.add(self.config, &judged.document, judged.leader());
            }
        }
        Ok(part)
    }
}
