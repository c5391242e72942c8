//! Deduplication: the same clusters in any order, in any memory, on any number of threads; recall follows the formula.

use std::collections::BTreeMap;
use trainyard::corpus::dedup::{
    Action, Candidates, DEDUP_EXACT, DEDUP_NEAR, DedupConfig, Deduplicator, Duplicates, Exact, MinHashConfig, Preset,
    Shingle, Signature, Signer,
};
use trainyard_text::Words;

/// A random number that is a function of its arguments.
fn random(seed: u64, i: u64) -> u64 {
    let mut x = (seed << 32 ^ i).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Words that occur in no text of another seed.
fn words(seed: u64, n: usize) -> Vec<String> {
    (0..n as u64).map(|i| format!("{seed}w{}", random(seed, i) % 1_000_000)).collect()
}

fn minhash(preset: Preset) -> DedupConfig {
    DedupConfig { minhash: Some(MinHashConfig::preset(preset)), ..DedupConfig::default() }
}

fn candidates<'a>(config: &DedupConfig, documents: impl IntoIterator<Item = (&'a str, &'a str)>) -> Candidates {
    let (mut signer, mut deduplicator) = (Signer::new(config), Deduplicator::new(config, &std::env::temp_dir()));
    for (id, text) in documents {
        let signature = Signature::from_bytes(&signer.sign(text).to_bytes()).unwrap();
        deduplicator.push(id, signature).unwrap();
    }
    deduplicator.finish().unwrap()
}

fn dedup(config: &DedupConfig, documents: &[(&str, &str)]) -> Duplicates {
    let mut candidates = candidates(config, documents.iter().copied());
    let mut signer = Signer::new(config);
    for (id, text) in documents {
        if candidates.wants(id) {
            candidates.add(id, &signer.shingles(text)).unwrap();
        }
    }
    candidates.finish().unwrap()
}

/// (id, id of the kept document, reason) of every dropped document.
fn gone<'a>(duplicates: &'a Duplicates, documents: &[(&'a str, &str)]) -> Vec<(&'a str, &'a str, &'static str)> {
    let row = |id: &'a str| duplicates.get(id).map(|duplicate| (id, duplicate.of, duplicate.reason));
    documents.iter().filter_map(|(id, _)| row(id)).collect()
}

/// Documents in clusters of exact and near copies.
fn corpus() -> Vec<(String, String)> {
    let mut documents = Vec::new();
    for i in 0..1500u64 {
        let base = words(i, 120);
        documents.push((format!("d{:05}-{i}", random(1, 3 * i) % 90_000), base.join(" ")));
        if i % 3 == 0 {
            documents.push((format!("e{i:05}"), base.join("  \n")));
        }
        if i % 4 == 0 {
            let mut edited = base;
            edited[60] = "edited".into();
            documents.push((format!("a{i:05}"), edited.join(" ")));
        }
    }
    documents.sort();
    documents
}

#[test]
fn the_result_is_a_function_of_the_set() {
    let documents = corpus();
    let mut shuffled: Vec<_> = documents.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
    let jaccard = MinHashConfig { jaccard: 0.5, ..MinHashConfig::preset(Preset::Fineweb) };
    let checked = DedupConfig { minhash: Some(jaccard), ..DedupConfig::default() };
    for config in [minhash(Preset::Fineweb), checked] {
        let sorted = shuffled.clone();
        let expected = dedup(&config, &sorted);
        let rows = gone(&expected, &sorted);
        // 500 exact copies, 375 near ones; where the near one has the lowest id, both others are near to it
        assert_eq!((expected.counts.exact, expected.counts.near, rows.len()), (375, 500, 875));
        for (order, threads, memory_mb) in [(2, 1, 1), (3, 4, 1), (4, 4, 1024)] {
            shuffled.sort_by_key(|(id, _)| random(order, xxh(id)));
            // half a mebibyte for 2300 signatures: they go through files
            let config = DedupConfig { memory_mb, ..config.clone() };
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let got = pool.install(|| dedup(&config, &shuffled));
            assert_eq!(got.counts, expected.counts);
            for (id, _) in &sorted {
                assert_eq!(got.get(id), expected.get(id), "{id}");
            }
        }
    }
}

fn xxh(text: &str) -> u64 {
    text.bytes().fold(0, |hash, byte| random(hash, byte.into()))
}

#[test]
fn the_lowest_id_stays() {
    let text = words(1, 200).join(" ");
    let near = text.replacen("1w", "other", 1);
    let documents = [("b", "x y"), ("c", text.as_str()), ("a9", &near), ("a10", "X Y"), ("é", "x  y"), ("d", &text)];
    let duplicates = dedup(&minhash(Preset::Fineweb), &documents);
    // "X Y" is one shingle in lower case; d is a copy of c, but not of the one that stays
    let expected =
        [("b", "a10", DEDUP_NEAR), ("c", "a9", DEDUP_NEAR), ("é", "a10", DEDUP_NEAR), ("d", "a9", DEDUP_NEAR)];
    assert_eq!(gone(&duplicates, &documents), expected);
    let scores = ["b", "c", "d"].map(|id| duplicates.get(id).unwrap().score);
    assert_eq!(scores[0], 1.0);
    assert!(scores[1] > 0.85 && scores[1] == scores[2], "{scores:?}");
    assert_eq!((duplicates.counts.clusters, duplicates.counts.near, duplicates.counts.documents), (2, 4, 6));

    let exact = dedup(&DedupConfig::default(), &documents);
    assert_eq!(gone(&exact, &documents), [("é", "b", DEDUP_EXACT), ("d", "c", DEDUP_EXACT)]);
}

#[test]
fn groups_keep_all_and_share_a_head() {
    let documents = [("b", "x y"), ("a", "x y"), ("c", "z")];
    let duplicates = dedup(&DedupConfig { action: Action::Group, ..DedupConfig::default() }, &documents);
    assert_eq!(gone(&duplicates, &documents), []);
    assert_eq!(["a", "b", "c", "new"].map(|id| duplicates.head(id)), ["a", "a", "c", "new"]);
}

/// The share 1 − (1 − s^rows)^bands of pairs with a known Jaccard index s is found.
#[test]
fn recall_follows_the_formula() {
    let n_pairs = 600;
    for (preset, bands, rows, n_shingle) in [(Preset::Fineweb, 14, 8, 5), (Preset::Redpajama, 9, 13, 13)] {
        for n_changed in [15, 30, 50, 80] {
            let mut documents = Vec::new();
            for pair in 0..n_pairs {
                let mut text = words(pair, 200);
                documents.push((format!("{pair}a"), text.join(" ")));
                text[200 - n_changed..].clone_from_slice(&words(pair + 1_000_000, n_changed));
                documents.push((format!("{pair}b"), text.join(" ")));
            }
            let (n_all, n_equal) = (200 - n_shingle + 1, 200 - n_changed - n_shingle + 1);
            let s = n_equal as f64 / (2 * n_all - n_equal) as f64;
            let config = minhash(preset);
            let texts = documents.iter().map(|(id, text)| (id.as_str(), text.as_str()));
            let found = candidates(&config, texts).finish().unwrap().counts;
            assert_eq!((found.near, found.exact), (found.clusters, 0));
            let share = found.near as f64 / n_pairs as f64;
            let expected = 1.0 - (1.0 - s.powi(rows)).powi(bands);
            let bound = 4.0 * (expected * (1.0 - expected) / n_pairs as f64).sqrt() + 1.0 / n_pairs as f64;
            assert!((share - expected).abs() < bound, "{preset:?}, s = {s}: {share}, expected {expected}");
        }
    }
}

/// Paragraphs of Austen and edited copies, as `peers/dedup_datasketch.py` makes them: the same Jaccard indices as sets
/// of strings have, and as many pairs found as datasketch finds.
#[test]
fn near_duplicates_are_found_as_datasketch_finds_them() {
    let folder = env!("CARGO_MANIFEST_DIR");
    let packed = std::fs::read(format!("{folder}/../corpus/austen.txt.zst")).unwrap();
    let text = String::from_utf8(zstd::decode_all(&packed[..]).unwrap()).unwrap().to_lowercase();
    let texts = text.split("\n\n").map(|paragraph| {
        let words = paragraph.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric));
        words.collect::<Vec<_>>()
    });
    let texts: Vec<_> = texts.filter(|words| (60..=250).contains(&words.len())).collect();
    let golden = std::fs::read(format!("{folder}/golden/dedup_datasketch.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_slice(&golden).unwrap();
    let shingle = Shingle::Words { n: 5, words: Words::Whitespace };
    let found = MinHashConfig { shingle, ..MinHashConfig::preset(Preset::Fineweb) };
    // every pair is a candidate
    let all = MinHashConfig { bands: 100, rows: 1, jaccard: 0.3, ..found.clone() };
    let [found, all] = [found, all].map(|minhash| DedupConfig { minhash: Some(minhash), ..DedupConfig::default() });
    for case in golden["cases"].as_array().unwrap() {
        let every = case["every"].as_u64().unwrap() as usize;
        let edit = |(i, word): (usize, &&str)| if i % every == every / 2 { format!("x{i}") } else { (*word).into() };
        let mut documents = Vec::new();
        for (i, words) in texts.iter().enumerate() {
            let edited: Vec<String> = words.iter().enumerate().map(edit).collect();
            documents.extend([(format!("{i}a"), words.join(" ")), (format!("{i}b"), edited.join(" "))]);
        }
        let documents: Vec<_> = documents.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
        let (n, of) = (texts.len() as f64, |key: &str| case[key].as_f64().unwrap());
        assert_eq!(n, of("pairs"));
        if matches!(every, 15 | 90) {
            let duplicates = dedup(&all, &documents);
            let scores = documents.chunks(2).map(|pair| duplicates.get(pair[1].0).map_or(f64::NAN, |b| b.score));
            let mean = scores.sum::<f64>() / n;
            assert!((mean - of("jaccard")).abs() < 1e-6, "every {every}: {mean}, expected {}", of("jaccard"));
        }
        let duplicates = dedup(&found, &documents);
        let n_found = documents.chunks(2).filter(|pair| duplicates.head(pair[1].0) == pair[0].0).count() as f64;
        // both are draws with the same mean
        let bound = 4.0 * (of("expected") * (1.0 - of("expected") / n)).sqrt() + 3.0;
        assert!((n_found - of("expected")).abs() < bound, "every {every}: {n_found}, expected {}", of("expected"));
        assert!((of("found") - of("expected")).abs() < bound, "every {every}: datasketch");
    }
}

#[test]
fn candidates_can_be_checked() {
    let text = words(1, 300);
    // Jaccard 286/306 and 226/366
    let (near, far) =
        ([&text[..290], &words(2, 10)].concat().join(" "), [&text[..230], &words(3, 70)].concat().join(" "));
    let text = text.join(" ");
    let documents = [("a", text.as_str()), ("b", &near), ("c", &far)];
    let many = |jaccard| {
        // 100 bands of 2: everything that shares something is a candidate
        let minhash = MinHashConfig { bands: 100, rows: 2, jaccard, ..MinHashConfig::preset(Preset::Fineweb) };
        DedupConfig { minhash: Some(minhash), ..DedupConfig::default() }
    };
    assert_eq!(gone(&dedup(&many(0.0), &documents), &documents).len(), 2);
    let checked = dedup(&many(0.8), &documents);
    assert_eq!(gone(&checked, &documents), [("b", "a", DEDUP_NEAR)]);
    assert_eq!(checked.get("b").unwrap().score, f64::from(286.0f32 / 306.0));

    let unread = candidates(&many(0.8), documents);
    assert_eq!((unread.n_wanted(), unread.wants("a"), unread.wants("d")), (3, true, false));
    let error = unread.finish().err().unwrap();
    assert_eq!(error.to_string(), "dedup: the text of a candidate was not found again; prepare again");
    assert_eq!(candidates(&many(0.0), documents).n_wanted(), 0);
}

#[test]
fn lines_and_paragraphs() {
    let (menu, long) = ("Home | News | Contact | Imprint", "A line that is long enough to count.");
    let texts = BTreeMap::from([
        ("a", format!("{menu}\n{long}\nshort\n")),
        ("b", format!("  {menu}\nshort\n\nOwn text of the document b.\n{long}")),
        ("c", format!("{long}\n{menu}")),
        ("d", format!("Once in d, and once more.\nOnce in d, and once more.\n{long}\nend")),
        ("e", format!("{long}\n{menu}")),
    ]);
    let documents: Vec<_> = texts.iter().map(|(id, text)| (*id, text.as_str())).collect();
    let duplicates = dedup(&DedupConfig { exact: Exact::Line, ..DedupConfig::default() }, &documents);
    assert_eq!(gone(&duplicates, &documents), [("e", "c", DEDUP_EXACT)]);
    let rewritten = |id: &str| duplicates.rewrite(id, &texts[id]).unwrap();
    assert_eq!(rewritten("a"), None);
    let b = rewritten("b").unwrap();
    assert_eq!((b.text.as_str(), b.is_dropped), ("short\n\nOwn text of the document b.\n", false));
    assert_eq!(b.spans, [0..menu.len() + 3, texts["b"].len() - long.len()..texts["b"].len()]);
    assert!(rewritten("c").unwrap().is_dropped);
    assert_eq!(rewritten("d").unwrap().text, "Once in d, and once more.\nend");
    assert_eq!(duplicates.counts.pieces, 6);

    let both = format!("One paragraph\nof two lines.\n\n{long}");
    let documents = [("a", both.as_str()), ("b", "x\n\nOne paragraph of  two lines.\n")];
    let duplicates = dedup(&DedupConfig { exact: Exact::Paragraph, ..DedupConfig::default() }, &documents);
    assert_eq!(duplicates.rewrite("b", documents[1].1).unwrap().unwrap().text, "x\n\n");
}

#[test]
fn what_is_the_same_text() {
    let texts = [("a", "é  x"), ("b", "e\u{301}\tx\n"), ("c", "É X"), ("d", ""), ("e", " \n"), ("f", "\0")];
    let n = |normalise| dedup(&DedupConfig { normalise, ..DedupConfig::default() }, &texts).counts.exact;
    use trainyard::corpus::dedup::Normalise;
    assert_eq!([Normalise::None, Normalise::Nfc, Normalise::Lowercase].map(n), [0, 2, 3]);
    // texts without a word are near to nothing
    let none = DedupConfig { exact: Exact::None, ..minhash(Preset::Nemo) };
    assert_eq!(dedup(&none, &[("a", ""), ("b", " "), ("c", "…"), ("d", "…")]).counts.near, 1);
}

#[test]
fn known_text_is_found() {
    use trainyard::corpus::dedup::{Contamination, DecontaminateConfig, Decontaminator};
    let reference = "It is a truth universally acknowledged, that a single man in possession of a good fortune";
    let mut decontaminator = Decontaminator::new(&DecontaminateConfig::default());
    decontaminator.add_reference("novel", reference);
    decontaminator.add_reference("short", "one two three four five six seven eight");
    decontaminator.add_reference("too short", "what is the capital of France");
    // 16 words are 4 n-grams of 13
    assert_eq!(decontaminator.n_known(), 4 + 1);

    let twelve = "truth universally acknowledged that a single man in possession of a good";
    assert_eq!(decontaminator.judge(&format!("x {twelve} y")), None);
    assert_eq!(decontaminator.judge("What is the capital of France?"), None);
    let text = format!("He said:\n“É — A {} FORTUNE”. {}", twelve.to_uppercase(), "and so on ".repeat(10));
    let found = decontaminator.judge(&text).unwrap();
    let start = text.find("A TRUTH").unwrap();
    let span = start..text.find("”.").unwrap();
    let (reference, n_grams) = ("novel".into(), 2 + 1 + 14 + 30 - 12);
    assert_eq!(n_grams, 35);
    let expected = Contamination { is_contaminated: true, reference, matches: 2, share: 2.0 / 35.0, spans: vec![span] };
    assert_eq!(found, expected);
    let whole = decontaminator.judge("0. ONE two, three four five six seven eight").unwrap();
    assert_eq!((whole.reference.as_str(), &whole.spans[0], whole.spans.len()), ("short", &(3..43), 1));

    let strict = DecontaminateConfig { min_matches: 2, min_share: 0.06, ..DecontaminateConfig::default() };
    let mut strict = Decontaminator::new(&strict);
    strict.add_reference("novel", "É — A TRUTH");
    assert_eq!(strict.judge(&text), None);
    strict.add_reference(
        "novel",
        "It is a truth universally acknowledged, that a single man in possession of a good fortune",
    );
    assert!(!strict.judge(&text).unwrap().is_contaminated);
    assert_eq!(["", "\0", "…"].map(|text| strict.judge(text)), [None, None, None]);
}

#[test]
fn mistakes_have_a_message() {
    let config = DedupConfig::default();
    let mut deduplicator = Deduplicator::new(&config, &std::env::temp_dir());
    let signature = Signer::new(&config).sign("x");
    (0..2).for_each(|_| deduplicator.push("a", signature.clone()).unwrap());
    let error = deduplicator.finish().err().unwrap();
    assert_eq!(error.to_string(), "dedup: document id \"a\" occurs twice; make ids unique");
    let error = Signature::from_bytes(&signature.to_bytes()[1..]).unwrap_err();
    assert_eq!(error.to_string(), "dedup: a stored signature is damaged; remove the store and prepare again");
}
