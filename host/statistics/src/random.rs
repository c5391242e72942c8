//! Random numbers for resampling: SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number
//! generators"). Each resample has a stream of its own, so the order in which they are drawn changes nothing.

/// A stream of random numbers.
pub struct Random(u64);

impl Random {
    /// Makes stream number `stream` of a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(mix(mix(seed.wrapping_add(INCREMENT)) ^ stream))
    }

    /// Draws 64 bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(INCREMENT);
        mix(self.0)
    }

    /// Draws two numbers below `n`, by a multiplication (Lemire 2019, without the rejections: a number's probability is
    /// off by less than n / 2³² of itself).
    #[inline]
    pub fn two_below(&mut self, n: u32) -> [usize; 2] {
        let bits = self.bits();
        let scaled = |half: u64| ((half * u64::from(n)) >> 32) as usize;
        [scaled(bits >> 32), scaled(bits & 0xFFFF_FFFF)]
    }
}

const INCREMENT: u64 = 0x9E37_79B9_7F4A_7C15;

/// Stafford's mix 13.
#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
