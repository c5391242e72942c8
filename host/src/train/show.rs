//! The first sequences that a run is trained on, for people.

use super::batches::loader;
use crate::Result;
use crate::feed::{Dataset, Position};
use crate::rows::Rows;
use crate::run::{DataPlugins, RunConfig, RunTask};
use trainyard_plugin::Vocabulary;

/// A sequence, document by document.
pub type ShownSequence = Vec<Vec<ShownPart>>;

/// Tokens side by side that share their fate, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownPart {
    /// The text; special tokens by their names.
    pub text: String,
    /// Number of tokens.
    pub tokens: usize,
    /// Says whether they are predicted, or only read.
    pub is_predicted: bool,
}

/// The first `n` sequences of a run of `config` on `data`.
///
/// # Errors
/// Data that do not fill a sequence, whatever the tokenizer reports.
pub fn first_sequences(
    config: &RunConfig,
    plugins: &DataPlugins,
    data: &Dataset,
    n: usize,
) -> Result<Vec<ShownSequence>> {
    let task = RunTask::open(config, &plugins.tokenizer, data)?;
    let mut tokenizer = plugins.tokenizer.tokenizer()?;
    tokenizer.load(&data.tokenizer.model)?;
    let vocabulary = tokenizer.vocabulary()?;
    let mut loader = loader(config, &task, data, Position::default())?;
    let mut shown = Vec::with_capacity(n);
    while shown.len() < n {
        let rows = loader.next_batch();
        let is_next = config.task.continues_text();
        shown.extend((0..rows.sequences).map(|sequence| parts(&rows, sequence, is_next, &vocabulary)));
    }
    shown.truncate(n);
    Ok(shown)
}

/// The documents of a window. Where rows predict the next token (`is_next`), the last one of a document is shown too.
fn parts(rows: &Rows, sequence: usize, is_next: bool, vocabulary: &Vocabulary) -> ShownSequence {
    let window = sequence * rows.context..(sequence + 1) * rows.context;
    // the target of each token of the window, where there is one
    let mut targets = vec![None; rows.context];
    for (row, &target) in rows.columns.target.iter().enumerate() {
        let token = rows.at.as_ref().map_or(row, |at| at[row] as usize);
        let counts = rows.columns.weight.get(row).is_none_or(|&weight| weight > 0.0);
        if window.contains(&token) && counts {
            targets[token - window.start] = Some(target);
        }
    }
    let positions = &rows.document_position[window.clone()];
    let inputs = &rows.inputs[window];
    let starts: Vec<_> = (0..positions.len()).filter(|&place| place == 0 || positions[place] == 0).collect();
    let ends = starts.iter().skip(1).copied().chain([positions.len()]);
    let mut documents = Vec::new();
    for (&start, end) in starts.iter().zip(ends) {
        let (inputs, targets) = (&inputs[start..end], &targets[start..end]);
        let tokens = match is_next {
            true => after(inputs, targets),
            false => inputs.iter().zip(targets).map(|(&id, target)| (id, target.is_some())).collect(),
        };
        let is_padding = inputs.iter().all(|&id| id == 0) && targets.iter().all(Option::is_none);
        if !is_padding {
            documents.push(joined(&tokens, vocabulary));
        }
    }
    documents
}

/// The tokens of a document, each with whether it is predicted from those before it. Padding behind it is left out.
fn after(inputs: &[u32], targets: &[Option<u32>]) -> Vec<(u32, bool)> {
    let before = std::iter::once(&None).chain(targets);
    let mut tokens: Vec<_> = inputs.iter().zip(before).map(|(&id, target)| (id, target.is_some())).collect();
    match (targets.iter().rposition(Option::is_some), targets.last()) {
        (Some(_), Some(&Some(last))) => tokens.push((last, true)),
        (Some(last), _) if inputs[last + 1..].iter().all(|&id| id == 0) => {
            tokens.truncate(last + 1);
            tokens.push((targets[last].unwrap_or_default(), true));
        }
        _ => {}
    }
    tokens
}

fn joined(tokens: &[(u32, bool)], vocabulary: &Vocabulary) -> Vec<ShownPart> {
    let alike = tokens.chunk_by(|(_, one), (_, other)| one == other);
    alike
        .map(|tokens| {
            let mut bytes = Vec::new();
            for (id, _) in tokens {
                match vocabulary.specials.iter().find(|special| special.id == *id) {
                    Some(special) => bytes.extend_from_slice(special.name.as_bytes()),
                    None => bytes.extend(vocabulary.tokens.get(*id as usize).into_iter().flatten()),
                }
            }
            let is_predicted = tokens.first().is_some_and(|(_, predicted)| *predicted);
            ShownPart { text: String::from_utf8_lossy(&bytes).into_owned(), tokens: tokens.len(), is_predicted }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_predicted_is_told_from_what_is_read() {
        let tokens = (0..=255u8).map(|byte| vec![byte]).collect();
        let vocabulary = Vocabulary { tokens, specials: Vec::new() };
        let ids = |text: &str| text.bytes().map(u32::from).collect::<Vec<_>>();
        let mut rows = Rows::windows([ids("ask an"), vec![0, 0]].concat(), 8);
        rows.document_position = vec![0, 1, 2, 3, 4, 5, 0, 1];
        rows.at = Some(vec![3, 4, 5]);
        rows.columns.target = ids("ans");
        rows.columns.weight = vec![1.0; 3];
        let shown = parts(&rows, 0, true, &vocabulary);
        let texts = |shown: &ShownSequence| -> Vec<Vec<(String, bool)>> {
            let of = |part: &ShownPart| (part.text.clone(), part.is_predicted);
            shown.iter().map(|parts| parts.iter().map(of).collect()).collect()
        };
        assert_eq!(texts(&shown), [[("ask ".to_owned(), false), ("ans".to_owned(), true)]]);
        let hidden = parts(&rows, 0, false, &vocabulary);
        assert_eq!(texts(&hidden), [[("ask".to_owned(), false), (" an".to_owned(), true)]]);
    }
}
