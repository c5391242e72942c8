//! Numbers as text.

/// What a label's suffix stands for.
const UNITS: [(f64, &str); 5] = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"), (1.0, "")];

/// More decimals than this before a suffix are harder to read than all digits.
const DECIMALS_MAX: usize = 3;

/// Digits of a value that is shown.
const DIGITS: usize = 5;

/// Returns the label of a tick, where `step` is the distance to the next one, and `largest` the largest on the axis.
pub fn tick(value: f64, step: f64, largest: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e15).contains(&largest) {
        let exponent = exponent(largest);
        let unit = 10_f64.powi(exponent);
        return format!("{}e{exponent}", fixed(value / unit, decimals(step / unit)));
    }
    let (unit, suffix) = UNITS.into_iter().find(|(unit, _)| value.abs() >= *unit).unwrap_or((1.0, ""));
    match decimals(step / unit) {
        n if n > DECIMALS_MAX && !suffix.is_empty() => grouped(&fixed(value, decimals(step))),
        n => fixed(value / unit, n) + suffix,
    }
}

/// Returns a value with five digits, or all digits of a whole number.
pub fn value(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { value.to_string() };
    }
    let size = value.abs();
    if !(1e-3..1e15).contains(&size) {
        return format!("{value:.*e}", DIGITS - 1);
    }
    let decimals = (DIGITS as i32 - 1 - exponent(size)).max(0) as usize;
    grouped(&if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.decimals$}") })
}

/// Returns a value without zeros at the end of its decimals.
pub fn short(number: f64) -> String {
    let text = value(number);
    let (digits, exponent) = text.split_at(text.find('e').unwrap_or(text.len()));
    trimmed(digits).to_owned() + exponent
}

/// Returns a number of at most so many digits in the shorter of its two notations, for a program to read.
pub fn compact(value: f64, digits: usize) -> String {
    let rounded = rounded(value, digits);
    let (plain, scientific) = (format!("{rounded}"), format!("{rounded:e}"));
    if plain.len() <= scientific.len() { plain } else { scientific }
}

fn rounded(value: f64, digits: usize) -> f64 {
    // what `format!` writes of a number can be read as one
    format!("{value:.*e}", digits - 1).parse().expect("a number")
}

fn exponent(value: f64) -> i32 {
    value.abs().log10().floor() as i32
}

/// Decimals that tell two numbers `step` apart.
fn decimals(step: f64) -> usize {
    (-step.log10() - 1e-9).ceil().clamp(0.0, 15.0) as usize
}

/// A number with so many decimals at most.
fn fixed(value: f64, decimals: usize) -> String {
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

/// A number without zeros at the end of its decimals.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// A decimal number with commas between thousands.
fn grouped(text: &str) -> String {
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    let mut out = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_ticks() {
        let labels = |values: &[f64], step: f64| -> Vec<String> {
            let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
            values.iter().map(|&value| tick(value, step, largest)).collect()
        };
        assert_eq!(labels(&[0.0, 5e5, 1e6, 1.5e6], 5e5), ["0", "500k", "1M", "1.5M"]);
        assert_eq!(labels(&[0.1, 0.2, 3.0 * 0.1], 0.1), ["0.1", "0.2", "0.3"]);
        assert_eq!(labels(&[-2.0, 0.0, 2.0], 2.0), ["-2", "0", "2"]);
        assert_eq!(labels(&[0.0, 5e-5, 1e-4, 1.5e-4], 5e-5), ["0", "0.5e-4", "1e-4", "1.5e-4"]);
        assert_eq!(labels(&[1_234_560.0, 1_234_570.0], 10.0), ["1,234,560", "1,234,570"]);
        assert_eq!(labels(&[1e9, 2e12], 1e9), ["1B", "2T"]);
        assert_eq!(labels(&[2e20, 4e20], 2e20), ["2e20", "4e20"]);
    }

    #[test]
    fn values_in_full() {
        let values = [0.0, 1000.0, 1_234_567.0, 2.418_312, -1234.567, 0.001_234_56, 3e-4, 1.234_567e-7, 2.5e20];
        let texts =
            ["0", "1,000", "1,234,567", "2.4183", "-1,234.6", "0.0012346", "3.0000e-4", "1.2346e-7", "2.5000e20"];
        assert_eq!(values.map(value), texts);
        assert_eq!([0.5, 3e-4, 1000.0, 2.5e20].map(short), ["0.5", "3e-4", "1,000", "2.5e20"]);
        assert_eq!([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(value), ["NaN", "inf", "-inf"]);
    }

    #[test]
    fn the_shorter_notation() {
        assert_eq!(compact(1e-9, 7), "1e-9");
        assert_eq!(compact(2.345_678_912, 7), "2.345679");
        assert_eq!(compact(1_000_000.0, 9), "1e6");
        assert_eq!(compact(123_456.0, 9), "123456");
    }
}
