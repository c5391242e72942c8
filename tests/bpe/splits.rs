//! Every rule compared with the matches of its regular expression.

use super::{documents, random_texts};
use fancy_regex::Regex;
use trainyard_bpe::{NAMED, Split};

/// The patterns of GPT-2's and tiktoken's sources, which must equal ours.
const PUBLISHED: [(Split, &str); 4] = [
    (Split::Gpt2, r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"),
    (
        Split::Gpt4 { digits: 3, whole_end: true },
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    ),
    (
        Split::Gpt4 { digits: 2, whole_end: false },
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    ),
    (
        Split::O200k,
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
];

fn rules() -> Vec<(Split, Regex)> {
    let named = NAMED.iter().filter_map(|(_, split)| Some((*split, split.pattern()?)));
    let published = PUBLISHED.map(|(split, pattern)| (split, pattern.to_owned()));
    named.chain(published).map(|(split, pattern)| (split, Regex::new(&pattern).unwrap())).collect()
}

fn check(split: Split, regex: &Regex, text: &str) {
    let expected: Vec<&str> = regex.find_iter(text).map(|found| found.unwrap().as_str()).collect();
    let pieces: Vec<&str> = split.pieces(text).collect();
    if pieces != expected {
        let at = pieces.iter().zip(&expected).position(|(ours, theirs)| ours != theirs).unwrap_or(0);
        panic!("{split:?} {regex}: piece {at}: {:?}, expected {:?}", &pieces[at..][..2], &expected[at..][..2]);
    }
}

/// Every character next to letters of each case, a digit, a sign and white space, so that pieces show its class.
#[test]
fn every_character() {
    // nothing is assigned between planes 4 and 13, nor private characters told apart: a sample is enough
    let is_sampled = |code: u32| !(0x40000..0xe0000).contains(&code) && code < 0xf0000 || code.is_multiple_of(251);
    let chars: Vec<char> = (0..=0x10ffff).filter(|&code| is_sampled(code)).filter_map(char::from_u32).collect();
    for (split, regex) in rules() {
        for chunk in chars.chunks(4096) {
            let text: String =
                chunk.iter().map(|char| format!("a{char}1{char}!{char}\nB{char}C '{char} 中{char}")).collect();
            check(split, &regex, &text);
        }
    }
}

#[test]
fn random_and_real_texts() {
    let mut texts = random_texts(6000);
    texts.extend(documents().into_iter().step_by(20));
    for (split, regex) in rules() {
        texts.iter().for_each(|text| check(split, &regex, text));
    }
}

/// Words of all lengths up to and beyond the eight bytes that are scanned together, at the end of a text and inside.
#[test]
fn lengths() {
    for (split, regex) in rules() {
        for length in 1..20 {
            for (first, then) in [("a", "b"), ("A", "b"), ("A", "B"), ("a", "B"), ("é", "x"), ("x", "É"), (".", "x")]
            {
                for end in ["", " ", "'s", "'", "é", "É", "1", "\u{301}", "中", "!", "\n", "X", "x"] {
                    let word = format!("{first}{}{end}", then.repeat(length - 1));
                    check(split, &regex, &word);
                    check(split, &regex, &format!(" {word} {word}tail of the text"));
                }
            }
        }
    }
}
