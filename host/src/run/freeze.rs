//! Parameters that training does not change.

use crate::base::patterns::{Pattern, check_used};
use crate::{Error, Result};
use std::collections::BTreeSet;

/// The names among `names` that `patterns`, those of `train.freeze`, cover.
///
/// # Errors
/// A pattern that covers none, or patterns that leave nothing to train.
pub fn frozen<'a>(patterns: &[String], names: impl Iterator<Item = &'a str> + Clone) -> Result<BTreeSet<String>> {
    let patterns: Vec<_> = patterns.iter().map(|text| Pattern::new(text)).collect::<Result<_>>()?;
    check_used(&patterns, names.clone(), "train.freeze")?;
    let covered = |name: &&str| patterns.iter().any(|pattern| pattern.covers(name));
    let frozen: BTreeSet<_> = names.clone().filter(covered).map(str::to_owned).collect();
    match names.clone().all(|name| frozen.contains(name)) && !frozen.is_empty() {
        true => Err(Error::usage("train.freeze: covers every parameter, expected one that is trained")),
        false => Ok(frozen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["a.embed.weight", "a.layers.0.w", "a.layers.1.w", "head.weight"];

    fn of(patterns: &[&str]) -> Result<Vec<String>> {
        let patterns: Vec<_> = patterns.iter().map(|&text| text.to_owned()).collect();
        Ok(frozen(&patterns, NAMES.into_iter())?.into_iter().collect())
    }

    #[test]
    fn modules_and_parameters_are_frozen() {
        assert_eq!(of(&[]), Ok(vec![]));
        assert_eq!(of(&["a.embed", "a.layers.[0-0].*"]), Ok(vec![NAMES[0].into(), NAMES[1].into()]));
        let error = of(&["a.embed", "b.*"]).expect_err("b").to_string();
        assert!(error.starts_with("train.freeze: \"b.*\" matches no parameter"), "{error}");
        let error = of(&["*"]).expect_err("all").to_string();
        assert_eq!(error, "train.freeze: covers every parameter, expected one that is trained");
    }
}
