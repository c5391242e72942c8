//! Ranges of settings. Every error names the setting, the range and the value.

use trainyard_plugin::{PluginError, Result};

/// More than any model has: sizes can be multiplied before they are compared with the memory that there is.
pub const SIZE_MAX: u32 = 1 << 24;
/// Most blocks of a model.
pub const LAYERS_MAX: u32 = 10_000;

/// The error of a setting that is not what is expected.
///
/// # Errors
/// Always.
pub fn wrong<T>(name: &str, expected: &str, got: impl std::fmt::Display) -> Result<T> {
    Err(PluginError::config(format!("{name}: expected {expected}, got {got}")))
}

/// Whole numbers from 1 to [`SIZE_MAX`].
///
/// # Errors
/// The first that is not.
pub fn sizes(settings: &[(&str, u32)]) -> Result<()> {
    match settings.iter().find(|(_, value)| !(1..=SIZE_MAX).contains(value)) {
        Some((name, value)) => wrong(name, &format!("a whole number from 1 to {SIZE_MAX}"), value),
        None => Ok(()),
    }
}

/// Whole numbers from 0, which stands for a default, to [`SIZE_MAX`].
///
/// # Errors
/// The first that is not.
pub fn optional_sizes(settings: &[(&str, u32)]) -> Result<()> {
    match settings.iter().find(|(_, value)| *value > SIZE_MAX) {
        Some((name, value)) => wrong(name, &format!("a whole number from 0 to {SIZE_MAX}"), value),
        None => Ok(()),
    }
}

/// A number of blocks, from 1 to [`LAYERS_MAX`].
///
/// # Errors
/// Another number.
pub fn layers(name: &str, value: u32) -> Result<()> {
    match value {
        1..=LAYERS_MAX => Ok(()),
        _ => wrong(name, &format!("a whole number from 1 to {LAYERS_MAX}"), value),
    }
}

/// A setting that divides another one.
///
/// # Errors
/// One that does not.
pub fn divides(name: &str, value: u32, of: &str, whole: u32) -> Result<()> {
    match value {
        0 => wrong(name, "a whole number from 1 on", value),
        _ if whole.is_multiple_of(value) => Ok(()),
        _ => wrong(name, &format!("a divisor of {of}, which is {whole}"), value),
    }
}

/// An even width of heads, whose pairs of columns are turned.
///
/// # Errors
/// An odd one.
pub fn even_head(width: u32) -> Result<()> {
    match width.is_multiple_of(2) && width > 0 {
        true => Ok(()),
        false => wrong("head_width", "an even number, as rotary positions turn pairs", width),
    }
}

/// Heads and their width, whose product is a size too.
///
/// # Errors
/// A product that is too large.
pub fn heads(heads: u32, head_width: u32) -> Result<()> {
    sizes(&[("heads", heads), ("heads · head_width", heads.saturating_mul(head_width))])
}

/// Columns of a head of `width` that are turned: `share` of them, rounded down as transformers does.
///
/// # Errors
/// A share outside (0, 1], or one that gives no pairs.
pub fn rotary_share(share: f64, width: u32) -> Result<u32> {
    if !(share > 0.0 && share <= 1.0) {
        return wrong("rotary_share", "above 0 and at most 1", share);
    }
    match (f64::from(width) * share) as u32 {
        turned if turned >= 2 && turned.is_multiple_of(2) => Ok(turned),
        turned => wrong("rotary_share", &format!("a share that gives an even number of {width} columns"), turned),
    }
}

/// Probabilities from 0 to below 1.
///
/// # Errors
/// The first that is none.
pub fn rates(settings: &[(&str, f64)]) -> Result<()> {
    match settings.iter().find(|(_, value)| !(0.0..1.0).contains(value)) {
        Some((name, value)) => wrong(name, "at least 0 and below 1", value),
        None => Ok(()),
    }
}

/// A probability, or -1 for that of another setting.
///
/// # Errors
/// Another number.
pub fn optional_rate(name: &str, value: f64) -> Result<()> {
    match value == -1.0 || (0.0..1.0).contains(&value) {
        true => Ok(()),
        false => wrong(name, "-1, or at least 0 and below 1", value),
    }
}

/// `value`, or `default` where it is -1.
pub fn rate_or(value: f64, default: f64) -> f64 {
    if value == -1.0 { default } else { value }
}

/// Finite numbers above 0.
///
/// # Errors
/// The first that is not.
pub fn positive(settings: &[(&str, f64)]) -> Result<()> {
    match settings.iter().find(|(_, value)| !(*value > 0.0 && value.is_finite())) {
        Some((name, value)) => wrong(name, "a number above 0", value),
        None => Ok(()),
    }
}

/// A text that is one of `allowed`.
///
/// # Errors
/// Another text.
pub fn one_of(name: &str, value: &str, allowed: &[&str]) -> Result<()> {
    match allowed.contains(&value) {
        true => Ok(()),
        false => {
            let allowed: Vec<_> = allowed.iter().map(|name| format!("{name:?}")).collect();
            wrong(name, &allowed.join(" or "), format_args!("{value:?}"))
        }
    }
}

/// Positions that a model has: `setting`, or `context` where that is 0.
///
/// # Errors
/// A context beyond the setting.
pub fn positions(setting: u32, context: u32) -> Result<u32> {
    match setting {
        0 => Ok(context),
        _ if context <= setting => Ok(setting),
        _ => wrong("context", &format!("at most {setting}, the positions that the model has"), context),
    }
}

/// Classes: those of the run, or `setting`.
///
/// # Errors
/// Neither is above 0, or they differ.
pub fn labels(setting: u32, sizes: u32) -> Result<u32> {
    match (setting, sizes) {
        (0, 0) => wrong("labels", "a number of classes for this head", 0),
        (0, labels) => Ok(labels),
        (labels, 0) => Ok(labels),
        (labels, data) if labels == data => Ok(labels),
        (labels, data) => wrong("labels", &format!("{data}, as many as the data has"), labels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_setting_range_and_value() {
        let message = |result: Result<()>| result.err().unwrap().message;
        assert_eq!(message(sizes(&[("width", 0)])), "width: expected a whole number from 1 to 16777216, got 0");
        assert_eq!(message(layers("layers", 10_001)), "layers: expected a whole number from 1 to 10000, got 10001");
        assert_eq!(message(divides("heads", 3, "width", 16)), "heads: expected a divisor of width, which is 16, got 3");
        assert_eq!(message(rates(&[("dropout", f64::NAN)])), "dropout: expected at least 0 and below 1, got NaN");
        assert_eq!(message(positive(&[("cap", -0.0)])), "cap: expected a number above 0, got -0");
        assert_eq!(message(one_of("gelu", "x", &["tanh", "erf"])), r#"gelu: expected "tanh" or "erf", got "x""#);
        let message = positions(8, 9).err().unwrap().message;
        assert_eq!(message, "context: expected at most 8, the positions that the model has, got 9");
        assert_eq!(positions(0, 9), Ok(9));
        assert_eq!(positions(12, 9), Ok(12));
        assert_eq!(labels(3, 0), Ok(3));
        assert!(labels(3, 2).is_err());
    }
}
