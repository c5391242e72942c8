//! Reports on the parts of steps, as numbers that ranks send.

use crate::train::step::StepReport;

impl StepReport {
    /// The report as numbers: learning rate, norm of the gradient, tokens, weight, outputs.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        [self.lr, self.grad_norm, self.tokens as f64, self.weight].into_iter().chain(self.outputs.iter().copied())
    }

    /// The report of [`StepReport::numbers`]; none of too few numbers.
    pub(super) fn of_numbers(numbers: &[f64]) -> Option<Self> {
        let [lr, grad_norm, tokens, weight, outputs @ ..] = numbers else { return None };
        let (outputs, tokens) = (outputs.to_vec(), *tokens as usize);
        Some(Self { outputs, grad_norm: *grad_norm, lr: *lr, tokens, weight: *weight })
    }

    /// The mean over the parts of a step, of outputs by their weights; the weight is that of all. None of no part.
    pub(super) fn mean(parts: &[Self]) -> Option<Self> {
        let first = parts.first()?;
        let weight: f64 = parts.iter().map(|part| part.weight).sum();
        let output = |i: usize| parts.iter().map(|part| part.outputs[i] * part.weight).sum::<f64>() / weight;
        let grad_norm = parts.iter().map(|part| part.grad_norm).sum::<f64>() / parts.len() as f64;
        let outputs = (0..first.outputs.len()).map(output).collect();
        Some(Self { outputs, grad_norm, weight, ..first.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_to_a_step() {
        let part = |loss, weight| StepReport { outputs: vec![loss, 1.0], grad_norm: loss, lr: 0.5, tokens: 8, weight };
        let parts = [part(1.0, 3.0), part(5.0, 1.0)];
        let sent: Vec<StepReport> =
            parts.iter().filter_map(|part| StepReport::of_numbers(&part.numbers().collect::<Vec<_>>())).collect();
        assert_eq!(sent, parts);
        let mean = StepReport { outputs: vec![2.0, 1.0], grad_norm: 3.0, lr: 0.5, tokens: 8, weight: 4.0 };
        assert_eq!(StepReport::mean(&sent), Some(mean));
        assert_eq!(StepReport::mean(&[]), None);
        assert_eq!(StepReport::of_numbers(&[1.0]), None);
    }
}
