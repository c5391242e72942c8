//! What plain cross-entropy is on each document of a text.

use crate::report::DocumentLoss;
use crate::rows::Rows;
use std::collections::BTreeMap;
use std::f64::consts::LN_2;

/// The documents that were seen so far.
#[derive(Debug, Default)]
pub(super) struct DocumentLosses(BTreeMap<u64, DocumentLoss>);

impl DocumentLosses {
    /// Adds a batch; `nats` `[rows]` are the weighted cross-entropies. Tokens without text count where bits per byte
    /// count them: not at all.
    pub fn add(&mut self, rows: &Rows, nats: &[f64]) {
        let (weights, bytes) = (&rows.columns.weight, &rows.columns.target_bytes);
        for (row, (&document, &nats)) in rows.documents.iter().zip(nats).enumerate() {
            let weight = weights.get(row).map_or(1.0, |&weight| f64::from(weight));
            if weight == 0.0 {
                continue;
            }
            let of = self.0.entry(document).or_insert(DocumentLoss { document, ..DocumentLoss::default() });
            of.weight += weight;
            of.nats += nats;
            let bytes = bytes.get(row).map_or(0, |&bytes| bytes as u64);
            if bytes > 0 {
                of.bytes += bytes;
                of.bits += nats / LN_2;
            }
        }
    }

    /// All of them, in order.
    pub fn into_list(self) -> Vec<DocumentLoss> {
        self.0.into_values().collect()
    }
}
