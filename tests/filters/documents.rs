//! The documents of `filters_datatrove.py`, line for line as there.

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
const CITED: [&str; 12] =
    ["[1]", " [23]", "[edit]", "[citation needed]", "[]", "[a]", "[1][2]", "[1]...", ".[1]", "?[٣]", " [1] .", "[ 1]"];
const PAGE_ENDS: [&str; 12] = [".", "?", "!", "\"", "'", "...", "”", "。", " .", ".'", ". . .", "…"];
const SPELLINGS: [&str; 12] = [
    "{0} ends.",
    "this {0} ends.",
    "{0}",
    "the {0} here",
    "in{0}s.",
    "of {0}, two.",
    "so{ {0}.",
    "{0} {",
    "\u{3000}{0} x y.",
    "é {0} é.",
    "İ {0} it.",
    "a. {0} b.",
];
const PHRASES: [&str; 12] = [
    "lorem ipsum",
    "Lorem Ipsum",
    "javascript",
    "JavaScript",
    "JAVASCRİPT",
    "{",
    "terms of use",
    "Privacy Policy",
    "cookie policy",
    "uses coo\u{212a}ies",
    "Use of Cookies",
    "use cookies",
];
const SENTENCES: [&str; 12] = [
    "One. Two. Three. Four.",
    "One. Two. Three. Four. Five.",
    "Mr. A. B. Dash it.",
    "a.b.c.d.e.f is one.",
    "Is. it?! So...",
    "这。是。四。句。.",
    "这。是。五。句。话。.",
    "He said “no.” (Yes.) Or. Not. 'So.'",
    "1.5 and 2.5. One. e.g. three.",
    "… … … … it.",
    "One.\u{a0}Two.\u{2003}Three. Four. Five.",
    "(One.) [Two.] Three.) Four.] 'Five.'",
];
const SHORT: [&str; 12] = [
    "",
    "\n\n",
    " \n\n a",
    "a\n\na",
    "a\na",
    "\na\n",
    "a b",
    "a b c",
    "a b c d",
    "a b a b a b",
    "\u{2028}\n\u{b}",
    "\0 \0 \0 \0",
];
const BLANKS: [&str; 12] = ["", " ", "\n", "\r\n\r\n", "\u{3000}", "...", "#", "-", "\0", "\u{feff}", "中文", "a"];

/// A chapter with damage 0 to 24 of severity `s`, 0 to 11; line for line as in the script.
pub fn damaged(chapter: &str, damage: usize, s: usize) -> String {
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

/// A page of kind 0 to 24 and severity `s`, 0 to 11; line for line as in the script.
pub fn page(chapter: &str, kind: usize, s: usize) -> String {
    let is_blank = |text: &&str| text.trim().is_empty();
    let paragraphs = chapter.split("\n\n").filter(|text| !is_blank(text)).map(spaced).take(12).collect::<Vec<_>>();
    let paragraphs: Vec<&str> = paragraphs.iter().map(String::as_str).collect();
    let lines: Vec<&str> = chapter.split('\n').filter(|text| !is_blank(text)).take(30).collect();
    let words: Vec<&str> = chapter.split_whitespace().take(300).collect();
    let (all, first) = (|_: usize| true, |text: &str, n: usize| text.chars().take(n).collect::<String>());
    let with = |spelling: &str, phrase: &str| {
        [paragraphs.clone(), vec![&spelling.replace("{0}", phrase)], until(&paragraphs, 2)].concat().join("\n")
    };
    match kind {
        0 => until(&paragraphs, s + 1).join("\n"),
        1 => [until(&lines, 5), vec![lines[0]; s / 2], between(&lines, 6, 7 + s % 3)].concat().join("\n\n"),
        2 => [until(&lines, 12 - s), vec![&first(lines[0], 9); s]].concat().join("\n"),
        3 => {
            let four = until(&lines, 4).join(" ");
            [vec![four.as_str(); 2], between(&lines, 5, 10 + 2 * s)].concat().join("\n\n")
        }
        4 => with_each(&words, "buy now", s / 2 + 2),
        5 => with_each(&words, "click here now", s + 6),
        6 => with_each(&words, "read all of it", s + 8),
        7 => [until(&words, 150), between(&words, 20, 20 + 4 * s), between(&words, 150, 160)].concat().join(" "),
        8 => {
            let twice = between(&words, 50, 60 + s);
            [until(&words, 200), twice.clone(), twice, until(&words, s + 1)].concat().join(" ")
        }
        9 => with(SPELLINGS[s], PHRASES[3]),
        10 => {
            let (known, so) = (format!("A known thing{}", CITED[s]), format!("So it is{}.", CITED[s]));
            let cited = vec![known.as_str(), so.as_str()];
            [until(&paragraphs, 3), cited, between(&paragraphs, 3, 12)].concat().join("\n")
        }
        11 => each(&paragraphs, |x| format!("{x}{}", PAGE_ENDS[s]), all).join("\n"),
        12 => with(SPELLINGS[s], PHRASES[0]),
        13 => with(SPELLINGS[s], PHRASES[5]),
        14 => with(SPELLINGS[5], PHRASES[s]),
        15 => {
            let (x, e) = ("x".repeat(994 + s) + " is a long word.", "é".repeat(994 + s) + " is too.");
            [paragraphs, vec![&x, &e]].concat().join("\n")
        }
        16 => ["One.", "One two.", "One two three.", SENTENCES[s]].join("\n"),
        17 => {
            let short = each(&between(&lines, 10, 10 + s), |x| first(x, 24) + ".", all);
            [until(&paragraphs, 4), short.iter().map(String::as_str).collect()].concat().join("\n")
        }
        18 => {
            let starts = each(&until(&lines, 4), |x| first(x, 4 * s), all);
            let starts: Vec<&str> = starts.iter().map(String::as_str).collect();
            [paragraphs, starts.clone(), starts].concat().join("\n")
        }
        19 => paragraphs.join(&"\n".repeat(4 * s + 1)),
        20 => paragraphs.join(BREAKS[s]),
        21 => each(&paragraphs, |x| format!("{0}{x}{0}", SPACES[s]), all).join("\n"),
        22 => SHORT[s].into(),
        23 => {
            let ended = each(&until(&paragraphs, s), |x| x.to_owned() + &first(CHINESE, 2 * s), all);
            [vec![CHINESE; s / 3], ended.iter().map(String::as_str).collect()].concat().join("\n")
        }
        _ => {
            let mut sorted = paragraphs;
            sorted.sort_by_key(|text| text.chars().count());
            let longest = between(&sorted, sorted.len().saturating_sub(4), sorted.len());
            each(&longest, |x| first(x, 190 + s), all).join("\n")
        }
    }
}

/// The words of a text with one space between them.
fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn until<'a>(items: &[&'a str], end: usize) -> Vec<&'a str> {
    between(items, 0, end)
}

/// Items from `start` to `end`, as far as there are any.
fn between<'a>(items: &[&'a str], start: usize, end: usize) -> Vec<&'a str> {
    items.iter().take(end).skip(start).copied().collect()
}

/// The words with a phrase after every `n`-th.
fn with_each(words: &[&str], phrase: &str, n: usize) -> String {
    each(words, |x| format!("{x} {phrase}"), |i| i % n == n - 1).join(" ")
}
