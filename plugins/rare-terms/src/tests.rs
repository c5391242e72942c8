//! What is rare.

use super::*;

const CORPUS: [&str; 5] =
    ["the cat sat", "The cat ran, the dog ran", "a cat 中文", "xqzt zzyx the end 中", "the the the the"];

fn observed(settings: Settings) -> RareTerms {
    let mut filter = RareTerms::create(Settings { memory_mib: 1, ..settings }).unwrap();
    filter.observe(&CORPUS).unwrap();
    filter
}

#[test]
fn documents_of_rare_words_go() {
    let mut filter = observed(Settings { max_share: 0.5, ..Settings::default() });
    // the, cat and 中 are in two documents and more; ran is in one, twice
    let shares = [1.0 / 3.0, 3.0 / 6.0, 2.0 / 4.0, 3.0 / 5.0, 0.0];
    assert_eq!(filter.measure(&CORPUS).unwrap(), shares);
    let verdicts = filter.judge(&CORPUS).unwrap();
    for (i, verdict) in verdicts.iter().enumerate() {
        let expected = if i == 3 { Verdict::drop("rare_terms").score(0.6) } else { Verdict::keep() };
        assert_eq!(*verdict, expected, "{i}");
    }
    assert_eq!(filter.judge(&["", "...", "unseen"]).unwrap()[..2], [Verdict::keep(), Verdict::keep()]);
    assert!(!filter.judge(&["unseen"]).unwrap()[0].keep);
}

#[test]
fn rare_words_are_masked() {
    let mut filter = observed(Settings { mode: "mask".into(), ..Settings::default() });
    let verdict = filter.judge(&["The cat, dog!\n中文 the"]).unwrap().remove(0);
    assert_eq!(verdict.text.as_deref(), Some("The cat, <rare>!\n中<rare> the"));
    assert_eq!((verdict.reason.as_str(), verdict.score, verdict.spans.len()), ("rare_terms_masked", Some(2.0), 2));
    assert_eq!(filter.judge(&["the cat", ""]).unwrap(), [Verdict::keep(), Verdict::keep()]);
    assert_eq!((filter.rules(), filter.measure(&["a"]).unwrap()), (Vec::new(), Vec::new()));
    let mut three =
        observed(Settings { min_documents: 3, mask: "?".into(), mode: "mask".into(), ..Settings::default() });
    assert_eq!(three.judge(&["the cat 中"]).unwrap()[0].text.as_deref(), Some("the cat ?"));
}

#[test]
fn parts_add_up() {
    let whole = observed(Settings::default());
    let create = || RareTerms::create(Settings { memory_mib: 1, ..Settings::default() }).unwrap();
    for order in [[0, 1, 2, 3, 4], [4, 2, 0, 3, 1]] {
        let mut merged = create();
        for i in order {
            let mut part = create();
            part.observe(&CORPUS[i..=i]).unwrap();
            merged.merge(&part.state().unwrap()).unwrap();
        }
        assert_eq!(merged.state().unwrap(), whole.state().unwrap());
        assert_eq!(merged.judge(&CORPUS).unwrap(), observed(Settings::default()).judge(&CORPUS).unwrap());
    }
    assert!(whole.two_pass());
}

#[test]
fn refuses() {
    let message = |settings| RareTerms::create(settings).err().unwrap().message;
    let default = Settings::default;
    assert_eq!(message(Settings { min_documents: 1, ..default() }), "min_documents: expected 2 to 255, got 1");
    assert_eq!(message(Settings { mode: "no".into(), ..default() }), "mode: expected drop or mask, got \"no\"");
    assert_eq!(
        message(Settings { memory_mib: 3, ..default() }),
        "memory_mib: expected a power of two up to 1024, got 3"
    );
    assert_eq!(message(Settings { max_share: 20.0, ..default() }), "max_share: expected 0 to 1, got 20");
}
