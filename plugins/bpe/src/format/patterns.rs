//! Which split rule a `tokenizer.json` asks for.

use crate::split::{NAMED, Split};
use serde_json::Value;

/// Other spellings of the rules: tiktoken's of GPT-2 and of `cl100k_base`, nanochat's of two digits.
const SPELLINGS: [(&str, Split); 4] = [
    (r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s", Split::Gpt2),
    (r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", Split::Gpt2),
    (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
        Split::Gpt4 { digits: 3, whole_end: true },
    ),
    (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
        Split::Gpt4 { digits: 2, whole_end: false },
    ),
];

/// Returns the rule of a `pre_tokenizer`: the step `ByteLevel`, with its own rule or after one `Split`.
///
/// # Errors
/// Any other `pre_tokenizer`; the error says what was found.
pub fn split_of(pre_tokenizer: &Value) -> Result<Split, String> {
    let mut steps = Vec::new();
    flatten(pre_tokenizer, &mut steps);
    let types: Vec<_> = steps.iter().map(|step| step["type"].as_str().unwrap_or("null")).collect();
    match (types.as_slice(), steps.as_slice()) {
        (["ByteLevel"], [bytes]) => {
            plain(bytes)?;
            Ok(if uses_regex(bytes) { Split::Gpt2 } else { Split::None })
        }
        (["Split", "ByteLevel"], [split, bytes]) => {
            plain(bytes)?;
            if uses_regex(bytes) {
                return Err("pre_tokenizer splits twice".into());
            }
            let whole = match (split["behavior"].as_str(), split["invert"].as_bool().unwrap_or(false)) {
                (Some("Isolated"), false) => true,
                (Some("Removed"), true) => true, // the same, for a pattern that leaves nothing out
                _ => false,
            };
            let pattern = split["pattern"]["Regex"].as_str().filter(|_| whole).and_then(rule);
            pattern.ok_or_else(|| format!("unknown split {}", split["pattern"]))
        }
        _ => Err(format!("pre_tokenizer is {}", types.join(" + "))),
    }
}

fn rule(pattern: &str) -> Option<Split> {
    let named = NAMED.iter().map(|(_, split)| *split).chain([Split::Gpt4 { digits: 2, whole_end: false }]);
    let ours = named.filter_map(|split| Some((split.pattern()?, split)));
    let others = SPELLINGS.iter().map(|(spelling, split)| ((*spelling).to_owned(), *split));
    ours.chain(others).find(|(known, _)| known == pattern).map(|(_, split)| split)
}

fn flatten<'a>(step: &'a Value, steps: &mut Vec<&'a Value>) {
    match step["pretokenizers"].as_array() {
        Some(parts) => parts.iter().for_each(|part| flatten(part, steps)),
        None => steps.push(step),
    }
}

fn plain(byte_level: &Value) -> Result<(), String> {
    match byte_level["add_prefix_space"].as_bool() {
        Some(false) => Ok(()),
        _ => Err("ByteLevel puts a space before every text (add_prefix_space)".into()),
    }
}

fn uses_regex(byte_level: &Value) -> bool {
    byte_level["use_regex"].as_bool().unwrap_or(true)
}
