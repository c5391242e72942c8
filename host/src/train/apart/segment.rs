//! A segment of a run as the first rank leads it: it hands out what is to be trained, trains some of it itself, and
//! between two of its updates takes the changes of the ranks that have come.

use super::{Center, Chunk, Schedule, Steps, outer_of};
use crate::base::interrupt;
use crate::ranks::Group;
use crate::report::Update;
use crate::train::ranks::Order;
use crate::train::step::{StepReport, Trainer};
use crate::{Error, Result};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How long the first rank sleeps when nobody has come and it has nothing to train.
const NAP: Duration = Duration::from_micros(200);

/// Times of the longest chunk that it waits for the next rank then, besides the deadline.
const PATIENCE: f64 = 4.0;

/// What has happened.
#[derive(Debug)]
pub enum Came {
    /// The changes of a rank were taken.
    Update(Update),
    /// All parts of the next step are trained: the mean of them.
    Step(StepReport),
}

/// What the first rank trains at the moment.
struct Own {
    chunk: Chunk,
    /// Parts that are done, and their reports.
    done: u64,
    numbers: Vec<f64>,
}

/// A segment under way.
pub struct Segment<'g> {
    group: &'g Group,
    schedule: Schedule,
    center: Center,
    begun: Instant,
    own: Option<Own>,
    /// Reports of the parts of steps that are not told yet.
    reports: BTreeMap<u64, Vec<StepReport>>,
    next_step: u64,
    ready: VecDeque<Came>,
    /// When a rank came last, in seconds, and the longest time that a chunk took.
    last: f64,
    longest: f64,
}

impl<'g> Segment<'g> {
    /// Gives every rank the parameters and its first parts, from step `first` on.
    ///
    /// # Errors
    /// A rank that is gone, no memory.
    pub fn begin(trainer: &Trainer, group: &'g Group, first: u64, schedule: Schedule) -> Result<Self> {
        let mut segment = Self {
            group,
            schedule,
            center: Center::new(outer_of(trainer)?)?,
            begun: Instant::now(),
            own: None,
            reports: BTreeMap::new(),
            next_step: first,
            ready: VecDeque::new(),
            last: 0.0,
            longest: 0.0,
        };
        (0..group.size()).try_for_each(|rank| segment.hand_out(trainer, rank))?;
        Ok(segment)
    }

    /// What happens next; none when the segment is trained.
    ///
    /// # Errors
    /// A rank that cannot train, is gone or does not come in time.
    pub fn next(&mut self, trainer: &mut Trainer, steps: &mut Steps<'_>) -> Result<Option<Came>> {
        loop {
            if let Some(came) = self.ready.pop_front() {
                return Ok(Some(came));
            }
            if self.schedule.is_over() {
                return Ok(None);
            }
            if interrupt::requested().is_some() {
                self.schedule.stop();
            }
            let trained = self.train_own(trainer, steps)?;
            if !self.serve(trainer)? && !trained {
                self.wait()?;
            }
        }
    }

    /// Gives the first rank the parameters, which the others get with their next chunk; returns the updates of them so
    /// far.
    ///
    /// # Errors
    /// Tensors that cannot be opened.
    pub fn finish(mut self, trainer: &Trainer) -> Result<u64> {
        let outer = outer_of(trainer)?;
        self.center.accelerate(outer, trainer.model.engine(), self.group.size())?;
        self.center.give_own(outer)?;
        Ok(self.schedule.updates())
    }

    /// Gives a free rank the parameters and the next parts, if there are any for it.
    fn hand_out(&mut self, trainer: &Trainer, rank: usize) -> Result<()> {
        let Some(chunk) = self.schedule.hand_out(rank, self.begun.elapsed().as_secs_f64()) else { return Ok(()) };
        if rank == 0 {
            self.own = Some(Own { chunk, done: 0, numbers: Vec::new() });
            return self.center.give_own(outer_of(trainer)?);
        }
        Order::Chunk { first: chunk.first, parts: chunk.parts }.tell_one(self.group, rank)?;
        self.center.give_to(self.group, rank)
    }

    /// Trains one part of the first rank's own; says whether there was one.
    fn train_own(&mut self, trainer: &mut Trainer, steps: &mut Steps<'_>) -> Result<bool> {
        let Some(own) = self.own.as_mut().filter(|own| own.done < own.chunk.parts) else { return Ok(false) };
        let report = steps.train(trainer, own.chunk.first + own.done, self.group.size())?;
        own.numbers.extend(report.numbers());
        own.done += 1;
        Ok(true)
    }

    /// Takes the changes of all ranks that have come and may; says whether there was one.
    fn serve(&mut self, trainer: &Trainer) -> Result<bool> {
        let mut served = false;
        for rank in 0..self.group.size() {
            if self.schedule.is_at_work(rank) && self.schedule.may_come(rank) && self.has_come(rank)? {
                self.take(trainer, rank)?;
                self.hand_out(trainer, rank)?;
                served = true;
            }
        }
        Ok(served)
    }

    fn has_come(&self, rank: usize) -> Result<bool> {
        match rank {
            0 => Ok(self.own.as_ref().is_some_and(|own| own.done == own.chunk.parts)),
            _ => self.group.has_sent(rank),
        }
    }

    /// Takes the changes of a rank.
    fn take(&mut self, trainer: &Trainer, rank: usize) -> Result<()> {
        let (outer, engine) = (outer_of(trainer)?, trainer.model.engine());
        let numbers = match self.own.take_if(|_| rank == 0) {
            Some(own) => {
                self.center.take_own(outer, engine, self.group.size())?;
                own.numbers
            }
            None => {
                let numbers = Order::push(self.group, rank)?;
                self.center.take_from(outer, engine, self.group, rank)?;
                numbers
            }
        };
        let now = self.begun.elapsed().as_secs_f64();
        self.longest = self.longest.max(now - self.schedule.since(rank).unwrap_or(now));
        self.last = now;
        let Some(update) = self.schedule.come(rank, now) else { return Ok(()) };
        let width = numbers.len() / update.parts.max(1) as usize;
        for (part, numbers) in (update.first..).zip(numbers.chunks(width.max(1))) {
            let of_step = self.reports.entry(part / self.group.size() as u64).or_default();
            of_step.extend(StepReport::of_numbers(numbers));
        }
        self.ready.push_back(Came::Update(update));
        while let Some(parts) = self.reports.get(&self.next_step).filter(|parts| parts.len() == self.group.size()) {
            self.ready.extend(StepReport::mean(parts).map(Came::Step));
            self.reports.remove(&self.next_step);
            self.next_step += 1;
        }
        Ok(())
    }

    /// Waits a moment for the ranks at work.
    fn wait(&self) -> Result<()> {
        let waited = self.begun.elapsed().as_secs_f64() - self.last;
        let at_most = self.group.deadline().as_secs_f64() + PATIENCE * self.longest;
        if waited > at_most {
            let ranks: Vec<String> = (1..self.group.size())
                .filter(|&rank| self.schedule.is_at_work(rank))
                .map(|rank| rank.to_string())
                .collect();
            let ranks = ranks.join(", ");
            let error = Error::run(format!("rank {ranks} did not come within {waited:.0} s (ranks.deadline_s)"));
            // MPI cannot be left without the others
            return Err(self.group.give_up(error));
        }
        std::thread::sleep(NAP);
        Ok(())
    }
}
