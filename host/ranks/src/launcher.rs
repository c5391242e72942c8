//! Who started this process, and as which of how many.

use std::env;

/// A process that a launcher started as one of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// The launcher, for messages.
    pub by: &'static str,
    /// Number of this process, from 0.
    pub rank: usize,
    /// How many there are.
    pub size: usize,
    /// How many of them share this machine, as far as the launcher says; 1 or more.
    pub local: usize,
}

/// Variables that say how many processes of a job a machine has.
const LOCAL: [&str; 4] = ["MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "LOCAL_WORLD_SIZE", "SLURM_NTASKS_PER_NODE"];

/// Launchers, and the variables that they give rank and size in. Slurm's are those of a step: a batch script, which
/// runs once, has the job's as well.
const LAUNCHERS: [(&str, &str, &str); 4] = [
    ("mpirun", "PMI_RANK", "PMI_SIZE"),
    ("mpirun of Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    ("torchrun", "RANK", "WORLD_SIZE"),
];

/// Variables that say which rank a process is. A program that starts runs of its own takes them out of their
/// environment, or each of them would look for the others.
pub fn variables() -> impl Iterator<Item = &'static str> {
    LAUNCHERS.iter().flat_map(|&(_, rank, size)| [rank, size]).chain(["PMI_FD"])
}

/// The launcher that started this process as one of several, if one did.
pub fn launched() -> Option<Launch> {
    find(|name| env::var(name).ok())
}

fn find(variable: impl Fn(&str) -> Option<String>) -> Option<Launch> {
    let number = |name: &str| variable(name)?.trim().parse::<usize>().ok();
    LAUNCHERS.iter().find_map(|&(by, rank, size)| {
        let (rank, size) = (number(rank)?, number(size)?);
        let local = LOCAL.iter().find_map(|name| number(name)).unwrap_or(1).clamp(1, size);
        (size > 1 && rank < size).then_some(Launch { by, rank, size, local })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Option<Launch> {
        find(|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn launchers() {
        let launch = |by, rank, size| Some(Launch { by, rank, size, local: 1 });
        let two = of(&[("PMI_RANK", "1"), ("PMI_SIZE", "4"), ("MPI_LOCALNRANKS", "2")]);
        assert_eq!(two, Some(Launch { by: "mpirun", rank: 1, size: 4, local: 2 }));
        let slurm = [("SLURM_PROCID", "3"), ("SLURM_NTASKS", "8"), ("SLURM_STEP_NUM_TASKS", "8")];
        assert_eq!(of(&slurm), launch("srun", 3, 8));
        assert_eq!(of(&[("RANK", "0"), ("WORLD_SIZE", "2")]), launch("torchrun", 0, 2));
        // a batch script, which runs once; a single process; variables that mean something else
        for alone in [
            &[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "8"), ("SLURM_STEP_NUM_TASKS", "1")][..],
            &[("PMI_RANK", "0"), ("PMI_SIZE", "1")],
            &[("RANK", "first"), ("WORLD_SIZE", "2")],
            &[("RANK", "5"), ("WORLD_SIZE", "2")],
            &[],
        ] {
            assert_eq!(of(alone), None, "{alone:?}");
        }
    }
}
