//! Results whose columns several tasks compute.

use crate::Result;
use crate::cpu::distinct;
use crate::pool::Scratch;
use crate::{Float, Tensor, View};
use std::sync::{Mutex, PoisonError};

/// Columns of a tensor that are written.
#[derive(Clone, Copy)]
pub(super) struct Target {
    /// Which of the tensors.
    tensor: usize,
    first: usize,
    width: usize,
    stride: usize,
    /// Rows per sequence.
    rows: usize,
}

/// The tensors of `views`, each once, and where each view lies in them; a sequence has as many of its rows as `rows`
/// says.
///
/// # Errors
/// Tensors that cannot be opened together.
pub(super) fn targets<'a, const N: usize>(
    views: [View<'a>; N],
    rows: [usize; N],
) -> Result<(Vec<&'a Tensor>, [Target; N])> {
    let (tensors, indices) = distinct(views)?;
    let target = |i: usize| {
        let view: &View<'_> = &views[i];
        Target { tensor: indices[i], first: view.first, width: view.width, stride: view.stride(), rows: rows[i] }
    };
    Ok((tensors, std::array::from_fn(target)))
}

/// The rows of one sequence, whose columns several tasks compute, each into matrices of its own: tasks cannot write
/// side by side into one row. The last one to finish puts them together.
pub(super) struct Parts<'a, 'e, T, const N: usize> {
    targets: [Target; N],
    /// Its rows in each tensor.
    rows: Mutex<Vec<&'a mut [T]>>,
    /// The parts that are finished.
    parts: Mutex<Vec<Option<Scratch<'e, T>>>>,
}

impl<'a, 'e, T: Float, const N: usize> Parts<'a, 'e, T, N> {
    /// For each of `sequences` sequences, of tensors with these `elements`; `n` parts make up their `targets`.
    pub fn new(elements: Vec<&'a mut [T]>, targets: [Target; N], sequences: usize, n: usize) -> Vec<Self> {
        let mut rows: Vec<Vec<&mut [T]>> = (0..sequences).map(|_| Vec::with_capacity(elements.len())).collect();
        for elements in elements {
            let per_sequence = (elements.len() / sequences.max(1)).max(1);
            rows.iter_mut().zip(elements.chunks_exact_mut(per_sequence)).for_each(|(rows, chunk)| rows.push(chunk));
        }
        let parts = || Mutex::new((0..n).map(|_| None).collect());
        rows.into_iter().map(|rows| Self { targets, rows: Mutex::new(rows), parts: parts() }).collect()
    }

    /// Part `index` is `part`. The i-th `d` columns of target t are rows of a part, `[_, d]`:
    /// (part, first row) = `place(t, i)`.
    pub fn finish(&self, index: usize, part: Scratch<'e, T>, d: usize, place: impl Fn(usize, usize) -> (usize, usize)) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts[index] = Some(part);
        let Some(all) = parts.iter().map(Option::as_deref).collect::<Option<Vec<&[T]>>>() else { return };
        let mut tensors = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let most = self.targets.iter().map(|target| target.rows).max().unwrap_or(0);
        for row in 0..most {
            for (t, target) in self.targets.iter().enumerate().filter(|(_, target)| row < target.rows) {
                let columns = &mut tensors[target.tensor][row * target.stride + target.first..][..target.width];
                for (i, out) in columns.chunks_exact_mut(d).enumerate() {
                    let (part, first) = place(t, i);
                    out.copy_from_slice(&all[part][(first + row) * d..][..d]);
                }
            }
        }
        parts.clear(); // for the next sequences
    }
}
