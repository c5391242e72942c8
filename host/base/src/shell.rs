//! Words of a command line.

/// Returns the word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./=:,+@%".contains(char);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_where_a_shell_would_change_them() {
        for (word, expected) in [
            ("train.steps=9", "train.steps=9"),
            ("", "''"),
            ("sample.prompt=It is", "'sample.prompt=It is'"),
            ("a='b'", r"'a='\''b'\'''"),
            ("data.source=[{ path = \"x\" }]", "'data.source=[{ path = \"x\" }]'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
