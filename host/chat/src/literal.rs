//! String literals as Python reads them.

/// The length of the string literal at the start of a text, with its quotes.
pub fn literal_len(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|char| matches!(char, '"' | '\''))?;
    let mut is_escaped = false;
    for (offset, char) in text.char_indices().skip(1) {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if char == quote => return Some(offset + 1),
            _ => {}
        }
    }
    None
}

/// Decodes the escape sequences of a Python string.
///
/// # Errors
/// What is wrong with one.
pub fn decoded(text: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        let Some(escaped) = chars.next() else { return Err("a single \\ at the end") };
        let code = |chars: &mut std::str::Chars, n: usize| {
            let digits = chars.as_str().get(..n).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
            *chars = chars.as_str().get(n..).unwrap_or("").chars();
            code.ok_or("an escape sequence that is no character")
        };
        match escaped {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(escaped),
            'a' => out.push('\x07'),
            'b' => out.push('\x08'),
            'f' => out.push('\x0c'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\x0b'),
            'x' => out.push(code(&mut chars, 2)?),
            'u' => out.push(code(&mut chars, 4)?),
            'U' => out.push(code(&mut chars, 8)?),
            'N' => return Err("\\N{name}, which is not supported (write the character itself)"),
            '0'..='7' => {
                let more = chars.as_str().bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let digits = chars.as_str().bytes().take(more).map(|byte| u32::from(byte - b'0'));
                let first = u32::from(escaped) - u32::from('0');
                out.extend(char::from_u32(digits.fold(first, |code, digit| code * 8 + digit)));
                chars = chars.as_str()[more..].chars();
            }
            _ => out.extend(['\\', escaped]),
        }
    }
    Ok(out)
}
