//! Runs a plan: some processes at a time, one event after another.

use super::claim::claim;
use super::halving::{Rung, means, rank};
use super::outcome::{Broken, Event, Outcome};
use super::plan::{Plan, Planned, has_room, planned};
use super::process::{Failure, Process};
use super::state::State;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::thread::sleep;
use std::time::Duration;
use trainyard_base::interrupt::{self, Signal};
use trainyard_base::{Error, Result};

/// Time between two looks at processes and signals.
const PAUSE: Duration = Duration::from_millis(20);

/// With what the runs are trained.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program that has `train`.
    pub program: PathBuf,
    /// Its version, for `sweep.json`.
    pub version: String,
    /// Threads of each run; none leaves `train.threads` as it is. Results do not depend on it.
    pub threads: Option<usize>,
}

/// Trains the runs of a plan. Dropped before its end, it asks its processes to save their runs, and waits for them.
#[derive(Debug)]
pub struct Runner {
    plan: Plan,
    options: Options,
    /// The rung of the runs in the plan, from 0.
    rung: usize,
    /// Runs of the plan that are to be started, by number.
    queue: VecDeque<usize>,
    running: Vec<Process>,
    events: VecDeque<Event>,
    stopping: Option<Signal>,
    /// Runs that were started or were done before.
    n_begun: u64,
    outcome: Outcome,
}

impl Runner {
    /// Takes the sweep's folder, and is ready to start. Runs that are done are left as they are.
    ///
    /// # Errors
    /// A folder that belongs to a run or to another sweep, or that cannot be written.
    pub fn new(plan: Plan, options: Options) -> Result<Self> {
        let folder = claim(&plan.sweep, &plan.base, &options.version)?;
        let outcome = Outcome { folder, runs: plan.totals().runs, ..Outcome::default() };
        let mut runner = Self {
            plan,
            options,
            rung: 0,
            queue: VecDeque::new(),
            running: Vec::new(),
            events: VecDeque::new(),
            stopping: None,
            n_begun: 0,
            outcome,
        };
        runner.fill_queue();
        Ok(runner)
    }

    /// Waits for the next event; none when nothing more will happen. After SIGINT or SIGTERM, for which the caller
    /// listens by [`interrupt::listen`], the processes get the same signal, no other is started, and the events end
    /// when all have saved their runs.
    ///
    /// On Linux a run's process ends when the thread that started it does: call this from a thread that lives as long
    /// as the process, such as the first one.
    ///
    /// # Errors
    /// A record that cannot be read; a rung that cannot be ranked, for want of runs or of a metric.
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            self.pass_signals_on();
            self.collect()?;
            self.start();
            if !self.events.is_empty() {
                continue;
            }
            if self.running.is_empty() {
                if self.stopping.is_some() || !self.climb()? {
                    return Ok(None);
                }
                continue;
            }
            sleep(PAUSE);
        }
    }

    /// What became of the runs so far.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    fn fill_queue(&mut self) {
        let is_done = |run: &Planned| run.state == State::Done;
        let n_done = self.plan.runs.iter().filter(|run| is_done(run)).count() as u64;
        self.outcome.done += n_done;
        self.n_begun += n_done;
        self.queue = (0..self.plan.runs.len()).filter(|&index| !is_done(&self.plan.runs[index])).collect();
    }

    fn pass_signals_on(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        let Some(signal) = interrupt::requested() else { return };
        self.stopping = Some(signal);
        self.outcome.interrupted = Some(signal);
        self.running.iter().for_each(|process| process.signal(signal));
        self.events.push_back(Event::Stopping { signal, running: self.running.len() });
    }

    /// Starts what there is room for.
    fn start(&mut self) {
        while let Some(&index) = self.queue.front().filter(|_| self.stopping.is_none()) {
            let Plan { base, jobs, memory, runs, .. } = &self.plan;
            let cost = |index: usize| runs[index].cost.unwrap_or_default();
            let bytes = self.running.iter().map(|process| cost(process.index).bytes).sum();
            if !has_room(self.running.len(), bytes, &cost(index), *jobs, *memory) {
                return;
            }
            self.queue.pop_front();
            self.n_begun += 1;
            let cell = runs[index].cell.clone();
            match Process::start(index, &self.options.program, &base.path, &cell, self.options.threads) {
                Ok(process) => {
                    self.running.push(process);
                    self.events.push_back(Event::Started { number: self.n_begun, of: self.outcome.runs, cell });
                }
                Err(error) => self.broke(index, Failure::without_process(&error)),
            }
        }
    }

    /// Takes note of processes that have ended.
    fn collect(&mut self) -> Result<()> {
        let mut index = 0;
        while index < self.running.len() {
            match self.running[index].ended()? {
                None => index += 1,
                Some(status) => {
                    let process = self.running.remove(index);
                    self.ended(&process, status)?;
                }
            }
        }
        Ok(())
    }

    fn ended(&mut self, process: &Process, status: ExitStatus) -> Result<()> {
        let cell = self.plan.runs[process.index].cell.clone();
        let state = State::read(&cell)?;
        let is_done = status.success() && state == State::Done;
        self.plan.runs[process.index].state = state;
        if is_done {
            self.outcome.done += 1;
            self.events.push_back(Event::Finished { cell, seconds: process.seconds() });
            return Ok(());
        }
        let mut failure = process.failure(status);
        if self.stopping.is_some() && failure.is_interruption() {
            self.events.push_back(Event::Interrupted { cell });
            return Ok(());
        }
        if status.success() {
            failure.error = "its process ended well, but its record has no end of a run with these settings".to_owned();
        }
        self.broke(process.index, failure);
        Ok(())
    }

    fn broke(&mut self, index: usize, failure: Failure) {
        let cell = self.plan.runs[index].cell.clone();
        let broken = Broken { log: cell.log(), cell, failure };
        self.outcome.broken.push(broken.clone());
        self.events.push_back(Event::Broken(broken));
    }

    /// Begins the next rung, if there is one.
    fn climb(&mut self) -> Result<bool> {
        let Some(halving) = &self.plan.sweep.halving else { return Ok(false) };
        let budgets = halving.budgets();
        let Some(&steps) = budgets.get(self.rung) else { return Ok(false) };
        let (metric, means) = means(&self.plan.runs, halving.metric.as_deref())?;
        let is_last = self.rung + 1 == budgets.len();
        let kept = if is_last { 1 } else { halving.kept(means.len()) };
        let ranking = rank(&means, metric.higher_is_better, kept);
        self.rung += 1;
        let rung = Rung { rung: self.rung, steps, metric: metric.name, ranking };
        self.outcome.rungs.push(rung.clone());
        let is_kept = |name: &String| rung.ranking.iter().any(|ranked| ranked.variant == *name && ranked.is_kept);
        let mut variants = self.plan.sweep.variants(&self.plan.base)?;
        variants.retain(|variant| !is_last && is_kept(&variant.name));
        self.events.push_back(Event::Rung(rung));
        if !is_last && variants.is_empty() {
            return Err(Error::run(
                "halving: no variant has a result with every seed; fix what broke, and run it again",
            ));
        }
        let runs = planned(self.plan.sweep.cells_of(&self.plan.base, &variants, self.rung))?;
        let before = std::mem::replace(&mut self.plan.runs, runs);
        let longer = budgets.get(self.rung).map_or(1.0, |next| *next as f64 / steps as f64);
        for run in &mut self.plan.runs {
            let is_same = |old: &&Planned| old.cell.variant == run.cell.variant && old.cell.seed == run.cell.seed;
            run.cost = before.iter().find(is_same).and_then(|old| old.cost).map(|cost| cost.for_steps(longer));
        }
        self.fill_queue();
        Ok(true)
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.running.iter().for_each(|process| process.signal(Signal::Terminate));
        self.running.drain(..).for_each(Process::wait);
    }
}
