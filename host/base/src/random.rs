//! The host's random numbers: named streams, addressed by position, the same on every machine.
//!
//! Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): block `n` of a stream is a
//! pure function of (seed, name, n). Nothing needs to be saved or advanced, so a resumed run and any number of threads
//! see the same numbers.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A named stream of random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
}

impl Stream {
    /// Makes the stream `name` of the run with seed `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        let key = xxh3_64_with_seed(name.as_bytes(), seed);
        Self { key: [key as u32, (key >> 32) as u32] }
    }

    /// Returns the key of the generator, its second half above the first.
    pub fn key(&self) -> u64 {
        u64::from(self.key[1]) << 32 | u64::from(self.key[0])
    }

    /// Returns block `index` in lane `lane`: four independent uniform 32-bit numbers.
    #[inline(always)]
    pub fn block(&self, lane: u64, index: u64) -> [u32; 4] {
        let mut counter = [index as u32, (index >> 32) as u32, lane as u32, (lane >> 32) as u32];
        let mut key = self.key;
        for _ in 0..10 {
            let product_0 = u64::from(counter[0]) * 0xD251_1F53;
            let product_1 = u64::from(counter[2]) * 0xCD9E_8D57;
            counter = [
                (product_1 >> 32) as u32 ^ counter[1] ^ key[0],
                product_1 as u32,
                (product_0 >> 32) as u32 ^ counter[3] ^ key[1],
                product_0 as u32,
            ];
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        counter
    }

    /// Returns a uniform number in [0, 1) with 53 bits.
    pub fn uniform(&self, index: u64) -> f64 {
        let [a, b, ..] = self.block(0, index);
        ((u64::from(a) << 32 | u64::from(b)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns `n` numbers of the normal distribution with mean 0 and deviation 1 (Box & Muller 1958).
    pub fn normals(&self, n: usize) -> impl Iterator<Item = f64> {
        let stream = *self;
        let unit = |a: u32, b: u32| ((u64::from(a) << 32 | u64::from(b)) >> 11) as f64 / (1_u64 << 53) as f64;
        let pairs = (0..n.div_ceil(2) as u64).flat_map(move |index| {
            let [a, b, c, d] = stream.block(0, index);
            let radius = (-2.0 * (1.0 - unit(a, b)).ln()).sqrt();
            let angle = std::f64::consts::TAU * unit(c, d);
            [radius * angle.cos(), radius * angle.sin()]
        });
        pairs.take(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the reference implementation, Random123's `kat_vectors` for philox4x32-10.
    #[test]
    fn philox_gives_the_known_answers() {
        let zero = Stream { key: [0, 0] };
        assert_eq!(zero.block(0, 0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let ones = Stream { key: [u32::MAX, u32::MAX] };
        assert_eq!(ones.block(u64::MAX, u64::MAX), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    }

    #[test]
    fn normals_have_mean_0_and_deviation_1() {
        let values: Vec<f64> = Stream::new(1, "test").normals(100_001).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "mean {mean}, variance {variance}");
    }

    #[test]
    fn streams_differ_by_name_and_seed() {
        let first = Stream::new(1, "a").block(0, 0);
        assert_ne!(first, Stream::new(1, "b").block(0, 0));
        assert_ne!(first, Stream::new(2, "a").block(0, 0));
    }
}
