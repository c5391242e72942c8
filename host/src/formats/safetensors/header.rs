//! The header of a file: which tensors it holds, of which type and shape, and where.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt::{self, Formatter};
use std::ops::Range;

/// The longest header that is read, in bytes, as in the reference implementation.
pub const HEADER_BYTES_MAX: u64 = 100_000_000;

/// The key of the free texts in a header.
const METADATA: &str = "__metadata__";

/// One tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The type of its numbers, as in the file: `F32`, `BF16`, `I64` and so on.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its bytes, counted from the end of the header.
    pub(super) bytes: Range<u64>,
}

impl Entry {
    /// Number of its elements, which was checked against its bytes.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Number of its bytes in the file.
    pub fn n_bytes(&self) -> u64 {
        self.bytes.end - self.bytes.start
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// The tensors of a header, whose names must differ.
struct Infos(BTreeMap<String, Info>);

impl<'de> Deserialize<'de> for Infos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tensors;
        impl<'de> Visitor<'de> for Tensors {
            type Value = Infos;

            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Infos, A::Error> {
                let mut infos = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    if infos.contains_key(&name) {
                        return Err(A::Error::custom(format!("tensor {name} is there twice")));
                    }
                    let info = map.next_value()?;
                    infos.insert(name, info);
                }
                Ok(Infos(infos))
            }
        }
        deserializer.deserialize_map(Tensors)
    }
}

/// Reads the header `text` of a file that has `data_bytes` bytes after it.
///
/// # Errors
/// A header that is not of this form, or that does not fit the file. The error says what is wrong, without the file's
/// name.
pub fn parse(text: &[u8], data_bytes: u64) -> Result<BTreeMap<String, Entry>, String> {
    let infos: Infos = serde_json::from_slice(text)
        .map_err(|error| format!("its header is not that of a safetensors file: {error}"))?;
    let entries: BTreeMap<_, _> = infos
        .0
        .into_iter()
        .map(|(name, info)| entry(&name, info).map(|entry| (name, entry)))
        .collect::<Result<_, _>>()?;
    let mut places: Vec<_> = entries.iter().map(|(name, entry)| (entry.bytes.clone(), name)).collect();
    places.sort_by_key(|(bytes, _)| (bytes.start, bytes.end));
    let mut end = 0;
    for (bytes, name) in places {
        if bytes.start != end {
            let how = if bytes.start < end { "overlaps the one before it" } else { "leaves a gap before it" };
            return Err(format!("tensor {name} {how}: it begins at byte {}, expected {end}", bytes.start));
        }
        if bytes.end > data_bytes {
            return Err(format!(
                "tensor {name} ends at byte {} of the data, the file has {data_bytes}: it is cut off; get the file again",
                bytes.end
            ));
        }
        end = bytes.end;
    }
    match end == data_bytes {
        true => Ok(entries),
        false => Err(format!("its tensors have {end} bytes, the file has {data_bytes} of them; get the file again")),
    }
}

fn entry(name: &str, info: Info) -> Result<Entry, String> {
    let Info { dtype, shape, data_offsets: (start, end) } = info;
    let too_large = || format!("tensor {name}: no file can hold shape {shape:?}");
    let elements = shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size)).ok_or_else(too_large)?;
    let sizes = shape.iter().map(|&size| usize::try_from(size).ok()).collect::<Option<_>>().ok_or_else(too_large)?;
    let Some(bytes) = end.checked_sub(start) else {
        return Err(format!("tensor {name} begins at byte {start} and ends at byte {end}"));
    };
    if let Some(bits) = bits(&dtype) {
        let expected = elements.checked_mul(bits).ok_or_else(too_large)?;
        if !expected.is_multiple_of(8) || expected / 8 != bytes {
            return Err(format!(
                "tensor {name}: {dtype} of shape {shape:?} takes {} bytes, the header gives it {bytes}",
                expected.div_ceil(8)
            ));
        }
    }
    Ok(Entry { dtype, shape: sizes, bytes: start..end })
}

/// Bits of an element; none of a type that is not known here, and therefore cannot be loaded either.
fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "U16" | "I16" | "F16" | "BF16" => 16,
        "U32" | "I32" | "F32" => 32,
        "U64" | "I64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, data_bytes: u64) -> Result<BTreeMap<String, Entry>, String> {
        parse(text.as_bytes(), data_bytes)
    }

    #[track_caller]
    fn refused(text: &str, data_bytes: u64, expected: &str) {
        let error = parsed(text, data_bytes).expect_err(text);
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_header_gives_names_types_shapes_and_places() {
        let text = r#"{"__metadata__":{"format":"pt"},
            "b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},
            "c":{"dtype":"I64","shape":[],"data_offsets":[28,36]},"d":{"dtype":"F16","shape":[0,7],"data_offsets":[36,36]}}   "#;
        let entries = parsed(text, 36).expect("valid");
        let b = &entries["b"];
        assert_eq!(
            (b.dtype.as_str(), b.shape.as_slice(), b.bytes.clone(), b.elements()),
            ("F32", &[2, 3][..], 4..28, 6)
        );
        assert_eq!((entries["c"].elements(), entries["d"].elements()), (1, 0));
        assert!(parsed("{}", 0).expect("valid").is_empty());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let one = |info: &str| format!(r#"{{"a":{{{info}}}}}"#);
        refused("[]", 0, "not that of a safetensors file");
        refused("{", 0, "not that of a safetensors file");
        refused(&one(r#""dtype":"F32","shape":[2],"data_offsets":[0,4]"#), 4, "takes 8 bytes, the header gives it 4");
        refused(&one(r#""dtype":"F32","shape":[2],"data_offsets":[0,8]"#), 7, "cut off");
        refused(&one(r#""dtype":"F32","shape":[2],"data_offsets":[0,8]"#), 9, "its tensors have 8 bytes");
        refused(&one(r#""dtype":"F32","shape":[2],"data_offsets":[8,0]"#), 8, "begins at byte 8 and ends at byte 0");
        refused(&one(r#""dtype":"F32","shape":[2],"data_offsets":[4,12]"#), 12, "leaves a gap");
        refused(&one(r#""dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]"#), 8, "no file can hold");
        refused(&one(r#""dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,8]"#), 8, "no file can hold");
        refused(&one(r#""dtype":"F32","shape":[-1],"data_offsets":[0,8]"#), 8, "invalid value");
        refused(&one(r#""dtype":"F4","shape":[3],"data_offsets":[0,1]"#), 1, "takes 2 bytes");
        let info = r#"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
        refused(&format!(r#"{{"a":{info},"a":{info}}}"#), 8, "tensor a is there twice");
        refused(&format!(r#"{{"a":{info},"b":{info}}}"#), 8, "tensor b overlaps");
    }
}
