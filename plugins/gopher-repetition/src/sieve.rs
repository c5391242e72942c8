//! What may occur more than once.

/// A sieve for hashes: it tells which of them may have been marked more than once. It says so of some needlessly, but
/// misses none.
#[derive(Default)]
pub struct Sieve {
    /// Bits of hashes that were marked, and beside them of those that were marked again.
    bits: Vec<[u64; 2]>,
    shift: u32,
}

impl Sieve {
    /// Forgets everything, and makes room for about `n` hashes.
    pub fn clear(&mut self, n: usize) {
        let n_bits = (64 * n).next_power_of_two().max(64);
        self.shift = 64 - n_bits.ilog2();
        self.bits.clear();
        self.bits.resize(n_bits / 64, [0; 2]);
    }

    /// Marks a hash, whose high bits depend on all of it.
    #[inline]
    pub fn mark(&mut self, hash: u64) {
        let (i, bit) = self.place(hash);
        let [seen, again] = &mut self.bits[i];
        *again |= *seen & bit;
        *seen |= bit;
    }

    /// Says whether a hash may have been marked more than once.
    #[inline]
    pub fn is_again(&self, hash: u64) -> bool {
        let (i, bit) = self.place(hash);
        self.bits[i][1] & bit != 0
    }

    #[inline]
    fn place(&self, hash: u64) -> (usize, u64) {
        let bit = (hash >> self.shift) as usize;
        (bit / 64, 1 << (bit % 64))
    }
}
