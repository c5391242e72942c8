//! Sums and the best over all sequences of tags, one by one.

use super::{Constraints, Given, assert_close};

/// Every sequence of `length` tags below `n`, the lowest first.
fn all(n: usize, length: usize) -> impl Iterator<Item = Vec<usize>> {
    let digit = move |number: usize, place: usize| number / n.pow((length - 1 - place) as u32) % n;
    (0..n.pow(length as u32)).map(move |number| (0..length).map(|place| digit(number, place)).collect())
}

/// The score of these tags for the rows from `first` on; none where they are not allowed.
fn score(given: &Given<f64>, first: usize, tags: &[usize]) -> Option<f64> {
    let n = given.start.len();
    if let Some(allowed) = &given.allowed {
        let pairs = tags.windows(2).all(|pair| allowed.follows(pair[0], pair[1]));
        if !(allowed.starts(tags[0]) && allowed.ends(tags[tags.len() - 1]) && pairs) {
            return None;
        }
    }
    let of_rows = tags.iter().enumerate().map(|(row, tag)| given.emissions[(first + row) * n + tag]);
    let of_pairs = tags.windows(2).map(|pair| given.transitions[pair[0] * n + pair[1]]);
    let sum = of_rows.sum::<f64>() + of_pairs.sum::<f64>();
    Some(given.start[tags[0]] + sum + given.end[tags[tags.len() - 1]])
}

fn check(given: &Given<f64>) {
    let (n, got) = (given.start.len(), given.answers(0.0));
    let mut inside = vec![false; given.tags.len()];
    for (i, range) in given.sequences.iter().enumerate().filter(|(_, range)| !range.is_empty()) {
        let scored: Vec<_> = all(n, range.len())
            .filter_map(|tags| score(given, range.start, &tags).map(|score| (tags, score)))
            .collect();
        let largest = scored.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = scored.iter().map(|(_, score)| (score - largest).exp()).sum();
        assert_close("partition", &[got.likelihoods[i].partition], &[largest + total.ln()], 1e-12);
        let mut expected = vec![0.0; range.len() * n];
        for (tags, score) in &scored {
            tags.iter().enumerate().for_each(|(row, tag)| expected[row * n + tag] += (score - largest).exp() / total);
        }
        assert_close("marginals", &got.marginals[range.start * n..range.end * n], &expected, 1e-12);
        let best = scored.iter().find(|(_, score)| *score == largest).unwrap();
        let tags: Vec<usize> = got.best[range.clone()].iter().map(|&tag| tag as usize).collect();
        assert_eq!(tags, best.0);
        assert_close("best score", &[got.best_scores[i]], &[largest], 1e-12);
        let tags: Vec<usize> = given.tags[range.clone()].iter().map(|&tag| tag as usize).collect();
        assert_close("score", &[got.likelihoods[i].score], &[score(given, range.start, &tags).unwrap()], 1e-12);
        inside[range.clone()].fill(true);
    }
    for row in (0..inside.len()).filter(|&row| !inside[row]) {
        assert_eq!((&got.marginals[row * n..][..n], got.best[row]), (&*vec![0.0; n], 0));
        assert_eq!(got.emissions[row * n..][..n], vec![0.0; n]);
    }
}

#[test]
fn sums_are_those_over_all_sequences_of_tags() {
    for n in [1, 2, 3, 4] {
        for deviation in [1.0, 30.0, 500.0] {
            check(&Given::random(n, &[1..6, 6..6, 7..8, 9..12], 13, [deviation, 1.0]));
            check(&Given::random(n, &[0..5], 5, [1.0, deviation]));
        }
    }
}

#[test]
fn sums_leave_out_what_is_not_allowed() {
    let constraints = [
        Constraints::bio(&["O", "B-X", "I-X"]).unwrap(),
        Constraints::bio(&["I-X", "B-Y", "B-X", "I-Y"]).unwrap(),
        // only up, from the lowest to the highest
        Constraints::new(
            vec![true, false, false],
            vec![false, false, true],
            vec![true, true, false, false, true, true, false, false, true],
        )
        .unwrap(),
    ];
    let tags: [&[u32]; 3] = [&[0, 1, 2, 2, 0], &[2, 0, 0, 1, 3], &[0, 0, 1, 1, 2]];
    for (allowed, tags) in constraints.into_iter().zip(tags) {
        for deviations in [[1.0, 1.0], [150.0, 1.0], [1.0, 300.0]] {
            let given = Given::random(allowed.tags(), &[0..5], 5, deviations);
            check(&Given { allowed: Some(allowed.clone()), tags: tags.to_vec(), ..given });
        }
    }
}

/// The slope of Σ scale · loss along each number is its gradient.
#[test]
fn gradients_are_finite_differences() {
    let given = Given::<f64>::random(4, &[0..6, 8..9, 9..13], 14, [2.0, 1.0]);
    let got = given.answers(0.5);
    let total = |given: &Given<f64>| -> f64 {
        given.likelihoods().iter().zip(&given.scales).map(|(likelihood, scale)| scale * likelihood.loss()).sum()
    };
    let step = 1e-5;
    type Numbers = fn(&mut Given<f64>) -> &mut Vec<f64>;
    let kinds: [(&str, Numbers, &[f64], f64); 4] = [
        ("demissions", |given| &mut given.emissions, &got.emissions, 0.0),
        ("dstart", |given| &mut given.start, &got.start, 0.5),
        ("dend", |given| &mut given.end, &got.end, 0.5),
        ("dtransitions", |given| &mut given.transitions, &got.transitions, 0.5),
    ];
    for (what, numbers, got, old) in kinds {
        let slope = |i: usize| {
            let [above, below] = [step, -step].map(|step| {
                let mut moved = given.clone();
                numbers(&mut moved)[i] += step;
                total(&moved)
            });
            (above - below) / (2.0 * step) + old
        };
        let expected: Vec<f64> = (0..got.len()).map(slope).collect();
        assert_close(what, got, &expected, 1e-8);
    }
}
