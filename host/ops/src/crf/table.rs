//! The weights of a CRF in 64 bits, made once for all sequences.

use super::check::Problem;
use crate::Float;

/// Numbers side by side: rows of the table are whole blocks of them.
pub(super) const BLOCK: usize = 8;

/// Weights in rows of `width` numbers; those beyond the tags, and those that are not allowed, are -∞.
#[derive(Debug)]
pub(super) struct Table {
    pub tags: usize,
    /// Tags, rounded up to whole blocks.
    pub width: usize,
    /// `[width]`
    pub start: Vec<f64>,
    /// `[width]`
    pub end: Vec<f64>,
    /// `[from, width]`
    pub transitions: Vec<f64>,
    pub powers: Powers,
}

/// e^x of the weights x, each kind divided by its largest, whose logarithm is kept.
#[derive(Debug)]
pub(super) struct Powers {
    /// `[width]`
    pub start: Vec<f64>,
    pub largest_start: f64,
    /// `[width]`
    pub end: Vec<f64>,
    pub largest_end: f64,
    /// `[from, width]`
    pub from_to: Vec<f64>,
    /// `[to, width]`
    pub to_from: Vec<f64>,
    pub largest_transition: f64,
    /// The largest difference of two allowed weights of one kind.
    pub spread: f64,
}

impl Table {
    pub fn new<T: Float>(problem: &Problem<'_, T>) -> Self {
        let (tags, weights) = (problem.layout.tags, problem.weights);
        let width = tags.next_multiple_of(BLOCK);
        let allowed = |is_allowed: bool, weight: T| if is_allowed { weight.f64() } else { f64::NEG_INFINITY };
        let [mut start, mut end] = [(); 2].map(|()| vec![f64::NEG_INFINITY; width]);
        let mut transitions = vec![f64::NEG_INFINITY; tags * width];
        for i in 0..tags {
            start[i] = allowed(weights.allowed.is_none_or(|allowed| allowed.starts(i)), weights.start[i]);
            end[i] = allowed(weights.allowed.is_none_or(|allowed| allowed.ends(i)), weights.end[i]);
            for j in 0..tags {
                let is_allowed = weights.allowed.is_none_or(|allowed| allowed.follows(i, j));
                transitions[i * width + j] = allowed(is_allowed, weights.transitions[i * tags + j]);
            }
        }
        let powers = Powers::new(tags, [&start, &end, &transitions]);
        Self { tags, width, start, end, transitions, powers }
    }

    /// The score of tags, one for each row of `emissions` `[rows, tags]`.
    pub fn score<T: Float>(&self, emissions: &[T], tags: &[u32]) -> f64 {
        let (Some(&first), Some(&last)) = (tags.first(), tags.last()) else { return 0.0 };
        let rows = emissions.chunks_exact(self.tags).zip(tags);
        let of_rows: f64 = rows.map(|(row, &tag)| row[tag as usize].f64()).sum();
        let pairs = tags.windows(2).map(|pair| self.transitions[pair[0] as usize * self.width + pair[1] as usize]);
        self.start[first as usize] + of_rows + pairs.sum::<f64>() + self.end[last as usize]
    }
}

impl Powers {
    fn new(tags: usize, weights: [&[f64]; 3]) -> Self {
        let width = weights[0].len();
        let [(start, largest_start), (end, largest_end), (from_to, largest_transition)] = weights.map(powers);
        let mut to_from = vec![0.0; tags * width];
        for i in 0..tags {
            for j in 0..tags {
                to_from[j * width + i] = from_to[i * width + j];
            }
        }
        let spread = weights.map(spread).into_iter().fold(0.0, f64::max);
        Self { start, largest_start, end, largest_end, from_to, to_from, largest_transition, spread }
    }
}

fn powers(x: &[f64]) -> (Vec<f64>, f64) {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return (vec![0.0; x.len()], largest);
    }
    (x.iter().map(|x| (x - largest).exp()).collect(), largest)
}

fn spread(x: &[f64]) -> f64 {
    let allowed = || x.iter().copied().filter(|&x| x != f64::NEG_INFINITY);
    allowed().fold(f64::NEG_INFINITY, f64::max) - allowed().fold(f64::INFINITY, f64::min)
}
