//! Intervals by the bootstrap (Efron 1979): what a measure would be on other documents of the same kind.

use super::score::{Averages, Counts, ratio};
use crate::base::random::Stream;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// Resamples of the documents.
const RESAMPLES: u64 = 1000;
/// The middle share of the resamples, in percent of both ends.
const ENDS: [f64; 2] = [2.5, 97.5];
/// Name of the random stream.
const STREAM: &str = "bootstrap";

/// The middle 95 % of a measure over the resamples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Interval {
    /// 2.5 % of the resamples are below.
    pub low: f64,
    /// 2.5 % of the resamples are above.
    pub high: f64,
}

/// The intervals of a report's two main numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Intervals {
    /// Interval of the accuracy.
    pub accuracy: Interval,
    /// Interval of the report's F1: the macro average of classes, else the micro average.
    pub f1: Interval,
}

/// What each document adds to the counts. Equal ones are stored once.
#[derive(Debug, Clone, Default)]
pub(super) struct Documents {
    tallies: BTreeMap<Tally, u32>,
    /// The tally of each document.
    of_document: Vec<u32>,
}

/// What a document adds: counts by class, and items that are right, of how many.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tally {
    /// Counts by class.
    pub classes: Vec<(u32, Counts)>,
    /// Items that are right.
    pub right: u64,
    /// All items.
    pub items: u64,
}

/// The average of F1 that an interval is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Average {
    Micro,
    Macro,
}

impl Documents {
    /// Adds a document.
    pub(super) fn push(&mut self, tally: Tally) {
        let next = self.tallies.len() as u32;
        self.of_document.push(*self.tallies.entry(tally).or_insert(next));
    }

    /// Returns the intervals of accuracy and F1 over classes below `n_classes`: as many documents as there are, drawn
    /// with replacement, again and again. A function of documents and seed, whatever the number of threads.
    pub(super) fn intervals(&self, n_classes: usize, average: Average, seed: u64) -> Intervals {
        let none = Tally::default();
        let mut tallies = vec![&none; self.tallies.len()];
        self.tallies.iter().for_each(|(tally, &index)| tallies[index as usize] = tally);
        let stream = Stream::new(seed, STREAM);
        let measured: Vec<[f64; 2]> = (0..RESAMPLES)
            .into_par_iter()
            .map(|resample| self.measure(&tallies, self.draw(stream, resample), n_classes, average))
            .collect();
        let of = |which: usize| interval(measured.iter().map(|values| values[which]).collect());
        Intervals { accuracy: of(0), f1: of(1) }
    }

    /// How often each tally is in a resample.
    fn draw(&self, stream: Stream, resample: u64) -> Vec<u64> {
        let mut times = vec![0; self.tallies.len()];
        let n = self.of_document.len();
        for block in 0..n.div_ceil(4) {
            let numbers = stream.block(resample, block as u64);
            for number in numbers.into_iter().take(n - 4 * block) {
                // a number below n, each as likely but for n / 2^32
                let document = (u64::from(number) * n as u64) >> 32;
                times[self.of_document[document as usize] as usize] += 1;
            }
        }
        times
    }

    /// Accuracy and F1 of a resample.
    fn measure(&self, tallies: &[&Tally], times: Vec<u64>, n_classes: usize, average: Average) -> [f64; 2] {
        let mut classes = vec![Counts::default(); n_classes];
        let (mut right, mut items) = (0, 0);
        for (tally, times) in tallies.iter().zip(times) {
            tally.classes.iter().for_each(|(class, counts)| classes[*class as usize].add(*counts, times));
            right += tally.right * times;
            items += tally.items * times;
        }
        classes.retain(|counts| !counts.is_absent());
        let averages = Averages::of(&classes);
        let f1 = match average {
            Average::Micro => averages.micro.f1,
            Average::Macro => averages.plain.f1,
        };
        [ratio(right, items), f1]
    }
}

/// The middle 95 % of values; a bound between two of them is on the line from one to the other.
pub(super) fn interval(mut values: Vec<f64>) -> Interval {
    values.sort_by(f64::total_cmp);
    let [low, high] = ENDS.map(|percent| {
        let place = percent / 100.0 * (values.len() - 1) as f64;
        let below = place.floor() as usize;
        let above = values[(below + 1).min(values.len() - 1)];
        values[below] + (above - values[below]) * place.fract()
    });
    Interval { low, high }
}
