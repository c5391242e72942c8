//! MinHash signatures (Broder 1997).
//!
//! The hash functions are h ↦ a·h + b mod 2⁶⁴ of a shingle's 64-bit hash h, with a odd and random: bijections, which
//! cost a multiplication. Linear functions are not min-wise independent for every set, but for keys that are hashes
//! already they behave so (Mitzenmacher and Vadhan 2008); a test holds the estimate against the true Jaccard index.

use super::config::MinHashConfig;
use crate::base::random;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Shingles that are looked at together: the functions are loaded once for all of them.
const SHINGLES: usize = 4;
/// At most so many hashes are kept for estimates.
const SKETCH_MAX: usize = 128;

/// The hash functions of a config.
#[derive(Debug, Clone)]
pub(super) struct MinHasher {
    rows: usize,
    a: Vec<i64>,
    b: Vec<i64>,
    /// The lowest value of each function.
    lowest: Vec<i64>,
}

impl MinHasher {
    pub fn new(config: &MinHashConfig) -> Self {
        let n = config.bands * config.rows;
        let stream = random::Stream::new(config.seed, "minhash");
        let number = |high: u32, low: u32| (u64::from(high) << 32 | u64::from(low)) as i64;
        let functions = (0..n as u64).map(|i| {
            let [a, b, c, d] = stream.block(0, i);
            (number(a, b) | 1, number(c, d))
        });
        let (a, b) = functions.unzip();
        Self { rows: config.rows, a, b, lowest: vec![0; n] }
    }

    /// The hash of each band of the document with these shingles, and a byte of each of its first 128 hashes. Both are
    /// empty if there is no shingle.
    pub fn sign(&mut self, shingles: &[u64]) -> (Vec<u64>, Vec<u8>) {
        if shingles.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let Self { a, b, lowest, .. } = self;
        lowest.fill(i64::MAX);
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || lower(shingles, a, b, lowest),
        );
        let rows = self.lowest.chunks_exact(self.rows).zip(0..);
        let bands = rows.map(|(rows, band)| xxh3_64_with_seed(bytemuck::cast_slice(rows), band));
        // all bits of the value have a say in the byte that is kept
        let byte = |value: &i64| ((*value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        (bands.collect(), self.lowest.iter().take(SKETCH_MAX).map(byte).collect())
    }
}

/// Lowers each function's lowest value to those of the shingles. As signed numbers, which vector units compare faster;
/// any order will do.
#[inline(always)]
fn lower(shingles: &[u64], a: &[i64], b: &[i64], lowest: &mut [i64]) {
    let (fours, rest) = shingles.as_chunks::<SHINGLES>();
    for four in fours {
        for ((lowest, &a), &b) in lowest.iter_mut().zip(a).zip(b) {
            let value = |i: usize| a.wrapping_mul(four[i] as i64).wrapping_add(b);
            *lowest = (*lowest).min(value(0).min(value(1)).min(value(2).min(value(3))));
        }
    }
    for &shingle in rest {
        for ((lowest, &a), &b) in lowest.iter_mut().zip(a).zip(b) {
            *lowest = (*lowest).min(a.wrapping_mul(shingle as i64).wrapping_add(b));
        }
    }
}

/// The Jaccard index that two sketches suggest: b-bit minwise hashing with b = 8 (Li and König 2010, arXiv 0910.3349).
/// Its standard error is √(s(1 − s)/k) of k hashes, at most 0.047 of 112.
pub(super) fn estimate(a: &[u8], b: &[u8]) -> f64 {
    let n_equal = a.iter().zip(b).filter(|(a, b)| a == b).count();
    let by_chance = 1.0 / 256.0;
    let share = n_equal as f64 / a.len().max(1) as f64;
    ((share - by_chance) / (1.0 - by_chance)).max(0.0)
}

/// The Jaccard index of two sets, given in order: common elements over all. 1 for two empty sets.
pub(super) fn jaccard(a: &[u64], b: &[u64]) -> f64 {
    let (mut i, mut j, mut n_common) = (0, 0, 0usize);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        n_common += usize::from(x == y);
        (i, j) = (i + usize::from(x <= y), j + usize::from(y <= x));
    }
    match a.len() + b.len() - n_common {
        0 => 1.0,
        n => n_common as f64 / n as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MinHashConfig, Preset};
    use super::*;

    /// The shingles first..first + n, as hashes.
    fn set(first: u64, n: u64) -> Vec<u64> {
        let mut set: Vec<_> = (first..first + n).map(|i| xxh3_64_with_seed(&i.to_le_bytes(), 7)).collect();
        set.sort_unstable();
        set
    }

    #[test]
    fn true_jaccard() {
        assert_eq!((jaccard(&[], &[]), jaccard(&[1], &[]), jaccard(&[1, 3, 5], &[1, 2, 5, 9])), (1.0, 0.0, 0.4));
        assert_eq!(jaccard(&set(0, 100), &set(50, 100)), 1.0 / 3.0);
    }

    /// The mean over many pairs of sets with a known Jaccard index, and the spread, are those of independent hashes.
    #[test]
    fn the_estimate_is_unbiased() {
        let n_pairs = 2000;
        for (n, shift) in [(10u64, 2u64), (20, 10), (200, 20), (200, 100), (1000, 300)] {
            let s = (n - shift) as f64 / (n + shift) as f64;
            let mut hasher = MinHasher::new(&MinHashConfig { seed: n, ..MinHashConfig::preset(Preset::Fineweb) });
            let mut errors = Vec::new();
            for pair in 0..n_pairs {
                let first = pair * 1_000_000;
                let (_, a) = hasher.sign(&set(first, n));
                let (_, b) = hasher.sign(&set(first + shift, n));
                errors.push(estimate(&a, &b) - s);
            }
            let mean = errors.iter().sum::<f64>() / n_pairs as f64;
            let deviation = (errors.iter().map(|error| error * error).sum::<f64>() / n_pairs as f64).sqrt();
            let expected = (s * (1.0 - s) / 112.0).sqrt();
            assert!(mean.abs() < 4.0 * expected / (n_pairs as f64).sqrt(), "s = {s}: mean error {mean}");
            assert!((deviation / expected - 1.0).abs() < 0.1, "s = {s}: {deviation}, expected {expected}");
        }
    }

    #[test]
    fn signatures() {
        let mut hasher = MinHasher::new(&MinHashConfig::preset(Preset::Redpajama));
        assert_eq!(hasher.sign(&[]), (Vec::new(), Vec::new()));
        let (bands, sketch) = hasher.sign(&set(0, 50));
        assert_eq!((bands.len(), sketch.len()), (9, 117));
        // neither the order nor how often a shingle occurs matters
        let mut other = set(0, 50);
        other.reverse();
        other.push(other[7]);
        assert_eq!(hasher.sign(&other), (bands, sketch));
    }
}
