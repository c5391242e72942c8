//! Values as bytes, for the way between host and worker. Both are the same program, so there are no versions here; but
//! the reader trusts nothing: no length, no text, no tag.

use trainyard_plugin::network::{Head, Layer, Network, Parameter};
use trainyard_plugin::{
    Bound, Direction, ErrorKind, Graph, MetricInfo, Node, Output, PluginError, PromptedPair, Rule, Setting, Sizes,
    Span, SpecialToken, TextPair, TokenBatch, Value, Verdict, Vocabulary,
};

/// A list that says that it is long is believed only as far as its items arrive.
const MAX_RESERVED_ITEMS: usize = 4096;

/// A value that can be written as bytes.
pub trait Encode {
    /// Appends the value to `to`.
    fn encode(&self, to: &mut Vec<u8>);

    /// Appends the items of a list.
    fn encode_items(items: &[Self], to: &mut Vec<u8>)
    where
        Self: Sized,
    {
        items.iter().for_each(|item| item.encode(to));
    }
}

/// A value that can be read from bytes; none when they are no such value.
pub trait Decode<'a>: Sized {
    /// Takes the value from the front of `from`.
    fn decode(from: &mut Reader<'a>) -> Option<Self>;

    /// Takes `count` items of a list.
    fn decode_items(count: usize, from: &mut Reader<'a>) -> Option<Vec<Self>> {
        let mut items = Vec::with_capacity(count.min(MAX_RESERVED_ITEMS));
        for _ in 0..count {
            // an item may take far more memory than bytes of the message: an empty text three times as much
            from.room = from.room.checked_sub(size_of::<Self>())?;
            items.push(Self::decode(from)?);
        }
        Some(items)
    }
}

/// The bytes that were not read yet.
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// Bytes of memory that the items of lists may still take.
    room: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }
}

/// The value that `bytes` are, if they are one and nothing else, and its lists take at most `room` bytes of memory.
pub fn decode<'a, T: Decode<'a>>(bytes: &'a [u8], room: usize) -> Option<T> {
    read(bytes, room, T::decode)
}

/// The same for a value that `value` reads.
pub fn read<'a, T>(bytes: &'a [u8], room: usize, value: impl FnOnce(&mut Reader<'a>) -> Option<T>) -> Option<T> {
    let mut reader = Reader { bytes, room };
    value(&mut reader).filter(|_| reader.bytes.is_empty())
}

/// The rest of a message, to be read later.
#[derive(Debug, Clone, Copy)]
pub struct Rest<'a>(pub &'a [u8]);

impl<'a> Decode<'a> for Rest<'a> {
    fn decode(from: &mut Reader<'a>) -> Option<Self> {
        from.take(from.bytes.len()).map(Self)
    }
}

/// A result whose value `value` reads.
pub fn result<'a, T>(
    from: &mut Reader<'a>,
    value: impl FnOnce(&mut Reader<'a>) -> Option<T>,
) -> Option<trainyard_plugin::Result<T>> {
    if bool::decode(from)? { value(from).map(Ok) } else { PluginError::decode(from).map(Err) }
}

macro_rules! numbers {
    ($($number:ty),+) => { $(
        impl Encode for $number {
            fn encode(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }
        }

        impl Decode<'_> for $number {
            fn decode(from: &mut Reader<'_>) -> Option<Self> {
                Some(Self::from_le_bytes(from.take(size_of::<Self>())?.try_into().ok()?))
            }

            fn decode_items(count: usize, from: &mut Reader<'_>) -> Option<Vec<Self>> {
                let bytes = from.take(count.checked_mul(size_of::<Self>())?)?;
                let number = |bytes: &[u8]| bytes.try_into().ok().map(Self::from_le_bytes);
                bytes.chunks_exact(size_of::<Self>()).map(number).collect()
            }
        }
    )+ };
}

numbers!(u32, u64, i64, f64);

macro_rules! records {
    ($($record:ty { $($field:ident),+ })+) => { $(
        impl<'a> Encode for $record {
            fn encode(&self, to: &mut Vec<u8>) {
                $( self.$field.encode(to); )+
            }
        }

        impl<'a> Decode<'a> for $record {
            fn decode(from: &mut Reader<'a>) -> Option<Self> {
                Some(Self { $( $field: Decode::decode(from)?, )+ })
            }
        }
    )+ };
}

records! {
    TokenBatch { ids, ends }
    SpecialToken { name, id }
    Vocabulary { tokens, specials }
    Span { start, end }
    Verdict { keep, reason, score, text, spans }
    Rule { reason, setting, bound, limit }
    Node { op, inputs, attributes }
    Output { name, sum, weight }
    Graph { op_set, nodes, outputs }
    MetricInfo { unit, direction, aggregation }
    TextPair<'a> { hypothesis, references }
    PromptedPair<'a> { prompt, pair }
    PluginError { kind, message }
    Setting { key, value }
    Parameter { name, shape, init, scale, decay, aliases }
    Layer { op, scope, inputs, parameters, attributes }
    Head { name, value }
    Network { op_set, parameters, layers, heads, blocks, ignored }
}

/// Writes an enum with one value in each case.
macro_rules! variants {
    ($($name:ident { $($tag:literal $case:ident),+ })+) => { $(
        impl Encode for $name {
            fn encode(&self, to: &mut Vec<u8>) {
                match self {
                    $( Self::$case(value) => {
                        to.push($tag);
                        value.encode(to);
                    } )+
                }
            }
        }

        impl Decode<'_> for $name {
            fn decode(from: &mut Reader<'_>) -> Option<Self> {
                match u8::decode(from)? {
                    $( $tag => Decode::decode(from).map(Self::$case), )+
                    _ => None,
                }
            }
        }
    )+ };
}

variants! {
    Value { 0 Boolean, 1 Integer, 2 Number, 3 Text, 4 Numbers, 5 Texts }
}

impl Encode for Sizes {
    fn encode(&self, to: &mut Vec<u8>) {
        self.named().iter().for_each(|(_, value)| value.encode(to));
    }
}

impl Decode<'_> for Sizes {
    fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let [vocab, context, labels] = [u32::decode(from)?, u32::decode(from)?, u32::decode(from)?];
        Some(Self::new(vocab, context).labels(labels))
    }
}

macro_rules! enums {
    ($($name:ident { $($tag:literal $case:ident),+ })+) => { $(
        impl Encode for $name {
            fn encode(&self, to: &mut Vec<u8>) {
                to.push(match self { $( Self::$case => $tag, )+ });
            }
        }

        impl Decode<'_> for $name {
            fn decode(from: &mut Reader<'_>) -> Option<Self> {
                match u8::decode(from)? {
                    $( $tag => Some(Self::$case), )+
                    _ => None,
                }
            }
        }
    )+ };
}

enums! {
    Bound { 0 AtLeast, 1 AtMost }
    Direction { 0 LowerIsBetter, 1 HigherIsBetter }
    ErrorKind { 0 Config, 1 Input, 2 State, 3 Unsupported, 4 Internal }
}

impl Encode for u8 {
    fn encode(&self, to: &mut Vec<u8>) {
        to.push(*self);
    }

    fn encode_items(items: &[Self], to: &mut Vec<u8>) {
        to.extend_from_slice(items);
    }
}

impl Decode<'_> for u8 {
    fn decode(from: &mut Reader<'_>) -> Option<Self> {
        from.take(1).map(|byte| byte[0])
    }

    fn decode_items(count: usize, from: &mut Reader<'_>) -> Option<Vec<Self>> {
        from.take(count).map(<[u8]>::to_vec)
    }
}

impl Encode for bool {
    fn encode(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }
}

impl Decode<'_> for bool {
    fn decode(from: &mut Reader<'_>) -> Option<Self> {
        match u8::decode(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Encode for () {
    fn encode(&self, _to: &mut Vec<u8>) {}
}

impl Decode<'_> for () {
    fn decode(_from: &mut Reader<'_>) -> Option<Self> {
        Some(())
    }
}

impl<T: Encode> Encode for [T] {
    fn encode(&self, to: &mut Vec<u8>) {
        (self.len() as u64).encode(to);
        T::encode_items(self, to);
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, to: &mut Vec<u8>) {
        self.as_slice().encode(to);
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for Vec<T> {
    fn decode(from: &mut Reader<'a>) -> Option<Self> {
        let count = u64::decode(from)?.try_into().ok()?;
        T::decode_items(count, from)
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, to: &mut Vec<u8>) {
        (**self).encode(to);
    }
}

impl<'a> Decode<'a> for &'a [u8] {
    fn decode(from: &mut Reader<'a>) -> Option<Self> {
        let count = u64::decode(from)?.try_into().ok()?;
        from.take(count)
    }
}

impl Encode for str {
    fn encode(&self, to: &mut Vec<u8>) {
        self.as_bytes().encode(to);
    }
}

impl<'a> Decode<'a> for &'a str {
    fn decode(from: &mut Reader<'a>) -> Option<Self> {
        std::str::from_utf8(Decode::decode(from)?).ok()
    }
}

impl Encode for String {
    fn encode(&self, to: &mut Vec<u8>) {
        self.as_str().encode(to);
    }
}

impl Decode<'_> for String {
    fn decode(from: &mut Reader<'_>) -> Option<Self> {
        <&str>::decode(from).map(str::to_owned)
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, to: &mut Vec<u8>) {
        self.is_some().encode(to);
        if let Some(value) = self {
            value.encode(to);
        }
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for Option<T> {
    fn decode(from: &mut Reader<'a>) -> Option<Self> {
        match bool::decode(from)? {
            true => T::decode(from).map(Some),
            false => Some(None),
        }
    }
}

impl<T: Encode> Encode for trainyard_plugin::Result<T> {
    fn encode(&self, to: &mut Vec<u8>) {
        self.is_ok().encode(to);
        match self {
            Ok(value) => value.encode(to),
            Err(error) => error.encode(to),
        }
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for trainyard_plugin::Result<T> {
    fn decode(from: &mut Reader<'a>) -> Option<Self> {
        result(from, T::decode)
    }
}

impl<A: Encode, B: Encode> Encode for (A, B) {
    fn encode(&self, to: &mut Vec<u8>) {
        self.0.encode(to);
        self.1.encode(to);
    }
}

impl<'a, A: Decode<'a>, B: Decode<'a>> Decode<'a> for (A, B) {
    fn decode(from: &mut Reader<'a>) -> Option<Self> {
        Some((A::decode(from)?, B::decode(from)?))
    }
}
