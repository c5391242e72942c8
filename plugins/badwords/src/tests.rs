//! What is found.

use super::*;
use trainyard_plugin::ErrorKind;

fn settings(list: &[&str], allow: &[&str], language: &str) -> Settings {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.into()).collect();
    Settings { list: texts(list), allow: texts(allow), language: language.into(), max: 0 }
}

fn found(settings: Settings, document: &str) -> Vec<&str> {
    let verdict = Badwords::create(settings).unwrap().judge(&[document]).unwrap().remove(0);
    assert_eq!(verdict.keep, verdict.spans.is_empty());
    verdict.spans.iter().map(|span| &document[span.start as usize..span.end as usize]).collect()
}

#[test]
fn whole_words_are_found() {
    let list = settings(&["darn", "Holy Cow", "x", "@#!"], &[], "en");
    let text = "Darn! darned DARN, undarn holy cow; holy  cow _x x_ x darn";
    assert_eq!(found(list.clone(), text), ["Darn", "DARN", "holy cow", "x", "darn"]);
    assert_eq!(found(list.clone(), "a @#! b@#! x"), ["@#!", "x"]);
    assert_eq!(found(list.clone(), "édarn darné 中darn"), [""; 0]);
    for document in ["", "d", "dar", "\0", "darns", "holy", "é"] {
        assert_eq!(found(list.clone(), document), [""; 0], "{document:?}");
    }
    // the longest that fits
    assert_eq!(found(settings(&["holy", "holy cow"], &[], "en"), "holy cow, holy cows"), ["holy cow", "holy"]);
}

#[test]
fn anywhere_without_spaces() {
    let list = settings(&["坏话", "脏"], &["心脏"], "zh");
    assert_eq!(found(list.clone(), "他说坏话，很脏，心脏病。脏"), ["坏话", "脏", "脏"]);
    assert_eq!(found(list, "心脏"), [""; 0]);
    assert_eq!(found(settings(&["bad"], &[], "ja"), "notBADly"), ["BAD"]);
}

#[test]
fn allowed_words_are_harmless() {
    assert_eq!(found(settings(&["darn", "heck"], &["Heck"], "en"), "heck darn"), ["darn"]);
    assert_eq!(found(settings(&["heck"], &["what the heck"], "en"), "what the heck; the heck"), ["heck"]);
}

#[test]
fn more_than_max_drop_a_document() {
    let list = Settings { max: 1, ..settings(&["darn"], &[], "en") };
    let verdicts = Badwords::create(list).unwrap().judge(&["darn", "darn darn", ""]).unwrap();
    assert_eq!((verdicts[0].clone(), verdicts[2].clone()), (Verdict::keep(), Verdict::keep()));
    assert_eq!((verdicts[1].reason.as_str(), verdicts[1].score), ("badwords_found", Some(2.0)));
    let list = Settings { max: 1, ..settings(&["darn"], &[], "en") };
    let mut filter = Badwords::create(list).unwrap();
    let values = filter.measure(&["darn", "darn darn", ""]).unwrap();
    assert_eq!((values.as_slice(), filter.rules()[0].limit), ([1.0, 2.0, 0.0].as_slice(), 1.0));
}

#[test]
fn other_letters() {
    let list = settings(&["Größe"], &[], "de");
    assert_eq!(found(list.clone(), "die GRÖßE größer"), ["GRÖßE"]);
    // İ is longer in lower case: the word is found, its place is not told
    let verdict = Badwords::create(list).unwrap().judge(&["İ größe"]).unwrap().remove(0);
    assert_eq!((verdict.keep, verdict.spans.len()), (false, 0));
}

#[test]
fn refuses() {
    let error = Badwords::create(settings(&[], &[], "en")).err().unwrap();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Config, "list: expected one or more words, got none"));
    let error = Badwords::create(settings(&["a", " "], &[], "en")).err().unwrap();
    assert_eq!(error.message, "list, allow: expected words, got \" \"");
}
