//! Searches over tables of logits.

mod fixture;

use super::{BeamConfig, BeamSearch, Hypothesis, Sequences};
use crate::{Error, Result};
use std::collections::BTreeMap;

const END: u32 = 3;

/// Logits of what follows a text; of texts that are not listed all are 0.
struct Table {
    logits: BTreeMap<Vec<u32>, [f64; 4]>,
    texts: Vec<Vec<u32>>,
    /// Most sequences that there were at a time.
    most: usize,
}

impl Table {
    fn new(n: usize, probabilities: &[(&[u32], [f64; 4])]) -> Self {
        let logits = probabilities.iter().map(|(text, p)| (text.to_vec(), p.map(f64::ln))).collect();
        Self { logits, texts: vec![Vec::new(); n], most: n }
    }
}

impl Sequences for &mut Table {
    fn read(&mut self, ids: &[&[u32]]) -> Result<Vec<Vec<f64>>> {
        assert_eq!(ids.len(), self.texts.len());
        self.texts.iter_mut().zip(ids).for_each(|(text, ids)| text.extend(*ids));
        Ok(self.texts.iter().map(|text| self.logits.get(text).copied().unwrap_or([0.0; 4]).to_vec()).collect())
    }

    fn reorder(&mut self, from: &[usize]) -> Result<()> {
        self.texts = from.iter().map(|&sequence| self.texts[sequence].clone()).collect();
        self.most = self.most.max(from.len());
        Ok(())
    }
}

fn config(beams: usize) -> BeamConfig {
    BeamConfig {
        beams,
        length_penalty: 1.0,
        max_tokens: 3,
        min_tokens: 0,
        no_repeat_ngram: 0,
        end: Some(END),
        first: None,
        last: None,
        n_tokens: 4,
    }
}

fn search(table: &mut Table, prompts: &[&[u32]], config: &BeamConfig) -> Vec<Vec<Hypothesis>> {
    let mut search = BeamSearch::new(table, prompts, config.clone()).unwrap();
    while search.step().unwrap() {}
    assert_eq!(search.open(), 0);
    search.finish()
}

#[track_caller]
fn assert_found(got: &[Hypothesis], expected: &[(&[u32], f64)]) {
    let ids: Vec<_> = got.iter().map(|hypothesis| &hypothesis.ids[..]).collect();
    assert_eq!(ids, expected.iter().map(|(ids, _)| *ids).collect::<Vec<_>>());
    for (got, (_, score)) in got.iter().zip(expected) {
        assert!((got.score - score).abs() < 1e-12, "{got:?}, expected {score}");
    }
}

/// After 0, token 1 is the likeliest, but what follows it is not.
fn garden_path(n: usize) -> Table {
    Table::new(
        n,
        &[
            (&[0], [0.05, 0.5, 0.4, 0.05]),
            (&[0, 1], [0.3, 0.2, 0.3, 0.2]),
            (&[0, 2], [0.02, 0.02, 0.06, 0.9]),
            (&[0, 1, 0], [0.1, 0.1, 0.1, 0.7]),
            (&[0, 1, 2], [0.1, 0.1, 0.2, 0.6]),
        ],
    )
}

#[test]
fn a_greedy_search_takes_the_likeliest_token() {
    let found = search(&mut garden_path(1), &[&[0]], &config(1));
    assert_found(&found[0], &[(&[1, 0], (0.5_f64 * 0.3 * 0.7).ln() / 3.0)]);
    let short = search(&mut garden_path(1), &[&[0]], &BeamConfig { max_tokens: 1, ..config(1) });
    assert_found(&short[0], &[(&[1], 0.5_f64.ln())]);
}

#[test]
fn beams_find_what_is_likelier_as_a_whole() {
    let (end_of_2, end_of_1) = ((0.4_f64 * 0.9).ln(), (0.5_f64 * 0.3 * 0.7).ln());
    let found = search(&mut garden_path(1), &[&[0]], &config(2));
    assert_found(&found[0], &[(&[2], end_of_2 / 2.0), (&[1, 0], end_of_1 / 3.0)]);
    let long = BeamConfig { length_penalty: 6.0, ..config(2) };
    assert_found(
        &search(&mut garden_path(1), &[&[0]], &long)[0],
        &[(&[1, 0], end_of_1 / 3.0_f64.powi(6)), (&[1, 2], (0.5_f64 * 0.3 * 0.6).ln() / 3.0_f64.powi(6))],
    );
}

#[test]
fn texts_are_searched_for_together_and_end_apart() {
    let mut table = garden_path(2);
    // the second ends at once
    table.logits.insert(vec![2, 1], [1e-9_f64, 1e-9, 1e-9, 1.0].map(f64::ln));
    let found = search(&mut table, &[&[0], &[2, 1]], &config(1));
    assert_found(&found[0], &[(&[1, 0], (0.5_f64 * 0.3 * 0.7).ln() / 3.0)]);
    assert_eq!(found[1].len(), 1);
    assert!(found[1][0].ids.is_empty() && found[1][0].score.abs() < 1e-8);
    assert_eq!((table.most, table.texts.len()), (2, 1));
    let mut both = garden_path(2);
    let together = search(&mut both, &[&[0], &[0]], &config(2));
    assert_eq!(together[0], together[1]);
    assert_eq!(together[0], search(&mut garden_path(1), &[&[0]], &config(2))[0]);
    assert_eq!(both.most, 4);
}

#[test]
fn tokens_may_be_forced_or_forbidden() {
    let run = |config: BeamConfig| search(&mut garden_path(1), &[&[0]], &config).swap_remove(0).swap_remove(0);
    // what is forced has probability 1
    let first = run(BeamConfig { first: Some(2), ..config(1) });
    assert_found(&[first], &[(&[2], 0.9_f64.ln() / 2.0)]);
    let last = run(BeamConfig { last: Some(END), max_tokens: 2, ..config(1) });
    assert_found(&[last], &[(&[1], 0.5_f64.ln() / 2.0)]);
    let fewest = run(BeamConfig { first: Some(2), min_tokens: 2, ..config(1) });
    assert_eq!(fewest.ids, [2, 2, 0]);
    // 0 and 1 were there
    let single = run(BeamConfig { no_repeat_ngram: 1, ..config(1) });
    assert_eq!(single.ids, [1, 2]);
    let without_end = run(BeamConfig { end: None, first: Some(2), ..config(1) });
    assert_eq!(without_end.ids, [2, 3, 0]);
    let fewer = run(BeamConfig { n_tokens: 1, ..config(2) });
    assert_eq!((fewer.ids, fewer.score), (vec![0; 3], 0.0));
}

#[test]
fn a_text_without_a_next_token_ends_there() {
    let nothing = BeamConfig { no_repeat_ngram: 1, n_tokens: 2, end: None, ..config(2) };
    let found = search(&mut garden_path(1), &[&[0]], &nothing);
    assert_found(&found[0], &[(&[1], (0.5_f64 / 0.55).ln())]);
}

#[test]
fn what_cannot_be_is_named() {
    let error = |config: BeamConfig| -> Error {
        let mut table = garden_path(1);
        let started = BeamSearch::new(&mut table, &[&[0]], config);
        started.and_then(|mut search| search.step()).unwrap_err()
    };
    let beams = error(config(0)).to_string();
    assert_eq!(beams, "beams: expected at least 1, got 0");
    let penalty = error(BeamConfig { length_penalty: f64::NAN, ..config(1) }).to_string();
    assert_eq!(penalty, "length_penalty: expected a finite number, got NaN");
    let forced = error(BeamConfig { first: Some(4), ..config(1) }).to_string();
    assert_eq!(forced, "token 4 is to be written, expected one below 4");
    let mut table = garden_path(1);
    table.logits.insert(vec![0], [f64::NAN, 0.0, 0.0, 0.0]);
    let damaged = BeamSearch::new(&mut table, &[&[0]], config(2)).unwrap().step().unwrap_err().to_string();
    assert!(damaged.starts_with("the model's logits are not finite numbers"), "{damaged}");
}
