//! How the losses of a run went, in a few characters.

/// Characters of a line.
const CELLS: usize = 12;
/// From the smallest value to the largest.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The losses of all steps, as means over parts of the run: twice as many parts as are shown before two become one.
#[derive(Debug, Default)]
pub(super) struct Trend {
    /// Sum and number of the values of each part.
    parts: Vec<(f64, u32)>,
    /// Values of a part that is full; 0 before the first value.
    size: u32,
    /// The last validation, and the best one.
    validation: Option<(f64, f64)>,
}

impl Trend {
    /// Adds a loss; one that is not finite is left out.
    pub fn add(&mut self, loss: f64) {
        if !loss.is_finite() {
            return;
        }
        self.size = self.size.max(1);
        match self.parts.last_mut().filter(|(_, n)| *n < self.size) {
            Some((sum, n)) => (*sum, *n) = (*sum + loss, *n + 1),
            None => self.parts.push((loss, 1)),
        }
        if self.parts.len() > 2 * CELLS {
            let joined =
                self.parts.chunks(2).map(|pair| pair.iter().fold((0.0, 0), |all, of| (all.0 + of.0, all.1 + of.1)));
            self.parts = joined.collect();
            self.size *= 2;
        }
    }

    /// Adds the loss of a validation.
    pub fn validate(&mut self, loss: f64) {
        let best = self.validation.map_or(loss, |(_, best)| best.min(loss));
        self.validation = Some((loss, best));
    }

    /// The losses as bars, from the smallest to the largest; none while there are too few.
    pub fn bars(&self) -> Option<String> {
        let per_cell = self.parts.len().div_ceil(CELLS).max(1);
        let mean = |parts: &[(f64, u32)]| {
            let (sum, n) = parts.iter().fold((0.0, 0), |all, of| (all.0 + of.0, all.1 + of.1));
            sum / f64::from(n)
        };
        let means: Vec<f64> = self.parts.chunks(per_cell).map(mean).collect();
        let (low, high) =
            means.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
        let level = |&x: &f64| LEVELS[((x - low) / (high - low) * (LEVELS.len() - 1) as f64).round() as usize];
        (means.len() > 1 && low < high).then(|| means.iter().map(level).collect())
    }

    /// The last validation, and whether it is the best so far: `val 1.2345 ↓ best`, or `val 1.2345 ↑ best 1.2011`.
    pub fn validations(&self) -> Option<String> {
        let (last, best) = self.validation?;
        Some(if last <= best { format!("val {last:.4} ↓ best") } else { format!("val {last:.4} ↑ best {best:.4}") })
    }
}
