//! The causal task: every token is predicted from those before it.

use super::{Samples, Task};
use crate::Result;
use crate::corpus::Content;
use crate::feed::batch;
use crate::feed::shard::{Plane, Shard};
use crate::rows::Rows;
use std::ops::Range;
use trainyard_plugin::Tokenizer;

/// Prediction of every token from those before it. It needs nothing but the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Causal;

impl Task for Causal {
    fn name(&self) -> &'static str {
        "causal"
    }

    fn planes(&self) -> &'static [Plane] {
        &[]
    }

    fn encode(&self, contents: &[&Content], tokenizer: &mut dyn Tokenizer) -> Result<Samples> {
        let texts: Vec<_> = contents.iter().map(|content| content.text()).collect();
        Ok(Samples { tokens: tokenizer.encode(&texts)?, planes: Vec::new() })
    }

    fn rows(&self, shard: &Shard, parts: &mut dyn Iterator<Item = Range<u64>>, token_bytes: &[u32], rows: &mut Rows) {
        batch::push(rows, shard, parts, token_bytes);
    }
}
