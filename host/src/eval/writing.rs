//! Texts that a model writes, shared out to the ranks: the first one says what is to be written, every rank writes its
//! part, and the first one has them all, as if it had written them alone.

use super::sharing::{message, read, unreadable};
use super::{Writer, WriterConfig, continue_tokens};
use crate::base::interrupt;
use crate::model::Model;
use crate::ranks::Group;
use crate::run::{RunTask, SampleConfig};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Who writes: a model of a task, here and on other ranks, if there are any.
#[derive(Clone, Copy)]
pub struct Writing<'a> {
    /// The same on all ranks.
    pub model: &'a Model,
    /// What it learnt of its data.
    pub task: &'a RunTask,
    /// The ranks that have the model.
    pub ranks: Option<&'a Group>,
}

/// A text to continue.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Prompt {
    /// Tokens that it is written from; none for a model without an encoder.
    pub source: Vec<u32>,
    /// What it begins with. A text that begins with nothing is not continued.
    pub tokens: Vec<u32>,
    /// Seed of the random choice, in place of the one of the settings.
    pub seed: u64,
}

/// What the first rank asks for.
#[derive(Debug, Serialize, Deserialize)]
enum Job {
    Continue {
        prompts: Vec<Prompt>,
        sample: SampleConfig,
        ends: Vec<u32>,
        n_tokens: usize,
    },
    Write {
        sources: Vec<Vec<u32>>,
        config: WriterConfig,
        n_tokens: usize,
    },
    /// Nothing more.
    Nothing,
}

/// The part of a rank, or why it could not write it.
type Part = std::result::Result<Vec<Vec<u32>>, String>;

impl Writing<'_> {
    /// Continues each of `prompts` as [`continue_tokens`] does.
    ///
    /// # Errors
    /// As [`continue_tokens`], and a rank that is gone.
    pub fn continuations(
        &self,
        prompts: Vec<Prompt>,
        sample: &SampleConfig,
        ends: &[u32],
        n_tokens: usize,
    ) -> Result<Vec<Vec<u32>>> {
        let n = prompts.len();
        self.all(n, &Job::Continue { prompts, sample: sample.clone(), ends: ends.to_vec(), n_tokens })
    }

    /// The best text that is written from each of `sources`, as by [`Writer::write`]; nothing from one without tokens.
    ///
    /// # Errors
    /// As [`Writer::write`], and a rank that is gone.
    pub fn from_sources(
        &self,
        sources: Vec<Vec<u32>>,
        config: &WriterConfig,
        n_tokens: usize,
    ) -> Result<Vec<Vec<u32>>> {
        let n = sources.len();
        self.all(n, &Job::Write { sources, config: config.clone(), n_tokens })
    }

    /// Writes what the first rank asks for, until that one [has finished](Writing::finish).
    ///
    /// # Errors
    /// The first rank is gone. Why a text cannot be written is told to that rank.
    pub fn serve(&self, group: &Group) -> Result<()> {
        loop {
            let job: Job = read(&group.listen()?)?;
            if matches!(job, Job::Nothing) {
                return Ok(());
            }
            let part: Part = self.part(&job, group.rank(), group.size()).map_err(|error| error.to_string());
            group.answer(&message(&part)?)?;
        }
    }

    /// Tells the other ranks that there is nothing more to write.
    ///
    /// # Errors
    /// A rank that is gone.
    pub fn finish(ranks: Option<&Group>) -> Result<()> {
        let Some(group) = ranks else { return Ok(()) };
        group.tell(&message(&Job::Nothing)?)
    }

    /// What a job of `n` texts comes to.
    fn all(&self, n: usize, job: &Job) -> Result<Vec<Vec<u32>>> {
        let Some(group) = self.ranks.filter(|_| n > 0) else { return self.part(job, 0, 1) };
        group.tell(&message(job)?)?;
        let own = self.part(job, 0, group.size());
        // those of all ranks are taken, whatever became of one
        let others = group.collect()?;
        interrupt::check()?;
        let mut parts = vec![own?.into_iter()];
        for (rank, part) in (1..).zip(others) {
            let part: Part = read(&part)?;
            parts.push(part.map_err(|why| Error::run(format!("rank {rank}: {why}")))?.into_iter());
        }
        (0..n).map(|index| parts[index % group.size()].next().ok_or_else(|| unreadable("a text is missing"))).collect()
    }

    /// The texts of a rank: of as many as there are ranks, one.
    fn part(&self, job: &Job, rank: usize, size: usize) -> Result<Vec<Vec<u32>>> {
        match job {
            Job::Nothing => Ok(Vec::new()),
            Job::Continue { prompts, sample, ends, n_tokens } => {
                let continued = |prompt: &Prompt| match prompt.tokens.is_empty() {
                    true => Ok(Vec::new()),
                    false => {
                        let sample = SampleConfig { seed: prompt.seed, ..sample.clone() };
                        continue_tokens(self.model, (&prompt.source, &prompt.tokens), &sample, ends, *n_tokens)
                    }
                };
                prompts.iter().skip(rank).step_by(size).map(continued).collect()
            }
            Job::Write { sources, config, n_tokens } => {
                let own: Vec<&[u32]> = sources.iter().skip(rank).step_by(size).map(Vec::as_slice).collect();
                let with_tokens: Vec<&[u32]> = own.iter().copied().filter(|source| !source.is_empty()).collect();
                let writer = Writer::new(self.model, self.task, *n_tokens, config);
                let mut written = writer.write(&with_tokens)?.into_iter();
                let best = |source: &[u32]| {
                    let hypotheses = if source.is_empty() { None } else { written.next() };
                    hypotheses.into_iter().flatten().next().map(|best| best.ids).unwrap_or_default()
                };
                Ok(own.into_iter().map(best).collect())
            }
        }
    }
}
