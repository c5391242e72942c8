//! Chat templates of Hugging Face, rendered to the byte as transformers' jinja2 renders them, the conversations that
//! they are rendered from, and the added tokens that the text is cut at.

mod added;
mod answers;
mod arguments;
mod bounds;
mod conversation;
mod engine;
mod expression;
mod filters;
mod folder;
mod json;
mod literal;
mod marks;
mod methods;
mod python;
mod source;
mod template;
#[cfg(test)]
mod tests;
mod time;

pub use added::{AddedTokens, Piece};
pub use conversation::Conversation;
pub use template::{Rendered, Template, Tokens};
