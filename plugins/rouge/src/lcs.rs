//! Longest common subsequences of words.

use std::collections::{BTreeSet, HashMap};

/// Returns the length of the longest common subsequence.
pub fn length(left: &[u32], right: &[u32]) -> usize {
    let mut row = vec![0; right.len() + 1];
    for word in left {
        step(&mut row, *word, right);
    }
    row[right.len()] as usize
}

/// Turns the lengths for a prefix of the left side, by prefix of the right side, into those for one word more.
fn step(row: &mut [u32], word: u32, right: &[u32]) {
    // the length for one word less on both sides
    let mut diagonal = 0;
    for (column, other) in right.iter().enumerate() {
        let above = row[column + 1];
        row[column + 1] = if word == *other { diagonal + 1 } else { above.max(row[column]) };
        diagonal = above;
    }
}

/// Returns how many words of the references' lines are in a longest common subsequence with a line of the text, of
/// which each word counts as often as both sides have it.
pub fn of_lines(references: &[Vec<u32>], hypotheses: &[Vec<u32>]) -> usize {
    let count = |lines: &[Vec<u32>]| {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        lines.iter().flatten().for_each(|word| *counts.entry(*word).or_default() += 1);
        counts
    };
    let mut left = [count(references), count(hypotheses)];
    let mut matches = 0;
    for reference in references {
        let union: BTreeSet<usize> = hypotheses.iter().flat_map(|hypothesis| places(reference, hypothesis)).collect();
        for word in union.into_iter().map(|place| reference[place]) {
            if left.iter().all(|left| left.get(&word).is_some_and(|left| *left > 0)) {
                left.iter_mut().for_each(|left| *left.entry(word).or_default() -= 1);
                matches += 1;
            }
        }
    }
    matches
}

/// The places in `reference` of one longest common subsequence: that of rouge-score, where there are several.
fn places(reference: &[u32], hypothesis: &[u32]) -> Vec<usize> {
    // one bit per pair of prefixes: whether the length without the last word of the text is larger than that without
    // the last word of the reference
    let n_words = hypothesis.len().div_ceil(64);
    let mut steps_left = vec![0_u64; n_words * reference.len()];
    let mut row = vec![0; hypothesis.len() + 1];
    let mut above = row.clone();
    for (word, bits) in reference.iter().zip(steps_left.chunks_mut(n_words.max(1))) {
        above.copy_from_slice(&row);
        step(&mut row, *word, hypothesis);
        for column in 0..hypothesis.len() {
            bits[column / 64] |= u64::from(row[column] > above[column + 1]) << (column % 64);
        }
    }
    let (mut i, mut j) = (reference.len(), hypothesis.len());
    let mut places = Vec::new();
    while i > 0 && j > 0 {
        if reference[i - 1] == hypothesis[j - 1] {
            places.push(i - 1);
            (i, j) = (i - 1, j - 1);
        } else if steps_left[(i - 1) * n_words + (j - 1) / 64] >> ((j - 1) % 64) & 1 == 1 {
            j -= 1;
        } else {
            i -= 1;
        }
    }
    places
}
