//! Citation marks as in Wikipedia.

use std::ops::Range;
use trainyard_text::chars::is_digit;

/// Returns the places of `[12]`, `[]`, `[edit]` and `[citation needed]` in a line, in order.
pub fn citations(line: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + memchr::memchr(b'[', &line.as_bytes()[at..])?;
            at = start + 1;
            let inside = &line[at..];
            let end = ["edit]", "citation needed]"]
                .into_iter()
                .find_map(|mark| inside.starts_with(mark).then_some(at + mark.len()))
                .or_else(|| end_of_number(inside).map(|end| at + end));
            if let Some(end) = end {
                at = end;
                return Some(start..end);
            }
        }
    })
}

/// Returns the end of `12]`.
fn end_of_number(text: &str) -> Option<usize> {
    let rest = text.trim_start_matches(is_digit).strip_prefix(']')?;
    Some(text.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_as_by_the_expression() {
        let found = |line| citations(line).map(|range| &line[range]).collect::<Vec<_>>();
        assert_eq!(
            found("a[1] b[] c[edit][citation needed] [٣४]"),
            ["[1]", "[]", "[edit]", "[citation needed]", "[٣४]"]
        );
        assert_eq!(found("[a] [1 ] [[2]] [Edit] ["), ["[2]"]);
        assert_eq!(found(""), [""; 0]);
    }
}
