//! The visible text of HTML.

use memchr::{memchr, memmem};

/// Counts the characters of a document outside tags, comments, scripts and styles; a reference such as `&amp;` counts
/// as one. Returns none if the document has no tag. It scans for marks and does not parse: a tag ends at the next `>`.
pub fn visible_chars(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut n, mut n_tags, mut at) = (0, 0, 0);
    while let Some(start) = memchr(b'<', &bytes[at..]).map(|start| at + start) {
        let Some(end) = markup_end(&bytes[start..]).map(|end| start + end) else {
            n += count(&bytes[at..start]) + 1;
            at = start + 1;
            continue;
        };
        n += count(&bytes[at..start]);
        n_tags += 1;
        at = end;
    }
    (n_tags > 0).then(|| n + count(&bytes[at..]))
}

/// Returns the end of a tag, a comment, or a script or style with its content, beginning at `<`; none if it is none of
/// these.
fn markup_end(bytes: &[u8]) -> Option<usize> {
    let after = |at: usize, mark: &[u8]| memmem::find(&bytes[at..], mark).map(|found| at + found + mark.len());
    if bytes.starts_with(b"<!--") {
        return after(4, b"-->");
    }
    match bytes.get(1) {
        Some(byte) if byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'!' | b'?') => {}
        _ => return None,
    }
    let end = after(1, b">")?;
    for name in ["script", "style"] {
        let is_it = bytes.get(1..1 + name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name.as_bytes()));
        if is_it && bytes.get(1 + name.len()).is_some_and(|byte| !byte.is_ascii_alphanumeric()) {
            let closing = closing_tag(&bytes[end..], name).map(|start| end + start)?;
            return after(closing, b">");
        }
    }
    Some(end)
}

/// Returns the start of `</name`, in either case.
fn closing_tag(bytes: &[u8], name: &str) -> Option<usize> {
    memmem::find_iter(bytes, b"</")
        .find(|&at| bytes[at + 2..].get(..name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name.as_bytes())))
}

/// Characters of text, a reference counting as one.
fn count(text: &[u8]) -> usize {
    let mut n = text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
    for at in memchr::memchr_iter(b'&', text) {
        let name = text[at + 1..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'#').count();
        if name > 0 && text.get(at + 1 + name) == Some(&b';') {
            // the name and the semicolon
            n -= name + 1;
        }
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen() {
        let cases = [
            ("", None),
            ("a < b > c <3", None),
            ("<p>two é</p>", Some(5)),
            ("a<br>b", Some(2)),
            ("<!DOCTYPE html><html><!-- <b>no</b> -->yes</html>", Some(3)),
            ("<script>var a = '<b>';</script>x<STYLE type=css>p {}</Style >y<scripted>z", Some(3)),
            ("<a href=x>1 &amp; &#160;2 & 3;</a>", Some(11)),
            ("<p>open <b", Some(7)),
            ("<script>never closed", None),
            ("<", None),
            ("<!--", None),
        ];
        for (text, n) in cases {
            assert_eq!(visible_chars(text), n, "{text}");
        }
    }
}
