//! Models that the SentencePiece library trained, with its ids; `tests/peers/sentencepiece_ids.py` made both.

use super::load;
use serde_json::Value;
use trainyard_plugin::{END_OF_TEXT, ErrorKind};

struct Case {
    text: String,
    ids: Vec<u32>,
}

fn cases(json: &str) -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_str(json).unwrap();
    let ids = |ids: &Value| ids.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
    cases.iter().map(|case| Case { text: case["text"].as_str().unwrap().into(), ids: ids(&case["ids"]) }).collect()
}

macro_rules! model {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../golden/sentencepiece/", $name, ".model")),
            include_str!(concat!("../golden/sentencepiece/", $name, ".json")),
        )
    };
}

const MODELS: [(&str, &[u8], &str); 5] =
    [model!("unigram"), model!("unigram-bytes"), model!("bpe"), model!("bpe-user"), model!("suffix")];

#[test]
fn ids_are_those_of_the_library() {
    for (name, model, cases) in MODELS {
        let cases = self::cases(cases);
        for plugin in ["hf-tokenizer", "unigram"] {
            let mut tokenizer = load(plugin, "", model).unwrap();
            let texts: Vec<&str> = cases.iter().map(|case| case.text.as_str()).collect();
            let batch = tokenizer.encode(&texts).unwrap();
            for (case, ids) in cases.iter().zip(batch.sequences()) {
                assert_eq!(ids, case.ids, "{name}: {:?}", case.text);
            }
            let vocabulary = tokenizer.vocabulary().unwrap();
            assert!(vocabulary.specials.iter().all(|special| !batch.ids.contains(&special.id)), "{name}");
        }
    }
}

#[test]
fn text_comes_back() {
    // these keep spaces as they are, and write what they do not know as bytes
    for (name, model, cases) in [MODELS[1], MODELS[2]] {
        let cases = self::cases(cases);
        let mut tokenizer = load("hf-tokenizer", "", model).unwrap();
        for Case { text, .. } in cases.iter().filter(|case| !case.text.contains('▁')) {
            let batch = tokenizer.encode(&[text]).unwrap();
            assert_eq!(tokenizer.decode(&batch).unwrap(), [text.as_bytes()], "{name}");
        }
    }
}

#[test]
fn the_model_says_which_token_ends_a_text() {
    let end = |model: &[u8], settings: &str| {
        load("hf-tokenizer", settings, model).map(|tokenizer| tokenizer.vocabulary().unwrap().special(END_OF_TEXT))
    };
    assert_eq!(end(MODELS[0].1, "").unwrap(), Some(2));
    assert_eq!(end(MODELS[1].1, "").unwrap(), Some(0)); // <fin>
    assert_eq!(end(MODELS[1].1, "end_of_text = '<s>'").unwrap(), Some(1));
    assert_eq!(end(MODELS[0].1, "end_of_text = 'x'").unwrap_err().kind, ErrorKind::Config);
}

#[test]
fn damage_is_refused_or_read() {
    let model = MODELS[0].1;
    for end in (0..model.len()).step_by(61) {
        if let Err(error) = load("hf-tokenizer", "", &model[..end]) {
            assert_eq!(error.kind, ErrorKind::Input, "{end}: {}", error.message);
        }
    }
    for at in (0..model.len()).step_by(17) {
        let mut damaged = model.to_vec();
        damaged[at] ^= 0x55;
        let used = load("hf-tokenizer", "", &damaged).and_then(|mut tokenizer| tokenizer.encode(&["ﬁ the A", "中"]));
        if let Err(error) = used {
            assert_eq!(error.kind, ErrorKind::Input, "{at}: {}", error.message);
        }
    }
    let error = load("bpe", "", model).err().unwrap().message;
    let expected = "a model of SentencePiece: use the tokenizer hf-tokenizer, it takes the same file";
    assert!(error.ends_with(expected), "{error}");
}
