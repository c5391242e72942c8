//! A share of a sweep, for one of several machines.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use trainyard_base::{Error, Result};

/// One of `of` shares: every `of`th run, from the one with number `index` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Which share, counted from 0.
    pub index: usize,
    /// How many shares there are.
    pub of: usize,
}

impl Part {
    /// Tells if the run with this number is in the share.
    pub fn holds(self, index: usize) -> bool {
        index % self.of.max(1) == self.index
    }
}

impl Display for Part {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.of)
    }
}

impl FromStr for Part {
    type Err = Error;

    /// Reads `I/N`, with `I` from 1 to `N`.
    fn from_str(text: &str) -> Result<Self> {
        let part = || {
            let (index, of) = text.split_once('/')?;
            let (index, of) = (index.trim().parse::<usize>().ok()?, of.trim().parse().ok()?);
            (1..=of).contains(&index).then(|| Self { index: index - 1, of })
        };
        part().ok_or_else(|| Error::usage(format!("part: expected I/N with I from 1 to N, such as 1/4, got {text:?}")))
    }
}

/// The share of this process by the variables of its environment: a task of a Slurm array, or a process that `mpirun`
/// started. None where it is the only one.
///
/// # Errors
/// Variables that contradict each other, or are no numbers.
pub fn part_of(variables: &BTreeMap<String, String>) -> Result<Option<Part>> {
    let number = |name: &str| match variables.get(name) {
        None => Ok(None),
        Some(text) => text.trim().parse::<usize>().map(Some).map_err(|_| {
            Error::usage(format!("{name}: expected a whole number, got {text:?}; unset it, or pass --part I/N"))
        }),
    };
    let checked = |name: &str, index: usize, of: usize| match index < of {
        true => Ok((of > 1).then_some(Part { index, of })),
        false => Err(Error::usage(format!(
            "{name}: expected the number of one of {of} processes, got {index}; unset it, or pass --part I/N"
        ))),
    };
    let (task, tasks) = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT");
    if let (Some(id), Some(of)) = (number(task)?, number(tasks)?) {
        // an array's numbers may begin anywhere, in steps
        let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
        let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
        return checked(task, id.saturating_sub(first) / step, of);
    }
    for (rank, size) in [("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE")] {
        if let (Some(index), Some(of)) = (number(rank)?, number(size)?) {
            return checked(rank, index, of);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<Part>> {
        part_of(&variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_process_finds_its_share() {
        let part = |index, of| Some(Part { index, of });
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(of(&[("OMPI_COMM_WORLD_RANK", "0"), ("OMPI_COMM_WORLD_SIZE", "1")]).unwrap(), None);
        assert_eq!(of(&[("OMPI_COMM_WORLD_RANK", "2"), ("OMPI_COMM_WORLD_SIZE", "4")]).unwrap(), part(2, 4));
        assert_eq!(of(&[("PMI_RANK", "1"), ("PMI_SIZE", "2")]).unwrap(), part(1, 2));
        let array = [("SLURM_ARRAY_TASK_ID", "7"), ("SLURM_ARRAY_TASK_COUNT", "4"), ("SLURM_ARRAY_TASK_MIN", "1")];
        let steps = [&array[..], &[("SLURM_ARRAY_TASK_STEP", "2")]].concat();
        assert_eq!(of(&steps).unwrap(), part(3, 4));
        assert_eq!(of(&[("SLURM_ARRAY_TASK_ID", "7")]).unwrap(), None);
        let error = of(&array).unwrap_err().to_string();
        assert_eq!(
            error,
            "SLURM_ARRAY_TASK_ID: expected the number of one of 4 processes, got 6; unset it, or pass --part I/N"
        );
        let error = of(&[("PMI_RANK", "x"), ("PMI_SIZE", "2")]).unwrap_err().to_string();
        assert_eq!(error, "PMI_RANK: expected a whole number, got \"x\"; unset it, or pass --part I/N");
    }

    #[test]
    fn a_share_is_written_from_1() {
        let part: Part = "2/3".parse().unwrap();
        assert_eq!((part, part.to_string()), (Part { index: 1, of: 3 }, "2/3".to_owned()));
        assert_eq!((0..6).filter(|&index| part.holds(index)).collect::<Vec<_>>(), [1, 4]);
        for text in ["0/3", "4/3", "1/0", "1", "a/b", "-1/2"] {
            let error = text.parse::<Part>().unwrap_err().to_string();
            assert_eq!(error, format!("part: expected I/N with I from 1 to N, such as 1/4, got {text:?}"));
        }
    }
}
