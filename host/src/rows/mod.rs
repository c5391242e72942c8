//! What a step computes with: rows, each a token that is read and what is known of the token after it.
//!
//! [`Rows`] is one batch. `columns` is the one table of what graphs of losses and metrics can ask of its rows; `groups`
//! says which rows belong together; [`PlacedRows`] is a batch where the model computes.

mod batch;
mod columns;
mod groups;
mod placed;

pub use batch::{Position, Rows, SourceText};
pub use columns::{Columns, Extent, Format, InputInfo, InputSet, LOGITS, RowInput, STEP, Values};
pub(crate) use groups::Groups;
pub use placed::{PlacedRows, Source, Tokens};
