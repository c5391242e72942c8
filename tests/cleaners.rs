//! The cleaners compared with other programs: `peers/cleaners_reference.py` made the answers.

use crate::plugins::config;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use trainyard::plugin::Plugin;
use trainyard_plugin::{Filter, Kind};

/// Texts in which `pii` finds an address right after a letter of a script without spaces, and datatrove a part of it.
const UNLIKE_DATATROVE: [(&str, &str); 4] = [
    ("192.0.0.9-@-.-[中a@[1.2.3.4]01.2.3.4", "22.214.171.124-@-.-[中email@example.com01.2.3.4"),
    ("8.8中a-b@c-d.e-f", "8.8中email@example.com"),
    ("中a-b@c-d.e-f192.168.1.1198.18.0.1100.64.0.1", "中email@example.com"),
    ("中a-b@c-d.e-f-@-.-", "中email@example.com-@-.-"),
];

/// Texts for which `mojibake` and ftfy differ, with the cleaner's result.
const UNLIKE_FTFY: [(&str, &str); 7] = [
    // a byte that became a space, and one that was lost
    ("voilÃ le travail", "voilÃ le travail"),
    ("â€\u{fffd}", "â€\u{fffd}"),
    // runs of which only a part is garbled
    ("“Ã©", "“Ã©"),
    ("Ã©»", "Ã©»"),
    // what looks garbled only together with the letter beside it: ftfy leaves some of it
    (
        "Příliš žluťoučký kůň úpěl … PÅ™Ã\u{ad}liÅ¡ Å¾luÅ¥ouÄ\u{8d}kÃ½ kÅ¯Åˆ ÃºpÄ›l “right” Привет, мир! Как дела?",
        "Příliš žluťoučký kůň úpěl … Příliš žluťoučký kůň úpěl “right” Привет, мир! Как дела?",
    ),
    (
        "Árvíztűrő tükörfúrógép … Ã\u{81}rvÃ\u{ad}ztÅ±rÅ‘ tÃ¼kÃ¶rfÃºrÃ³gÃ©p “right” Καλημέρα κόσμε",
        "Árvíztűrő tükörfúrógép … Árvíztűrő tükörfúrógép “right” Καλημέρα κόσμε",
    ),
    (
        "Příliš žluťoučký kůň úpěl … PÅ\u{99}Ã\u{ad}liÅ¡ Å¾luÅ¥ouÄ\u{8d}kÃ½ kÅ¯Å\u{88} ÃºpÄ\u{9b}l “right” Привет, мир! \
         Как дела?",
        "Příliš žluťoučký kůň úpěl … Příliš žluťoučký kůň úpěl “right” Привет, мир! Как дела?",
    ),
];

fn filter(name: &str, settings: &str) -> Box<dyn Filter> {
    Plugin::open(&config(name, settings), Kind::Filter).unwrap().filter().unwrap()
}

fn cleaned(filter: &mut dyn Filter, text: &str) -> String {
    let verdict = filter.judge(&[text]).unwrap().remove(0);
    assert!(verdict.keep);
    verdict.text.unwrap_or_else(|| text.into())
}

#[test]
fn answers_are_those_of_other_programs() {
    let mut n_compared = BTreeMap::new();
    let (mut n_unlike, mut wrong) = (0, Vec::new());
    for line in include_str!("golden/cleaners.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| case[name].as_str().unwrap();
        let (cleaner, text) = (field("cleaner"), field("text"));
        let mut found = cleaned(&mut *filter(cleaner, field("settings")), text);
        if cleaner == "stop-words" {
            // scikit-learn has the tokens that are left
            found = found.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        }
        let unlike: &[(&str, &str)] = match cleaner {
            "mojibake" => &UNLIKE_FTFY,
            "pii" => &UNLIKE_DATATROVE,
            _ => &[],
        };
        let unlike = unlike.iter().find(|(unlike, _)| *unlike == text);
        n_unlike += usize::from(unlike.is_some());
        let expected = unlike.map_or(field("expected"), |(_, ours)| ours);
        if found != expected {
            wrong.push(format!("{cleaner}: {text:?}: expected {expected:?}, got {found:?}"));
        }
        *n_compared.entry(cleaner.to_owned()).or_insert(0) += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(n_unlike, UNLIKE_FTFY.len() + UNLIKE_DATATROVE.len());
    let n_compared: Vec<_> = n_compared.iter().map(|(cleaner, n)| (cleaner.as_str(), *n)).collect();
    let expected = [
        ("citations", 100),
        ("html-entities", 240),
        ("mojibake", 202),
        ("pii", 500),
        ("stop-words", 60),
        ("unicode", 240),
        ("unwrap-lines", 5),
    ];
    assert_eq!(n_compared, expected);
}

/// A book with a line end every 70 characters is dropped for its line ends, and kept without them.
#[test]
fn unwrapped_chapters_pass_fineweb() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/austen.txt.zst");
    let corpus = String::from_utf8(zstd::decode_all(std::fs::File::open(corpus).unwrap()).unwrap()).unwrap();
    let mut chapters = vec![String::new()];
    for line in corpus.split_inclusive('\n') {
        if line.to_uppercase().starts_with("CHAPTER ") {
            chapters.push(String::new());
        }
        chapters.last_mut().unwrap().push_str(line);
    }
    let chapters: Vec<_> = chapters.iter().map(String::as_str).filter(|chapter| chapter.len() > 2000).collect();
    let mut unwrap_lines = filter("unwrap-lines", "");
    let unwrapped: Vec<_> = chapters.iter().map(|chapter| cleaned(&mut *unwrap_lines, chapter)).collect();
    for (chapter, unwrapped) in chapters.iter().zip(&unwrapped) {
        let visible = |text: &str| text.chars().filter(|char| !char.is_whitespace()).collect::<String>();
        assert_eq!(visible(chapter), visible(unwrapped), "only white space changes");
    }
    let mut fineweb = filter("fineweb-quality", "");
    let mut kept = |texts: &[&str]| fineweb.judge(texts).unwrap().iter().filter(|verdict| verdict.keep).count();
    let n = chapters.len();
    let (before, after) = (kept(&chapters), kept(&unwrapped.iter().map(String::as_str).collect::<Vec<_>>()));
    assert!(n > 250 && before * 5 < n && after * 100 > n * 95, "{before} of {n} before, {after} after");
}
