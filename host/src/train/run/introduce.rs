//! What a run says of itself to its user.

use super::Run;
use crate::base::interrupt::{self, Signal};
use crate::feed::Dataset;
use crate::ops::{Device, Precision, bf16_gain, has_bf16};
use crate::report::bytes;
use crate::train::step::StepReport;
use crate::{Error, Result};

/// A CPU without instructions for bfloat16.
const EMULATED: &str =
    "train.precision: this CPU has no bfloat16 dot product (AVX-512 BF16): it is emulated, \"f32\" is faster";

/// What is said where products in bfloat16 are slower than in f32, more than timing is uncertain.
fn slower_than_f32(gain: f64) -> Option<String> {
    (gain < 0.95).then(|| {
        format!(
            "train.precision: products in bfloat16 take {:.1} times as long as in f32 on this CPU: \"f32\" is faster",
            1.0 / gain
        )
    })
}

impl Run<'_> {
    /// Data, model and device, before the first step.
    pub(super) fn introduce(&self, data: &Dataset) {
        let config = self.config;
        for line in data.manifest.report.lines() {
            self.progress.message(&line);
        }
        self.progress.message(&format!(
            "model: {} layers, width {}, vocabulary {}, {} parameters; {} tokens a step, {} steps",
            self.trainer.described().network.blocks.len(),
            self.trainer.described().width,
            data.tokenizer.n_tokens,
            self.trainer.model.params().n_values(),
            self.tokens_per_step(),
            config.train.steps,
        ));
        let params = self.trainer.model.params();
        if params.n_trained() < params.n_values() {
            self.progress.message(&format!("{} of the parameters are trained, the others stay", params.n_trained()));
        }
        self.task.lines(config, data).iter().for_each(|line| self.progress.message(line));
        let vocabulary = self.plugins.data.vocabulary(config, data.tokenizer.n_tokens);
        vocabulary.line().iter().for_each(|line| self.progress.message(line));
        self.plugins.metric_names().lines().for_each(|line| self.progress.message(&line));
        self.why_cpu.iter().for_each(|why| self.progress.message(why));
        if let Device::Gpu(gpu) = &self.device {
            let total = gpu.memory().map_or(0.0, |memory| memory.total as f64);
            let needed = bytes(self.memory.total());
            self.progress.message(&format!(
                "device: {} ({}), about {needed} of its {} needed",
                gpu.place(),
                gpu.name(),
                bytes(total)
            ));
        } else if config.train.precision == Precision::Bf16 {
            let line = if has_bf16() { slower_than_f32(bf16_gain()) } else { Some(EMULATED.to_owned()) };
            line.iter().for_each(|line| self.progress.message(line));
        }
        match self.state.step {
            0 if self.options.resume && !self.options.or_start => {
                self.progress.message("no checkpoint yet: the run starts from the beginning")
            }
            0 => {}
            step => self.progress.message(&format!("resumed after step {step}")),
        }
    }

    /// Warns at the first step whose weight is negative: what is summed is minimised with the opposite sign.
    pub(super) fn check_weight(&mut self, report: &StepReport) {
        let culprit = self.plugins.loss.culprit();
        if report.weight >= 0.0 || self.warnings.iter().any(|warning| warning.starts_with(culprit)) {
            return;
        }
        let (step, weight) = (self.state.step, report.weight);
        let warning = format!("{culprit}: the weight of step {step} is negative ({weight}), expected 0 or more");
        self.progress.message(&format!("warning: {warning}"));
        self.warnings.push(warning);
    }

    /// What a GPU's memory came to.
    pub(super) fn say_memory(&self) -> Result<()> {
        if let Device::Gpu(gpu) = &self.device {
            let (peak, predicted) = (bytes(gpu.peak_memory()? as f64), bytes(self.memory.total()));
            self.progress.message(&format!("memory of the GPU: {peak} at most, {predicted} predicted"));
        }
        Ok(())
    }

    /// The end by a signal, of a process that resumed after step `first_step`.
    pub(super) fn interrupted(&self, signal: Signal, first_step: u64) -> Error {
        let (name, step, command) = (signal.name(), self.state.step, &self.options.resume_command);
        let message = match step > first_step {
            true => format!("interrupted ({name}) after step {step}, which is saved; to resume: {command}"),
            false => format!("interrupted ({name}) before step {}; the same command continues", step + 1),
        };
        Error::interrupted(signal, message)
    }

    /// An error of the final report: where a signal ended it, with what is left to do.
    pub(super) fn unreported(&self, error: Error) -> Error {
        let Some(signal) = interrupt::cause_of(&error) else { return error };
        let (name, step, command) = (signal.name(), self.state.step, &self.options.resume_command);
        let message =
            format!("interrupted ({name}) in the final report; all {step} steps are saved, to write it: {command}");
        Error::interrupted(signal, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faster_format_is_named() {
        assert_eq!(slower_than_f32(1.7), None);
        assert_eq!(slower_than_f32(0.98), None);
        let slower = slower_than_f32(0.5).expect("a line");
        assert!(slower.contains("take 2.0 times as long as in f32 on this CPU: \"f32\" is faster"), "{slower}");
    }
}
