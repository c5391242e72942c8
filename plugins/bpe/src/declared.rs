//! What a `tokenizer.json` itself says about the token that ends a text.

use serde_json::Value;

/// Returns the special token that a `post_processor` appends to a text, if there is one.
pub fn end_of_text(post_processor: &Value) -> Option<&str> {
    match post_processor["type"].as_str()? {
        "Sequence" => post_processor["processors"].as_array()?.iter().rev().find_map(end_of_text),
        "BertProcessing" | "RobertaProcessing" => post_processor["sep"][0].as_str(),
        "TemplateProcessing" => {
            let parts = post_processor["single"].as_array()?;
            let behind = parts.iter().rev().take_while(|part| part["Sequence"].is_null());
            // with a part for the text, or else nothing is behind it
            let last = behind.filter_map(|part| part["SpecialToken"]["id"].as_str()).next();
            last.filter(|_| parts.iter().any(|part| !part["Sequence"].is_null()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn templates_name_the_end() {
        let token = |name: &str| json!({"SpecialToken": {"id": name, "type_id": 0}});
        let text = json!({"Sequence": {"id": "A", "type_id": 0}});
        let template = |parts: Vec<Value>| json!({"type": "TemplateProcessing", "single": parts});
        let both = template(vec![token("<s>"), text.clone(), token("</s>")]);
        assert_eq!(end_of_text(&both), Some("</s>"));
        assert_eq!(end_of_text(&template(vec![token("<s>"), text.clone()])), None);
        assert_eq!(end_of_text(&template(vec![token("<s>")])), None);
        assert_eq!(end_of_text(&template(vec![text, token("a"), token("b")])), Some("b"));
        assert_eq!(
            end_of_text(&json!({"type": "Sequence", "processors": [both, {"type": "ByteLevel"}]})),
            Some("</s>")
        );
        assert_eq!(end_of_text(&json!({"type": "RobertaProcessing", "sep": ["</s>", 2]})), Some("</s>"));
        assert_eq!(end_of_text(&Value::Null), None);
    }
}
