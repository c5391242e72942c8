//! Words that are moved, one run of them after another, as long as that leaves fewer edits. Which runs are tried, how
//! many, and which of equally good ones is taken are Tercom's rules.

use crate::beam::{Beam, Edit, Row};

/// Most words in a run.
const LENGTH_MAX: usize = 10;
/// Largest difference between where a run is and where the reference has it.
const DISTANCE_MAX: usize = 50;
/// Most moves that are tried for a pair of texts.
const TRIED_MAX: usize = 1000;

/// Where the words of a reference are in a text, and what is wrong on each side.
struct Alignment {
    /// For each word of the reference, how many words of the text are before the place behind it.
    ends: Vec<usize>,
    wrong_in_reference: Vec<bool>,
    wrong_in_text: Vec<bool>,
}

impl Alignment {
    fn new(edits: &[Edit]) -> Self {
        let (mut ends, mut wrong_in_reference, mut wrong_in_text) = (Vec::new(), Vec::new(), Vec::new());
        for edit in edits {
            let is_wrong = *edit != Edit::Keep;
            if *edit != Edit::Insert {
                wrong_in_text.push(is_wrong);
            }
            if *edit != Edit::Delete {
                ends.push(wrong_in_text.len());
                wrong_in_reference.push(is_wrong);
            }
        }
        Self { ends, wrong_in_reference, wrong_in_text }
    }
}

/// A move: the best has the greatest gain, then the most words, then the first start, then the first target.
struct Shift {
    gain: i64,
    length: usize,
    start: usize,
    target: usize,
}

impl Shift {
    fn is_better(&self, other: &Self) -> bool {
        let rank = |shift: &Self| (shift.gain, shift.length, -(shift.start as i64), -(shift.target as i64));
        rank(self) > rank(other)
    }
}

/// Returns how many edits make a text its reference, where moving a run of words is one.
pub fn edits(text: &[u32], reference: &[u32]) -> u64 {
    if reference.is_empty() {
        return text.len() as u64;
    }
    let (mut text, mut shifts, mut tried) = (text.to_vec(), 0, 0);
    loop {
        let beam = Beam::new(&text, reference);
        let best = best_shift(&text, reference, &beam, &mut tried);
        match best.filter(|best| best.gain > 0 && tried < TRIED_MAX) {
            Some(best) => {
                let (words, place) = moved(&text, best.start, best.length, best.target);
                shifts += 1;
                text[place..place + words.len()].copy_from_slice(&words);
            }
            None => return shifts + u64::from(beam.distance()),
        }
    }
}

/// Tries the moves of a text.
fn best_shift(text: &[u32], reference: &[u32], beam: &Beam<'_>, tried: &mut usize) -> Option<Shift> {
    let alignment = Alignment::new(&beam.edits());
    let (distance, mut spare) = (i64::from(beam.distance()), [Row::default(), Row::default()]);
    let mut best: Option<Shift> = None;
    for start in 0..text.len() {
        let first = start.saturating_sub(DISTANCE_MAX);
        for place in first..reference.len().min(start + DISTANCE_MAX + 1) {
            let same = text[start..].iter().zip(&reference[place..]).take_while(|(left, right)| left == right);
            for length in 1..=same.take(LENGTH_MAX).count() {
                if !alignment.may_move(start, place, length) {
                    continue;
                }
                for target in alignment.targets(place, length) {
                    let (words, from) = moved(text, start, length, target);
                    let gain = distance - i64::from(beam.distance_with(&words, from, &mut spare));
                    *tried += 1;
                    let shift = Shift { gain, length, start, target };
                    if best.as_ref().is_none_or(|best| shift.is_better(best)) {
                        best = Some(shift);
                    }
                }
                if *tried >= TRIED_MAX {
                    return best;
                }
            }
        }
    }
    best
}

impl Alignment {
    /// Whether a run of words is worth moving to where the reference has it: something is wrong in the run and at that
    /// place, and the place is not in the run.
    fn may_move(&self, start: usize, place: usize, length: usize) -> bool {
        let is_any = |wrong: &[bool], from: usize| wrong[from..from + length].contains(&true);
        is_any(&self.wrong_in_text, start)
            && is_any(&self.wrong_in_reference, place)
            && !(start + 1..=start + length).contains(&self.ends[place])
    }

    /// Returns the places in the text to move a run to: the start if the reference has the run there, and behind what
    /// is aligned with the word before the run and with each word of it, without places in a row that are the same.
    fn targets(&self, place: usize, length: usize) -> Vec<usize> {
        let before = if place == 0 { 0 } else { self.ends[place - 1] };
        let mut targets = vec![before];
        targets.extend(&self.ends[place..self.ends.len().min(place + length)]);
        targets.dedup();
        targets
    }
}

/// Returns the words that change when a run of words is moved to before a place, and the place of the first.
fn moved(text: &[u32], start: usize, length: usize, target: usize) -> (Vec<u32>, usize) {
    let (run, end) = (&text[start..start + length], start + length);
    if target < start {
        return ([run, &text[target..start]].concat(), target);
    }
    // a place within the run counts from its end
    let target = if target > end { target } else { text.len().min(target + length) };
    ([&text[end..target], run].concat(), start)
}
