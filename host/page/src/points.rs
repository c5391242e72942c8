//! Points of a series: in order, smoothed, and few enough to draw.

use crate::axis::can_show;

/// Parts of a series of which the smallest and the largest value are drawn.
const N_PARTS: usize = 600;

/// A value of a series. A y that the axis cannot show is a gap.
pub type Point = (f64, f64);

/// Returns the points in the order of x, without those whose x no axis can show.
pub fn in_order(points: &[Point]) -> Vec<Point> {
    let mut points: Vec<Point> = points.iter().copied().filter(|point| can_show(point.0, false)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// Returns an exponential moving average. Its weights add up to one from the first value, and gaps stay gaps.
pub fn smoothed(points: &[Point], span: u32, is_shown: impl Fn(f64) -> bool) -> Vec<Point> {
    let keep = 1.0 - 2.0 / (f64::from(span) + 1.0).max(2.0);
    let (mut sum, mut weight) = (0.0, 0.0);
    let next = |&(x, y): &Point| {
        if !is_shown(y) {
            return (x, y);
        }
        sum = sum * keep + y * (1.0 - keep);
        weight = weight * keep + (1.0 - keep);
        (x, sum / weight)
    };
    points.iter().map(next).collect()
}

/// Returns few of the points: the first, the last, and in each of 600 parts the smallest, the largest and the first
/// gap.
pub fn thinned(points: &[Point], is_shown: impl Fn(f64) -> bool) -> Vec<Point> {
    if points.len() <= 2 * N_PARTS {
        return points.to_vec();
    }
    let size = points.len().div_ceil(N_PARTS);
    let mut kept = vec![0];
    for (part, points) in points.chunks(size).enumerate() {
        let (mut low, mut high, mut gap) = (None, None, None);
        for (index, &(_, y)) in points.iter().enumerate() {
            if !is_shown(y) {
                gap = gap.or(Some(index));
                continue;
            }
            low = low.filter(|&low: &usize| points[low].1 <= y).or(Some(index));
            high = high.filter(|&high: &usize| points[high].1 >= y).or(Some(index));
        }
        kept.extend([low, high, gap].into_iter().flatten().map(|index| part * size + index));
    }
    kept.push(points.len() - 1);
    kept.sort_unstable();
    kept.dedup();
    kept.into_iter().map(|index| points[index]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_and_ends_are_kept() {
        let mut points: Vec<Point> = (0..1_000_000).map(|n| (f64::from(n), (f64::from(n) / 1e4).sin())).collect();
        points[123_457].1 = 1e6;
        points[765_431].1 = -1e6;
        let thin = thinned(&points, f64::is_finite);
        assert!((600..=1202).contains(&thin.len()), "{}", thin.len());
        assert_eq!((thin[0], thin.last()), (points[0], points.last()));
        assert!(thin.contains(&(123_457.0, 1e6)) && thin.contains(&(765_431.0, -1e6)));
        assert!(thin.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn few_points_are_all_kept() {
        let points: Vec<Point> = (0..1200).map(|n| (f64::from(n), 1.0)).collect();
        assert_eq!(thinned(&points, f64::is_finite), points);
        assert!(thinned(&[], f64::is_finite).is_empty());
    }

    #[test]
    fn gaps_are_kept() {
        let mut points: Vec<Point> = (0..100_000).map(|n| (f64::from(n), f64::from(n))).collect();
        points[50_000].1 = f64::NAN;
        let thin = thinned(&points, f64::is_finite);
        assert_eq!(thin.iter().filter(|(x, y)| y.is_nan() && *x == 50_000.0).count(), 1);
    }

    #[test]
    fn points_are_put_in_order() {
        assert_eq!(
            in_order(&[(2.0, 1.0), (f64::NAN, 5.0), (1.0, 3.0), (1.0, 4.0)]),
            [(1.0, 3.0), (1.0, 4.0), (2.0, 1.0)]
        );
    }

    #[test]
    fn an_average_is_unbiased_from_its_start() {
        let constant = [(0.0, 3.0), (1.0, f64::NAN), (2.0, 3.0), (3.0, 3.0)];
        let average = smoothed(&constant, 10, f64::is_finite);
        assert!(average[1].1.is_nan());
        assert!([0, 2, 3].into_iter().all(|n: usize| (average[n].1 - 3.0).abs() < 1e-12), "{average:?}");
        assert_eq!(smoothed(&[(0.0, 1.0), (1.0, 2.0)], 3, f64::is_finite)[1].1, (0.25 + 2.0 * 0.5) / 0.75);
        assert_eq!(smoothed(&[(0.0, 1.0), (1.0, 2.0)], 0, f64::is_finite)[1].1, 2.0, "no smoothing");
    }
}
