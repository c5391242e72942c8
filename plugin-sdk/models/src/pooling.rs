//! How the last hidden states of a sequence become the one that its class is told from.

use trainyard_plugin::network::{Attention, Init, Linear, Net, Pool, Value};

/// What a setting can say.
pub const NAMES: &[&str] = &["first", "mean", "last", "attention"];

/// One row of each sequence of `x` `[row, width]`: `[sequence, width]`.
///
/// `attention` weighs rows by how a learned query meets their keys, in each of `heads` heads (pooling by multi-head
/// attention with one seed, Lee et al., arXiv 1810.00825). Queries and keys are the parameters `{name}.query` and
/// `{name}.key`; the query is that of the type of the first token, of `types`.
#[track_caller]
pub fn pool<'g>(g: &'g Net, name: &str, kind: &str, x: Value<'g>, (heads, types): (u32, u32)) -> Value<'g> {
    match kind {
        "mean" => x.pool(Pool::Mean),
        "last" => x.pool(Pool::Last),
        "attention" => {
            let width = x.columns();
            let shape = [types, width];
            let query = g.embedding_with(&format!("{name}.query"), g.token_types(), shape, 0, Init::Normal(0.02));
            let key = g.linear(&format!("{name}.key"), x, width, Linear::BIAS);
            // every row asks the same, and the first one is read
            query.attend(key, x, &Attention::full(heads)).pool(Pool::First)
        }
        _ => x.pool(Pool::First),
    }
}
