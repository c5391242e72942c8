//! Rotary positions and their published scalings.

/// Rotary positions (Su et al., arXiv 2104.09864).
#[derive(Debug, Clone, PartialEq)]
pub struct Rotary {
    /// Columns of a head.
    pub head_width: u32,
    /// Columns of a head that are rotated, from the first on.
    pub rotary_width: u32,
    /// Base of the angles.
    pub theta: f64,
    /// Angle per position of each pair of columns, where it is not theta^(-2 i / rotary_width).
    pub frequencies: Option<Vec<f64>>,
    /// Multiplies cosines and sines.
    pub factor: f64,
    /// Whether neighbouring columns are a pair (GPT-J), and not columns of the two halves (Llama).
    pub interleaved: bool,
}

impl Rotary {
    /// Plain rotary positions over the whole head.
    pub fn new(head_width: u32, theta: f64) -> Self {
        Self { head_width, rotary_width: head_width, theta, frequencies: None, factor: 1.0, interleaved: false }
    }

    /// Only the first `rotary_width` columns of a head are rotated.
    pub fn partial(self, rotary_width: u32) -> Self {
        Self { rotary_width, ..self }
    }

    /// Positions divided by `factor` (Chen et al., arXiv 2306.15595).
    pub fn linear(self, factor: f64) -> Self {
        let frequencies = self.plain().into_iter().map(|frequency| frequency / factor).collect();
        Self { frequencies: Some(frequencies), ..self }
    }

    /// Llama 3.1's scaling: frequencies whose wavelength is above `original / low` are divided by `factor`, those below
    /// `original / high` stay, and those between are interpolated (transformers' `_compute_llama3_parameters`).
    pub fn llama3(self, factor: f64, low: f64, high: f64, original: f64) -> Self {
        let scaled = |frequency: f64| {
            let wavelength = 2.0 * std::f64::consts::PI / frequency;
            if wavelength > original / low {
                frequency / factor
            } else if wavelength < original / high {
                frequency
            } else {
                let smooth = (original / wavelength - low) / (high - low);
                (1.0 - smooth) * frequency / factor + smooth * frequency
            }
        };
        Self { frequencies: Some(self.plain().into_iter().map(scaled).collect()), ..self }
    }

    /// YaRN (Peng et al., arXiv 2309.00071): high frequencies stay, low ones are divided by `factor`, with a ramp
    /// between the pairs that turn `fast` and `slow` times over `original` positions; cosines and sines are multiplied
    /// by `attention`, 0.1 ln(factor) + 1 where it is none.
    pub fn yarn(self, factor: f64, fast: f64, slow: f64, original: f64, attention: Option<f64>) -> Self {
        let width = f64::from(self.rotary_width);
        let pair =
            |turns: f64| width * (original / (turns * 2.0 * std::f64::consts::PI)).ln() / (2.0 * self.theta.ln());
        let (low, high) = (pair(fast).floor().max(0.0), pair(slow).ceil().min(width - 1.0));
        let span = if high > low { high - low } else { 0.001 };
        let scaled = |(i, frequency): (usize, f64)| {
            let ramp = ((i as f64 - low) / span).clamp(0.0, 1.0);
            frequency / factor * ramp + frequency * (1.0 - ramp)
        };
        let frequencies = self.plain().into_iter().enumerate().map(scaled).collect();
        let attention = attention.unwrap_or(if factor > 1.0 { 0.1 * factor.ln() + 1.0 } else { 1.0 });
        Self { frequencies: Some(frequencies), factor: attention, ..self }
    }

    /// theta^(-2 i / rotary_width) for each pair i.
    fn plain(&self) -> Vec<f64> {
        let half = self.rotary_width / 2;
        (0..half).map(|i| self.theta.powf(-(f64::from(i) / f64::from(half)))).collect()
    }
}
