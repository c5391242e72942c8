//! A value as it is in the line: its text, its number, or the same value for other readers of JSON.

use super::{Odd, string_end};
use memchr::memchr;
use serde_json::Value;

/// A value as it is in the line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a> {
    bytes: &'a [u8],
    /// Column of its first byte, counted from 1.
    pub column: usize,
}

/// A text without its escapes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unescaped {
    /// UTF-8, but for what was invalid in the line, and for 0xFF in place of half a surrogate pair.
    pub bytes: Vec<u8>,
    /// Column of the first half of a surrogate pair.
    pub half: Option<usize>,
}

/// Words that stand for values: those of JSON, and those that Python writes for floating-point numbers too.
fn is_word(word: &[u8]) -> bool {
    [&b"true"[..], b"false", b"null"].contains(&word) || is_no_number(word)
}

fn is_no_number(word: &[u8]) -> bool {
    [&b"NaN"[..], b"Infinity", b"-Infinity"].contains(&word)
}

fn is_number(word: &[u8]) -> bool {
    let digits = |part: &[u8]| part.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = word.strip_prefix(b"-").unwrap_or(word);
    let n_whole = digits(rest);
    if n_whole == 0 || (n_whole > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[n_whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let n = digits(fraction);
        if n == 0 {
            return false;
        }
        rest = &fraction[n..];
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or(rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

/// What begins with these bytes; none when it is nothing of JSON.
pub(super) fn kind(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes.first()? {
        b'"' => "text",
        b'{' => "an object",
        b'[' => "an array",
        b't' | b'f' => "true or false",
        b'n' => "null",
        b'N' => "NaN",
        b'-' | b'0'..=b'9' | b'I' => "a number",
        _ => return None,
    })
}

impl<'a> Raw<'a> {
    pub(super) fn new(bytes: &'a [u8], column: usize) -> Self {
        Self { bytes, column }
    }

    /// For messages.
    pub fn kind(self) -> &'static str {
        kind(self.bytes).unwrap_or("something else")
    }

    pub fn is_text(self) -> bool {
        self.bytes.starts_with(b"\"")
    }

    pub fn is_list(self) -> bool {
        self.bytes.starts_with(b"[")
    }

    /// True when it stands for no value: null, or what Python makes of a missing number.
    pub fn is_missing(self) -> bool {
        self.bytes == b"null" || is_no_number(self.bytes)
    }

    /// Where in the line the value is no UTF-8, counted from 0.
    pub fn invalid_utf8_at(self) -> Option<usize> {
        std::str::from_utf8(self.bytes).err().map(|error| self.column - 1 + error.valid_up_to())
    }

    /// A number's digits, as they stand there.
    pub fn number(self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes).ok().filter(|text| is_number(text.as_bytes()))
    }

    /// True when it is this text, without comparing what is in the quotes of most lines twice.
    pub fn is(self, text: &str) -> bool {
        let inner = &self.bytes[1..self.bytes.len() - 1];
        match memchr(b'\\', inner) {
            None => inner == text.as_bytes(),
            Some(_) => self.text().is_ok_and(|name| name.bytes == text.as_bytes()),
        }
    }

    /// A text without its quotes and escapes. Control characters stand for themselves.
    ///
    /// # Errors
    /// What is odd about the text.
    pub fn text(self) -> Result<Unescaped, Odd> {
        let inner = &self.bytes[1..self.bytes.len() - 1];
        let mut half = None;
        let mut bytes = Vec::with_capacity(inner.len());
        let mut at = 0;
        while let Some(next) = memchr(b'\\', &inner[at..]) {
            bytes.extend_from_slice(&inner[at..at + next]);
            at += next;
            // the column of the backslash: the quote is one before
            let column = self.column + 1 + at;
            let escape = escape(&inner[at..]).ok_or(Odd::NotJson { column, expected: "an escape such as \\n" })?;
            at += escape.length;
            match escape.char {
                Some(char) => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                None => {
                    half = half.or(Some(column));
                    bytes.push(0xFF);
                }
            }
        }
        bytes.extend_from_slice(&inner[at..]);
        Ok(Unescaped { bytes, half })
    }

    /// The value as JSON that every reader of JSON reads: without white space, half surrogate pairs and invalid UTF-8
    /// as U+FFFD, what is no number as null. Numbers keep all their digits.
    ///
    /// # Errors
    /// What is odd about the value.
    pub fn json(self) -> Result<String, Odd> {
        let mut out = String::with_capacity(self.bytes.len());
        let mut at = 0;
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => at += 1,
                b'"' => {
                    let end = string_end(self.bytes, at)?;
                    let text = Raw { bytes: &self.bytes[at..end], column: self.column + at }.text()?;
                    out += &Value::from(String::from_utf8_lossy(&text.bytes)).to_string();
                    at = end;
                }
                b'{' | b'}' | b'[' | b']' | b',' | b':' => {
                    out.push(char::from(byte));
                    at += 1;
                }
                _ => {
                    let rest = &self.bytes[at..];
                    let end = rest.iter().position(|byte| b",:]}\"{[ \t\r\n".contains(byte)).unwrap_or(rest.len());
                    let word = &rest[..end];
                    let is_value = is_word(word) || is_number(word);
                    let text = std::str::from_utf8(word).ok().filter(|_| is_value);
                    let column = self.column + at;
                    out += match text.ok_or(Odd::NotJson { column, expected: "a value" })? {
                        word if is_no_number(word.as_bytes()) => "null",
                        word => word,
                    };
                    at += end;
                }
            }
        }
        match serde_json::from_str::<serde::de::IgnoredAny>(&out) {
            Ok(_) => Ok(out),
            Err(_) => Err(Odd::NotJson { column: self.column, expected: "a value" }),
        }
    }
}

/// What follows a backslash.
struct Escape {
    /// None for half a surrogate pair.
    char: Option<char>,
    /// Bytes, the backslash included.
    length: usize,
}

fn escape(bytes: &[u8]) -> Option<Escape> {
    let char = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(bytes),
        _ => return None,
    };
    Some(Escape { char: Some(char), length: 2 })
}

/// `\uXXXX`, or a pair of them.
fn unicode(bytes: &[u8]) -> Option<Escape> {
    let unit = |at: usize| -> Option<u32> {
        let digits = bytes.get(at + 2..at + 6).filter(|_| bytes[at..].starts_with(b"\\u"))?;
        let mut digits = digits.iter().map(|&digit| char::from(digit).to_digit(16));
        digits.try_fold(0, |number, digit| Some(16 * number + digit?))
    };
    let first = unit(0)?;
    let is_low = |unit: &u32| (0xDC00..0xE000).contains(unit);
    if (0xD800..0xDC00).contains(&first)
        && let Some(low) = unit(6).filter(is_low)
    {
        let code = 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00);
        return Some(Escape { char: char::from_u32(code), length: 12 });
    }
    Some(Escape { char: char::from_u32(first), length: 6 })
}
