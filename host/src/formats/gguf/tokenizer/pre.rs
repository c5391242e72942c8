//! How byte-level BPE cuts text into words: llama.cpp has a name for each rule, `tokenizer.json` the rule itself.

use serde_json::{Value, json};

/// A rule.
#[derive(Debug)]
pub struct Pre {
    /// llama.cpp's names of it; a file is written with the first.
    pub names: &'static [&'static str],
    /// Patterns whose matches are cut out, one after the other.
    splits: &'static [&'static str],
    /// Whether a word that is a token is that token, without merges.
    pub ignores_merges: bool,
    /// Whether text is composed first (NFC).
    pub is_composed: bool,
    /// Whether a text starts with the token for it, where the file does not say.
    pub adds_bos: bool,
}

const fn pre(names: &'static [&'static str], splits: &'static [&'static str]) -> Pre {
    Pre { names, splits, ignores_merges: false, is_composed: false, adds_bos: false }
}

/// The rule of GPT-2 (Radford et al. 2019).
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const DIGIT: &str = r"\p{N}";
const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*",
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*",
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const GPT4O: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// The rules that are known.
static RULES: [Pre; 9] = [
    pre(
        &[
            "gpt-2",
            "phi-2",
            "roberta-bpe",
            "mpt",
            "olmo",
            "jais",
            "jina-es",
            "jina-de",
            "jina-v1-en",
            "jina-v2-es",
            "jina-v2-de",
            "jina-v2-code",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "modern-bert",
            "exaone4",
            "trillion",
            "granite-docling",
        ],
        &[GPT2],
    ),
    pre(&["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"], &[DIGIT, GPT2]),
    Pre {
        ignores_merges: true,
        adds_bos: true,
        ..pre(&["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"], &[LLAMA3])
    },
    pre(&["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"], &[LLAMA3]),
    Pre { is_composed: true, ..pre(&["qwen2", "deepseek-r1-qwen", "megrez", "kormo"], &[QWEN2]) },
    pre(&["stablelm2", "hunyuan", "solar-open", "grok-2"], &[QWEN2]),
    Pre { ignores_merges: true, adds_bos: true, ..pre(&["tekken"], &[TEKKEN]) },
    pre(&["gpt-4o", "llama4", "kanana2"], &[GPT4O]),
    // llama.cpp's rule for files that name none
    pre(&["default"], &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"]),
];

/// The names of all rules, for messages.
pub fn names() -> String {
    RULES.iter().flat_map(|rule| rule.names).copied().collect::<Vec<_>>().join(", ")
}

/// Returns the rule with a name.
pub fn by_name(name: &str) -> Option<&'static Pre> {
    RULES.iter().find(|rule| rule.names.contains(&name))
}

/// Returns the rule of the `pre_tokenizer` of a `tokenizer.json`; none if llama.cpp has no such rule. `is_composed` is
/// not compared: llama.cpp does not compose text.
pub fn of_json(pre_tokenizer: &Value, ignores_merges: bool) -> Option<&'static Pre> {
    let splits = splits_of(pre_tokenizer)?;
    let same = |rule: &&Pre| rule.splits.iter().eq(splits.iter());
    let mut rules = RULES.iter().filter(same);
    let first = rules.next();
    first.into_iter().chain(rules).find(|rule| rule.ignores_merges == ignores_merges).or(first)
}

impl Pre {
    /// Returns the rule as the `pre_tokenizer` of a `tokenizer.json`.
    pub fn json(&self) -> Value {
        let (last, others) = match self.splits.split_last() {
            Some((&GPT2, others)) => (true, others),
            _ => (false, self.splits),
        };
        let mut steps: Vec<Value> = others.iter().map(|split| step(split)).collect();
        steps.push(byte_level(last));
        match steps.len() {
            1 => steps.remove(0),
            _ => json!({"type": "Sequence", "pretokenizers": steps}),
        }
    }
}

fn step(split: &str) -> Value {
    match split {
        DIGIT => json!({"type": "Digits", "individual_digits": true}),
        _ => json!({"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": false}),
    }
}

/// The step that writes bytes as characters.
pub fn byte_level(splits: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": splits})
}

/// The patterns of a `pre_tokenizer`; none if it does something else.
fn splits_of(json: &Value) -> Option<Vec<String>> {
    match json["type"].as_str()? {
        "Sequence" => {
            let steps = json["pretokenizers"].as_array()?;
            Some(steps.iter().map(splits_of).collect::<Option<Vec<_>>>()?.concat())
        }
        "Digits" if json["individual_digits"] == true => Some(vec![DIGIT.into()]),
        "ByteLevel" if json["add_prefix_space"] == true => None,
        "ByteLevel" => match json["use_regex"] == false {
            true => Some(Vec::new()),
            false => Some(vec![GPT2.into()]),
        },
        "Split" => {
            let pattern = json["pattern"]["Regex"].as_str()?;
            let cuts = match json["behavior"].as_str()? {
                "Isolated" => json["invert"] != true,
                "Removed" => json["invert"] == true,
                _ => false,
            };
            let spelt_out = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
            cuts.then(|| vec![pattern.replace(spelt_out, "(?i:'s|'t|'re|'ve|'m|'ll|'d)")])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_there_and_back() {
        for rule in &RULES {
            let found = of_json(&rule.json(), rule.ignores_merges).expect("a rule");
            assert_eq!((found.splits, found.ignores_merges), (rule.splits, rule.ignores_merges));
        }
        assert_eq!(of_json(&by_name("smollm").expect("a rule").json(), false).expect("a rule").names[0], "smollm");
        assert!(of_json(&json!({"type": "Whitespace"}), false).is_none());
        assert!(of_json(&json!({"type": "ByteLevel", "add_prefix_space": true}), false).is_none());
    }

    #[test]
    fn rules_as_other_programs_write_them() {
        // tiktoken's, as some files of Qwen have it
        let removed = json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]});
        assert_eq!(of_json(&removed, false).expect("a rule").names[0], "qwen2");
        let named = by_name("llama3").expect("a rule");
        assert!(std::ptr::eq(of_json(&named.json(), true).expect("a rule"), named));
        assert_eq!(of_json(&named.json(), false).expect("a rule").names[0], "dbrx");
    }
}
