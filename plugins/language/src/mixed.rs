//! Text in a script other than Latin that contains Latin words: code, commands, links, names.
//!
//! whatlang takes the script with the most characters, so that one line of code outweighs a paragraph of Chinese about
//! it. Here code is left out first, letters are weighted by how much they say, and the lesser script is left out.

use std::borrow::Cow;

/// Latin letters that a Chinese character is worth. English text has 4 to 5 letters a word, Chinese 1.5 characters; and
/// the foreign words in a text are its long ones.
const HAN_WEIGHT: usize = 4;

/// Latin letters that a syllable of kana or Hangul is worth.
const SYLLABLE_WEIGHT: usize = 2;

/// Share of the letters, in hundredths, up to which another script than Latin is names and quotations.
const QUOTED_MAX: usize = 5;

/// Returns the text whose language is detected: the text itself, or, if it is mixed, the greater of its Latin part and
/// its other part.
pub fn main_part(text: &str) -> Cow<'_, str> {
    if !is_mixed(text) {
        return Cow::Borrowed(text);
    }
    let prose = without_code(text);
    match Weights::of(&prose) {
        Weights { latin, other } if latin > other => {
            Cow::Owned(prose.chars().filter(|char| !is_other(*char)).collect())
        }
        _ => Cow::Owned(text.chars().map(|char| if is_latin(char) { ' ' } else { char }).collect()),
    }
}

/// Whether a text has Latin letters, and more than a few others.
pub fn is_mixed(text: &str) -> bool {
    let Weights { latin, other } = Weights::of(text);
    latin > 0 && other * 100 > QUOTED_MAX * (latin + other)
}

/// Whether most of a text is code, so that more of its document must be examined.
pub fn is_code(text: &str) -> bool {
    let (all, prose) = (Weights::of(text), Weights::of(&without_code(text)));
    (prose.latin + prose.other) * 2 < all.latin + all.other
}

/// How much is written in Latin letters and in others.
struct Weights {
    latin: usize,
    other: usize,
}

impl Weights {
    fn of(text: &str) -> Self {
        let (mut latin, mut other) = (0, 0);
        for char in text.chars() {
            match char {
                _ if is_latin(char) => latin += 1,
                '\u{3400}'..='\u{4dbf}'
                | '\u{4e00}'..='\u{9fff}'
                | '\u{f900}'..='\u{faff}'
                | '\u{20000}'..='\u{3ffff}' => {
                    other += HAN_WEIGHT;
                }
                '\u{3041}'..='\u{30ff}' | '\u{ac00}'..='\u{d7a3}' => other += SYLLABLE_WEIGHT,
                _ => other += usize::from(is_other(char)),
            }
        }
        Self { latin, other }
    }
}

/// Letters of Latin script, and of ASCII above all.
fn is_latin(char: char) -> bool {
    char.is_ascii_alphabetic()
        || (matches!(char, '\u{aa}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}') && char.is_alphabetic())
}

fn is_other(char: char) -> bool {
    !char.is_ascii() && char.is_alphabetic() && !is_latin(char)
}

/// Returns the text without Latin letters that are not prose: a whole line if a third of its words are code, if it ends
/// like code or has a command's option, and single words that contain signs. Text beyond ASCII is kept.
fn without_code(text: &str) -> String {
    let mut prose = String::with_capacity(text.len());
    for line in text.lines() {
        let words = || ascii_runs(line).filter(|(_, is_ascii)| *is_ascii).flat_map(|(run, _)| run.split_whitespace());
        let (n_words, n_code) = (words().count(), words().filter(|word| is_code_word(word)).count());
        // a keyword or two are left of most lines of code
        let has_much = n_code > 0 && 3 * n_code >= n_words;
        let is_code_line = has_much || line.trim_end().ends_with([';', '{', '}']) || words().any(is_option);
        for (run, is_ascii) in ascii_runs(line) {
            match is_ascii {
                false => prose.push_str(run),
                true if is_code_line => prose.push(' '),
                true => {
                    prose.push(' ');
                    let words = run.split_whitespace().filter(|word| !is_code_word(word));
                    words.for_each(|word| prose.extend([word, " "]));
                }
            }
        }
        prose.push('\n');
    }
    prose
}

/// Splits a line into parts that are ASCII and parts that are not.
fn ascii_runs(line: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let is_ascii = rest.chars().next()?.is_ascii();
        let end = rest.find(|char: char| char.is_ascii() != is_ascii).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        rest = behind;
        Some((run, is_ascii))
    })
}

/// Whether a word has what words of prose do not have: signs of code, digits next to letters, capitals after small
/// letters, dots between letters.
fn is_code_word(word: &str) -> bool {
    let word = word.trim_start_matches(['(', '[', '"', '\'']);
    let bytes = word.trim_end_matches([')', ']', '"', '\'', '.', ',', ';', ':', '!', '?']).as_bytes();
    let has_sign = bytes.iter().any(|byte| b"{}[]()<>=_/\\|&*#@$%^~`+:;\"".contains(byte));
    let has_digits = bytes.iter().any(u8::is_ascii_digit) && bytes.iter().any(u8::is_ascii_alphabetic);
    let is_camel = bytes.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    let is_inner_dot = |part: &[u8]| part[0].is_ascii_alphabetic() && part[1] == b'.' && part[2].is_ascii_alphabetic();
    has_sign || has_digits || is_camel || bytes.windows(3).any(is_inner_dot)
}

/// Whether a word is an option of a command, such as `--save`.
fn is_option(word: &str) -> bool {
    word.strip_prefix("--").is_some_and(|name| name.starts_with(|char: char| char.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_left_out() {
        let prose = |text: &str| without_code(text).split_whitespace().collect::<Vec<_>>().join(" ");
        let english = "It is a truth, \"universally\" acknowledged (that is all); well-known, don't you think?";
        assert_eq!(prose(english), english);
        assert_eq!(prose("def train(model, data):\n    return model.fit(data, epochs=3)"), "");
        assert_eq!(prose("先调用 train_model() 函数，再看 loss"), "先调用 函数，再看");
        assert_eq!(prose("the function json.loads reads one of many lines"), "the function reads one of many lines");
        assert_eq!(
            prose("SELECT name FROM users WHERE old;\npublic class Foo extends Bar {\nnpm install --dev a b c d"),
            ""
        );
        assert!(is_code("for i in range(10):\n    print(i, end=\"\")") && !is_code(english) && !is_code(""));
    }

    #[test]
    fn the_greater_part_is_looked_at() {
        for text in [
            "plain English",
            "中文",
            "",
            "Tolstoy wrote мир, a long book about war and peace, families and many years of history in Russia",
        ] {
            assert_eq!(main_part(text), text);
        }
        assert_eq!(main_part("我们用 PyTorch 训练模型").split_whitespace().collect::<String>(), "我们用训练模型");
        let english = "The word 中文 means Chinese writing, and 日本語 is the Japanese language";
        let part = main_part(english);
        assert!(part.starts_with(" The word") && !part.contains('中'), "{part}");
    }
}
