//! What is found, kept and removed.

use super::*;

fn filter(settings: Settings) -> StopWords {
    StopWords::create(settings).unwrap()
}

fn removed(language: &str, document: &str) -> String {
    let settings = Settings { language: language.into(), mode: "remove".into(), ..Settings::default() };
    filter(settings).judge(&[document]).unwrap().remove(0).text.unwrap_or_else(|| document.into())
}

#[test]
fn lists() {
    assert_eq!(StopList::new(include_str!("en.txt").split_whitespace()).unwrap().len(), 318);
    let zh: Vec<_> = include_str!("zh.txt").split_whitespace().collect();
    assert!(zh.len() > 250 && zh.iter().all(|word| word.chars().all(trainyard_text::chars::is_han)));
    let mut distinct = zh.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), zh.len());
}

#[test]
fn values() {
    let mut en = filter(Settings::default());
    assert_eq!(en.values("The cat AND the dog, it's there!"), [3.0, 4.0 / 7.0, 4.0 / 7.0]);
    assert_eq!(en.values("The cat"), [1.0, 0.5, 0.5]);
    let [distinct, share, _] = en.values("");
    assert!(distinct == 0.0 && share.is_nan());
    let mut zh = filter(Settings { language: "zh".into(), ..Settings::default() });
    // 因为 is taken before 因, and has two characters of nine
    assert_eq!(zh.values("因为天气好，所以散步 ok")[..2], [3.0, 5.0 / 10.0]);
    let own = Settings { language: "own".into(), list: vec!["Été".into(), "中文".into()], ..Settings::default() };
    assert_eq!(filter(own).values("un ÉTÉ en 中文 中")[..2], [2.0, 3.0 / 6.0]);
}

#[test]
fn first_broken_limit_is_the_reason() {
    let settings = Settings { min_share: 0.3, max_share: 0.6, ..Settings::default() };
    let documents = ["one word apple", "the dog of war runs red", "apple pear of the big plum tree", "the of the and"];
    let mut filter = filter(settings);
    let verdicts = filter.judge(&documents).unwrap();
    let reasons = verdicts.iter().map(|verdict| verdict.reason.as_str()).collect::<Vec<_>>();
    assert_eq!(reasons, ["stop_words_few", "", "stop_words_rare", "stop_words_dense"]);
    let values = filter.measure(&documents).unwrap();
    let expected: Vec<_> = values.chunks(3).map(|values| Rule::verdict(&filter.rules(), values)).collect();
    assert_eq!(verdicts, expected);
}

#[test]
fn words_are_removed() {
    assert_eq!(removed("en", "The cat sat on the mat, and it purred.\nThen\n"), "cat sat mat, purred.\n\n");
    assert_eq!(removed("zh", "因为天气好，所以他的猫在散步。"), "天气，猫散步。");
    for document in ["", " \n", "cat", "\0", "它们"] {
        assert_eq!(removed("en", document), document);
    }
    let remove = Settings { mode: "remove".into(), ..Settings::default() };
    let verdict = filter(remove.clone()).judge(&["the cat and"]).unwrap().remove(0);
    assert_eq!((verdict.reason.as_str(), verdict.score, verdict.spans.len()), ("stop_words_removed", Some(2.0), 2));
    assert_eq!(filter(remove.clone()).rules(), []);
    assert_eq!(filter(remove).measure(&["a"]).unwrap(), [0.0; 0]);
}

#[test]
fn refuses() {
    let message = |settings| StopWords::create(settings).err().unwrap().message;
    let (default, own) = (Settings::default, || Settings { language: "own".into(), ..Settings::default() });
    assert_eq!(message(Settings { mode: "drop".into(), ..default() }), "mode: expected filter or remove, got \"drop\"");
    assert_eq!(
        message(Settings { language: "de".into(), ..default() }),
        "language: expected en, zh or own, got \"de\""
    );
    assert_eq!(message(own()), "list: expected one or more words, got none");
    let two = Settings { list: vec!["of the".into()], ..own() };
    assert_eq!(message(two), "list: expected single words, got \"of the\"");
    let both = Settings { list: vec!["of".into()], ..default() };
    assert_eq!(message(both), "list: expected none with a built-in language; set language = \"own\"");
    let many = Settings { list: vec!["of".into()], ..own() };
    assert_eq!(message(many), "min_distinct: expected 0 to 1, the list's, got 2");
    assert_eq!(message(Settings { min_share: 2.0, ..default() }), "min_share: expected 0 to 1, got 2");
}
