//! The objective of a scaling law, and the search for its minimum.

use super::{Law, Point};

/// Where the Huber loss becomes linear (Hoffmann et al. 2022).
const DELTA: f64 = 1e-3;

/// The steps that a search takes at most.
const MAX_STEPS: usize = 500;

/// The halvings and doublings that a line search takes at most.
const MAX_TRIALS: usize = 60;

/// ln E, ln A', α, ln B' and β, where A' and B' are A and B for sizes relative to the runs' geometric means: so that a
/// change of an exponent leaves the loss of the middle run as it is, and the numbers can be searched one by one.
pub type Coordinates = [f64; 5];

/// A run in logarithms.
struct Row {
    parameters: f64,
    tokens: f64,
    loss: f64,
}

/// The sum of the Huber losses of the residuals of ln L, over δ².
pub struct Objective {
    rows: Vec<Row>,
    /// The means of ln N and ln D.
    centre: [f64; 2],
}

/// A point of the search.
#[derive(Clone, Copy)]
struct Place {
    at: Coordinates,
    value: f64,
    gradient: Coordinates,
}

impl Objective {
    /// Makes the objective of runs, with their centre.
    pub fn new(points: &[Point]) -> Self {
        let mean = |number: fn(&Point) -> f64| points.iter().map(number).sum::<f64>() / points.len() as f64;
        Self { rows: Vec::new(), centre: [mean(|point| point.parameters.ln()), mean(|point| point.tokens.ln())] }
            .with(points)
    }

    /// Makes the objective of other runs in the same coordinates.
    pub fn with(&self, points: &[Point]) -> Self {
        let row = |point: &Point| Row {
            parameters: point.parameters.ln() - self.centre[0],
            tokens: point.tokens.ln() - self.centre[1],
            loss: point.loss.ln(),
        };
        Self { rows: points.iter().map(row).collect(), centre: self.centre }
    }

    /// Returns the law at a point of the search.
    pub fn law(&self, &[e, a, alpha, b, beta]: &Coordinates) -> Law {
        let uncentred = |log: f64, exponent: f64, centre: f64| (log + exponent * centre).exp();
        let (a, b) = (uncentred(a, alpha, self.centre[0]), uncentred(b, beta, self.centre[1]));
        Law { e: e.exp(), a, alpha, b, beta }
    }

    /// Returns the lowest of the minima that are found from a grid of starts: shares of E in the least loss, shares of
    /// A in the rest of the middle loss, and exponents.
    pub fn best(&self) -> Coordinates {
        let least = self.rows.iter().map(|row| row.loss).fold(f64::INFINITY, f64::min).exp();
        let middle = (self.rows.iter().map(|row| row.loss).sum::<f64>() / self.rows.len() as f64).exp();
        let mut best = self.place([0.0; 5]);
        for floor in [0.2, 0.6, 0.9] {
            for share in [0.2, 0.5, 0.8] {
                for alpha in [0.1, 0.3, 0.6, 1.0] {
                    for beta in [0.1, 0.3, 0.6, 1.0] {
                        let rest = middle - floor * least;
                        let logs = [floor * least, share * rest, (1.0 - share) * rest].map(f64::ln);
                        let found = self.search([logs[0], logs[1], alpha, logs[2], beta]);
                        if found.value < best.value {
                            best = found;
                        }
                    }
                }
            }
        }
        best.at
    }

    /// Returns the minimum that is found from a start.
    pub fn minimum(&self, start: Coordinates) -> Coordinates {
        self.search(start).at
    }

    /// Computes the objective and its gradient.
    fn place(&self, at: Coordinates) -> Place {
        let [e, a, alpha, b, beta] = at;
        let (mut value, mut gradient) = (0.0, [0.0; 5]);
        for row in &self.rows {
            let terms = [e, a - alpha * row.parameters, b - beta * row.tokens];
            let most = terms[0].max(terms[1]).max(terms[2]);
            let parts = terms.map(|term| (term - most).exp());
            let sum = parts[0] + parts[1] + parts[2];
            let residual = (most + sum.ln() - row.loss) / DELTA;
            let slope = residual.clamp(-1.0, 1.0);
            value += slope * (residual - slope / 2.0);
            let [e, a, b] = parts.map(|part| slope * part / sum / DELTA);
            let changes = [e, a, -a * row.parameters, b, -b * row.tokens];
            gradient.iter_mut().zip(changes).for_each(|(sum, change)| *sum += change);
        }
        Place { at, value, gradient }
    }

    /// Descends by BFGS, with the line search of Lewis & Overton 2013, "Nonsmooth optimization via quasi-Newton
    /// methods": away from 0 the Huber loss is nearly a sum of absolute values.
    fn search(&self, start: Coordinates) -> Place {
        let mut here = self.place(start);
        let mut inverse = identity();
        for _ in 0..MAX_STEPS {
            let direction = inverse.map(|row| -dot(&row, &here.gradient));
            let Some(next) = self.step(&here, &direction) else { break };
            let moved = minus(&next.at, &here.at);
            let turned = minus(&next.gradient, &here.gradient);
            update(&mut inverse, &moved, &turned);
            here = next;
        }
        here
    }

    /// Finds a place along a direction that is lower, and where the slope is less (the weak Wolfe conditions). None:
    /// there is none, as at a minimum.
    fn step(&self, here: &Place, direction: &Coordinates) -> Option<Place> {
        let slope = dot(&here.gradient, direction);
        let (mut low, mut high, mut length) = (0.0, f64::INFINITY, 1.0);
        for _ in 0..MAX_TRIALS {
            let there = self.place(std::array::from_fn(|index| here.at[index] + length * direction[index]));
            let is_lower = there.value < here.value + 1e-4 * length * slope;
            if is_lower && dot(&there.gradient, direction) >= 0.9 * slope {
                return Some(there);
            }
            *(if is_lower { &mut low } else { &mut high }) = length;
            length = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * low };
        }
        None
    }
}

/// Updates the inverse Hessian by the change of the gradient over a step (Nocedal & Wright 2006, equation 6.17).
fn update(inverse: &mut [Coordinates; 5], moved: &Coordinates, turned: &Coordinates) {
    let curvature = dot(moved, turned);
    // H' = H - (Hy sᵀ + s yᵀH) / sᵀy + (1 + yᵀHy / sᵀy) s sᵀ / sᵀy, with s moved and y turned
    let pulled = inverse.map(|row| dot(&row, turned) / curvature);
    let scale = (1.0 + dot(&pulled, turned)) / curvature;
    for (row, values) in inverse.iter_mut().enumerate() {
        for (column, value) in values.iter_mut().enumerate() {
            *value += scale * moved[row] * moved[column] - pulled[row] * moved[column] - moved[row] * pulled[column];
        }
    }
}

fn identity() -> [Coordinates; 5] {
    std::array::from_fn(|row| std::array::from_fn(|column| f64::from(u8::from(row == column))))
}

fn dot(a: &Coordinates, b: &Coordinates) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn minus(a: &Coordinates, b: &Coordinates) -> Coordinates {
    std::array::from_fn(|index| a[index] - b[index])
}
