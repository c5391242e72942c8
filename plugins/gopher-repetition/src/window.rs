//! Which words begin something that occurs elsewhere.

/// Bytes that are compared.
const WIDTH: usize = 16;

/// Least words of an n-gram that is sieved: where so many words have less than 16 bytes, the sieve says nothing.
pub const MIN_WORDS: usize = 5;

/// The words of a document, written without spaces, and the positions from which 16 bytes occur more than once, or seem
/// to: a cheap sieve before n-grams are hashed. Too many positions do no harm.
#[derive(Default)]
pub struct Windows {
    text: Vec<u8>,
    starts: Vec<u32>,
    /// What was seen once (1) or more often (2), by hash.
    seen: Vec<u8>,
    repeated: Vec<u32>,
    is_searched: bool,
}

impl Windows {
    /// Forgets the document.
    pub fn clear(&mut self) {
        self.text.clear();
        self.starts.clear();
        self.is_searched = false;
    }

    /// Takes the next word.
    #[inline]
    pub fn push(&mut self, word: &[u8]) {
        self.starts.push(self.text.len() as u32);
        self.text.extend_from_slice(word);
    }

    /// Positions of words, in order, without those whose next bytes occur nowhere else.
    pub fn repeated(&mut self) -> &[u32] {
        if !self.is_searched {
            self.search();
            self.is_searched = true;
        }
        &self.repeated
    }

    fn search(&mut self) {
        let n_slots = (8 * self.starts.len()).next_power_of_two().max(64);
        self.seen.clear();
        self.seen.resize(n_slots, 0);
        self.text.extend_from_slice(&[0; WIDTH]);
        let (text, shift) = (&self.text[..], 64 - n_slots.trailing_zeros());
        let slot = |start: u32| slot(&text[start as usize..], shift);
        for &start in &self.starts {
            let seen = &mut self.seen[slot(start)];
            *seen = (*seen + 1).min(2);
        }
        let is_repeated = |(i, &start): (usize, &u32)| {
            let end = self.starts.get(i + MIN_WORDS).map_or(0, |&end| end as usize);
            let is_kept = self.seen[slot(start)] > 1 || end < start as usize + WIDTH;
            is_kept.then_some(i as u32)
        };
        self.repeated.clear();
        self.repeated.extend(self.starts.iter().enumerate().filter_map(is_repeated));
    }
}

/// Hash of the first 16 bytes.
#[inline]
fn slot(text: &[u8], shift: u32) -> usize {
    let (Some((first, rest)), multiplier) = (text.split_first_chunk::<8>(), 0x9e37_79b9_7f4a_7c15u64) else { return 0 };
    let second = rest.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let hash = u64::from_le_bytes(*first).wrapping_mul(multiplier) ^ second;
    let hash = (hash ^ hash >> 32).wrapping_mul(multiplier);
    (hash >> shift) as usize
}
