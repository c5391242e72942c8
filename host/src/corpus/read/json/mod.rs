//! One JSON object of a line, read as far as is asked: all else is stepped over, whatever it holds.

mod raw;

use memchr::memchr2;
pub(crate) use raw::Raw;
use raw::kind;

/// What is wrong with a line. Columns are bytes, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Odd {
    /// It ends inside a value.
    Cut,
    /// It holds no object but this.
    NotObject(&'static str),
    /// Another value begins in this column.
    Another(usize),
    /// Something in this column that JSON does not allow there.
    NotJson { column: usize, expected: &'static str },
}

/// The fields of an object, in order.
pub(crate) struct Fields<'a> {
    line: &'a [u8],
    at: usize,
    begun: bool,
}

impl<'a> Fields<'a> {
    pub fn new(line: &'a [u8]) -> Self {
        Self { line, at: 0, begun: false }
    }

    /// The next name and value; none after the last, when nothing follows the object.
    ///
    /// # Errors
    /// What is odd about the object.
    pub fn next(&mut self) -> Result<Option<(Raw<'a>, Raw<'a>)>, Odd> {
        self.skip_space();
        if !self.begun {
            self.begin()?;
            if self.peek()? == b'}' {
                return self.end();
            }
        } else {
            match self.peek()? {
                b'}' => return self.end(),
                b',' => self.at += 1,
                _ => return Err(self.not_json("a comma or the end of the object")),
            }
            self.skip_space();
        }
        if self.peek()? != b'"' {
            return Err(self.not_json("a field's name in quotes"));
        }
        let name = self.value()?;
        self.skip_space();
        if self.peek()? != b':' {
            return Err(self.not_json("a colon"));
        }
        self.at += 1;
        self.skip_space();
        self.peek()?;
        let value = self.value()?;
        Ok(Some((name, value)))
    }

    fn begin(&mut self) -> Result<(), Odd> {
        if self.peek()? != b'{' {
            let kind = kind(&self.line[self.at..]);
            return Err(kind.map_or_else(|| self.not_json("an object"), Odd::NotObject));
        }
        self.at += 1;
        self.begun = true;
        self.skip_space();
        Ok(())
    }

    /// After the object there is only white space.
    fn end(&mut self) -> Result<Option<(Raw<'a>, Raw<'a>)>, Odd> {
        let end = self.at;
        self.at += 1;
        self.skip_space();
        match self.at < self.line.len() {
            true => Err(Odd::Another(self.at + 1)),
            false => {
                // asked again, it ends again
                self.at = end;
                Ok(None)
            }
        }
    }

    fn skip_space(&mut self) {
        while self.line.get(self.at).is_some_and(|byte| b" \t\r\n".contains(byte)) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Result<u8, Odd> {
        self.line.get(self.at).copied().ok_or(Odd::Cut)
    }

    fn not_json(&self, expected: &'static str) -> Odd {
        Odd::NotJson { column: self.at + 1, expected }
    }

    /// The value that begins here.
    fn value(&mut self) -> Result<Raw<'a>, Odd> {
        let start = self.at;
        self.at = match self.line[start] {
            b'"' => string_end(self.line, start)?,
            b'{' | b'[' => self.container_end(start)?,
            _ => self.atom_end(start)?,
        };
        Ok(Raw::new(&self.line[start..self.at], start + 1))
    }

    /// The end of a number or a word, of whatever language: a value that is not asked for is not checked.
    fn atom_end(&self, start: usize) -> Result<usize, Odd> {
        let rest = &self.line[start..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._".contains(byte);
        match rest.iter().position(|byte| !is_part(byte)).ok_or(Odd::Cut)? {
            0 => Err(self.not_json("a value")),
            length => Ok(start + length),
        }
    }

    /// The end of an object or array: of what is inside, only texts and brackets are looked at. Nesting costs a byte,
    /// not a call.
    fn container_end(&self, start: usize) -> Result<usize, Odd> {
        let mut open = Vec::new();
        let mut at = start;
        loop {
            let next = self.line[at..].iter().position(|byte| b"\"{}[]".contains(byte)).ok_or(Odd::Cut)?;
            at += next;
            match self.line[at] {
                b'"' => {
                    at = string_end(self.line, at)?;
                    continue;
                }
                byte @ (b'{' | b'[') => open.push(byte),
                byte => {
                    let fits = if byte == b'}' { b'{' } else { b'[' };
                    if open.pop() != Some(fits) {
                        return Err(Odd::NotJson { column: at + 1, expected: "brackets that fit" });
                    }
                }
            }
            at += 1;
            if open.is_empty() {
                return Ok(at);
            }
        }
    }
}

/// The byte after the text that begins at `start`.
fn string_end(line: &[u8], start: usize) -> Result<usize, Odd> {
    let mut at = start + 1;
    loop {
        at += line.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)).ok_or(Odd::Cut)?;
        match line[at] {
            b'"' => return Ok(at + 1),
            // what is escaped ends nothing
            _ => at += 2,
        }
    }
}

/// The value of a field of an object that [`Raw::json`] made, the last of its name.
pub(crate) fn field<'a>(object: &'a str, name: &str) -> Option<Raw<'a>> {
    let mut fields = Fields::new(object.as_bytes());
    let mut found = None;
    while let Ok(Some((key, value))) = fields.next() {
        if key.is(name) {
            found = Some(value);
        }
    }
    found
}

/// The same as JSON that every reader takes.
pub(crate) fn json_field(object: &str, name: &str) -> Option<String> {
    field(object, name)?.json().ok()
}
