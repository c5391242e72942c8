//! Marks that a line may end in.

/// A set of characters that a line may end in.
#[derive(Debug, Clone)]
pub struct Ends {
    /// Whether a character of ASCII is one of them.
    ascii: [bool; 128],
    /// All of them.
    marks: String,
}

impl Ends {
    /// Makes the set of the characters of `marks`.
    pub fn new(marks: &str) -> Self {
        let mut ascii = [false; 128];
        marks.bytes().filter(u8::is_ascii).for_each(|mark| ascii[usize::from(mark)] = true);
        Self { ascii, marks: marks.to_owned() }
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Says whether a line ends in one of them.
    #[inline]
    pub fn end(&self, line: &str) -> bool {
        let Some(&last) = line.as_bytes().last() else { return false };
        match self.ascii.get(usize::from(last)) {
            Some(&is_mark) => is_mark,
            None => line.ends_with(|char| self.marks.contains(char)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_character_counts() {
        let ends = Ends::new(".?。");
        for (line, expected) in [("a.", true), ("a?", true), ("这。", true), ("", false), (".a", false), ("中", false)]
        {
            assert_eq!(ends.end(line), expected, "{line}");
        }
        assert!(Ends::new("").is_empty() && !Ends::new("").end("."));
    }
}
