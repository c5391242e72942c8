//! When in a backward the gradient of each parameter is whole: from there on it may be sent to other ranks, while the
//! rest is computed.

use super::{Back, Stack, Step};
use std::ops::Range;

/// A part of a backward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::model) struct Stage {
    /// The part of the plan.
    pub backs: Range<usize>,
    /// Parameters whose gradients nothing adds to afterwards.
    pub whole: Vec<usize>,
}

/// The stages of a plan of a network with so many parameters. The first has no work: what only the loss adds to is
/// whole before, as is what nothing reads. What follows the last gradient is left out.
pub(super) fn stages(backward: &[Back], steps: &[Step], stacks: &[Stack], parameters: usize) -> Vec<Stage> {
    let mut last: Vec<Option<usize>> = vec![None; parameters];
    for (index, back) in backward.iter().enumerate() {
        let Back::Run { step, .. } = back else { continue };
        steps[*step].parameters(stacks).into_iter().for_each(|parameter| last[parameter] = Some(index));
    }
    let whole = |at: Option<usize>| (0..parameters).filter(|&parameter| last[parameter] == at).collect::<Vec<_>>();
    let mut stages = vec![Stage { backs: 0..0, whole: whole(None) }];
    let mut ends: Vec<usize> = last.iter().flatten().copied().collect();
    ends.sort_unstable();
    ends.dedup();
    for end in ends {
        let start = stages.last().map_or(0, |stage| stage.backs.end);
        stages.push(Stage { backs: start..end + 1, whole: whole(Some(end)) });
    }
    stages
}
