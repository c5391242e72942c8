//! Lengths, counted in buckets.

use serde::Serialize;

/// Buckets per power of two: a value is known to one part in 32.
const PARTS: u64 = 32;

/// How often which length occurs: exact below 32, to 3 % above, whatever the number of values.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    counts: Vec<u64>,
}

/// Lengths from `low` to `high`, both included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// The shortest.
    pub low: u64,
    /// The longest.
    pub high: u64,
    /// Values.
    pub count: u64,
}

impl Histogram {
    /// Counts a value.
    pub fn push(&mut self, value: u64) {
        let bucket = bucket_of(value);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }

    /// Values counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The lowest value that at least the share `q` of the values (0 to 1) does not exceed, rounded down to its bucket;
    /// 0 when there is none.
    pub fn quantile(&self, q: f64) -> u64 {
        let wanted = ((q * self.total() as f64).ceil() as u64).max(1);
        let mut n = 0;
        let bucket = self.counts.iter().position(|count| {
            n += count;
            n >= wanted
        });
        bucket.map_or(0, low_of)
    }

    /// A bucket per power of two, from the first that holds a value to the last.
    pub fn octaves(&self) -> Vec<Bucket> {
        let mut octaves: Vec<Bucket> = Vec::new();
        for (bucket, &count) in self.counts.iter().enumerate() {
            let value = low_of(bucket);
            let low = if value == 0 { 0 } else { 1 << value.ilog2() };
            match octaves.last_mut() {
                Some(last) if last.low == low => last.count += count,
                _ => octaves.push(Bucket { low, high: low + low.saturating_sub(1), count }),
            }
        }
        let first = octaves.iter().position(|bucket| bucket.count > 0).unwrap_or(octaves.len());
        octaves.drain(..first);
        octaves
    }
}

fn bucket_of(value: u64) -> usize {
    if value < PARTS {
        return value as usize;
    }
    let shift = value.ilog2() - PARTS.ilog2();
    (u64::from(shift) * PARTS + (value >> shift)) as usize
}

fn low_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * PARTS {
        return bucket;
    }
    let shift = bucket / PARTS - 1;
    (bucket - shift * PARTS) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_one_another() {
        let mut last = 0;
        for value in (0..5000).chain([1 << 40, u64::MAX]) {
            let bucket = bucket_of(value);
            assert!(bucket == last || bucket == last + 1 || value > 5000, "{value}");
            assert!(low_of(bucket) <= value && value - low_of(bucket) <= value / 32, "{value}");
            last = bucket;
        }
    }

    #[test]
    fn quantiles_and_octaves() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.quantile(0.5), histogram.octaves()), (0, Vec::new()));
        (1..=100).for_each(|value| histogram.push(value));
        assert_eq!([0.0, 0.05, 0.3, 0.5, 1.0].map(|q| histogram.quantile(q)), [1, 5, 30, 50, 100]);
        let octaves: Vec<_> = histogram.octaves().iter().map(|b| (b.low, b.high, b.count)).collect();
        let expected = [(1, 1, 1), (2, 3, 2), (4, 7, 4), (8, 15, 8), (16, 31, 16), (32, 63, 32), (64, 127, 37)];
        assert_eq!(octaves, expected);
        let mut other = Histogram::default();
        other.push(0);
        other.add(&histogram);
        assert_eq!((other.total(), other.octaves()[0].high), (101, 0));
    }
}
