//! Curves as paths of SVG.

use crate::axis::{Axis, can_show};
use crate::points::Point;
use std::fmt::Write;

/// Both sides of the square that curves are drawn in. The page stretches it to the size of the chart.
pub const SIDE: u32 = 100_000;

/// The paths of a series. Their coordinates are whole numbers, and relative after the first of a piece.
#[derive(Debug, Default, PartialEq)]
pub struct Paths {
    /// The line, with a piece between every two gaps.
    pub line: String,
    /// Points that have no neighbour, for which a line would show nothing, or all.
    pub dots: String,
}

/// Draws the points that the axes can show.
pub fn paths(points: &[Point], x: &Axis, y: &Axis, all_dots: bool) -> Paths {
    let length = |part: f64| (part * f64::from(SIDE)).round() as i64;
    let place = |point: &Point| (length(x.place(point.0)), length(1.0 - y.place(point.1)));
    let mut paths = Paths::default();
    for piece in points.split(|point| !can_show(point.1, y.is_log)) {
        let places: Vec<_> = piece.iter().map(place).collect();
        if all_dots || places.len() == 1 {
            // a line of no length has no caps in some browsers
            places.iter().for_each(|(x, y)| push(&mut paths.dots, format_args!("M{x} {y}h1")));
        }
        if let [(x, y), _, ..] = places[..] {
            push(&mut paths.line, format_args!("M{x} {y}l"));
        }
        for (index, pair) in places.windows(2).enumerate() {
            let (dx, dy) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
            // a minus separates as well as a space
            push(&mut paths.line, format_args!("{}{dx}", if index == 0 || dx < 0 { "" } else { " " }));
            push(&mut paths.line, format_args!("{}{dy}", if dy < 0 { "" } else { " " }));
        }
    }
    paths
}

fn push(path: &mut String, text: std::fmt::Arguments) {
    // writing to a string has no way to fail
    path.write_fmt(text).expect("memory");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(points: &[Point], all_dots: bool) -> (String, String) {
        let axis = |is_log| Axis { low: 0.0, high: 10.0, is_log };
        let paths = paths(points, &axis(false), &axis(false), all_dots);
        (paths.line, paths.dots)
    }

    #[test]
    fn a_line() {
        let (line, dots) = drawn(&[(0.0, 0.0), (5.0, 10.0), (10.0, 5.0)], false);
        assert_eq!((line.as_str(), dots.as_str()), ("M0 100000l50000-100000 50000 50000", ""));
    }

    #[test]
    fn gaps_and_points_without_a_neighbour() {
        let nan = f64::NAN;
        let (line, dots) = drawn(&[(0.0, 0.0), (1.0, 0.0), (2.0, nan), (3.0, 10.0), (4.0, nan), (5.0, nan)], false);
        assert_eq!((line.as_str(), dots.as_str()), ("M0 100000l10000 0", "M30000 0h1"));
    }

    #[test]
    fn dots() {
        let (line, dots) = drawn(&[(0.0, 10.0), (10.0, 10.0)], true);
        assert_eq!((line.as_str(), dots.as_str()), ("M0 0l100000 0", "M0 0h1M100000 0h1"));
        assert_eq!(drawn(&[], true), (String::new(), String::new()));
    }
}
