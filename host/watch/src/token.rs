//! The secret that who stops a run must know.

use std::fmt::Write;
use trainyard_base::{Error, Result};

const N_BYTES: usize = 16;

/// A secret of this process.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Makes one of the system's random bytes.
    ///
    /// # Errors
    /// A system that has none.
    pub fn new() -> Result<Self> {
        let mut bytes = [0; N_BYTES];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::run(format!("cannot make a token of the system's random numbers: {error}")))?;
        let mut text = String::new();
        // writing to a string has no way to fail
        bytes.iter().for_each(|byte| write!(text, "{byte:02x}").expect("memory"));
        Ok(Self(text))
    }

    /// The text of it.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Says whether a text is the token, in a time that does not tell how much of it is right.
    pub fn is(&self, text: &str) -> bool {
        let differences = self.0.bytes().zip(text.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
        self.0.len() == text.len() && differences == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_differ() {
        let [a, b] = [(); 2].map(|()| Token::new().unwrap());
        assert_eq!(a.text().len(), 32);
        assert!(a.is(a.clone().text()));
        assert!(!a.is(b.text()) && !a.is("") && !a.is(&a.text()[1..]) && !a.is(&format!("{}0", a.text())));
    }
}
