//! A series of any length in few points, which grows at its end.

use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// The most points. When there are so many, every two become one.
const MAX_POINTS: usize = 600;

/// Digits of a number that is sent.
const DIGITS: usize = 6;

/// What one point says of several values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Their mean.
    Mean,
    /// The last of them.
    Last,
}

/// A point of a series: the x of the last of its values, and one number for all of them. A y that is not finite is a
/// gap.
type Point = (f64, f64);

/// Values of a run, over steps.
#[derive(Debug, Clone)]
pub struct Series {
    kind: Kind,
    /// Points that are done.
    points: Vec<Point>,
    /// Values of each point.
    n_each: usize,
    /// The point that is not done: its values are added up where the mean is asked for.
    open: Option<(Point, usize)>,
    /// A number, unlike that of all other series, which changes when points that were done change.
    epoch: u64,
}

/// How much of a series a page has.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seen {
    epoch: u64,
    n: usize,
    last: Option<(f64, usize)>,
}

impl Series {
    /// A series without values.
    pub fn new(kind: Kind) -> Self {
        Self { kind, points: Vec::new(), n_each: 1, open: None, epoch: next() }
    }

    /// Adds a value.
    pub fn push(&mut self, x: f64, y: f64) {
        let ((_, sum), n) = self.open.unwrap_or(((x, 0.0), 0));
        let y = if self.kind == Kind::Mean { sum + y } else { y };
        self.open = Some(((x, y), n + 1));
        if n + 1 < self.n_each {
            return;
        }
        self.points.extend(self.opened());
        self.open = None;
        if self.points.len() >= MAX_POINTS {
            self.halve();
        }
    }

    /// Forgets the values after a step.
    pub fn go_back(&mut self, x: f64) {
        let is_after = |point: &Point| point.0 > x;
        if self.open.as_ref().is_some_and(|(point, _)| is_after(point)) {
            self.open = None;
        }
        if self.points.last().is_some_and(is_after) {
            self.points.truncate(self.points.partition_point(|point| point.0 <= x));
        }
        self.epoch = next();
    }

    /// The x of the last value.
    pub fn last_x(&self) -> Option<f64> {
        self.open.map(|(point, _)| point.0).or(self.points.last().map(|point| point.0))
    }

    /// The point of the values that are not enough for one yet.
    fn opened(&self) -> Option<Point> {
        let ((x, y), n) = self.open?;
        Some((x, if self.kind == Kind::Mean { y / n as f64 } else { y }))
    }

    fn halve(&mut self) {
        let join = |pair: &[Point]| match *pair {
            [(_, a), (x, b)] if self.kind == Kind::Mean => (x, (a + b) / 2.0),
            _ => pair[pair.len() - 1],
        };
        self.points = self.points.chunks(2).map(join).collect();
        self.n_each *= 2;
        self.epoch = next();
    }

    /// Returns how much there is.
    pub fn seen(&self) -> Seen {
        Seen { epoch: self.epoch, n: self.points.len(), last: self.open.map(|(point, n)| (point.0, n)) }
    }

    /// Returns what a page that has `seen` does not have: from which point on it is replaced, and the points. None
    /// where it has all.
    pub fn since(&self, seen: Seen) -> Option<Value> {
        if self.seen() == seen {
            return None;
        }
        let from = if seen.epoch == self.epoch { seen.n.min(self.points.len()) } else { 0 };
        let new = || self.points[from..].iter().copied().chain(self.opened());
        let x: Vec<f64> = new().map(|point| point.0).collect();
        let y: Vec<Value> = new().map(|point| number(point.1)).collect();
        Some(json!({ "from": from, "x": x, "y": y }))
    }
}

/// A number that nothing had before.
fn next() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// A number of few digits; `null` where it is not finite.
pub fn number(value: f64) -> Value {
    // what `format!` writes of a number can be read as one
    let rounded = format!("{value:.*e}", DIGITS - 1).parse::<f64>().ok();
    rounded.filter(|value| value.is_finite()).map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(series: &Series) -> (Vec<f64>, Vec<Option<f64>>) {
        let value = series.since(Seen::default()).unwrap();
        assert_eq!(value["from"], 0);
        let list = |name: &str| value[name].as_array().unwrap().clone();
        (list("x").iter().map(|x| x.as_f64().unwrap()).collect(), list("y").iter().map(Value::as_f64).collect())
    }

    #[test]
    fn few_points_of_many() {
        let mut series = Series::new(Kind::Mean);
        (1..=100_000).for_each(|n| series.push(f64::from(n), f64::from(n)));
        let (x, y) = all(&series);
        assert!((MAX_POINTS / 2..=MAX_POINTS).contains(&x.len()), "{}", x.len());
        assert_eq!((x[0], y[0]), (256.0, Some(128.5)));
        assert_eq!(x.last(), Some(&100_000.0), "also the last value is in a point");
        assert!(x.is_sorted());
    }

    #[test]
    fn the_last_of_several() {
        let mut series = Series::new(Kind::Last);
        (1..=1200).for_each(|n| series.push(f64::from(n), f64::from(n)));
        let (x, y) = all(&series);
        assert!(x.iter().zip(&y).all(|(x, y)| Some(*x) == *y));
    }

    #[test]
    fn what_is_new() {
        let mut series = Series::new(Kind::Mean);
        series.push(1.0, 3.0);
        let seen = series.seen();
        assert_eq!(series.since(seen), None);
        series.push(2.0, f64::NAN);
        let new = series.since(seen).unwrap();
        assert_eq!(new, json!({ "from": 1, "x": [2.0], "y": [null] }));
        // a point that is open is sent again when it has another value
        series.n_each = 2;
        series.push(3.0, 1.0);
        let seen = series.seen();
        series.push(4.0, 2.0);
        assert_eq!(series.since(seen).unwrap(), json!({ "from": 2, "x": [4.0], "y": [1.5] }));
    }

    #[test]
    fn going_back() {
        let mut series = Series::new(Kind::Mean);
        (1..=5).for_each(|n| series.push(f64::from(n), 1.0));
        let seen = series.seen();
        series.go_back(3.0);
        assert_eq!(series.last_x(), Some(3.0));
        assert_eq!(series.since(seen).unwrap()["x"], json!([1.0, 2.0, 3.0]));
        series.go_back(0.0);
        assert_eq!(series.since(seen).unwrap()["x"], json!([]));
    }

    #[test]
    fn numbers_are_short_and_finite() {
        assert_eq!(number(1.0 / 3.0).to_string(), "0.333333");
        assert_eq!(number(123_456_789.0), json!(123_457_000.0));
        assert_eq!([f64::NAN, f64::INFINITY].map(number), [Value::Null, Value::Null]);
    }
}
