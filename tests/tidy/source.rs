//! Files, and Rust code without its comments, literals and tests.

use std::fs;
use std::path::Path;

/// A text file of the repository.
pub struct Source {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub text: String,
    /// The code of a Rust file: `text` with spaces in place of comments, the insides of literals, and items under
    /// `#[cfg(test)]`. Lines stay where they are.
    pub code: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { without_tests(blank(text)) } else { String::new() };
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    pub fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// `path:line: message` for the byte `offset` of text or code.
    pub fn at(&self, offset: usize, message: &str) -> String {
        let before = self.code.get(..offset).or_else(|| self.text.get(..offset)).unwrap_or("");
        self.at_line(before.matches('\n').count() + 1, message)
    }

    pub fn at_line(&self, line: usize, message: &str) -> String {
        format!("{}:{line}: {message}", self.path)
    }

    /// Where `phrase` occurs in the code, not as a part of longer names.
    pub fn find(&self, phrase: &str) -> Vec<usize> {
        find(&self.code, phrase)
    }
}

/// Where `phrase` occurs in `code`, not as a part of longer names.
pub fn find(code: &str, phrase: &str) -> Vec<usize> {
    let is_name = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
    let begins_name = is_name(phrase.chars().next());
    let ends_name = is_name(phrase.chars().next_back());
    let whole = |&(start, _): &(usize, &str)| {
        let (before, after) = (code[..start].chars().next_back(), code[start + phrase.len()..].chars().next());
        !(begins_name && is_name(before) || ends_name && is_name(after))
    };
    code.match_indices(phrase).filter(whole).map(|(start, _)| start).collect()
}

/// All text files of the repository, except those made by a build, a run or a download.
pub fn walk(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("").to_owned();
            let is_made = (name.starts_with('.') && name != ".ci" && name != ".github")
                || ["target", "__pycache__", "node_modules"].contains(&name.as_str())
                // what scripts/task_data.py fetches, what was trained, and what scripts/bindings.sh writes
                || ["data", "runs", "plugin-sdk/src/wasm/generated"].map(|name| root.join(name)).contains(&path);
            if is_made || path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let relative = path.strip_prefix(root).expect("under the root").to_string_lossy().replace('\\', "/");
                sources.push(Source::new(&relative, &text));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// `text` with spaces in place of comments and the insides of literals.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let end = skipped_until(&chars, i);
        if end == i {
            out.push(chars[i]);
            i += 1;
            continue;
        }
        // As many bytes as before, so that offsets into text and code are the same.
        for char in &chars[i..end] {
            match char {
                '\n' => out.push('\n'),
                char => (0..char.len_utf8()).for_each(|_| out.push(' ')),
            }
        }
        i = end;
    }
    out
}

/// The end of the comment or literal that begins at `i`; `i` if none does.
fn skipped_until(chars: &[char], i: usize) -> usize {
    let at = |offset: usize| chars.get(i + offset).copied().unwrap_or('\0');
    let until = |from: usize, stop: &dyn Fn(usize) -> bool| (from..chars.len()).find(|&j| stop(j));
    let after_name = i > 0 && (chars[i - 1].is_alphanumeric() || chars[i - 1] == '_');
    match (at(0), at(1)) {
        ('/', '/') => until(i, &|j| chars[j] == '\n').unwrap_or(chars.len()),
        ('/', '*') => until(i + 2, &|j| chars[j - 1] == '*' && chars[j] == '/').map_or(chars.len(), |j| j + 1),
        ('r', '"' | '#') if !after_name || matches!(chars[i - 1], 'b' | 'c') => {
            let n_hashes = chars[i + 1..].iter().take_while(|&&char| char == '#').count();
            if at(1 + n_hashes) != '"' {
                return i; // a raw name, r#type
            }
            let closes = |j: usize| chars[j] == '"' && (1..=n_hashes).all(|n| chars.get(j + n) == Some(&'#'));
            until(i + 2 + n_hashes, &closes).map_or(chars.len(), |j| j + 1 + n_hashes)
        }
        ('"', _) => end_of_quote(chars, i, '"'),
        // 'a' and '\n' are literals, 'a is a lifetime.
        ('\'', '\\') => end_of_quote(chars, i, '\''),
        ('\'', _) if at(2) == '\'' => i + 3,
        _ => i,
    }
}

fn end_of_quote(chars: &[char], start: usize, quote: char) -> usize {
    let mut j = start + 1;
    while j < chars.len() && chars[j] != quote {
        j += if chars[j] == '\\' { 2 } else { 1 };
    }
    (j + 1).min(chars.len())
}

/// `code` with spaces in place of the items under `#[cfg(test)]`.
fn without_tests(mut code: String) -> String {
    while let Some(start) = code.find("#[cfg(test)]") {
        let end = end_of_item(&code, start + "#[cfg(test)]".len());
        let blanked: String = code[start..end].chars().map(|char| if char == '\n' { '\n' } else { ' ' }).collect();
        code.replace_range(start..end, &blanked);
    }
    code
}

/// One past the `}` or `;` that ends the item that begins at `start`.
pub fn end_of_item(code: &str, start: usize) -> usize {
    let (mut braces, mut others) = (0, 0);
    for (offset, char) in code[start..].char_indices() {
        match char {
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            '{' => braces += 1,
            '}' => braces -= 1,
            _ => {}
        }
        let ends = char == '}' && braces == 0 || char == ';' && braces == 0 && others == 0;
        if ends {
            return start + offset + 1;
        }
    }
    code.len()
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = r##"let a = "unsafe \" {"; // unsafe
/* unsafe /* */ let b = 'x'; let c = '\''; fn f<'a>(r: &'a str) {} r#"unsafe" "#; r#type"##;
    let source = Source::new("a.rs", text);
    assert!(source.find("unsafe").is_empty(), "{}", source.code);
    for word in ["let", "fn", "str", "r#type"] {
        assert!(!source.find(word).is_empty(), "{word}: {}", source.code);
    }
    assert_eq!(source.code.len(), text.len());
}

#[test]
fn tests_are_not_code() {
    let source = Source::new("a.rs", "fn a() {}\n#[cfg(test)]\nmod t { fn b() { x(); } }\nfn c() {}\n");
    assert_eq!((source.find("fn").len(), source.find("x").len()), (2, 0), "{}", source.code);
}
