//! Plain English in documentation: how a doc comment begins, words that have a plainer form, and `# Errors` for every
//! public function that can fail.

use super::source::Source;

/// Openings that make a fragment of the first sentence: its subject is in the name below, or nowhere.
const OPENINGS: [&str; 5] = ["Of", "That", "These", "Those", "Whether it"];

/// Phrases and what to write instead.
const PHRASES: [(&str, &str); 6] = [
    ("anew", "again"),
    ("go on", "continue, or resume"),
    ("goes on", "continues, or resumes"),
    ("going on", "continuing, or resuming"),
    ("went on", "continued, or resumed"),
    ("what came", "what it got"),
];

pub fn check(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if source.is_rust() || source.path.ends_with(".md") {
        found.extend(phrases(source));
        found.extend(openings(source));
        found.extend(errors(source));
    }
    found
}

/// The text of a line of a doc comment.
fn doc(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))?;
    (!text.starts_with('/')).then_some(text)
}

/// Checks the first line of every doc comment.
fn openings(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if !source.is_rust() {
        return found;
    }
    let mut is_inside = false;
    for (index, line) in source.text.lines().enumerate() {
        let text = doc(line);
        let first = text.filter(|_| !is_inside).map(str::trim_start).unwrap_or("");
        for opening in OPENINGS {
            let rest = first.strip_prefix(opening);
            if rest.is_some_and(|rest| !rest.starts_with(|char: char| char.is_alphanumeric() || char == '_')) {
                let instead = "begin with a noun phrase or a verb in the third person";
                found.push(source.at_line(index + 1, &format!("a doc comment begins with {opening:?}: {instead}")));
            }
        }
        is_inside = text.is_some();
    }
    found
}

/// Looks for phrases in prose, also where a line ends inside of one.
fn phrases(source: &Source) -> Vec<String> {
    let mut words: Vec<(usize, String)> = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let prose = if source.is_rust() { doc(line) } else { Some(line) };
        let is_letter = |char: char| char.is_alphabetic() || char == '\'';
        let lower = prose.unwrap_or(".").to_lowercase();
        // what separates words other than a space stays as a word of its own, so that no phrase crosses it
        words.extend(lower.split_whitespace().flat_map(|word| {
            let end = word.trim_end_matches(|char| !is_letter(char));
            let parts = [end.trim_start_matches(['(', '*', '"']), &word[end.len()..]];
            parts.map(|part| (index + 1, part.to_owned()))
        }));
        words.retain(|(_, word)| !word.is_empty());
    }
    let mut found = Vec::new();
    for (phrase, instead) in PHRASES {
        let parts: Vec<&str> = phrase.split(' ').collect();
        for window in words.windows(parts.len()) {
            if window.iter().map(|(_, word)| word.as_str()).eq(parts.iter().copied()) {
                found.push(source.at_line(window[0].0, &format!("{phrase:?} is stilted: write {instead}")));
            }
        }
    }
    found
}

/// Checks that the doc comment of every public function that returns a `Result` has a section on errors.
fn errors(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if source.is_test() {
        return found;
    }
    let lines: Vec<&str> = source.text.lines().collect();
    for start in source.find("fn") {
        let line = source.code[..start].matches('\n').count();
        let head = source.code[..start].rsplit(['\n', ';', '}', '{']).next().unwrap_or("");
        let words: Vec<&str> = head.split_whitespace().collect();
        let is_public = words.first() == Some(&"pub") && words[1..].iter().all(|word| QUALIFIERS.contains(word));
        if is_public && returns_result(&source.code[start..]) && !is_documented(&lines[..line]) {
            let message = "a public function returns a Result without `# Errors`: say when it fails, in a sentence";
            found.push(source.at(start, message));
        }
    }
    found
}

/// What may be between `pub` and `fn`.
const QUALIFIERS: [&str; 4] = ["async", "const", "extern", "unsafe"];

/// Whether the signature that begins the code ends in a `Result`, under whatever path.
fn returns_result(code: &str) -> bool {
    let (mut depth, mut before) = (0, ' ');
    for (offset, char) in code.char_indices() {
        match char {
            '>' if before == '-' && depth == 0 => return is_result(code[offset + 1..].trim_start()),
            '>' if before == '-' => {}
            '(' | '[' | '<' => depth += 1,
            ')' | ']' | '>' => depth -= 1,
            '{' | ';' if depth == 0 => return false,
            _ => {}
        }
        before = char;
    }
    false
}

fn is_result(code: &str) -> bool {
    let is_path = |char: &char| char.is_alphanumeric() || "_:".contains(*char);
    let name: String = code.chars().take_while(is_path).collect();
    name == "Result" || name.ends_with("::Result")
}

/// Whether the doc comment that ends the lines, before any attributes, has the section.
fn is_documented(above: &[&str]) -> bool {
    let is_attribute = |line: &&&str| line.trim_start().starts_with("#[");
    let comment = above.iter().rev().skip_while(is_attribute).map_while(|line| doc(line));
    comment.into_iter().any(|line| line.trim() == "# Errors")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::assert_found;

    #[track_caller]
    fn found(path: &str, text: &str, expected: &[&str]) {
        let found = check(&Source::new(path, text));
        assert_found(&found, expected);
    }

    #[test]
    fn doc_comments_have_a_subject() {
        let opening = |text: &str| format!("//! About.\n\n/// {text}\nfn a() {{}}\n");
        for text in ["Of a run.", "That it waited.", "These by those.", "Those.", "Whether it does.", "That: all"] {
            found("plugins/a.rs", &opening(text), &["plugins/a.rs:3: a doc comment begins with"]);
        }
        for text in ["Offers.", "Whether a document is kept.", "Thatched.", "The time.\n/// That of a step."] {
            found("plugins/a.rs", &opening(text), &[]);
        }
        found("plugins/a.rs", "//! Of a file.\n// Of a comment\n", &["plugins/a.rs:1: "]);
    }

    #[test]
    fn phrases_have_a_plainer_form() {
        found("docs/a.md", "It begins anew.\n", &["docs/a.md:1: \"anew\" is stilted: write again"]);
        found("docs/a.md", "one\nit *goes\non*\n", &["docs/a.md:2: \"goes on\" is stilted"]);
        found("docs/a.md", "What came, and it went on.\n", &["\"went on\"", "\"what came\""]);
        found("docs/a.md", "It goes, on and on, to go. On renewal.\n", &[]);
        found("plugins/a.rs", "//! A.\n/// It goes\nfn on() {}\n// goes on\nlet a = \"goes on\";\n", &[]);
        found("plugins/a.rs", "//! A.\n/// It goes\n/// on.\n", &["plugins/a.rs:2: "]);
    }

    #[test]
    fn public_functions_say_when_they_fail() {
        let function = |head: &str, result: &str| format!("//! A.\n{head}fn a(b: fn() -> u8) -> {result} {{ b }}\n");
        let (bare, section) = ("/// Reads.\npub ", "/// Reads.\n///\n/// # Errors\n/// No file.\n#[inline]\npub ");
        found("plugins/a.rs", &function(bare, "Result<()>"), &["plugins/a.rs:3: a public function returns a Result"]);
        found("plugins/a.rs", &function(bare, "std::io::Result<u8>"), &["without `# Errors`"]);
        found("plugins/a.rs", &function("pub const ", "Result<()>"), &["without `# Errors`"]);
        found("plugins/a.rs", "//! A.\npub fn a(\n    b: u8,\n)\n-> Result<u8, X>\nwhere\n    B: C;\n", &["a.rs:2: "]);
        for (head, result) in [(section, "Result<()>"), (bare, "Option<Result<()>>"), (bare, "MyResult"), (bare, "u8")]
        {
            found("plugins/a.rs", &function(head, result), &[]);
        }
        found("plugins/a.rs", &function("/// A.\npub(crate) ", "Result<()>"), &[]);
        found("plugins/a.rs", "//! A.\npub fn a<F: Fn([u8; 2]) -> Result<()>>(f: fn() -> Result<()>) -> u8 {}\n", &[]);
        found("plugins/a.rs", "//! A.\npub struct A {\n    pub f: fn() -> Result<()>,\n}\n", &[]);
        found("plugins/a.rs", &function("/// A.\n", "Result<()>"), &[]);
        found("tests/a.rs", &function(bare, "Result<()>"), &[]);
    }
}
