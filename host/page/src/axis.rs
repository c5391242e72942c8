//! Axes: which values they show, and where.

use crate::number;
use serde::Serialize;

/// Values of this size and above count as not finite, so that differences of values are finite.
const LARGEST: f64 = 1e300;

/// Differences this small, relative to the values, are none.
const SMALLEST: f64 = 1e-12;

/// Free space above and below the values.
const MARGIN: f64 = 0.05;

/// An axis of x begins at zero when the first value is within this part of the last.
const NEAR: f64 = 0.1;

/// About so many ticks.
const N_TICKS: f64 = 6.0;

/// An axis. Its bounds are logarithms, to the base of ten, when it is logarithmic.
pub struct Axis {
    pub low: f64,
    pub high: f64,
    pub is_log: bool,
}

/// A value that is written at an axis.
#[derive(Debug, PartialEq, Serialize)]
pub struct Tick {
    /// Percent of the axis.
    pub at: f64,
    pub label: String,
}

/// Whether an axis can show a value.
pub fn can_show(value: f64, is_log: bool) -> bool {
    value.abs() < LARGEST && (!is_log || value > 0.0)
}

impl Axis {
    /// Returns the axis of x: from the first value to the last, or from zero if that is near.
    pub fn of_x(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (low, high) = bounds(values)?;
        let is_near = low > 0.0 && low <= high * NEAR;
        Some(Self { low: if is_near { 0.0 } else { low }, high, is_log: false })
    }

    /// Returns the axis of y, with a margin. The margin of values that are not negative does not reach below zero.
    pub fn of_y(values: impl Iterator<Item = f64>, is_log: bool) -> Option<Self> {
        let (low, high) = bounds(values.map(|value| if is_log { value.log10() } else { value }))?;
        let margin = (high - low) * MARGIN;
        let floor = if is_log || low < 0.0 { f64::NEG_INFINITY } else { 0.0 };
        Some(Self { low: (low - margin).max(floor), high: high + margin, is_log })
    }

    /// Returns where a value is: 0 at the low end, 1 at the high end.
    pub fn place(&self, value: f64) -> f64 {
        let value = if self.is_log { value.log10() } else { value };
        (value - self.low) / (self.high - self.low)
    }

    /// Returns the values that are written at the axis, from the low end.
    pub fn ticks(&self) -> Vec<Tick> {
        let tick = |value: f64, label: String| Tick { at: (self.place(value) * 1e4).round() / 100.0, label };
        if let Some(values) = self.is_log.then(|| log_ticks(self.low, self.high)).filter(|values| values.len() > 2) {
            return values.into_iter().map(|value| tick(value, number::tick(value, value, value))).collect();
        }
        let (low, high) = if self.is_log { (ten_to(self.low), ten_to(self.high)) } else { (self.low, self.high) };
        let (values, step) = linear_ticks(low, high);
        let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        values.into_iter().map(|value| tick(value, number::tick(value, step, largest))).collect()
    }
}

/// The smallest and the largest value, moved apart if they are the same.
fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return None;
    }
    let size = low.abs().max(high.abs());
    let is_same = high - low <= size * SMALLEST || high - low < 1.0 / LARGEST;
    let apart = if size > 1.0 / LARGEST { size / 10.0 } else { 1.0 };
    let floor = if low < 0.0 { f64::NEG_INFINITY } else { 0.0 };
    Some(if is_same { ((low - apart).max(floor), high + apart) } else { (low, high) })
}

/// Multiples of 1, 2 or 5 times a power of ten, and their distance.
fn linear_ticks(low: f64, high: f64) -> (Vec<f64>, f64) {
    let wanted = (high - low) / N_TICKS;
    let power = ten_to(wanted.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().find(|n| n * power >= wanted).unwrap_or(10.0) * power;
    let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    ((0..=(last - first) as u32).map(|n| (first + f64::from(n)) * step).collect(), step)
}

/// Powers of ten, or 1, 2 and 5 times these if there are few.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let decades = low.floor() as i32..=high.ceil() as i32;
    let every = (((high - low) / N_TICKS).ceil() as i32).max(1);
    let factors: &[f64] = if high - low > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let values = decades.filter(|n| n % every == 0).flat_map(|n| factors.iter().map(move |f| f * ten_to(f64::from(n))));
    values.filter(|value| (low..=high).contains(&value.log10())).collect()
}

fn ten_to(exponent: f64) -> f64 {
    if exponent.fract() == 0.0 { 10_f64.powi(exponent as i32) } else { 10_f64.powf(exponent) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|tick| tick.label).collect()
    }

    fn of_y(values: &[f64], is_log: bool) -> Axis {
        Axis::of_y(values.iter().copied(), is_log).unwrap()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&of_y(&[0.0, 1.0], false)), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(labels(&of_y(&[2.31, 9.7], false)), ["2", "4", "6", "8", "10"]);
        assert_eq!(labels(&of_y(&[-1e6, 1e6], false)), ["-1M", "-500k", "0", "500k", "1M"]);
        assert_eq!(labels(&of_y(&[0.0, 3e-4], false)), ["0", "1e-4", "2e-4", "3e-4"]);
        let axis = Axis::of_x([0.0, 20_000.0].into_iter()).unwrap();
        assert_eq!(labels(&axis), ["0", "5k", "10k", "15k", "20k"]);
        assert_eq!(axis.ticks()[1].at, 25.0);
        let first = |values: [f64; 2]| Axis::of_x(values.into_iter()).unwrap().low;
        assert_eq!([first([1.0, 100.0]), first([90.0, 100.0]), first([-1.0, 5.0])], [0.0, 90.0, -1.0]);
    }

    #[test]
    fn ticks_of_a_logarithmic_axis() {
        assert_eq!(labels(&of_y(&[1e-6, 1e3], true)), ["1e-6", "1e-4", "0.01", "1", "100"]);
        assert_eq!(labels(&of_y(&[1.0, 100.0], true)), ["1", "2", "5", "10", "20", "50", "100"]);
        assert_eq!(labels(&of_y(&[2.1, 2.9], true)), ["2.2", "2.4", "2.6", "2.8"], "too short for powers of ten");
    }

    #[test]
    fn equal_values_have_an_axis() {
        for value in [0.0, 2.5, -1e9, 1e299, 1e-310] {
            let axis = of_y(&[value, value], false);
            assert!(axis.low < axis.high, "{value}");
            assert!((0.0..=1.0).contains(&axis.place(value)), "{value}");
            assert!((2..20).contains(&axis.ticks().len()), "{value}: {:?}", axis.ticks());
        }
    }

    #[test]
    fn extreme_values_have_ticks() {
        for values in [[-9e299, 9e299], [1.0, 1.0 + 1e-11], [1e15, 1e15 + 7.0], [1e-280, 2e-280]] {
            let n = of_y(&values, false).ticks().len();
            assert!((2..20).contains(&n), "{values:?}: {n}");
        }
        assert!((2..20).contains(&of_y(&[1e-299, 1e299], true).ticks().len()));
        assert!(!can_show(f64::NAN, false) && !can_show(f64::INFINITY, false) && !can_show(f64::MAX, false));
        assert!(!can_show(0.0, true) && can_show(0.0, false));
    }

    #[test]
    fn no_values_have_no_axis() {
        assert!(Axis::of_x(std::iter::empty()).is_none());
    }
}
