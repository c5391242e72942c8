//! Counts of documents per word, in memory of a fixed size.
//! A counting Bloom filter (Fan et al. 2000) whose counters are bytes that saturate at 255, in blocks of one cache line
//! (Putze et al. 2007): a word has four counters in one block, and its count is the least of them. Saturating counters
//! add up to the same values in any order.

use trainyard_plugin::{PluginError, Result};

/// Counters of a block.
const BLOCK: usize = 64;

/// The counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    counters: Vec<u8>,
}

impl Sketch {
    /// Starts with no counts, in `n_bytes`: a power of two, at least one block.
    pub fn new(n_bytes: usize) -> Self {
        Self { counters: vec![0; n_bytes] }
    }

    /// Counts a document that contains a word.
    pub fn add(&mut self, hash: u64) {
        for place in self.places(hash) {
            self.counters[place] = self.counters[place].saturating_add(1);
        }
    }

    /// Returns the number of documents that contain a word, or more, up to 255.
    pub fn count(&self, hash: u64) -> u8 {
        self.places(hash).map(|place| self.counters[place]).into_iter().min().unwrap_or(0)
    }

    /// Returns four different counters of one block, from bits of the hash that are not used for the block.
    fn places(&self, hash: u64) -> [usize; 4] {
        let n_blocks = self.counters.len() / BLOCK;
        let block = (hash as usize & (n_blocks - 1)) * BLOCK;
        // one in each quarter
        [0, 1, 2, 3].map(|quarter| block + quarter * (BLOCK / 4) + (hash >> (48 + 4 * quarter)) as usize % (BLOCK / 4))
    }

    /// Returns the counts, to be merged elsewhere. Empty blocks are left out, so that few counts take few bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = (self.counters.len() as u64).to_le_bytes().to_vec();
        for (i, block) in self.counters.chunks_exact(BLOCK).enumerate() {
            if block.iter().any(|&counter| counter > 0) {
                bytes.extend((i as u32).to_le_bytes());
                bytes.extend(block);
            }
        }
        bytes
    }

    /// Adds the counts of another sketch of the same size.
    ///
    /// # Errors
    /// Bytes that are not the counts of such a sketch.
    pub fn merge(&mut self, bytes: &[u8]) -> Result<()> {
        let wrong = || PluginError::state("expected counts of rare-terms with the same memory_mib, got others");
        let (size, blocks) = bytes.split_first_chunk().ok_or_else(wrong)?;
        if u64::from_le_bytes(*size) != self.counters.len() as u64 || blocks.len() % (BLOCK + 4) != 0 {
            return Err(wrong());
        }
        for entry in blocks.chunks_exact(BLOCK + 4) {
            let (number, counters) = entry.split_first_chunk().ok_or_else(wrong)?;
            let start = u32::from_le_bytes(*number) as usize * BLOCK;
            let block = self.counters.get_mut(start..start + BLOCK).ok_or_else(wrong)?;
            for (counter, other) in block.iter_mut().zip(counters) {
                *counter = counter.saturating_add(*other);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_text::ngrams;

    fn word(i: usize) -> u64 {
        ngrams::hash(&format!("word {i}"))
    }

    #[test]
    fn counts_are_never_too_low_and_rarely_too_high() {
        // the load of 1 million words in 16 MiB
        let mut sketch = Sketch::new(1 << 20);
        let n = 1 << 16;
        for i in 0..n {
            (0..1 + i % 3).for_each(|_| sketch.add(word(i)));
        }
        let n_high = (0..n).filter(|&i| sketch.count(word(i)) as usize > 1 + i % 3).count();
        assert!((0..n).all(|i| sketch.count(word(i)) as usize > i % 3));
        assert!(n_high * 100 < n, "{n_high} of {n}");
    }

    #[test]
    fn merging_is_counting_it_all() {
        let (mut all, mut parts) = (Sketch::new(1 << 12), vec![Sketch::new(1 << 12); 3]);
        for i in 0..2000 {
            all.add(word(i % 17));
            parts[i % 3].add(word(i % 17));
        }
        assert_eq!(all.count(word(3)), 118);
        let states: Vec<_> = parts.iter().map(Sketch::to_bytes).collect();
        for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
            let mut merged = Sketch::new(1 << 12);
            order.into_iter().for_each(|i| merged.merge(&states[i]).unwrap());
            assert_eq!(merged, all);
            // counters that stop
            for _ in 0..3 {
                let state = merged.to_bytes();
                merged.merge(&state).unwrap();
            }
            assert_eq!(merged.count(word(3)), 255);
        }
    }

    #[test]
    fn refuses_other_states() {
        let mut sketch = Sketch::new(1 << 12);
        let mut state = Sketch::new(1 << 12).to_bytes();
        sketch.merge(&state).unwrap();
        assert!(sketch.merge(&[]).is_err() && sketch.merge(&Sketch::new(1 << 13).to_bytes()).is_err());
        state.extend([255; BLOCK + 4]);
        assert!(sketch.merge(&state).is_err());
        state.pop();
        let error = sketch.merge(&state).unwrap_err();
        assert_eq!(error.message, "expected counts of rare-terms with the same memory_mib, got others");
    }
}
