//! Splits normalized text into pieces: the most likely ones (Kudo 2018, arXiv 1804.10959), or by merging (Sennrich et
//! al. 2016, arXiv 1508.07909), both as in SentencePiece, including how ties are broken.

use super::proto::{Kind, Piece};
use super::trie::Trie;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

/// How far the score of an unknown character is below that of the least likely piece.
const UNKNOWN_PENALTY: f32 = 10.0;

/// Pieces that text is split into.
pub struct Pieces {
    trie: Trie,
    ids: HashMap<String, u32>,
    kinds: Vec<Kind>,
    scores: Vec<f32>,
    least: f32,
    most: f32,
}

/// A part of a text: its length in bytes, and its piece; none if it is unknown.
pub type Part = (usize, Option<u32>);

impl Pieces {
    /// Pieces that may occur in text.
    pub fn new(pieces: &[Piece]) -> Self {
        let in_text = |piece: &Piece| matches!(piece.kind, Kind::Normal | Kind::UserDefined | Kind::Unused);
        let texts = || pieces.iter().zip(0..).filter(|(piece, _)| in_text(piece));
        let normal = || pieces.iter().filter(|piece| piece.kind == Kind::Normal).map(|piece| piece.score);
        let mut ids = HashMap::new();
        for (piece, id) in texts() {
            ids.entry(piece.text.clone()).or_insert(id);
        }
        Self {
            trie: Trie::new(texts().map(|(piece, id)| (piece.text.as_str(), id))),
            ids,
            kinds: pieces.iter().map(|piece| piece.kind).collect(),
            scores: pieces.iter().map(|piece| piece.score).collect(),
            least: normal().fold(f32::INFINITY, f32::min),
            most: normal().fold(f32::NEG_INFINITY, f32::max),
        }
    }

    fn kind(&self, id: u32) -> Kind {
        self.kinds[id as usize]
    }

    /// Returns the most likely parts (`unigram::Model::EncodeOptimized`). Sums are kept in 32 bits and compared in 64,
    /// as there.
    pub fn likeliest(&self, text: &str) -> Vec<Part> {
        #[derive(Clone, Copy)]
        struct End {
            score: f32,
            start: Option<usize>,
            id: Option<u32>,
        }
        let bytes = text.as_bytes();
        let mut ends = vec![End { score: 0.0, start: None, id: None }; bytes.len() + 1];
        let reach = |end: &mut End, score: f64, start: usize, id: Option<u32>| {
            if end.start.is_none() || score > f64::from(end.score) {
                *end = End { score: score as f32, start: Some(start), id };
            }
        };
        for (start, char) in text.char_indices() {
            let (here, n_bytes) = (f64::from(ends[start].score), char.len_utf8());
            let mut has_char = false;
            for (id, length) in self.trie.prefixes(&bytes[start..]) {
                let score = match self.kind(id) {
                    Kind::Unused => continue,
                    // always taken
                    Kind::UserDefined => {
                        let n_chars = text[start..start + length].chars().count();
                        f64::from(n_chars as f32 * self.most) - 0.1
                    }
                    _ => f64::from(self.scores[id as usize]),
                };
                reach(&mut ends[start + length], here + score, start, Some(id));
                has_char |= length == n_bytes;
            }
            if !has_char {
                let score = here + f64::from(self.least - UNKNOWN_PENALTY);
                reach(&mut ends[start + n_bytes], score, start, None);
            }
        }
        let (mut parts, mut end) = (Vec::new(), bytes.len());
        while end > 0 {
            let start = ends[end].start.unwrap_or(0);
            parts.push((end - start, ends[end].id));
            end = start;
        }
        parts.reverse();
        parts
    }

    /// Returns the parts after merging neighbours, the best first (`bpe::Model::SampleEncode`).
    pub fn merged(&self, text: &str, user_defined: &Trie) -> Vec<Part> {
        let mut symbols = Vec::new();
        let mut at = 0;
        while let Some(char) = text[at..].chars().next() {
            let whole = user_defined.longest(&text.as_bytes()[at..]);
            let length = whole.map_or(char.len_utf8(), |(_, length)| length);
            let index = symbols.len();
            symbols.push(Symbol {
                start: at,
                length,
                before: index.wrapping_sub(1),
                behind: index + 1,
                whole: whole.is_some(),
            });
            at += length;
        }
        let (mut queue, mut halves) = (BinaryHeap::new(), HashMap::new());
        for right in 1..symbols.len() {
            self.offer(text, &symbols, right - 1, right, &mut queue, &mut halves);
        }
        while let Some(Pair { left, right, length, .. }) = queue.pop() {
            let is_stale = symbols[left].length == 0 || symbols[right].length == 0;
            if is_stale || symbols[left].length + symbols[right].length != length {
                continue;
            }
            let behind = symbols[right].behind;
            symbols[left].length = length;
            symbols[left].behind = behind;
            symbols[right].length = 0;
            if let Some(symbol) = symbols.get_mut(behind) {
                symbol.before = left;
                self.offer(text, &symbols, left, behind, &mut queue, &mut halves);
            }
            let before = symbols[left].before;
            if before != usize::MAX {
                self.offer(text, &symbols, before, left, &mut queue, &mut halves);
            }
        }
        let mut parts = Vec::new();
        for symbol in symbols.iter().filter(|symbol| symbol.length > 0) {
            self.give(&text[symbol.start..symbol.start + symbol.length], &halves, &mut parts);
        }
        parts
    }

    fn offer<'a>(
        &self,
        text: &'a str,
        symbols: &[Symbol],
        left: usize,
        right: usize,
        queue: &mut BinaryHeap<Pair>,
        halves: &mut HashMap<&'a str, usize>,
    ) {
        let (first, second) = (&symbols[left], &symbols[right]);
        if first.whole || second.whole {
            return;
        }
        let piece = &text[first.start..second.start + second.length];
        if let Some(&id) = self.ids.get(piece) {
            queue.push(Pair { score: self.scores[id as usize], left, right, length: piece.len() });
            if self.kind(id) == Kind::Unused {
                halves.insert(piece, first.length);
            }
        }
    }

    /// Appends a merged piece, or the two that it was merged from if it must not be in the result.
    fn give(&self, piece: &str, halves: &HashMap<&str, usize>, parts: &mut Vec<Part>) {
        let mut open = vec![piece];
        while let Some(piece) = open.pop() {
            let id = self.ids.get(piece).copied();
            match halves.get(piece).filter(|_| id.is_some_and(|id| self.kind(id) == Kind::Unused)) {
                Some(&at) => open.extend([&piece[at..], &piece[..at]]),
                None => parts.push((piece.len(), id)),
            }
        }
    }
}

/// Neighbours in a list.
struct Symbol {
    start: usize,
    /// The length; 0 after it was merged into the one before it.
    length: usize,
    before: usize,
    behind: usize,
    /// Whether the piece is user-defined, so that it never merges.
    whole: bool,
}

/// Two neighbours that may merge.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    length: usize,
}

impl Ord for Pair {
    /// The highest score first, then the leftmost.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}
