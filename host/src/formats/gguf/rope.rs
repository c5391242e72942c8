//! Rotary embeddings of Llama 3: their scaling as divisors of each frequency, and as the settings they come from.

use std::f64::consts::TAU;

/// The settings of `rope_type` "llama3".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Llama3 {
    /// Divisor of low frequencies.
    pub factor: f64,
    /// Waves longer than the original context over this are divided by `factor`.
    pub low: f64,
    /// Waves shorter than the original context over this stay.
    pub high: f64,
    /// The context of the model before it was extended, in tokens.
    pub original: f64,
}

impl Llama3 {
    /// Returns the divisor of each frequency of a head of `2 * n` columns.
    pub fn divisors(&self, theta: f64, n: usize) -> Vec<f64> {
        let divisor = |wave: f64| {
            if wave < self.original / self.high {
                1.0
            } else if wave > self.original / self.low {
                self.factor
            } else {
                let smooth = (self.original / wave - self.low) / (self.high - self.low);
                1.0 / ((1.0 - smooth) / self.factor + smooth)
            }
        };
        waves(theta, n).map(divisor).collect()
    }

    /// Finds the settings that give these divisors; none if none do. Only ratios of `low`, `high` and `original` can be
    /// seen, so `low` is 1, as in all models that were published.
    pub fn of(divisors: &[f64], theta: f64) -> Option<Self> {
        let factor = *divisors.last()?;
        if factor <= 1.0 {
            return None;
        }
        let usual = (3..21).map(|power| Self { factor, low: 1.0, high: 4.0, original: f64::from(1_u32 << power) });
        usual.chain(Self::fitted(divisors, theta, factor)).find(|settings| settings.gives(divisors, theta))
    }

    /// Settings from the divisors between 1 and `factor`: `smooth` is a line over 1 / wave.
    fn fitted(divisors: &[f64], theta: f64, factor: f64) -> Vec<Self> {
        let between = divisors.iter().zip(waves(theta, divisors.len())).filter(|(divisor, _)| {
            let divisor = **divisor;
            divisor > 1.0 + 1e-6 && divisor < factor * (1.0 - 1e-6)
        });
        let smooth = |divisor: f64| (1.0 / divisor - 1.0 / factor) / (1.0 - 1.0 / factor);
        let points: Vec<(f64, f64)> = between.map(|(divisor, wave)| (1.0 / wave, smooth(*divisor))).collect();
        let mut found = Vec::new();
        if let Some((x, y)) = points.first() {
            found.push(Self { factor, low: 1.0, high: 4.0, original: ((3.0 * y + 1.0) / x).round() });
        }
        if let (Some((x, y)), Some((last_x, last_y))) = (points.first(), points.last())
            && x > last_x
        {
            let slope = (y - last_y) / (x - last_x);
            let high = 1.0 + 1.0 / (slope * x - y);
            found.push(Self { factor, low: 1.0, high, original: (slope * (high - 1.0)).round() });
        }
        found
    }

    fn gives(&self, divisors: &[f64], theta: f64) -> bool {
        // the powers were taken in 32 bits
        let is_near = |(divisor, expected): (&f64, f64)| (divisor / expected - 1.0).abs() < 5e-5;
        self.high > self.low && divisors.iter().zip(self.divisors(theta, divisors.len())).all(is_near)
    }
}

/// Lengths of the waves of `n` frequencies, in tokens.
fn waves(theta: f64, n: usize) -> impl Iterator<Item = f64> {
    (0..n).map(move |index| TAU * theta.powf(index as f64 / n as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found() {
        for (theta, n, factor, high, original) in [
            (500_000.0, 64, 8.0, 4.0, 8192.0),
            (500_000.0, 32, 32.0, 4.0, 8192.0),
            (500_000.0, 4, 8.0, 4.0, 8.0),
            (10_000.0, 32, 4.0, 3.0, 1000.0),
            (10_000.0, 16, 4.0, 4.0, 300.0),
        ] {
            let settings = Llama3 { factor, low: 1.0, high, original };
            let divisors: Vec<f64> =
                settings.divisors(theta, n).into_iter().map(|divisor| f64::from(divisor as f32)).collect();
            let found = Llama3::of(&divisors, theta).expect("settings");
            assert!((found.high - high).abs() < 1e-3 && found.original == original, "{found:?} for {settings:?}");
        }
    }

    #[test]
    fn other_divisors_have_no_settings() {
        assert_eq!(Llama3::of(&[], 1e4), None);
        assert_eq!(Llama3::of(&[1.0; 8], 1e4), None);
        assert_eq!(Llama3::of(&[1.0, 3.0, 2.0, 8.0], 1e4), None);
        assert_eq!(Llama3::of(&[f64::NAN, 8.0], 1e4), None);
    }
}
