//! Numbers of the command line that have bounds.

/// A number above 0.
///
/// # Errors
/// Text that is no such number, in the words of the command line.
pub fn above_zero(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "expected a number above 0".into())
}
