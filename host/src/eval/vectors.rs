//! The vectors of a run of the task `embeddings`, in the text format of word2vec.

use super::run::{OpenOptions, OpenRun};
use crate::base::write::write_file;
use crate::feed::tasks::{Borders, TaskConfig};
use crate::run::VECTORS;
use crate::{Error, Result};
use std::collections::HashSet;
use std::path::Path;
use trainyard_plugin::Vocabulary;

/// What stands before a token inside a word, where the tokenizer writes a space before all others.
const INSIDE: &str = "##";

/// Writes the vectors of the run in `root` to the file `to`, a line each, the most frequent tokens of the training data
/// first: the token's text and the numbers of its vector. Returns how many there are, and how many numbers each has.
///
/// White space in a token is written as `_`, bytes that are no UTF-8 as U+FFFD. `##` stands before a token inside a
/// word where the tokenizer writes a space before all others, and behind a text that an earlier line has stands `#` and
/// the token's id. Tokens that stand for no text, or that are not in the training data, have no line.
///
/// # Errors
/// A run of another task, a damaged one, a file that is there already or cannot be written.
pub fn write_vectors(root: &Path, to: &Path) -> Result<(usize, usize)> {
    if to.exists() {
        return Err(Error::usage(format!("{}: is there already; remove it, or choose another file", to.display())));
    }
    let run = OpenRun::open(root, &OpenOptions::default())?;
    let (task, data) = (run.task.config(), &run.data);
    let input = run.model.params().iter().find(|(name, _)| *name == VECTORS);
    let (TaskConfig::Embeddings(_), Some((_, input))) = (task, input) else {
        let (run, name) = (root.display(), task.name());
        return Err(Error::usage(format!(
            "{run}: expected a run of task.kind = \"embeddings\", got {name:?}; convert it to a folder or a .gguf file"
        )));
    };
    let width = input.value.dim(1)?;
    let numbers = input.value.to_vec()?;
    let mut tokenizer = run.tokenizer.tokenizer()?;
    tokenizer.load(&data.tokenizer.model)?;
    let vocabulary = tokenizer.vocabulary()?;
    let borders = Borders::new(tokenizer.as_mut(), &vocabulary)?;
    let counts = task.counts(&data.train, &data.tokenizer.token_bytes);
    let mut ids: Vec<usize> = (0..counts.len()).filter(|&id| counts[id] > 0).collect();
    ids.sort_by_key(|&id| std::cmp::Reverse(counts[id]));
    let mut text = format!("{} {width}\n", ids.len());
    for (id, name) in ids.iter().zip(names(&ids, &vocabulary, &borders)) {
        text.push_str(&name);
        for number in &numbers[id * width..][..width] {
            text.push_str(&format!(" {}", *number as f32));
        }
        text.push('\n');
    }
    write_file(to, text.as_bytes())?;
    Ok((ids.len(), width))
}

/// A name for each of these tokens that no other of them has.
fn names(ids: &[usize], vocabulary: &Vocabulary, borders: &Borders) -> Vec<String> {
    let mut taken = HashSet::new();
    let name = |&id: &usize| {
        let inside = if borders.is_joined(id as u32) { INSIDE } else { "" };
        let text = String::from_utf8_lossy(&vocabulary.tokens[id]);
        let written = |char: char| if char.is_whitespace() { '_' } else { char };
        let mut name: String = inside.chars().chain(text.chars().map(written)).collect();
        while !taken.insert(name.clone()) {
            name = format!("{name}#{id}");
        }
        name
    };
    ids.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_has_a_name_of_its_own() {
        let tokens: [&[u8]; 6] = [b" the", b"_the", b"a\nb", &[0xff], &[0xfe], b"the"];
        let vocabulary = Vocabulary { tokens: tokens.map(<[u8]>::to_vec).to_vec(), specials: Vec::new() };
        let names = names(&[5, 1, 0, 2, 3, 4], &vocabulary, &Borders::default());
        assert_eq!(names, ["the", "_the", "_the#0", "a_b", "\u{fffd}", "\u{fffd}#4"]);
    }
}
