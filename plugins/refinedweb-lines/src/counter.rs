//! Counters of social media.

use trainyard_text::chars::is_digit;

/// Whether a line is a counter such as "3 likes" or "(1.2K Views)": a number, perhaps with `K`, `M` or `B`, and one of
/// the `units`, which are in lower case.
pub fn is_counter(line: &str, units: &[String]) -> bool {
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let text = line.trim_start_matches(|char| !is_word(char));
    if !text.starts_with(is_digit) {
        return false;
    }
    let text = text.trim_end_matches(|char| !is_word(char));
    let text = text.trim_start_matches(|char| is_digit(char) || matches!(char, ',' | '.'));
    let text = text.strip_prefix(['K', 'k', 'M', 'm', 'B', 'b']).unwrap_or(text);
    let unit = text.trim_start();
    unit.len() < text.len() && units.contains(&unit.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters() {
        let units = ["likes", "views"].map(String::from);
        for line in ["3 likes", "(1.2K  Views)", "1,234,567 LIKES!", "• 5m likes", "٣ likes"] {
            assert!(is_counter(line, &units), "{line}");
        }
        for line in ["", "likes", "3likes", "3 likes it", "3 like", "a 3 likes", "3 x likes", "3.4.", "12K"] {
            assert!(!is_counter(line, &units), "{line}");
        }
    }
}
