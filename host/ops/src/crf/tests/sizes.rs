//! Long sequences, large numbers, many threads.

use super::super::check::Problem;
use super::super::cpu::{Sums, Work};
use super::super::table::Table;
use super::super::{logs, scaled};
use super::{Constraints, Given, assert_close, engine};

/// The two ways to sum, of the only sequence; whether the scaled one can.
fn both_ways(given: &Given<f64>, limit: f64) -> bool {
    let problem = Problem::new(&given.emissions, &given.sequences, given.weights()).unwrap();
    let (table, engine, emissions) = (Table::new(&problem), engine(), &given.emissions[..]);
    let mut work = Work::new(&engine, &table, problem.layout.longest());
    let Some(partition) = scaled::forward(&table, emissions, &mut work) else { return false };
    let mut results = [(); 2].map(|()| (vec![0.0; emissions.len()], vec![0.0; Sums::count(&table)]));
    let [(out, sums), (expected_out, expected_sums)] = &mut results;
    scaled::backward(&table, (Some(&given.tags), 0.5), &mut work, out, &mut Sums::of(sums, &table));
    let expected = logs::forward(&table, emissions, &mut work);
    let expected_sums_of = &mut Sums::of(expected_sums, &table);
    let weighted = (Some(&given.tags[..]), 0.5);
    logs::backward(&table, emissions, expected, weighted, &mut work, expected_out, expected_sums_of);
    assert_close("partition", &[partition], &[expected], 1e-14);
    assert_close("demissions", out, expected_out, limit);
    assert_close("sums", sums, expected_sums, limit);
    true
}

#[test]
fn scaled_sums_are_those_of_logarithms() {
    for (n, rows, deviation) in [(64, 2_000, 3.0), (9, 2_000, 10.0), (8, 100, 0.1), (17, 50, 25.0), (1, 9, 1.0)] {
        let given = Given::random(n, &[0..rows], rows, [deviation, 1.0]);
        assert!(both_ways(&given, 1e-9), "{n} tags");
    }
    let names: Vec<_> = ["O", "B-A", "I-A", "B-B", "I-B"].map(str::to_owned).to_vec();
    let allowed = Some(Constraints::bio(&names).unwrap());
    for deviation in [1.0, 20.0] {
        let given = Given::random(5, &[0..300], 300, [deviation, 1.0]);
        assert!(both_ways(&Given { allowed: allowed.clone(), ..given }, 1e-9));
    }
    assert!(!both_ways(&Given::random(9, &[0..20], 20, [300.0, 1.0]), 1e-9));
}

#[test]
fn large_scores_do_not_overflow() {
    for n in [2, 9, 64] {
        let mut given = Given::<f32>::random(n, &[0..2_000], 2_000, [1.0, 1.0]);
        for numbers in [&mut given.emissions, &mut given.start, &mut given.end, &mut given.transitions] {
            numbers.iter_mut().for_each(|x| *x = 100_f32.copysign(*x));
        }
        let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let same = Given {
            emissions: wide(&given.emissions),
            tags: given.tags.clone(),
            sequences: given.sequences.clone(),
            start: wide(&given.start),
            end: wide(&given.end),
            transitions: wide(&given.transitions),
            scales: wide(&given.scales),
            allowed: None,
        };
        let (got, expected) = (given.answers(0.0), same.answers(0.0));
        let [got_partition, partition] = [got.likelihoods[0].partition, expected.likelihoods[0].partition];
        assert!(partition.is_finite() && partition >= expected.best_scores[0]);
        assert_close("partition", &[got_partition], &[partition], 1e-6);
        assert_close("demissions", &got.emissions, &expected.emissions, 1e-6);
        assert_close("dtransitions", &got.transitions, &expected.transitions, 1e-6);
        assert!(got.likelihoods[0].loss() >= 0.0);
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let ranges: Vec<_> = (0..150).map(|i| i * 10..i * 10 + i % 11).collect();
    let given = Given::<f32>::random(9, &ranges, 1_500, [2.0, 1.0]);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| given.answers(1.0))
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}
