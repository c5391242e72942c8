//! The encoding that a web page declares: the prescan of the HTML standard (section 13.2.3.2), and the XML declaration
//! of XHTML.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

const SPACE: &[u8] = b" \t\n\x0c\r";

/// What `head`, the beginning of a page, declares; none when it declares nothing.
pub(super) fn declared(head: &[u8]) -> Option<&'static Encoding> {
    meta(head).or_else(|| xml(head))
}

/// What the first `<meta>` that declares an encoding says.
fn meta(head: &[u8]) -> Option<&'static Encoding> {
    let mut scan = Scan { bytes: head, at: 0 };
    while scan.at < head.len() {
        let rest = &head[scan.at..];
        if rest.starts_with(b"<!--") {
            // the comment's end may overlap its beginning: `<!-->`
            scan.at += find(&rest[2..], b"-->")? + 2 + 3;
        } else if is_tag(rest, b"<meta") {
            scan.at += 5;
            if let Some(encoding) = scan.meta() {
                return Some(encoding);
            }
        } else if rest.len() > 2 && rest[0] == b'<' && rest[usize::from(rest[1] == b'/') + 1].is_ascii_alphabetic() {
            scan.at += rest.iter().position(|byte| SPACE.contains(byte) || *byte == b'>')?;
            while scan.attribute().is_some() {}
        } else if [&b"<!"[..], b"</", b"<?"].iter().any(|start| rest.starts_with(start)) {
            scan.at += rest.iter().position(|&byte| byte == b'>')?;
        } else {
            scan.at += 1;
        }
    }
    None
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Whether the bytes begin with a tag of this name.
fn is_tag(bytes: &[u8], start: &[u8]) -> bool {
    let Some((name, rest)) = bytes.split_at_checked(start.len()) else { return false };
    name.eq_ignore_ascii_case(start) && rest.first().is_some_and(|byte| SPACE.contains(byte) || *byte == b'/')
}

/// `<?xml version="1.0" encoding="…"?>` at the beginning.
fn xml(head: &[u8]) -> Option<&'static Encoding> {
    let declaration = head.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..declaration.iter().position(|&byte| byte == b'>')?];
    let value = declaration[find(declaration, b"encoding")? + 8..].trim_ascii_start().strip_prefix(b"=")?;
    let value = value.trim_ascii_start();
    let quote = *value.first().filter(|byte| b"\"'".contains(byte))?;
    let value = &value[1..];
    by_label(&value[..value.iter().position(|&byte| byte == quote)?])
}

/// An encoding that a page can be in, given that its declaration could be read as ASCII.
fn by_label(label: &[u8]) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label_no_replacement(label)?;
    Some(match encoding {
        _ if encoding == UTF_16LE || encoding == UTF_16BE => UTF_8,
        _ if encoding == X_USER_DEFINED => WINDOWS_1252,
        _ => encoding,
    })
}

/// A place in a page.
pub(super) struct Scan<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl Scan<'_> {
    /// What the `<meta` that was just read declares.
    fn meta(&mut self) -> Option<&'static Encoding> {
        let (mut names, mut got_pragma) = (Vec::new(), false);
        let (mut charset, mut need_pragma) = (None, None);
        while let Some((name, value)) = self.attribute() {
            if names.contains(&name) {
                continue;
            }
            match name.as_slice() {
                b"http-equiv" => got_pragma |= value == b"content-type",
                b"content" if charset.is_none() => {
                    charset = in_content(&value);
                    need_pragma = charset.map(|_| true).or(need_pragma);
                }
                b"charset" => (charset, need_pragma) = (by_label(&value), Some(false)),
                _ => {}
            }
            names.push(name);
        }
        charset.filter(|_| need_pragma == Some(false) || need_pragma == Some(true) && got_pragma)
    }

    /// The next attribute, in lower case; none at the end of the tag.
    pub fn attribute(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        self.skip(|byte| SPACE.contains(&byte) || byte == b'/');
        if self.peek()? == b'>' {
            return None;
        }
        let mut name = Vec::new();
        loop {
            match self.peek()? {
                b'=' if !name.is_empty() => break,
                byte if SPACE.contains(&byte) => {
                    self.skip(|byte| SPACE.contains(&byte));
                    if self.peek()? != b'=' {
                        return Some((name, Vec::new()));
                    }
                    break;
                }
                b'/' | b'>' => return Some((name, Vec::new())),
                byte => name.push(byte.to_ascii_lowercase()),
            }
            self.at += 1;
        }
        self.at += 1;
        self.skip(|byte| SPACE.contains(&byte));
        let quote = Some(self.peek()?).filter(|byte| b"\"'".contains(byte));
        self.at += usize::from(quote.is_some());
        let is_end = |byte: u8| match quote {
            Some(quote) => byte == quote,
            None => SPACE.contains(&byte) || byte == b'>',
        };
        let start = self.at;
        self.skip(|byte| !is_end(byte));
        let value = self.bytes[start..self.at].to_ascii_lowercase();
        self.peek()?;
        self.at += usize::from(quote.is_some());
        Some((name, value))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, is_skipped: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&is_skipped) {
            self.at += 1;
        }
    }
}

/// The charset within `text/html; charset=gbk`.
fn in_content(value: &[u8]) -> Option<&'static Encoding> {
    let mut rest = value;
    loop {
        rest = rest[find(rest, b"charset")? + 7..].trim_ascii_start();
        if let Some(value) = rest.strip_prefix(b"=") {
            let value = value.trim_ascii_start();
            let label = match value.first()? {
                quote @ (b'"' | b'\'') => {
                    let end = value[1..].iter().position(|byte| byte == quote)?;
                    &value[1..1 + end]
                }
                _ => value.split(|byte| SPACE.contains(byte) || *byte == b';').next()?,
            };
            return by_label(label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_found_as_browsers_find_them() {
        let cases = [
            (r#"<meta charset="gbk">"#, Some("GBK")),
            ("<!doctype html><html lang=de><HEAD><Meta Charset=iso-8859-1 />", Some("windows-1252")),
            (r#"<meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS">"#, Some("Shift_JIS")),
            (r#"<meta content='text/html; charset="koi8-r"' http-equiv=content-type>"#, Some("KOI8-R")),
            // without http-equiv it declares nothing
            (r#"<meta name=description content="text; charset=gbk">"#, None),
            ("<!-- <meta charset=gbk> --><meta charset=big5>", Some("Big5")),
            ("<!--><meta charset=big5>", Some("Big5")),
            ("<p title='<meta charset=gbk>'>", None),
            ("<metadata charset=gbk>", None),
            // an ASCII declaration cannot be in UTF-16
            ("<meta charset=utf-16>", Some("UTF-8")),
            ("<meta charset=x-user-defined>", Some("windows-1252")),
            ("<meta charset=nonsense><meta charset=euc-kr>", Some("EUC-KR")),
            (r#"<?xml version="1.0" encoding="ISO-8859-2"?><html>"#, Some("ISO-8859-2")),
            ("<meta charset", None),
            ("<", None),
            ("</", None),
            ("<a", None),
            ("", None),
        ];
        for (page, expected) in cases {
            assert_eq!(declared(page.as_bytes()).map(Encoding::name), expected, "{page}");
        }
    }
}
