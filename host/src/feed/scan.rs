//! One pass over a shard's bytes: their checksum, and the largest id among its tokens.

use xxhash_rust::xxh3::Xxh3;

/// Bytes that are looked at twice, the second time in the processor's cache.
const CHUNK_BYTES: usize = 256 << 10;

/// What the pass found.
pub(super) struct Scan {
    /// XXH3-128 of the body, followed by the header.
    pub checksum: u128,
    /// The largest id; 0 without tokens.
    pub largest: u32,
}

/// Reads `body`, which begins with ids of `width` bytes (2 or 4), `tokens_bytes` of them all together.
pub(super) fn scan(header: &[u8], body: &[u8], tokens_bytes: usize, width: usize) -> Scan {
    let (mut hash, mut largest) = (Xxh3::new(), 0);
    for (index, chunk) in body.chunks(CHUNK_BYTES).enumerate() {
        hash.update(chunk);
        let n_tokens_bytes = tokens_bytes.saturating_sub(index * CHUNK_BYTES).min(chunk.len());
        largest = largest.max(largest_id(&chunk[..n_tokens_bytes], width));
    }
    hash.update(header);
    Scan { checksum: hash.digest128(), largest }
}

/// The largest of little-endian ids.
fn largest_id(bytes: &[u8], width: usize) -> u32 {
    let largest = match width {
        2 => bytes.chunks_exact(2).map(|id| u16::from_le_bytes([id[0], id[1]])).max().map(u32::from),
        _ => bytes.chunks_exact(4).map(|id| u32::from_le_bytes([id[0], id[1], id[2], id[3]])).max(),
    };
    largest.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_id_is_found_wherever_it_is() {
        for (width, n) in [(2, 300_000), (4, 150_000)] {
            for at in [0, 1, n / 2, n - 1] {
                let id = |index| if index == at { 40_000u32 } else { (index % 1000) as u32 };
                let mut body: Vec<u8> = (0..n).flat_map(|index| id(index).to_le_bytes()[..width].to_vec()).collect();
                let tokens_bytes = body.len();
                body.extend([0xff; 24]); // what follows are no ids
                let scanned = scan(b"header", &body, tokens_bytes, width);
                assert_eq!(scanned.largest, 40_000, "{width} bytes, at {at}");
                let mut whole = Xxh3::new();
                whole.update(&body);
                whole.update(b"header");
                assert_eq!(scanned.checksum, whole.digest128());
            }
        }
        assert_eq!(scan(b"", b"", 0, 2).largest, 0);
    }
}
