//! Who trains what, where ranks do not wait for one another.
//!
//! A step has as many parts as there are ranks, so that a part is one update by one rank's share of the micro-batches.
//! The parts of a segment, the steps between two validations or checkpoints, are numbered, and a rank that is free
//! takes the next ones: a fast rank takes more of them at a time (dynamic local updates, Liu et al., arXiv 2401.09135),
//! and all of them end at about the same time. Each part is trained once, whatever the speeds are.

use crate::report::Update;
use crate::{Error, Result};
use std::collections::VecDeque;

/// Some neighbouring parts of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Number of the first part.
    pub first: u64,
    /// How many there are.
    pub parts: u64,
}

/// The order in which ranks have come before, for a replay.
pub type Recorded = VecDeque<Update>;

/// One rank.
#[derive(Debug, Clone, Default)]
struct Rank {
    /// What it trains, and since when in seconds.
    chunk: Option<(Chunk, f64)>,
    /// Updates of the parameters before it took them.
    taken: u64,
    /// Parts a second; none before it came for the first time.
    speed: Option<f64>,
}

/// What is left of a segment, and who is at work on it.
#[derive(Debug)]
pub struct Schedule {
    ranks: Vec<Rank>,
    /// The next part that nobody has.
    next: u64,
    /// The first part that is not of the segment.
    end: u64,
    /// Parts of a chunk, at most.
    most: u64,
    max_staleness: u64,
    /// Updates of the parameters so far.
    updates: u64,
    /// A replay: the chunks to hand out, by rank, and the ranks in the order in which they come.
    replay: Option<(Vec<VecDeque<Chunk>>, VecDeque<usize>)>,
}

impl Schedule {
    /// All parts of the steps from `steps.start` to `steps.end`, for `size` ranks; chunks have at most `most` parts,
    /// and an update may be behind by `max_staleness` others before these wait for it. `updates` were there before.
    pub fn new(steps: std::ops::Range<u64>, size: usize, (most, max_staleness): (u64, u64), updates: u64) -> Self {
        let parts = size as u64;
        let (next, end) = (steps.start * parts, steps.end * parts);
        Self { ranks: vec![Rank::default(); size], next, end, most, max_staleness, updates, replay: None }
    }

    /// The segment of `steps`, or what was done of it, as it was recorded: takes its updates off `recorded`.
    ///
    /// # Errors
    /// A record of other steps or other ranks.
    pub fn replayed(steps: std::ops::Range<u64>, size: usize, updates: u64, recorded: &mut Recorded) -> Result<Self> {
        let mut schedule = Self::new(steps.clone(), size, (u64::MAX, u64::MAX), updates);
        let (mut chunks, mut order) = (vec![VecDeque::new(); size], VecDeque::new());
        let mut end = schedule.next;
        loop {
            let after = updates + order.len() as u64;
            let Some(update) = recorded.pop_front() else {
                return Err(Error::usage(format!(
                    "--replay: the record ends after update {after}, expected more of them"
                )));
            };
            if update.rank >= size || update.update != after + 1 || update.first < schedule.next {
                return Err(Error::usage(format!(
                    "--replay: update {} is of rank {} from part {} on, expected update {} of the steps from {} on by one of {size} \
                     ranks; replay with the config and as many ranks as were recorded, from the first step on",
                    update.update,
                    update.rank,
                    update.first,
                    after + 1,
                    steps.start
                )));
            }
            chunks[update.rank].push_back(Chunk { first: update.first, parts: update.parts });
            order.push_back(update.rank);
            end = end.max(update.first + update.parts);
            if update.met {
                break;
            }
        }
        if end > schedule.end || !end.is_multiple_of(size as u64) {
            return Err(Error::usage(format!(
                "--replay: the ranks met after part {end}, expected to meet after step {} at the latest, part {}; replay with the \
                 config that was recorded",
                steps.end, schedule.end
            )));
        }
        schedule.end = end;
        schedule.replay = Some((chunks, order));
        Ok(schedule)
    }

    /// The parts that a free rank trains next, from `now` seconds on; none when the segment has no more for it.
    pub fn hand_out(&mut self, rank: usize, now: f64) -> Option<Chunk> {
        let chunk = match &mut self.replay {
            Some((chunks, _)) => chunks[rank].pop_front()?,
            None => Chunk { first: self.next, parts: self.size_for(rank)? },
        };
        self.next = self.next.max(chunk.first + chunk.parts);
        self.ranks[rank].chunk = Some((chunk, now));
        self.ranks[rank].taken = self.updates;
        Some(chunk)
    }

    /// As many parts as keep a rank busy as long as the fastest one is with `most`, and not more than its share of what
    /// is left.
    fn size_for(&self, rank: usize) -> Option<u64> {
        let left = self.end - self.next;
        if left == 0 {
            return None;
        }
        // a rank that did not come yet is taken for one of the others' mean
        let known: Vec<f64> = self.ranks.iter().filter_map(|rank| rank.speed).collect();
        let mean = if known.is_empty() { 1.0 } else { known.iter().sum::<f64>() / known.len() as f64 };
        let speed = |rank: &Rank| rank.speed.unwrap_or(mean);
        let fastest = self.ranks.iter().map(speed).fold(0.0, f64::max);
        let together: f64 = self.ranks.iter().map(speed).sum();
        let own = speed(&self.ranks[rank]);
        let share = (left as f64 * own / together).ceil() as u64;
        let as_long = (self.most as f64 * own / fastest).round() as u64;
        Some(as_long.clamp(1, self.most).min(share.max(1)).min(left))
    }

    /// Whether the changes of a rank may be taken now: those of another one are not too far behind, and in a replay it
    /// is its turn.
    pub fn may_come(&self, rank: usize) -> bool {
        if let Some((_, order)) = &self.replay {
            return order.front() == Some(&rank);
        }
        let at_work = self.ranks.iter().filter(|rank| rank.chunk.is_some());
        let oldest = at_work.map(|rank| rank.taken).min().unwrap_or(self.updates);
        self.ranks[rank].taken == oldest || self.updates - oldest < self.max_staleness
    }

    /// A rank has come with the changes of its chunk, at `now`.
    pub fn come(&mut self, rank: usize, now: f64) -> Option<Update> {
        let (chunk, since) = self.ranks[rank].chunk.take()?;
        if let Some((_, order)) = &mut self.replay {
            order.pop_front();
        }
        let staleness = self.updates - self.ranks[rank].taken;
        self.ranks[rank].speed = Some(chunk.parts as f64 / (now - since).max(1e-9));
        self.updates += 1;
        let size = self.ranks.len() as u64;
        Some(Update {
            step: (chunk.first + chunk.parts).div_ceil(size),
            update: self.updates,
            rank,
            first: chunk.first,
            parts: chunk.parts,
            staleness,
            met: self.is_over(),
        })
    }

    /// Ends the segment with the step that is under way.
    pub fn stop(&mut self) {
        if self.replay.is_none() {
            self.end = self.next.next_multiple_of(self.ranks.len() as u64);
        }
    }

    /// Since when a rank is at work, in seconds.
    pub fn since(&self, rank: usize) -> Option<f64> {
        self.ranks[rank].chunk.map(|(_, since)| since)
    }

    /// Whether a rank is at work.
    pub fn is_at_work(&self, rank: usize) -> bool {
        self.ranks[rank].chunk.is_some()
    }

    /// Whether all that was handed out has come back, and nothing is left.
    pub fn is_over(&self) -> bool {
        self.next == self.end && self.ranks.iter().all(|rank| rank.chunk.is_none())
    }

    /// Updates of the parameters so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trains a segment with ranks that need so many seconds for a part; returns the updates, and when all was done.
    fn simulated(schedule: &mut Schedule, seconds: &[f64]) -> (Vec<Update>, f64) {
        let mut busy: Vec<Option<f64>> = vec![None; seconds.len()];
        let (mut updates, mut now) = (Vec::new(), 0.0_f64);
        loop {
            for (rank, busy) in busy.iter_mut().enumerate().filter(|(_, busy)| busy.is_none()) {
                *busy = schedule.hand_out(rank, now).map(|chunk| now + chunk.parts as f64 * seconds[rank]);
            }
            let come = (0..seconds.len()).filter(|&rank| busy[rank].is_some() && schedule.may_come(rank));
            let first = come.min_by(|&a, &b| busy[a].unwrap_or(f64::MAX).total_cmp(&busy[b].unwrap_or(f64::MAX)));
            let Some(rank) = first else { break };
            now = now.max(busy[rank].take().unwrap_or(now));
            updates.extend(schedule.come(rank, now));
        }
        assert!(schedule.is_over());
        (updates, now)
    }

    fn covers(updates: &[Update], from: u64, to: u64) {
        let mut parts: Vec<u64> = updates.iter().flat_map(|update| update.first..update.first + update.parts).collect();
        parts.sort_unstable();
        assert_eq!(parts, (from..to).collect::<Vec<_>>());
        let met: Vec<bool> = updates.iter().map(|update| update.met).collect();
        assert_eq!(met.iter().position(|&met| met), Some(met.len() - 1), "{updates:?}");
    }

    #[test]
    fn a_rank_of_half_the_speed_trains_a_third() {
        let mut schedule = Schedule::new(10..110, 2, (10, 8), 0);
        let (updates, end) = simulated(&mut schedule, &[1.0, 2.0]);
        covers(&updates, 20, 220);
        let slow: u64 = updates.iter().filter(|update| update.rank == 1).map(|update| update.parts).sum();
        assert!((60..=72).contains(&slow), "{slow} of 200");
        // 200 parts at 1.5 a second
        assert!((133.0..142.0).contains(&end), "{end} s");
        assert!(updates.iter().all(|update| update.staleness <= 3), "{updates:?}");
    }

    #[test]
    fn the_others_wait_for_one_that_is_too_far_behind() {
        let staleness = |most| {
            let mut schedule = Schedule::new(0..100, 3, (4, most), 0);
            let (updates, _) = simulated(&mut schedule, &[1.0, 1.0, 40.0]);
            covers(&updates, 0, 300);
            updates.iter().map(|update| update.staleness).max().unwrap()
        };
        assert!(staleness(1000) > 20);
        assert!(staleness(3) <= 3);
    }

    #[test]
    fn it_stops_with_a_whole_step() {
        let mut schedule = Schedule::new(0..100, 4, (3, 8), 0);
        for rank in 0..3 {
            schedule.hand_out(rank, 0.0).unwrap();
        }
        schedule.stop();
        let come: Vec<Update> = (0..3).filter_map(|rank| schedule.come(rank, 1.0)).collect();
        assert!(come.iter().all(|update| !update.met));
        let mut rest: Vec<u64> = Vec::new();
        for rank in [3, 0, 1, 2] {
            rest.extend(
                schedule.hand_out(rank, 1.0).into_iter().flat_map(|chunk| chunk.first..chunk.first + chunk.parts),
            );
            schedule.come(rank, 2.0);
        }
        assert_eq!(rest, [9, 10, 11]);
        assert!(schedule.is_over());
    }

    #[test]
    fn a_record_is_replayed_and_another_one_refused() {
        let mut schedule = Schedule::new(4..24, 2, (5, 8), 7);
        let (updates, _) = simulated(&mut schedule, &[1.0, 1.7]);
        assert_eq!(updates[0].update, 8);
        let replayed = |steps, size, before, updates: &[Update], seconds: &[f64]| {
            let mut recorded: Recorded = updates.iter().cloned().collect();
            let mut schedule = Schedule::replayed(steps, size, before, &mut recorded)?;
            assert!(recorded.is_empty());
            Ok::<_, Error>(simulated(&mut schedule, seconds).0)
        };
        // the other one is the slower one now
        assert_eq!(replayed(4..24, 2, 7, &updates, &[3.0, 1.0]).unwrap(), updates);
        for (steps, size, before, n) in
            [(4..24, 1, 7, 99), (4..24, 2, 6, 99), (4..24, 2, 7, 2), (4..20, 2, 7, 99), (6..24, 2, 7, 99)]
        {
            let some = &updates[..updates.len().min(n)];
            let error = replayed(steps, size, before, some, &[1.0, 1.0]).unwrap_err().to_string();
            assert!(error.starts_with("--replay: "), "{error}");
        }
    }
}
