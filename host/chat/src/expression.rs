//! Changes the inside of a tag, so that minijinja evaluates it as jinja2 does and within bounds.
//!
//! - string literals are decoded as Python does, and neighbours joined;
//! - the operands of `~` become texts as Python's `str` makes them;
//! - lists, tuples, mappings and what is assigned to a name pass through a function that bounds their size: a value
//!   that holds another many times, again and again, has a text without end;
//! - what a loop takes its items from must have some: not None;
//! - an expression has a bounded number of parts, for the engine calls itself for each.

use crate::literal::{decoded, literal_len};

/// The function that bounds a value, which may be a namespace.
pub const CHECKED: &str = "checked_value";
/// The function that bounds a value which becomes a part of another.
pub const CHECKED_PART: &str = "checked_part";
/// The function that refuses a value that cannot be looped over.
pub const ITEMS: &str = "items_of_loop";
/// The function that makes a text of a value.
pub const TEXT: &str = "text_of_value";

/// The parts that an expression has at most, with those of the expressions that it is in. Items between commas count
/// from the start.
const MAX_PARTS: usize = 300;

/// The brackets that may be open at once.
const MAX_NESTED: usize = 40;

/// Words that end an operand of `~`.
const LOOSE: [&str; 7] = ["and", "or", "not", "in", "if", "else", "elif"];

/// What stands before the current place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Start,
    Operand,
    Is,
    Comma,
    Other,
}

/// An open bracket, or the tag itself.
struct Level {
    bracket: char,
    /// Where it begins in the output.
    start: usize,
    /// Whether a list, a mapping or a tuple begins here, rather than a call or a subscript.
    is_literal: bool,
    has_comma: bool,
    /// The parts since the last comma, with the most of each bracket closed since.
    n_parts: usize,
    /// The most parts between two commas.
    most_parts: usize,
    /// Where the operand begins that a `~` may follow.
    operand: usize,
    /// Whether a `~` is before the operand.
    is_joined: bool,
}

/// Translates the inside of one tag.
pub struct Expression<'a, 'b> {
    rest: &'a str,
    out: &'b mut String,
    levels: Vec<Level>,
    before: Before,
    /// The first word of a block tag.
    tag: &'a str,
    is_block: bool,
    has_dot: bool,
    /// Whether the value is open that `set` and `with` assign, or that `for` loops over.
    is_assigned: bool,
    is_loop_read: bool,
    parameters: Vec<&'a str>,
}

impl<'a, 'b> Expression<'a, 'b> {
    /// Begins behind `{%` or `{{`.
    pub fn new(rest: &'a str, out: &'b mut String, is_block: bool) -> Self {
        let mut new = Self {
            rest,
            out,
            levels: Vec::new(),
            before: Before::Start,
            tag: "",
            is_block,
            has_dot: false,
            is_assigned: false,
            is_loop_read: false,
            parameters: Vec::new(),
        };
        new.open(' ', false);
        new
    }

    /// Writes the inside of the tag and its end; returns what is behind it.
    ///
    /// # Errors
    /// What is wrong with a string literal, or that there are too many parts.
    pub fn translate(mut self) -> Result<&'a str, &'static str> {
        if self.rest.starts_with(['-', '+']) {
            self.copy(1);
            self.begin_operand();
        }
        while let Some(char) = self.rest.chars().next() {
            if let Some((sign, end)) = self.end() {
                self.write_end(sign);
                return Ok(&self.rest[end..]);
            }
            if char.is_whitespace() {
                self.copy(char.len_utf8());
                continue;
            }
            if let Some(level) = self.levels.last_mut() {
                level.n_parts += 1;
            }
            if self.levels.iter().map(|level| level.n_parts).sum::<usize>() > MAX_PARTS {
                return Err("more than 300 parts in an expression (assign some with {% set %})");
            }
            if self.levels.len() > MAX_NESTED {
                return Err("more than 40 brackets in one another (assign some with {% set %})");
            }
            match char {
                '"' | '\'' => self.literals()?,
                _ if char.is_alphanumeric() || char == '_' => self.word(),
                _ => self.symbol(char),
            }
        }
        Ok("")
    }

    fn copy(&mut self, n: usize) {
        self.out.push_str(&self.rest[..n]);
        self.rest = &self.rest[n..];
    }

    /// The sign before the end of the tag, if that is here, and their length.
    fn end(&self) -> Option<(&'a str, usize)> {
        if self.levels.len() > 1 {
            return None;
        }
        let end = if self.is_block { "%}" } else { "}}" };
        let unsigned = self.rest.strip_prefix(['-', '+']).filter(|rest| rest.starts_with(end)).unwrap_or(self.rest);
        let sign = &self.rest[..self.rest.len() - unsigned.len()];
        unsigned.starts_with(end).then_some((sign, sign.len() + end.len()))
    }

    fn write_end(&mut self, sign: &str) {
        self.end_operand();
        if self.is_assigned {
            self.out.push_str("))");
        }
        for parameter in &self.parameters {
            self.out.push_str(&format!(" %}}{{% set {parameter} = {CHECKED_PART}({parameter})"));
        }
        self.out.push_str(sign);
        self.out.push_str(if self.is_block { "%}" } else { "}}" });
    }

    fn open(&mut self, bracket: char, is_literal: bool) {
        let start = self.out.len();
        self.levels.push(Level {
            bracket,
            start,
            is_literal,
            has_comma: false,
            n_parts: 0,
            most_parts: 0,
            operand: start,
            is_joined: false,
        });
    }

    /// Makes a text of the operand of a `~` that ends here, and begins the next.
    fn end_operand(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            if level.is_joined {
                self.out.insert_str(level.operand, &format!(" {TEXT}("));
                self.out.push(')');
                level.is_joined = false;
            }
            level.operand = self.out.len();
        }
    }

    /// Begins an operand behind what was just written.
    fn begin_operand(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            level.operand = self.out.len();
        }
    }

    fn word(&mut self) {
        let is_number = self.rest.starts_with(|char: char| char.is_ascii_digit());
        let mut chars = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((offset, char)) = chars.next() {
            let is_point = is_number && char == '.' && chars.peek().is_some_and(|(_, next)| next.is_ascii_digit());
            if !(char.is_alphanumeric() || char == '_' || is_point) {
                end = offset;
                break;
            }
        }
        let word = &self.rest[..end];
        let is_tag = self.is_block && self.tag.is_empty();
        if is_tag {
            self.tag = word;
        } else if self.tag == "macro" && self.levels.len() == 2 && matches!(self.before, Before::Start | Before::Comma)
        {
            self.parameters.push(word);
        }
        // `is not` and `is in` are of the operand
        let is_loose = LOOSE.contains(&word) && self.before != Before::Is;
        if is_loose {
            self.end_operand();
        }
        let is_loop = self.tag == "for" && self.levels.len() == 1;
        if is_loop && self.is_assigned && matches!(word, "if" | "recursive") {
            self.out.push_str(")) ");
            self.is_assigned = false;
        }
        self.copy(end);
        if is_loop && is_loose && word == "in" && !self.is_loop_read {
            self.out.push_str(&format!(" {ITEMS}(("));
            (self.is_assigned, self.is_loop_read) = (true, true);
        }
        if is_loose {
            self.begin_operand();
        }
        self.before = match word {
            "is" => Before::Is,
            "not" if self.before == Before::Is => Before::Is,
            _ if LOOSE.contains(&word) => Before::Other,
            "set" | "for" | "call" if is_tag => Before::Operand,
            _ if is_tag => Before::Other,
            _ => Before::Operand,
        };
    }

    fn symbol(&mut self, char: char) {
        match char {
            '(' | '[' | '{' => {
                self.open(char, matches!(self.before, Before::Start | Before::Comma | Before::Other));
                self.copy(1);
                self.begin_operand();
                self.before = Before::Start;
            }
            ')' | ']' | '}' => self.close(),
            ',' => self.comma(),
            '~' => {
                if let Some(level) = self.levels.last_mut() {
                    level.is_joined = true;
                }
                self.end_operand();
                self.copy(1);
                self.begin_operand();
                if let Some(level) = self.levels.last_mut() {
                    level.is_joined = true;
                }
                self.before = Before::Other;
            }
            '=' if self.is_assignment() => {
                self.copy(1);
                self.is_assigned = true;
                let function = if self.has_dot { CHECKED_PART } else { CHECKED };
                self.out.push_str(&format!(" {function}(("));
                self.begin_operand();
                self.before = Before::Other;
            }
            _ => {
                let is_sign = matches!(char, '+' | '-') && self.before != Before::Operand;
                if matches!(char, '+' | '-' | '<' | '>' | '=' | '!' | ':') && !is_sign {
                    self.end_operand();
                    self.copy(1);
                    self.begin_operand();
                } else {
                    self.has_dot |= char == '.' && self.levels.len() == 1 && !self.is_assigned;
                    self.copy(char.len_utf8());
                }
                self.before = Before::Other;
            }
        }
    }

    /// Whether the `=` here assigns to the names of `set` or `with`, rather than compares.
    fn is_assignment(&self) -> bool {
        let is_single = !self.rest.starts_with("==") && self.before == Before::Operand;
        is_single && !self.is_assigned && self.levels.len() == 1 && matches!(self.tag, "set" | "with")
    }

    fn comma(&mut self) {
        self.end_operand();
        if self.tag == "with" && self.levels.len() == 1 && self.is_assigned {
            self.out.push_str("))");
            self.is_assigned = false;
        }
        self.copy(1);
        self.begin_operand();
        self.before = Before::Comma;
        if let Some(level) = self.levels.last_mut() {
            level.most_parts = level.most_parts.max(level.n_parts);
            (level.has_comma, level.n_parts) = (true, 0);
        }
    }

    fn close(&mut self) {
        self.end_operand();
        self.copy(1);
        self.before = Before::Operand;
        let Some(level) = self.levels.pop_if(|level| level.bracket != ' ') else { return };
        if let Some(outer) = self.levels.last_mut() {
            outer.n_parts += level.most_parts.max(level.n_parts);
        }
        if level.is_literal && (level.bracket != '(' || level.has_comma) {
            self.out.insert_str(level.start, &format!(" {CHECKED_PART}("));
            self.out.push(')');
        }
    }

    /// Writes a string literal, and those right behind it as parts of the same.
    fn literals(&mut self) -> Result<(), &'static str> {
        self.before = Before::Operand;
        let Some(mut len) = literal_len(self.rest) else {
            // without an end: minijinja says so
            self.copy(self.rest.len());
            return Ok(());
        };
        let mut value = String::new();
        loop {
            value.push_str(&decoded(&self.rest[1..len - 1])?);
            self.rest = &self.rest[len..];
            let next = self.rest.trim_start();
            let Some(more) = literal_len(next) else { break };
            (self.rest, len) = (next, more);
        }
        self.out.push('"');
        for char in value.chars() {
            match char {
                '"' | '\\' => self.out.extend(['\\', char]),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                _ => self.out.push(char),
            }
        }
        self.out.push('"');
        Ok(())
    }
}
