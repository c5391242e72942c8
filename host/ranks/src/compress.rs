//! Numbers in few bits, for what is sent seldom and may be a little wrong.
//!
//! 64 numbers share a scale, the largest magnitude divided by the largest code; a number is the nearest code times it.

/// Numbers that share a scale.
const BLOCK: usize = 64;

/// How numbers are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// 8 bits each, and 32 a block: 8.5 bits a number.
    Int8,
    /// 4 bits each, and 32 a block: 4.5 bits a number.
    Int4,
}

impl Compression {
    /// The largest code.
    fn most(self) -> f32 {
        match self {
            Self::Int8 => 127.0,
            Self::Int4 => 7.0,
        }
    }

    /// Bytes of `n` numbers.
    pub fn bytes(self, n: usize) -> usize {
        let codes = |n: usize| match self {
            Self::Int8 => n,
            Self::Int4 => n.div_ceil(2),
        };
        n / BLOCK * (4 + codes(BLOCK)) + if n.is_multiple_of(BLOCK) { 0 } else { 4 + codes(n % BLOCK) }
    }

    /// The numbers in few bits. One that is not finite makes its whole block 0 / 0.
    pub fn encode(self, numbers: impl ExactSizeIterator<Item = f32>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes(numbers.len()));
        let numbers: Vec<f32> = numbers.collect();
        for block in numbers.chunks(BLOCK) {
            let largest = block.iter().fold(0.0_f32, |most, x| if x.abs() <= most { most } else { x.abs() });
            let scale = largest / self.most();
            out.extend(scale.to_le_bytes());
            let code = |x: f32| if scale > 0.0 { (x / scale).round() as i8 } else { 0 };
            match self {
                Self::Int8 => out.extend(block.iter().map(|&x| code(x) as u8)),
                Self::Int4 => out.extend(block.chunks(2).map(|pair| {
                    let high = pair.get(1).map_or(0, |&x| code(x));
                    (code(pair[0]) as u8 & 15) | (high as u8) << 4
                })),
            }
        }
        out
    }

    /// Calls `take` with each of the `n` numbers that `bytes` stand for, and its index.
    pub fn decode(self, bytes: &[u8], n: usize, mut take: impl FnMut(usize, f32)) {
        let mut rest = bytes;
        for start in (0..n).step_by(BLOCK) {
            let n = BLOCK.min(n - start);
            let Some((scale, codes)) = rest.split_first_chunk::<4>() else { return };
            let scale = f32::from_le_bytes(*scale);
            let n_codes = self.bytes(n) - 4;
            for i in 0..n {
                let code = match self {
                    Self::Int8 => codes[i] as i8,
                    // the sign of four bits
                    Self::Int4 => ((codes[i / 2] >> (i % 2 * 4)) << 4) as i8 >> 4,
                };
                take(start + i, f32::from(code) * scale);
            }
            rest = &codes[n_codes..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_nearly() {
        for (compression, error) in [(Compression::Int8, 0.5 / 127.0), (Compression::Int4, 0.5 / 7.0)] {
            for n in [0, 1, 2, 63, 64, 65, 200] {
                let numbers: Vec<f32> = (0..n).map(|i| ((i * 7919 % 1009) as f32 - 500.0) * 1e-4).collect();
                let bytes = compression.encode(numbers.iter().copied());
                assert_eq!(bytes.len(), compression.bytes(n));
                let mut back = vec![f32::NAN; n];
                compression.decode(&bytes, n, |i, x| back[i] = x);
                for (start, (numbers, back)) in numbers.chunks(BLOCK).zip(back.chunks(BLOCK)).enumerate() {
                    let largest = numbers.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                    let close = numbers.iter().zip(back).all(|(a, b)| (a - b).abs() <= largest * error * 1.001);
                    assert!(close, "{compression:?} {n} block {start}");
                }
            }
        }
        assert_eq!(Compression::Int8.encode([0.0; 3].into_iter()), [0; 7]);
        let mut back = Vec::new();
        let bytes = Compression::Int8.encode([1.0, f32::NAN].into_iter());
        Compression::Int8.decode(&bytes, 2, |_, x| back.push(x));
        assert!(back.iter().all(|x| x.is_nan()), "{back:?}");
    }
}
