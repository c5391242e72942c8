//! Names of tokens in a `tokenizer.json`.

use serde_json::Value;

/// A `tokenizer.json`, asked for its tokens.
pub struct Tokens<'a>(pub &'a Value);

impl Tokens<'_> {
    /// The name of a token: of one that was added, or else in the model's vocabulary.
    pub fn name(&self, id: u32) -> Option<String> {
        let added = self.added().find(|token| token["id"] == id).and_then(|token| token["content"].as_str());
        let vocab = &self.0["model"]["vocab"];
        let in_table = || vocab.as_object()?.iter().find(|(_, own)| **own == id).map(|(name, _)| name.as_str());
        let in_list = || vocab.as_array()?.get(id as usize)?[0].as_str();
        added.or_else(in_table).or_else(in_list).map(str::to_owned)
    }

    /// The id of the token with this name.
    pub fn id(&self, name: &str) -> Option<u32> {
        let added = self.added().find(|token| token["content"] == name).and_then(|token| token["id"].as_u64());
        let vocab = &self.0["model"]["vocab"];
        let in_table = || vocab.as_object()?.get(name)?.as_u64();
        let in_list = || Some(vocab.as_array()?.iter().position(|entry| entry[0] == name)? as u64);
        added.or_else(in_table).or_else(in_list).and_then(|id| u32::try_from(id).ok())
    }

    /// Names of the tokens that were added.
    pub fn added_names(&self) -> impl Iterator<Item = &str> {
        self.added().filter_map(|token| token["content"].as_str()).filter(|name| !name.is_empty())
    }

    fn added(&self) -> impl Iterator<Item = &Value> {
        self.0["added_tokens"].as_array().into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tokens_are_found_wherever_they_are() {
        let table = json!({"added_tokens": [{"id": 9, "content": "<s>"}], "model": {"vocab": {"a": 0, "[PAD]": 1}}});
        let list = json!({"added_tokens": [], "model": {"vocab": [["<unk>", 0.0], ["b", -1.0]]}});
        let [table, list] = [Tokens(&table), Tokens(&list)];
        assert_eq!(
            (table.id("<s>"), table.id("[PAD]"), table.id("b"), list.id("b")),
            (Some(9), Some(1), None, Some(1))
        );
        assert_eq!((table.name(9).as_deref(), table.name(0).as_deref(), table.name(2)), (Some("<s>"), Some("a"), None));
        assert_eq!((list.name(0).as_deref(), list.name(2)), (Some("<unk>"), None));
    }
}
