//! File operations of a run, and which of them to kill it before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The effect of an operation on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperationKind {
    /// Makes a file or folder, or opens a file to write it.
    Create,
    /// Writes or cuts a file.
    Write,
    /// Syncs a file or folder to disk.
    Sync,
    /// Renames or links a file.
    Rename,
    /// Removes a file or folder.
    Remove,
}

/// Part of a run, known by the files that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The store.
    Prepare,
    /// The run's data.
    Data,
    /// Config, plugins and other descriptions.
    Record,
    /// The log.
    Log,
    /// Checkpoints.
    Checkpoint,
    /// Everything after the last checkpoint.
    FinalReport,
}

/// One system call on a file of the run.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its effect.
    pub kind: OperationKind,
    /// The file, below the root of the run's place.
    pub path: PathBuf,
    /// The phase of the run.
    pub phase: Phase,
}

/// An operation and its position.
#[derive(Debug)]
pub struct Point {
    /// Position in the list it was taken from.
    pub index: usize,
    /// The operation there.
    pub operation: Operation,
}

impl Operation {
    /// Makes the operation of this kind on the file `path`, which is below the root of the run's place.
    pub fn new(kind: OperationKind, path: PathBuf) -> Self {
        let phase = phase(&path);
        Self { kind, path, phase }
    }

    /// Whether the operation needs room on the disk.
    pub fn is_write(&self) -> bool {
        self.kind == OperationKind::Write
    }

    /// Returns phase and kind for people to read.
    pub fn group(&self) -> String {
        let phase = match self.phase {
            Phase::Prepare => "prepare",
            Phase::Data => "data",
            Phase::Record => "record",
            Phase::Log => "log",
            Phase::Checkpoint => "checkpoint",
            Phase::FinalReport => "final report",
        };
        let kind = match self.kind {
            OperationKind::Create => "create",
            OperationKind::Write => "write",
            OperationKind::Sync => "sync",
            OperationKind::Rename => "rename",
            OperationKind::Remove => "remove",
        };
        format!("{phase}: {kind}")
    }

    /// Returns the file for people to read.
    pub fn place(&self) -> String {
        self.path.display().to_string()
    }
}

fn phase(path: &Path) -> Phase {
    let mut parts = path.iter().map(|part| part.to_string_lossy());
    match (parts.next().as_deref(), parts.next().as_deref(), parts.next().as_deref()) {
        (Some("store"), ..) => Phase::Prepare,
        (_, _, Some("data")) => Phase::Data,
        (_, _, Some("checkpoints")) => Phase::Checkpoint,
        (_, _, Some("metrics.jsonl")) => Phase::Log,
        _ => Phase::Record,
    }
}

/// Returns the same operations, assigning those after the last one on a checkpoint to the final report.
pub fn with_phases(mut operations: Vec<Operation>) -> Vec<Operation> {
    if let Some(last) = operations.iter().rposition(|operation| operation.phase == Phase::Checkpoint) {
        operations[last + 1..].iter_mut().for_each(|operation| operation.phase = Phase::FinalReport);
    }
    operations
}

/// Returns an operation between the first and the last checkpoint.
pub fn half_way(operations: &[Operation]) -> Option<usize> {
    let renamed =
        |operation: &Operation| operation.kind == OperationKind::Rename && operation.phase == Phase::Checkpoint;
    let checkpoints: Vec<_> = (0..operations.len()).filter(|index| renamed(&operations[*index])).collect();
    checkpoints.get(checkpoints.len().checked_sub(1)?).copied()
}

/// Returns `n` operations, of every phase and kind if `n` is large enough, evenly spaced within each; all of them if
/// there are fewer.
pub fn spread(operations: &[Operation], n: usize) -> Vec<Point> {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        groups.entry((operation.phase, operation.kind)).or_default().push(index);
    }
    // One group of every phase comes first, so that few points still fall into all of them.
    let mut n_of_phase: BTreeMap<Phase, usize> = BTreeMap::new();
    let mut groups: Vec<_> = groups
        .into_iter()
        .map(|((phase, _), group)| {
            let n = n_of_phase.entry(phase).or_default();
            *n += 1;
            (*n, group)
        })
        .collect();
    groups.sort_by_key(|(nth_of_phase, _)| *nth_of_phase);
    let groups: Vec<_> = groups.into_iter().map(|(_, group)| group).collect();
    // Each group gets one more in turn, until all points are given away.
    let mut n_of = vec![0; groups.len()];
    let mut left = n.min(operations.len());
    while left > 0 {
        let open: Vec<_> = (0..groups.len()).filter(|&group| n_of[group] < groups[group].len()).collect();
        let n_now = left.min(open.len());
        for turn in 0..n_now {
            n_of[open[turn]] += 1;
        }
        left -= n_now;
    }
    let of_group = |(group, n): (&Vec<usize>, &usize)| -> Vec<usize> {
        (0..*n).map(|i| group[(2 * i + 1) * group.len() / (2 * n)]).collect()
    };
    let mut chosen: Vec<_> = groups.iter().zip(&n_of).flat_map(of_group).collect();
    chosen.sort_unstable();
    chosen.into_iter().map(|index| Point { index, operation: operations[index].clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations() -> Vec<Operation> {
        let mut paths = vec![(OperationKind::Write, "store/a"); 90];
        paths.push((OperationKind::Sync, "runs/drill/checkpoints/.step-1/x"));
        paths.push((OperationKind::Rename, "runs/drill/checkpoints/step-1"));
        paths.push((OperationKind::Write, "runs/drill/metrics.jsonl"));
        with_phases(paths.into_iter().map(|(kind, path)| Operation::new(kind, path.into())).collect())
    }

    #[test]
    fn every_phase_and_kind_is_chosen() {
        let points = spread(&operations(), 8);
        let groups: Vec<_> = points.iter().map(|point| point.operation.group()).collect();
        assert_eq!(groups[..5], ["prepare: write"; 5]);
        assert_eq!(groups[5..], ["checkpoint: sync", "checkpoint: rename", "final report: write"]);
        assert_eq!(points.iter().map(|point| point.index).take(5).collect::<Vec<_>>(), [9, 27, 45, 63, 81]);
    }

    #[test]
    fn there_are_no_more_points_than_operations() {
        assert_eq!(spread(&operations(), 1000).len(), 93);
        assert_eq!(spread(&operations(), 2).len(), 2);
        assert!(spread(&[], 5).is_empty());
    }
}
