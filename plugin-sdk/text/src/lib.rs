//! Shared code of text filters and text metrics: word splitters, lines, sentences, n-grams, classes of characters,
//! normal forms of answers. Plugin authors can use it too: it needs nothing from the system, and compiles to WASM.
//!
//! ```
//! use trainyard_text::Words;
//!
//! let words: Words = "unicode".parse()?;
//! let text = "It's 3.5 °C, 中文.";
//! assert!(words.split(text).eq(["It's", "3.5", "°", "C", ",", "中", "文", "."]));
//! assert!(words.words(text).eq(["It's", "3.5", "C", "中", "文"]));
//! assert!(Words::Whitespace.split(text).eq(["It's", "3.5", "°C,", "中文."]));
//! # Ok::<(), String>(())
//! ```

mod answers;
mod bounds;
pub mod bytes;
pub mod chars;
mod dictionary;
mod ends;
mod lines;
mod nfc;
pub mod ngrams;
mod phrases;
mod sentences;
mod table;
mod words;

pub use answers::Answers;
pub use bounds::Bounds;
pub use ends::Ends;
pub use lines::{count_chars, lines, offset_in, paragraphs, parts, strip};
pub use nfc::nfc;
pub use phrases::{Phrases, count};
pub use sentences::count_sentences;
pub use table::Table;
pub use words::{Split, Words};
