//! The best tags of one sequence.

use super::table::Table;
use crate::Float;

/// The tags with the highest score for rows `emissions` `[rows, tags]`, and their score. `best` and `next` `[width]`
/// and `origins` `[rows, width]` are scratch.
#[inline(always)]
pub(super) fn viterbi<T: Float>(
    table: &Table,
    emissions: &[T],
    [best, next]: [&mut [f64]; 2],
    origins: &mut [u32],
    tags: &mut [u32],
) -> f64 {
    let Table { tags: n, width, .. } = *table;
    for (row, emissions) in emissions.chunks_exact(n).enumerate() {
        match row {
            0 => best.copy_from_slice(&table.start),
            _ => {
                let origins = &mut origins[row * width..][..width];
                next.fill(f64::NEG_INFINITY);
                origins.fill(0);
                for (from, before) in best[..n].iter().enumerate() {
                    let transitions = &table.transitions[from * width..][..width];
                    for ((next, origin), transition) in next.iter_mut().zip(&mut *origins).zip(transitions) {
                        // Only what is higher: ties are of the lower tag.
                        let (score, is_higher) = (before + transition, before + transition > *next);
                        *next = if is_higher { score } else { *next };
                        *origin = if is_higher { from as u32 } else { *origin };
                    }
                }
                best.copy_from_slice(next);
            }
        }
        best.iter_mut().zip(emissions).for_each(|(best, emission)| *best += emission.f64());
    }
    if tags.is_empty() {
        return 0.0;
    }
    best.iter_mut().zip(&table.end).for_each(|(best, end)| *best += end);
    let (mut tag, mut score) = (0, best[0]);
    for (other, &best) in best[..n].iter().enumerate() {
        if best > score {
            (tag, score) = (other as u32, best);
        }
    }
    for (row, out) in tags.iter_mut().enumerate().rev() {
        *out = tag;
        if row > 0 {
            tag = origins[row * width + tag as usize];
        }
    }
    score
}
