//! The values of a chart as a table, for who cannot see it.

use crate::number;
use crate::points::Point;
use serde::Serialize;

/// Rows at most.
const N_ROWS: usize = 30;

/// A table of values.
#[derive(Serialize)]
pub struct Values {
    /// Rows of x and a value of each series.
    pub rows: Vec<Vec<String>>,
    /// Whether there are values between the rows.
    pub is_thinned: bool,
}

/// Returns at most 30 rows, from the first x to the last. A cell is the last value of its series after the row above.
pub fn table(series: &[&[Point]]) -> Values {
    let mut xs: Vec<f64> = series.iter().flat_map(|points| points.iter().map(|point| point.0)).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let is_thinned = xs.len() > N_ROWS;
    if is_thinned {
        xs = (0..N_ROWS).map(|row| xs[row * (xs.len() - 1) / (N_ROWS - 1)]).collect();
    }
    let mut before = f64::NEG_INFINITY;
    let row = |x: &f64| {
        let cell = |points: &&[Point]| {
            let last = points[..points.partition_point(|point| point.0 <= *x)].last();
            last.filter(|point| point.0 > before).map_or_else(|| "–".to_owned(), |point| number::value(point.1))
        };
        let cells = std::iter::once(number::short(*x)).chain(series.iter().map(cell)).collect();
        before = *x;
        cells
    };
    Values { rows: xs.iter().map(row).collect(), is_thinned }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_all_there() {
        let (a, b) = ([(1.0, 2.5), (2.0, f64::NAN)], [(2.0, 7.0), (3.0, 1000.0)]);
        let values = table(&[&a, &b]);
        assert_eq!(values.rows, [["1", "2.5000", "–"], ["2", "NaN", "7"], ["3", "–", "1,000"]]);
        assert!(!values.is_thinned);
    }

    #[test]
    fn rows_of_many_values() {
        let a: Vec<Point> = (0..=290).map(|n| (f64::from(n), f64::from(n) / 10.0)).collect();
        let values = table(&[&a, &[(15.0, 4.0)]]);
        assert_eq!((values.rows.len(), values.is_thinned), (30, true));
        assert_eq!(values.rows[0], ["0", "0", "–"]);
        assert_eq!(values.rows[2], ["20", "2", "4"], "the value at 15");
        assert_eq!(values.rows[29], ["290", "29", "–"]);
    }
}
