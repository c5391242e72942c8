//! A trie: texts that are found by their beginnings.

use std::collections::HashMap;

/// Texts, each with an id.
#[derive(Debug, Default)]
pub struct Trie {
    /// The next node, by node and byte.
    next: HashMap<(u32, u8), u32>,
    /// The id of the text that ends at each node.
    ids: Vec<Option<u32>>,
}

impl Trie {
    /// Makes a trie of texts that are not empty. Of equal texts, the first counts.
    pub fn new<'a>(texts: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let (mut next, mut ids) = (HashMap::new(), vec![None]);
        for (text, id) in texts.filter(|(text, _)| !text.is_empty()) {
            let mut node = 0;
            for byte in text.bytes() {
                node = *next.entry((node, byte)).or_insert_with(|| {
                    ids.push(None);
                    ids.len() as u32 - 1
                });
            }
            ids[node as usize].get_or_insert(id);
        }
        Self { next, ids }
    }

    /// Returns the id and length of all texts that `bytes` begins with, the shortest first.
    pub fn prefixes<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (u32, usize)> + 'a {
        let mut node = Some(0);
        let steps = bytes.iter().map_while(move |&byte| {
            node = self.next.get(&(node?, byte)).copied();
            node
        });
        steps.zip(1..).filter_map(|(node, length)| Some((self.ids[node as usize]?, length)))
    }

    /// Returns the longest of them.
    pub fn longest(&self, bytes: &[u8]) -> Option<(u32, usize)> {
        self.prefixes(bytes).last()
    }
}
