//! p-values of several comparisons.

/// Returns the p-values adjusted for their number, in their order (Holm 1979, "A simple sequentially rejective multiple
/// test procedure"): with all those below 0.05 called differences, the probability that any such call is wrong is at
/// most 0.05. What is no number counts as 1. The intervals of the comparisons stay as they are: each covers its own
/// true value with its confidence, not all of them together.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let p: Vec<f64> = p.iter().map(|&p| if p.is_nan() { 1.0 } else { p }).collect();
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 0.0_f64;
    for (rank, &index) in order.iter().enumerate() {
        least = least.max((p.len() - rank) as f64 * p[index]).min(1.0);
        adjusted[index] = least;
    }
    adjusted
}
