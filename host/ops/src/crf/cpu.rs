//! All sequences on the CPU. A task is some neighbouring sequences, as many whatever the number of threads; sums are
//! added in the order of the tasks.

use super::check::Problem;
use super::table::Table;
use super::viterbi::viterbi as best_tags;
use super::{Gradients, Likelihood, logs, scaled};
use crate::cpu::vectorised;
use crate::pool::Scratch;
use crate::reduce::cpu::sum_in_order;
use crate::{Engine, Float, Result};
use std::ops::Range;

/// Tasks at most: each has sums of its own.
const TASKS_MAX: usize = 64;

/// What the kernels of a sequence write into, for the longest one.
pub(super) struct Work<'e> {
    /// `[rows, width]`, what the forward keeps.
    pub forward: Scratch<'e, f64>,
    /// `[rows, width]`, e^x of emissions.
    pub powers: Scratch<'e, f64>,
    /// `[width]` each.
    pub rows: [Scratch<'e, f64>; 3],
    /// `[tags, width]`
    pub pairs: Scratch<'e, f64>,
}

/// Sums over the sequences of a task.
pub(super) struct Sums<'a> {
    /// `[width]`
    pub start: &'a mut [f64],
    /// `[width]`
    pub end: &'a mut [f64],
    /// `[from, width]`
    pub transitions: &'a mut [f64],
}

impl<'e> Work<'e> {
    pub fn new(engine: &'e Engine, table: &Table, rows: usize) -> Self {
        let Table { tags, width, .. } = *table;
        Self {
            forward: engine.scratch(rows * width),
            powers: engine.scratch(rows * width),
            rows: [(); 3].map(|()| engine.scratch(width)),
            pairs: engine.scratch(tags * width),
        }
    }
}

impl<'a> Sums<'a> {
    /// How many there are.
    pub fn count(table: &Table) -> usize {
        (2 + table.tags) * table.width
    }

    pub fn of(values: &'a mut [f64], table: &Table) -> Self {
        let (start, rest) = values.split_at_mut(table.width);
        let (end, transitions) = rest.split_at_mut(table.width);
        Self { start, end, transitions }
    }

    /// Takes what the tags of a sequence have of the weights away.
    fn subtract(&mut self, table: &Table, tags: &[u32], scale: f64) {
        let (Some(&first), Some(&last)) = (tags.first(), tags.last()) else { return };
        self.start[first as usize] -= scale;
        self.end[last as usize] -= scale;
        for pair in tags.windows(2) {
            self.transitions[pair[0] as usize * table.width + pair[1] as usize] -= scale;
        }
    }
}

/// `out` `[tags]` = scale · (marginals, less 1 at `tag`).
#[inline(always)]
pub(super) fn write_row<T: Float>(marginals: &[f64], tag: Option<u32>, scale: f64, out: &mut [T]) {
    for (out, marginal) in out.iter_mut().zip(marginals) {
        *out = T::of(scale * marginal);
    }
    // Before rounding: the difference may be small.
    if let Some(tag) = tag {
        out[tag as usize] = T::of(scale * (marginals[tag as usize] - 1.0));
    }
}

fn partition<T: Float>(table: &Table, emissions: &[T], work: &mut Work<'_>) -> f64 {
    if emissions.is_empty() {
        return 0.0;
    }
    let partition = vectorised(
        #[inline(always)]
        || scaled::forward(table, emissions, work),
    );
    partition.unwrap_or_else(|| logs::forward(table, emissions, work))
}

/// The partition, and what `scaled::backward` computes.
fn posterior<T: Float>(
    table: &Table,
    emissions: &[T],
    weighted: (Option<&[u32]>, f64),
    work: &mut Work<'_>,
    out: &mut [T],
    sums: &mut Sums<'_>,
) -> f64 {
    if emissions.is_empty() {
        return 0.0;
    }
    let partition = vectorised(
        #[inline(always)]
        || {
            let partition = scaled::forward(table, emissions, work)?;
            scaled::backward(table, weighted, work, out, sums);
            Some(partition)
        },
    );
    partition.unwrap_or_else(|| {
        let partition = logs::forward(table, emissions, work);
        logs::backward(table, emissions, partition, weighted, work, out, sums);
        partition
    })
}

/// Sequences of a task.
fn per_task(sequences: &[Range<usize>]) -> usize {
    sequences.len().div_ceil(TASKS_MAX).max(1)
}

/// The rows of each sequence.
fn parts<'a, T>(mut rows: &'a mut [T], sequences: &[Range<usize>], width: usize) -> Vec<&'a mut [T]> {
    let mut end = 0;
    let mut part = |range: &Range<usize>| {
        let (_, rest) = std::mem::take(&mut rows).split_at_mut((range.start - end) * width);
        let (part, rest) = rest.split_at_mut(range.len() * width);
        (rows, end) = (rest, range.end);
        part
    };
    sequences.iter().map(&mut part).collect()
}

pub(super) fn log_likelihood<T: Float>(
    engine: &Engine,
    problem: &Problem<'_, T>,
    tags: &[u32],
) -> Result<Vec<Likelihood>> {
    let (table, n) = (Table::new(problem), per_task(problem.layout.sequences));
    let mut likelihoods = vec![Likelihood::default(); problem.layout.sequences.len()];
    engine.for_each(likelihoods.chunks_mut(n).zip(problem.layout.sequences.chunks(n)), |(likelihoods, sequences)| {
        let mut work = Work::new(engine, &table, problem.layout.longest());
        for (likelihood, range) in likelihoods.iter_mut().zip(sequences) {
            let emissions = problem.emissions_of(range);
            likelihood.partition = partition(&table, emissions, &mut work);
            likelihood.score = table.score(emissions, &tags[range.clone()]);
        }
    });
    problem.layout.check_possible(likelihoods.iter().map(|likelihood| likelihood.partition))?;
    Ok(likelihoods)
}

pub(super) fn backward<T: Float>(
    engine: &Engine,
    problem: &Problem<'_, T>,
    tags: &[u32],
    scales: &[T],
    gradients: Gradients<'_, T>,
) -> Result<Vec<Likelihood>> {
    let (table, sequences) = (Table::new(problem), problem.layout.sequences);
    let n = per_task(sequences);
    let mut likelihoods = vec![Likelihood::default(); sequences.len()];
    gradients.emissions.fill(T::ZERO);
    let mut outs = parts(gradients.emissions, sequences, table.tags);
    let mut totals = vec![0.0; Sums::count(&table)];
    let tasks = likelihoods.chunks_mut(n).zip(outs.chunks_mut(n)).zip(sequences.chunks(n).zip(scales.chunks(n)));
    sum_in_order(engine, [&mut totals], tasks, |((likelihoods, outs), (sequences, scales)), sums| {
        let (mut work, mut sums) = (Work::new(engine, &table, problem.layout.longest()), Sums::of(sums, &table));
        let results = likelihoods.iter_mut().zip(outs);
        for ((likelihood, out), (range, scale)) in results.zip(sequences.iter().zip(scales)) {
            let (emissions, tags, scale) = (problem.emissions_of(range), &tags[range.clone()], scale.f64());
            likelihood.partition = posterior(&table, emissions, (Some(tags), scale), &mut work, out, &mut sums);
            likelihood.score = table.score(emissions, tags);
            sums.subtract(&table, tags, scale);
        }
    });
    problem.layout.check_possible(likelihoods.iter().map(|likelihood| likelihood.partition))?;
    let sums = Sums::of(&mut totals, &table);
    add_rows(gradients.start, sums.start, &table);
    add_rows(gradients.end, sums.end, &table);
    add_rows(gradients.transitions, sums.transitions, &table);
    Ok(likelihoods)
}

/// `gradient` `[rows, tags]` += `sums` `[rows, width]`.
fn add_rows<T: Float>(gradient: Option<&mut [T]>, sums: &[f64], table: &Table) {
    let rows = gradient.into_iter().flat_map(|gradient| gradient.chunks_exact_mut(table.tags));
    for (gradient, sums) in rows.zip(sums.chunks_exact(table.width)) {
        gradient.iter_mut().zip(sums).for_each(|(gradient, &sum)| *gradient += T::of(sum));
    }
}

pub(super) fn marginals<T: Float>(engine: &Engine, problem: &Problem<'_, T>, out: &mut [T]) -> Result<Vec<f64>> {
    let (table, sequences) = (Table::new(problem), problem.layout.sequences);
    let n = per_task(sequences);
    let mut partitions = vec![0.0; sequences.len()];
    out.fill(T::ZERO);
    let mut outs = parts(out, sequences, table.tags);
    let tasks = partitions.chunks_mut(n).zip(outs.chunks_mut(n)).zip(sequences.chunks(n));
    engine.for_each(tasks, |((partitions, outs), sequences)| {
        let mut work = Work::new(engine, &table, problem.layout.longest());
        let mut sums = vec![0.0; Sums::count(&table)]; // not wanted here
        let mut sums = Sums::of(&mut sums, &table);
        for ((partition, out), range) in partitions.iter_mut().zip(outs).zip(sequences) {
            *partition = posterior(&table, problem.emissions_of(range), (None, 1.0), &mut work, out, &mut sums);
        }
    });
    problem.layout.check_possible(partitions.iter().copied())?;
    Ok(partitions)
}

pub(super) fn viterbi<T: Float>(engine: &Engine, problem: &Problem<'_, T>, tags: &mut [u32]) -> Result<Vec<f64>> {
    let (table, sequences) = (Table::new(problem), problem.layout.sequences);
    let (n, width) = (per_task(sequences), table.width);
    let mut scores = vec![0.0; sequences.len()];
    tags.fill(0);
    let mut outs = parts(tags, sequences, 1);
    let tasks = scores.chunks_mut(n).zip(outs.chunks_mut(n)).zip(sequences.chunks(n));
    engine.for_each(tasks, |((scores, outs), sequences)| {
        let [mut best, mut next] = [(); 2].map(|()| engine.scratch::<f64>(width));
        let mut origins = engine.scratch::<u32>(problem.layout.longest() * width);
        for ((score, out), range) in scores.iter_mut().zip(outs).zip(sequences) {
            let emissions = problem.emissions_of(range);
            *score = vectorised(
                #[inline(always)]
                || best_tags(&table, emissions, [&mut best, &mut next], &mut origins, out),
            );
        }
    });
    problem.layout.check_possible(scores.iter().copied())?;
    Ok(scores)
}
