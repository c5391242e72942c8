//! Labels and targets as the data give them.

use super::Odd;
use serde_json::Value;

/// A label with its names in place of numbers, as JSON; none where it stays as it is.
pub(super) fn check(value: &Value, names: &[String]) -> Result<Option<String>, Odd> {
    let Value::Array(items) = value else { return Ok(named(value, names)?.map(|name| Value::from(name).to_string())) };
    let mut labels = Vec::with_capacity(items.len());
    for item in items {
        if item.is_array() || item.is_f64() {
            let message = format!("expected a list of labels, got {item} in it; write their names");
            return Err(Odd::new("is no list of labels", message));
        }
        let label = named(item, names)?.map_or_else(|| item.clone(), Value::from);
        if labels.contains(&label) {
            let message = format!("expected each label once, got {label} twice; remove one of them");
            return Err(Odd::new("has a label twice", message));
        }
        labels.push(label);
    }
    Ok((labels != *items).then(|| Value::from(labels).to_string()))
}

/// The name of one label; none where it is one already, or a number that no list of names is for.
fn named(value: &Value, names: &[String]) -> Result<Option<String>, Odd> {
    let number = match value {
        Value::String(text) if text.trim().is_empty() => {
            return Err(Odd::new("is an empty label", "expected a label, got empty text; write its name".into()));
        }
        Value::String(text) if names.is_empty() || names.contains(text) => return Ok(None),
        // a table has text only
        Value::String(text) => text.parse().ok(),
        Value::Number(_) if names.is_empty() => return Ok(None),
        Value::Number(number) => number.as_u64(),
        other => {
            let message = format!("expected text, a number or a list of texts, got {other}; write the label's name");
            return Err(Odd::new("is no label", message));
        }
    };
    match number.and_then(|number| names.get(usize::try_from(number).ok()?)) {
        Some(name) => Ok(Some(name.clone())),
        None => {
            let message = format!(
                "expected one of {}, or its number from 0, got {value}; correct it, or add it to data.label_names",
                names.join(", ")
            );
            Err(Odd::new("is none of data.label_names", message))
        }
    }
}

/// A target is text.
pub(super) fn check_target(value: &Value) -> Result<(), Odd> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Ok(()),
        Value::String(_) => Err(Odd::new(
            "is an empty target",
            "expected the target's text, got nothing but white space; write it".into(),
        )),
        other => {
            let message = format!("expected the target's text, got {other}; write it as text");
            Err(Odd::new("is no text", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(value: Value, names: &[&str]) -> Result<Option<String>, String> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        check(&value, &names).map_err(|odd| odd.message)
    }

    #[test]
    fn labels_are_kept_as_they_are_or_named() {
        for value in [json!("spam"), json!(1), json!(0.25), json!(["a", "b"]), json!([]), json!([1, 2])] {
            assert_eq!(checked(value.clone(), &[]), Ok(None), "{value}");
        }
        let names = ["neg", "pos"];
        assert_eq!(checked(json!(1), &names), Ok(Some("\"pos\"".into())));
        assert_eq!(checked(json!("0"), &names), Ok(Some("\"neg\"".into())));
        assert_eq!(checked(json!("pos"), &names), Ok(None));
        assert_eq!(checked(json!([1, "neg"]), &names), Ok(Some("[\"pos\",\"neg\"]".into())));
    }

    #[test]
    fn what_is_no_label_is_said() {
        let cases = [
            (json!(true), &[][..], "expected text, a number or a list of texts, got true; write the label's name"),
            (json!({}), &[], "expected text, a number or a list of texts, got {}; write the label's name"),
            (json!(" "), &[], "expected a label, got empty text; write its name"),
            (json!(["a", "a"]), &[], "expected each label once, got \"a\" twice; remove one of them"),
            (json!([0.5]), &[], "expected a list of labels, got 0.5 in it; write their names"),
            (
                json!(2),
                &["neg", "pos"],
                "expected one of neg, pos, or its number from 0, got 2; correct it, or add it to data.label_names",
            ),
        ];
        for (value, names, expected) in cases {
            assert_eq!(checked(value, names), Err(expected.into()));
        }
        let targets = [json!(""), json!(3)].map(|value| check_target(&value).map_err(|odd| odd.message));
        assert_eq!(targets[0], Err("expected the target's text, got nothing but white space; write it".into()));
        assert_eq!(targets[1], Err("expected the target's text, got 3; write it as text".into()));
    }
}
