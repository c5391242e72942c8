//! Patterns of parameters' names: `model.layers.[0-3].*`.

use crate::{Error, Result};

/// A pattern: `*` stands for any text, `?` for a character, `[0-3]` for one of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(glob::Pattern);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A text that is none, such as `[0-`.
    pub fn new(text: &str) -> Result<Self> {
        let wrong = |error: glob::PatternError| {
            Error::usage(format!("pattern {text:?}: expected such as \"model.layers.[0-3].*\": {}", error.msg))
        };
        glob::Pattern::new(text).map(Self).map_err(wrong)
    }

    /// Tells if it matches a whole name.
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }

    /// Tells if it matches a name, or the name of a module that the parameter is in: `model.embed_tokens` of
    /// `model.embed_tokens.weight`.
    pub fn covers(&self, name: &str) -> bool {
        self.matches(name) || name.match_indices('.').any(|(end, _)| self.matches(&name[..end]))
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        self.0.as_str()
    }
}

/// Checks that each of `patterns` covers one of `names`: another is a mistake that would go unnoticed. `key` is where
/// the config has them.
///
/// # Errors
/// A pattern that covers none.
pub fn check_used<'a>(patterns: &[Pattern], names: impl Iterator<Item = &'a str> + Clone, key: &str) -> Result<()> {
    let is_unused = |pattern: &&Pattern| !names.clone().any(|name| pattern.covers(name));
    let Some(unused) = patterns.iter().find(is_unused) else { return Ok(()) };
    let shown: Vec<_> = names.clone().take(3).collect();
    Err(Error::usage(format!(
        "{key}: {:?} matches no parameter; the model's are {} and so on (trainyard model inspect lists them)",
        unused.text(),
        shown.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_parameters_and_modules() {
        for (pattern, name, expected) in [
            ("model.embed_tokens", "model.embed_tokens.weight", true),
            ("model.embed_tokens", "model.embed_tokens_2.weight", false),
            ("model.layers.[0-3].*", "model.layers.2.mlp.up_proj.weight", true),
            ("model.layers.[0-3].*", "model.layers.4.mlp.up_proj.weight", false),
            ("model.layers.[0-3]", "model.layers.12.mlp.up_proj.weight", false),
            ("*.bias", "a.b.bias", true),
            ("*.bias", "a.b.weight", false),
            ("*", "a", true),
            ("transformer.h.?", "transformer.h.1.ln_1.weight", true),
            ("layers.1", "model.layers.1.x", false),
        ] {
            let pattern = Pattern::new(pattern).expect("a pattern");
            assert_eq!(pattern.covers(name), expected, "{pattern:?} {name}");
        }
        let error = Pattern::new("model.[0-").expect_err("unfinished").to_string();
        assert!(error.starts_with("pattern \"model.[0-\": expected such as"), "{error}");
    }

    #[test]
    fn a_pattern_without_a_parameter_is_an_error() {
        let patterns = [Pattern::new("a.*").expect("a pattern"), Pattern::new("b").expect("a pattern")];
        assert!(check_used(&patterns, ["a.x", "b.y"].into_iter(), "train.freeze").is_ok());
        let error = check_used(&patterns, ["a.x", "c.y"].into_iter(), "train.freeze").expect_err("b").to_string();
        assert!(error.starts_with("train.freeze: \"b\" matches no parameter; the model's are a.x, c.y"), "{error}");
    }
}
