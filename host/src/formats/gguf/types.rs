//! The types of tensors in GGUF files.

use candle_core::quantized::GgmlDType;

/// A type of numbers: blocks of `block` numbers that take `bytes` bytes.
#[derive(Debug)]
pub struct Type {
    /// The number that names it in files.
    pub id: u32,
    /// Its name in llama.cpp.
    pub name: &'static str,
    /// Numbers in a block; a row is whole blocks. 0 where candle does not read the type.
    pub block: u64,
    /// Bytes of a block.
    pub bytes: u64,
    /// Its name in candle.
    pub kind: Option<GgmlDType>,
}

const fn read(id: u32, name: &'static str, block: u64, bytes: u64, kind: GgmlDType) -> Type {
    Type { id, name, block, bytes, kind: Some(kind) }
}

const fn unread(id: u32, name: &'static str) -> Type {
    Type { id, name, block: 0, bytes: 0, kind: None }
}

/// All types, by the enumeration `ggml_type` of llama.cpp.
static TYPES: [Type; 34] = [
    read(0, "F32", 1, 4, GgmlDType::F32),
    read(1, "F16", 1, 2, GgmlDType::F16),
    read(2, "Q4_0", 32, 18, GgmlDType::Q4_0),
    read(3, "Q4_1", 32, 20, GgmlDType::Q4_1),
    read(6, "Q5_0", 32, 22, GgmlDType::Q5_0),
    read(7, "Q5_1", 32, 24, GgmlDType::Q5_1),
    read(8, "Q8_0", 32, 34, GgmlDType::Q8_0),
    unread(9, "Q8_1"),
    read(10, "Q2_K", 256, 84, GgmlDType::Q2K),
    read(11, "Q3_K", 256, 110, GgmlDType::Q3K),
    read(12, "Q4_K", 256, 144, GgmlDType::Q4K),
    read(13, "Q5_K", 256, 176, GgmlDType::Q5K),
    read(14, "Q6_K", 256, 210, GgmlDType::Q6K),
    unread(15, "Q8_K"),
    unread(16, "IQ2_XXS"),
    unread(17, "IQ2_XS"),
    unread(18, "IQ3_XXS"),
    unread(19, "IQ1_S"),
    unread(20, "IQ4_NL"),
    unread(21, "IQ3_S"),
    unread(22, "IQ2_S"),
    unread(23, "IQ4_XS"),
    unread(24, "I8"),
    unread(25, "I16"),
    unread(26, "I32"),
    unread(27, "I64"),
    unread(28, "F64"),
    unread(29, "IQ1_M"),
    read(30, "BF16", 1, 2, GgmlDType::BF16),
    unread(34, "TQ1_0"),
    unread(35, "TQ2_0"),
    unread(39, "MXFP4"),
    unread(40, "NVFP4"),
    unread(41, "Q1_0"),
];

/// The names of all types that are read, for messages.
pub fn readable() -> String {
    let names: Vec<&str> = TYPES.iter().filter(|kind| kind.kind.is_some()).map(|kind| kind.name).collect();
    names.join(", ")
}

/// The type with that number.
pub fn by_id(id: u32) -> Option<&'static Type> {
    TYPES.iter().find(|kind| kind.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_as_large_as_candle_has_them() {
        for kind in TYPES.iter().filter(|kind| kind.kind.is_some()) {
            let candle = kind.kind.expect("filtered");
            assert_eq!(kind.block, candle.block_size() as u64, "{}", kind.name);
            assert_eq!(kind.bytes, candle.type_size() as u64, "{}", kind.name);
        }
    }
}
