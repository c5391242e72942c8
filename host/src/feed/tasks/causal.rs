//! The causal task: every token is predicted from those before it.

use super::{Batch, Encode, Samples, Task};
use crate::Result;
use crate::corpus::Document;
use crate::feed::batch;
use crate::feed::shard::Plane;
use crate::rows::{InputSet, Rows};
use trainyard_plugin::Tokenizer;

/// Prediction of every token from those before it. It needs nothing but the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Causal;

impl Encode for Causal {
    fn identity(&self) -> String {
        "causal".into()
    }

    fn planes(&self) -> &'static [Plane] {
        &[]
    }

    fn encode(&self, documents: &[&Document], tokenizer: &mut dyn Tokenizer) -> Result<Samples> {
        let texts: Vec<_> = documents.iter().map(|document| document.text()).collect();
        Ok(Samples { tokens: tokenizer.encode(&texts)?, ..Samples::default() })
    }
}

impl Task for Causal {
    fn name(&self) -> &'static str {
        "causal"
    }

    fn supplied(&self) -> InputSet {
        batch::SUPPLIED
    }

    fn rows(&self, batch: &Batch<'_>) -> Rows {
        let mut rows = batch::empty(batch.sequences.len(), batch.context);
        for sequence in &batch.sequences {
            batch::push(&mut rows, batch.shard, sequence.parts.iter().cloned(), batch.token_bytes);
        }
        rows
    }
}
