//! Changes a template's source where minijinja reads another language than jinja2.
//!
//! - `{% generation %}` becomes a filter of its own and a scope, both block tags, so that the spaces and line ends
//!   around it are trimmed as around any block tag;
//! - the inside of other tags is that of `expression`;
//! - line ends are `\n`, and one behind `{% raw %}` stays.

use crate::expression::Expression;
use trainyard_base::{Error, Result};

/// The bytes that a template has at most.
const MAX_BYTES: usize = 1 << 20;

/// The `{% elif %}` that a template has at most: the engine calls itself for each.
const MAX_BRANCHES: usize = 200;

/// The filter that marks what the assistant generated.
pub const MARKING: &str = "marked_as_generated";

/// A template's source as minijinja takes it.
#[derive(Debug)]
pub struct Source {
    pub text: String,
    /// Whether the source has `{% generation %}`.
    pub has_marks: bool,
}

/// Returns the source as minijinja takes it.
///
/// # Errors
/// A string literal that Python refuses, an expression of too many parts, more than a megabyte.
pub fn translated(source: &str) -> Result<Source> {
    if source.len() > MAX_BYTES {
        let len = source.len();
        return Err(Error::usage(format!("chat template: expected at most {MAX_BYTES} bytes, got {len}; use another")));
    }
    let text = source.replace("\r\n", "\n").replace('\r', "\n");
    let (out, loops) = (String::new(), Vec::new());
    let mut translation = Translation { rest: &text, whole: &text, out, has_marks: false, n_branches: 0, loops };
    while let Some(start) = next_tag(translation.rest) {
        translation.copy(start);
        match translation.rest.as_bytes().get(1) {
            Some(b'#') => translation.copy_through("#}", 2),
            Some(b'%') => translation.block()?,
            _ => {
                translation.copy(2);
                translation.inside(false)?;
            }
        }
    }
    translation.copy(translation.rest.len());
    Ok(Source { text: translation.out, has_marks: translation.has_marks })
}

/// The offset of the next tag, comment or expression.
fn next_tag(text: &str) -> Option<usize> {
    let mut starts = text.match_indices('{').map(|(start, _)| start);
    starts.find(|start| matches!(text.as_bytes().get(start + 1), Some(b'{' | b'%' | b'#')))
}

/// A block tag's inside that is one word: its signs against spaces, and how long it is with its end.
struct Word<'a> {
    before: &'a str,
    after: &'a str,
    len: usize,
}

/// Reads `{%- word -%}` at the start of a text.
fn word<'a>(text: &'a str, word: &str) -> Option<Word<'a>> {
    let inner = text.strip_prefix("{%")?;
    let rest = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    let before = &inner[..inner.len() - rest.len()];
    let inner = rest.trim_start().strip_prefix(word)?.trim_start();
    let rest = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    let after = &inner[..inner.len() - rest.len()];
    let rest = rest.strip_prefix("%}")?;
    Some(Word { before, after, len: text.len() - rest.len() })
}

struct Translation<'a> {
    rest: &'a str,
    whole: &'a str,
    out: String,
    has_marks: bool,
    n_branches: usize,
    /// The loops and generation blocks that are open; true for a loop.
    loops: Vec<bool>,
}

impl Translation<'_> {
    /// Copies `n` bytes, which end at a border of characters.
    fn copy(&mut self, n: usize) {
        self.out.push_str(&self.rest[..n]);
        self.rest = &self.rest[n..];
    }

    /// Copies through the next `end` after `from` bytes, or everything.
    fn copy_through(&mut self, end: &str, from: usize) {
        let n = self.rest[from..].find(end).map_or(self.rest.len(), |start| from + start + end.len());
        self.copy(n);
    }

    fn block(&mut self) -> Result<()> {
        if let Some(word) = word(self.rest, "generation") {
            self.has_marks = true;
            self.loops.push(false);
            self.out.push_str(&format!("{{%{} filter {MARKING} %}}{{% with {}%}}", word.before, word.after));
            self.rest = &self.rest[word.len..];
        } else if let Some(word) = word(self.rest, "endgeneration") {
            self.loops.pop();
            self.out.push_str(&format!("{{%{} endwith %}}{{% endfilter {}%}}", word.before, word.after));
            self.rest = &self.rest[word.len..];
        } else if let Some(word) = word(self.rest, "raw").filter(|word| word.after != "+") {
            let keeps_line_end = word.after.is_empty();
            self.copy(word.len);
            if keeps_line_end && self.rest.starts_with('\n') {
                self.out.push('\n');
            }
            self.raw();
        } else {
            self.copy(2);
            self.inside(true)?;
        }
        Ok(())
    }

    /// Copies raw text through its end tag.
    fn raw(&mut self) {
        while let Some(start) = self.rest.find("{%") {
            self.copy(start);
            match word(self.rest, "endraw") {
                Some(word) => return self.copy(word.len),
                None => self.copy(2),
            }
        }
    }

    /// Translates the inside of a tag through its end.
    fn inside(&mut self, is_block: bool) -> Result<()> {
        let before = &self.whole[..self.whole.len() - self.rest.len()];
        let wrong = |what| {
            let line = before.matches('\n').count() + 1;
            Error::usage(format!("chat template, line {line}: {what}"))
        };
        let word = self.rest.trim_start_matches(['-', '+']).trim_start();
        let word = word.split(|char: char| !char.is_ascii_lowercase()).next().filter(|_| is_block);
        match word {
            Some("for") => self.loops.push(true),
            Some("endfor") => drop(self.loops.pop()),
            // the engine would lose what the block has written
            Some("break" | "continue") if self.loops.last() == Some(&false) => {
                return Err(wrong("break or continue in a {% generation %} block (end the block before it)"));
            }
            Some("elif") => self.n_branches += 1,
            _ => {}
        }
        if self.n_branches > MAX_BRANCHES {
            return Err(wrong("more than 200 {% elif %} in a template (use another)"));
        }
        self.rest = Expression::new(self.rest, &mut self.out, is_block).translate().map_err(wrong)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        assert_eq!(translated(source).expect("a template").text, expected);
    }

    #[test]
    fn generation_becomes_a_filter_and_a_scope() {
        let tags = "{%- generation +%}x{%+endgeneration-%}";
        check(tags, "{%- filter marked_as_generated %}{% with +%}x{%+ endwith %}{% endfilter -%}");
        assert!(translated(tags).expect("a template").has_marks);
        for plain in [
            "{# {% generation %} #}",
            "{{ \"{% generation %}\" }}",
            "{% raw %}{% generation %}{% endraw %}",
            "{% if generation %}{%",
            "{% generations %}",
            "{{ \"{% generation %}",
            "{{ f(a[0].b(c))}}",
            "{% raw %}{% generation %}",
            "{# x",
            "ü{{",
        ] {
            check(plain, plain);
            assert!(!translated(plain).expect("a template").has_marks, "{plain}");
        }
    }

    #[test]
    fn literals_are_decoded_and_joined() {
        check(r#"{{ 'a"\'\\' }}"#, r#"{{ "a\"'\\" }}"#);
        check("{{ 'a' \"b\"\n'c' }}", "{{ \"abc\" }}");
        check("{{ '\\x41\\u00e9\\1018\\q\\\nz' }}", "{{ \"Aé\u{41}8\\\\qz\" }}");
        for wrong in ["\\x4", "\\ud800", "\\U00110000", "\\N{BULLET}", "\\xé", "\\u12é"] {
            let error = translated(&format!("\n{{{{ '{wrong}' }}}}")).expect_err(wrong).to_string();
            assert!(error.starts_with("chat template, line 2: "), "{error}");
        }
    }

    #[test]
    fn what_the_engine_cannot_bear_is_an_error() {
        for (wrong, expected) in [
            ("{% for m in x %}{% generation %}\n{% break %}", "chat template, line 2: break or continue in a"),
            (&format!("{{{{ {}1 }}}}", "-".repeat(400)), "chat template, line 1: more than 300 parts"),
            (&format!("{{{{ {}1 }}}}", "f(1,".repeat(400)), "chat template, line 1: more than 40 brackets"),
            (&"{% elif x %}".repeat(400), "chat template, line 1: more than 200 {% elif %}"),
            (&"a".repeat(2_000_000), "chat template: expected at most 1048576 bytes, got 2000000; use another"),
        ] {
            let error = translated(wrong).expect_err("out of bounds").to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let inner = "{% generation %}{% for x in y %}{% break %}{% endfor %}{% endgeneration %}{% continue %}";
        assert!(translated(inner).is_ok());
    }

    #[test]
    fn line_ends_are_kept_as_jinja2_keeps_them() {
        check("a\r\nb\rc", "a\nb\nc");
        check("{% raw %}\n{% endraw %}\n", "{% raw %}\n\n{% endraw %}\n");
        check("{% raw -%}\n{% endraw %}\n", "{% raw -%}\n{% endraw %}\n");
    }
}
