//! A pseudo-random order of any length without storing it: index `i` of the order costs a few multiplications.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Four rounds make a Feistel network a strong pseudo-random permutation when blocks are large (Luby & Rackoff, SIAM J.
/// Comput. 17(2), 1988). On orders of a thousand four leave neighbours together 1.3 times as often as chance; six do
/// not.
const ROUNDS: usize = 6;

/// A permutation of `0..n`, keyed.
#[derive(Debug, Clone)]
pub struct Permutation {
    n: u64,
    /// Bits of each half of the network's block; the block spans at least `0..n`.
    half_bits: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The permutation of `0..n` that `seed` and `stream` (the epoch) choose; `n` is at least 1.
    pub fn new(n: u64, seed: u64, stream: u64) -> Self {
        let bits = u64::BITS - n.saturating_sub(1).leading_zeros();
        let keys = std::array::from_fn(|round| {
            let mut input = *b"shuffle.................";
            input[8..16].copy_from_slice(&stream.to_le_bytes());
            input[16..].copy_from_slice(&(round as u64).to_le_bytes());
            xxh3_64_with_seed(&input, seed)
        });
        Self { n, half_bits: bits.div_ceil(2), keys }
    }

    /// Where the permutation puts `index`, which must be below `n`.
    pub fn get(&self, index: u64) -> u64 {
        debug_assert!(index < self.n, "index {index} is not below {}", self.n);
        // Cycle walking (Black & Rogaway, CT-RSA 2002): the block is a permutation of 0..2^(2 half_bits), at most four
        // times `n`, so stepping until the value is below `n` is one of 0..n and takes four steps on average at most.
        let mut value = self.encrypt(index);
        while value >= self.n {
            value = self.encrypt(value);
        }
        value
    }

    fn encrypt(&self, block: u64) -> u64 {
        let mask = (1u64 << self.half_bits) - 1;
        let (mut left, mut right) = (block >> self.half_bits, block & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): every input bit moves every output bit.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
