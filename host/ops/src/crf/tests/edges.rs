//! The smallest sequences, ties, and what is refused.

use super::{Constraints, Given, Weights, engine, log_likelihood, viterbi};

#[test]
fn sequences_of_no_and_of_one_row() {
    let given = Given::<f64>::random(3, &[0..0, 0..1, 1..1], 1, [1.0, 1.0]);
    let got = given.answers(0.0);
    for empty in [0, 2] {
        assert_eq!(
            (got.likelihoods[empty].partition, got.likelihoods[empty].score, got.best_scores[empty]),
            (0.0, 0.0, 0.0)
        );
    }
    assert_eq!(got.transitions, [0.0; 9]);
    assert_eq!((&got.start, &got.emissions), (&got.end, &got.start));
    let none = Given::<f64>::random(3, &[], 0, [1.0, 1.0]).answers(2.0);
    assert_eq!((none.likelihoods.len(), none.transitions), (0, vec![2.0; 9]));
}

#[test]
fn one_tag_has_the_probability_1() {
    let given = Given::<f32>::random(1, &[0..4], 4, [5.0, 5.0]);
    let got = given.answers(0.0);
    assert!(got.likelihoods[0].loss().abs() < 1e-12);
    assert_eq!((got.marginals, got.best), (vec![1.0; 4], vec![0; 4]));
    assert!(got.transitions[0].abs() < 1e-12);
}

#[test]
fn ties_are_of_the_lower_tag() {
    let given = Given::<f32> {
        emissions: vec![0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 2.0],
        start: vec![0.0; 3],
        end: vec![0.0; 3],
        transitions: vec![0.0; 9],
        sequences: vec![0..3],
        ..Given::default()
    };
    let mut tags = [7; 3];
    let scores = viterbi(&engine(), &given.emissions, &given.sequences, given.weights(), &mut tags).unwrap();
    assert_eq!((tags, scores), ([1, 0, 0], vec![3.0]));
}

#[test]
fn numbers_that_are_none_are_seen() {
    for at in [0, 5] {
        let mut given = Given::<f64>::random(3, &[0..2, 2..4], 4, [1.0, 1.0]);
        given.emissions[at] = f64::NAN;
        let got = given.likelihoods();
        assert!(got[0].partition.is_nan() && got[1].partition.is_finite(), "{got:?}");
    }
}

#[test]
fn bio_begins_what_it_is_inside() {
    let allowed = Constraints::bio(&["O", "B-A", "I-A", "B-B", "I-B"]).unwrap();
    let starts: Vec<bool> = (0..5).map(|tag| allowed.starts(tag)).collect();
    assert_eq!(starts, [true, true, false, true, false]);
    assert!((0..5).all(|tag| allowed.ends(tag) && allowed.follows(tag, 0) && allowed.follows(tag, 1)));
    let before = |tag: usize| (0..5).filter(|&from| allowed.follows(from, tag)).collect::<Vec<_>>();
    assert_eq!((before(2), before(4)), (vec![1, 2], vec![3, 4]));
    let error = Constraints::bio(&["O", "I-A"]).unwrap_err().to_string();
    assert_eq!(error, "tag I-A: expected a tag B-A that begins it, got none; add B-A");
    let error = Constraints::new(vec![true; 2], vec![true; 2], vec![true; 3]).unwrap_err().to_string();
    assert_eq!(error, "crf: expected 2 ends and 4 transitions, got 2 and 3");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let good = Given::<f32>::random(3, &[0..2, 2..4], 4, [1.0, 1.0]);
    let error_of = |given: &Given<f32>| {
        let Given { emissions, tags, sequences, .. } = given;
        log_likelihood(&engine(), emissions, tags, sequences, given.weights()).unwrap_err().to_string()
    };
    let cases = [
        (Given { sequences: vec![1..3, 2..4], ..good.clone() }, "got rows 2..4 after row 3 of 4"),
        (Given { sequences: vec![1..5], ..good.clone() }, "got rows 1..5 after row 0 of 4"),
        (Given { tags: vec![0, 3, 0, 0], ..good.clone() }, "crf: row 1: expected a tag below 3, got 3"),
        (Given { tags: vec![0; 3], ..good.clone() }, "expected tags of 4 numbers for 3 tags, got 3"),
        (Given { end: vec![0.0; 2], ..good.clone() }, "expected end of 3 numbers for 3 tags, got 2"),
        (Given { start: vec![], end: vec![], transitions: vec![], ..good.clone() }, "no rows of 0 tags"),
    ];
    for (given, expected) in &cases {
        assert!(error_of(given).contains(expected), "{}", error_of(given));
    }
    let allowed = Some(Constraints::bio(&["O", "B-A", "I-A"]).unwrap());
    let bio = Given { allowed, tags: vec![0, 1, 1, 2], ..good };
    assert_eq!(bio.likelihoods().len(), 2);
    let given = Given { tags: vec![0, 2, 1, 2], ..bio.clone() };
    assert!(error_of(&given).starts_with("crf: row 1: expected tags that are allowed, got tag 2 after tag 0; correct"));
    assert!(
        error_of(&Given { tags: vec![0, 1, 2, 2], ..bio.clone() }).contains("row 2: expected tags that are allowed")
    );
    let none = Constraints::new(vec![true, false, false], vec![true; 3], vec![false; 9]).unwrap();
    let weights = Weights { allowed: Some(&none), ..bio.weights() };
    let error = viterbi(&engine(), &bio.emissions, &[0..1, 1..4], weights, &mut [0; 4]).unwrap_err().to_string();
    assert!(error.starts_with("crf: rows 1..4: expected tags with a score above -inf, got none"), "{error}");
}
