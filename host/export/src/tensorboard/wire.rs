//! Protocol Buffers' wire format, as far as events need it.

/// Kinds of a field's value on the wire.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

/// A message, encoded field by field. Fields are in the order of their numbers, as other writers have them, and a field
/// with its default value is for the caller to leave out.
#[derive(Debug, Clone, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// Adds an integer, a boolean or a value of an enum.
    pub fn integer(mut self, field: u64, value: u64) -> Self {
        self.tag(field, VARINT);
        self.varint(value);
        self
    }

    /// Adds a `double`.
    pub fn double(mut self, field: u64, value: f64) -> Self {
        self.tag(field, FIXED_64);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Adds a `float`.
    pub fn float(mut self, field: u64, value: f32) -> Self {
        self.tag(field, FIXED_32);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Adds a `string` or `bytes`.
    pub fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.tag(field, DELIMITED);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// Adds a message.
    pub fn message(self, field: u64, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    /// The message on the wire.
    pub fn encoded(&self) -> &[u8] {
        &self.0
    }

    fn tag(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_as_in_the_examples_of_the_format() {
        assert_eq!(Message::default().integer(1, 150).encoded(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().bytes(2, b"testing").encoded(), b"\x12\x07testing");
        let inner = Message::default().integer(1, 150);
        assert_eq!(Message::default().message(3, &inner).encoded(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::default().float(5, 1.0).encoded(), [0x2d, 0, 0, 0x80, 0x3f]);
        assert_eq!(Message::default().double(1, 1.0).encoded(), [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        assert_eq!(Message::default().integer(16, u64::MAX).encoded().len(), 2 + 10);
    }
}
