//! Why a document stayed or went, what every filter dropped, and what other limits would drop: answered from the judged
//! documents that [`super::Preparation`] left in the store, without reading the corpus again.

mod drops;
mod html;
mod judgement;
mod prepared;
mod rethreshold;
mod sample;
mod why;

pub use drops::{DropTable, FilterDrops, ReasonDrops, drops};
pub use html::page;
pub use judgement::{Judgement, RuleLine};
pub use prepared::Prepared;
pub use rethreshold::{Moved, Rethreshold, rethreshold};
pub use sample::{Excerpt, Sample};
pub use why::{Why, why};
