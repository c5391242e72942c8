//! `gopher-quality` against datatrove, with words split at white space: `peers/gopher_datatrove.py` made the verdicts.

use crate::plugins::config;
use serde_json::Value;
use std::path::Path;
use trainyard::data::{DataConfig, SourceConfig, documents};
use trainyard::plugin::Plugin;
use trainyard_plugin::{Kind, Verdict};

const CHAPTER: &str = "(?:(?:CHAPTER|Chapter) (?:[2-9]|[1-9][0-9]|I[IVX]+|[VX][IVXL]*)|VOLUME II+|SENSE AND SENSIBILITY|\
    PRIDE AND PREJUDICE|MANSFIELD PARK|EMMA|NORTHANGER ABBEY|Persuasion)$";
const STOP_WORDS: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];
const CHINESE: &str = "这是一个测试，看看没有空格的文字会怎么样。";
const BREAKS: [&str; 12] =
    ["\r\n", "\r", "\u{b}", "\u{c}", "\u{1c}", "\u{1d}", "\u{1e}", "\u{85}", "\u{2028}", "\u{2029}", "\n\n", "\n \n"];
const SPACES: [&str; 12] = [
    " ", "\u{a0}", "\u{1680}", "\u{2003}", "\u{2028}", "\u{202f}", "\u{205f}", "\u{3000}", "\u{1f}", "\u{200b}", "\t",
    "\u{feff}",
];
const LETTERS: [&str; 12] = ["“Yes”", "。。", "…", "١٢٣", "Ⅳ", "ⓐ", "²", "ª", "e\u{301}", "कि", "👩‍👩‍👧", "•"];
const MARKS: [&str; 12] = ["•", "″", "～", "。", "؟", "-", "=", "°", "€", "×", "\u{301}", "\u{7f}"];
const ENDINGS: [&str; 6] = ["..", "...", "....", "…", ". . .", "...\u{3000}"];
const DOTS: [&str; 12] = ["..", "...", "....", ".....", "......", "…", "….", "...…", ". ..", "……", "…..", "。。。"];
const BLANKS: [&str; 12] = ["", " ", "\n", "\r\n\r\n", "\u{3000}", "...", "#", "-", "\0", "\u{feff}", "中文", "a"];

#[test]
fn verdicts_are_those_of_datatrove() {
    let prose = chapters();
    assert_eq!(prose.len(), 269);
    let damaged = (0..300).map(|d| damaged(&prose[37 * d % 269], d / 12, d % 12)).collect();
    let texts = [prose.clone(), damaged].concat();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let plugin = Plugin::open(&config("gopher-quality", ""), Kind::Filter).unwrap();
    let verdicts = plugin.filter().unwrap().judge(&texts).unwrap();

    let expected: Vec<Value> =
        include_str!("golden/gopher.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), expected.len());
    for (i, (Verdict { keep, reason, score, text, .. }, expected)) in verdicts.iter().zip(&expected).enumerate() {
        let context = format!("document {i}: {:.60?}", texts[i]);
        assert_eq!(
            (*keep, reason.as_str()),
            (expected["keep"] == true, expected["reason"].as_str().unwrap()),
            "{context}"
        );
        assert_eq!((score.is_some(), text), (!keep, &None), "{context}");
    }
}

fn chapters() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/austen.txt.zst");
    let source = SourceConfig { document: Some(CHAPTER.into()), ..SourceConfig::new(path) };
    let config = DataConfig::new(vec![source]);
    documents(&config).unwrap().map(|document| document.unwrap().text).collect()
}

/// A chapter with damage 0 to 24 of severity `s`, 0 to 11; line for line as in the script.
fn damaged(chapter: &str, damage: usize, s: usize) -> String {
    let lines: Vec<&str> = chapter.split('\n').take(40).collect();
    let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
    let (some, rare, all) = (|i: usize| i % 12 <= s, |i: usize| i.is_multiple_of(s + 5), |_: usize| true);
    match damage {
        0 => [vec![lines[0]; 9 * s + 1], lines[..2].to_vec()].concat().join("\n"),
        1 => each(&lines, |x| format!("•{x}"), some).join("\n"),
        2 => each(&lines, |x| format!(" \t- {x}"), |i| i % 10 <= s).join("\n"),
        3 => each(&lines, |x| format!("{x}..."), some).join("\n"),
        4 => each(&lines, |x| format!("{x}… "), some).join("\n"),
        5 => each(&words, |x| format!("{x}#"), rare).join(" "),
        6 => each(&words, |x| format!("{x}..."), rare).join(" "),
        7 => each(&words, |_| "1812".into(), some).join(" "),
        8 => {
            let is_stop_word = |word: &str| STOP_WORDS[..s.min(8)].contains(&word);
            words.into_iter().filter(|word| !is_stop_word(word)).collect::<Vec<_>>().join(" ")
        }
        9 => words[..10 * s].join(" "),
        10 => words.iter().copied().cycle().take(99_995 + s).collect::<Vec<_>>().join(" "),
        11 => words.chunks(s + 1).map(<[_]>::concat).collect::<Vec<_>>().join(" "),
        12 => each(&words, |x| x.chars().take(s % 6 + 1).collect(), all).join(" "),
        13 => {
            let start: String = CHINESE.chars().take(2 * s + 1).collect();
            vec![(start + " ").repeat(30); 2].join(" ")
        }
        14 => each(&lines, |x| format!("{x}{CHINESE}"), some).join("\n"),
        15 => each(&words, |x| format!("{x} --"), some).join(" "),
        16 => each(&lines, |x| format!("-{x}"), |i| i > 0).join(BREAKS[s]),
        17 => words.join(SPACES[s]),
        18 => each(&words, |_| LETTERS[s].into(), |i| i % 4 == 0).join(" "),
        19 => [vec!["with"; 25], vec!["that"; 24], vec![MARKS[s]]].concat().join(" "),
        20 => each(&words, str::to_uppercase, some).join(" "),
        21 => each(&words, |x| format!("{x},"), some).join(" "),
        22 => each(&lines, |x| format!("{x}{}", ENDINGS[s % 6]), |i| i % 10 < 3 + s / 6).join("\n"),
        23 => BLANKS[s].into(),
        _ => each(&lines, |x| x.replace(['.', ','], DOTS[s]), all).join("\n"),
    }
}

/// Every item, changed where `which` says so of its number.
fn each(items: &[&str], change: impl Fn(&str) -> String, which: impl Fn(usize) -> bool) -> Vec<String> {
    let item = |(i, item): (usize, &&str)| if which(i) { change(item) } else { (*item).to_owned() };
    items.iter().enumerate().map(item).collect()
}
