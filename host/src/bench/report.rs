//! Results of measurements, for `--json` and for people.

use crate::ops::Precision;
use crate::report::{bytes, count};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// Repeated measurements of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Half of them took less.
    pub median: f64,
    /// A quarter took less.
    pub lower_quartile: f64,
    /// A quarter took more.
    pub upper_quartile: f64,
    /// The fastest.
    pub min: f64,
    /// The slowest.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`; all NaN if there are none.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let last = values.len().saturating_sub(1) as f64;
        let at = |share: f64| {
            // between two measurements, in proportion
            let (low, high) = ((share * last).floor(), (share * last).ceil());
            let value = |index: f64| values.get(index as usize).copied().unwrap_or(f64::NAN);
            value(low) + (value(high) - value(low)) * (share * last - low)
        };
        Self { median: at(0.5), lower_quartile: at(0.25), upper_quartile: at(0.75), min: at(0.0), max: at(1.0) }
    }
}

impl Display for Spread {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { median, lower_quartile, upper_quartile, min, max } = self;
        write!(
            f,
            "{median:.1} ms, half within {lower_quartile:.1} to {upper_quartile:.1}, all within {min:.1} to {max:.1}"
        )
    }
}

/// What `bench step` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepBench {
    /// Layers of the model.
    pub layers: usize,
    /// Width of the model.
    pub width: usize,
    /// Context length of the model.
    pub context: usize,
    /// Vocabulary size of the model.
    pub vocab: usize,
    /// Numbers that are trained.
    pub parameters: usize,
    /// Predicted per step.
    pub tokens: usize,
    /// Numbers that the model is trained in.
    pub precision: Precision,
    /// Where it was trained.
    pub device: String,
    /// Threads that the step ran on.
    pub threads: usize,
    /// Steps that were timed.
    pub steps: u64,
    /// Loss of the last step.
    pub loss: f64,
    /// Per step, in milliseconds: forward, loss, backward, update.
    pub milliseconds: Spread,
    /// At the median time.
    pub tokens_per_second: f64,
    /// Floating-point operations per second of a large matrix product, in 10^9.
    pub peak_gflops: f64,
    /// Floating-point operations of forward and backward per token, by the model's formula.
    pub flops_per_token: f64,
    /// Share of the peak that these operations are; none when they are more, so that the peak is wrong.
    pub share_of_peak: Option<f64>,
    /// Processor time over wall time; none where the system does not say.
    pub cores_busy: Option<f64>,
    /// The most memory in bytes that the process held, on a GPU of its memory; none where the system does not say.
    pub peak_memory: Option<u64>,
    /// What was predicted before the first step, in bytes.
    pub predicted_memory: u64,
    /// Where the time goes; the last is what no operation counted. On a GPU as measured in one step more, in which each
    /// operation is waited for.
    pub groups: Vec<GroupTime>,
}

/// A part of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupTime {
    /// A group of operations, or `other`.
    pub group: String,
    /// Mean per step.
    pub milliseconds: f64,
    /// Share of the mean step.
    pub share: f64,
}

/// What `bench loss` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LossBench {
    /// Predicted tokens.
    pub rows: usize,
    /// Size of a hidden state.
    pub width: usize,
    /// Tokens in the vocabulary.
    pub vocab: usize,
    /// Whether gradients were computed.
    pub backward: bool,
    /// Numbers that were computed with.
    pub precision: Precision,
    /// Threads.
    pub threads: usize,
    /// Measurements of each loss.
    pub rounds: u64,
    /// In the order that was asked for.
    pub losses: Vec<LossTime>,
}

/// One loss, compared with the products that it needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LossTime {
    /// The plugin, its version and form.
    pub plugin: String,
    /// The loss itself, on random numbers.
    pub value: f64,
    /// Time of the loss with its products, in milliseconds.
    pub milliseconds: Spread,
    /// Time of the products alone, in milliseconds.
    pub products: Spread,
    /// The first over the second, measured in the same round.
    pub ratio: Spread,
}

/// What `bench plugin` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PluginBench {
    /// Documents of 1 KB that passed through each plugin.
    pub documents: usize,
    /// Bytes in all of them.
    pub bytes: usize,
    /// Threads of the measurements with several.
    pub threads: usize,
    /// Measurements of each number.
    pub rounds: u64,
    /// In the order that was asked for.
    pub plugins: Vec<PluginTime>,
}

/// One plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PluginTime {
    /// Its name, version and form.
    pub plugin: String,
    /// Whether its calls are interrupted after `limits.call_ms`; only WASM can be.
    pub deadline: bool,
    /// Whether every instance was a process.
    pub isolated: bool,
    /// Reading and opening it, in milliseconds, when it was not compiled before.
    pub cold_load_ms: Spread,
    /// The same when it was.
    pub warm_load_ms: Spread,
    /// Making an instance, in microseconds.
    pub instance_us: Spread,
    /// The shortest call of its kind.
    pub call: &'static str,
    /// Time of that call in nanoseconds, with the checks of the answer, as everything in this program makes it.
    pub call_ns: Spread,
    /// Time of that call over that of the first plugin of this name.
    pub call_ratio: Spread,
    /// How fast text passes through it; nothing for losses and metrics over tokens.
    pub speeds: Vec<Speed>,
}

/// Text through a plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Speed {
    /// Threads, each with an instance of its own.
    pub threads: usize,
    /// Speed of all threads together, in 10^6 bytes.
    pub megabytes_per_second: Spread,
    /// The time over that of the first plugin of this name, measured in the same round.
    pub ratio: Spread,
}

impl Display for PluginBench {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { documents, rounds, threads, .. } = self;
        let size = bytes(self.bytes as f64);
        writeln!(f, "{documents} documents, {size}; {rounds} rounds, medians; ratios to the first of a name\n")?;
        write!(f, "{:>8} {:>8} {:>9} {:>8} {:>6}", "cold ms", "warm ms", "create µs", "call ns", "ratio")?;
        let counts = if *threads > 1 { &[1, *threads][..] } else { &[1] };
        for n in counts {
            write!(f, " {:>9} {:>6}", format!("MB/s ×{n}"), "ratio")?;
        }
        writeln!(f, "  plugin: the call")?;
        for time in &self.plugins {
            let (cold, warm, instance) = (time.cold_load_ms.median, time.warm_load_ms.median, time.instance_us.median);
            let (call, ratio) = (time.call_ns.median, time.call_ratio.median);
            write!(f, "{cold:>8.2} {warm:>8.2} {instance:>9.1} {call:>8.0} {ratio:>6.2}")?;
            for n in counts {
                match time.speeds.iter().find(|speed| speed.threads == *n) {
                    Some(speed) => {
                        write!(f, " {:>9.1} {:>6.2}", speed.megabytes_per_second.median, speed.ratio.median)?;
                    }
                    None => write!(f, " {:>9} {:>6}", "", "")?,
                }
            }
            let deadline = if time.deadline { "" } else { " without deadline" };
            let process = if time.isolated { " in a process" } else { "" };
            writeln!(f, "  {}{deadline}{process}: {}", time.plugin, time.call)?;
        }
        Ok(())
    }
}

impl Display for LossBench {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { rows, width, vocab, threads, rounds, .. } = self;
        let what = if self.backward { "forward and backward" } else { "forward" };
        let precision = format!("{:?}", self.precision).to_lowercase();
        writeln!(
            f,
            "{what} of {rows} rows, width {width}, vocabulary {vocab}; {precision}, {threads} threads, {rounds} rounds\n"
        )?;
        writeln!(f, "{:>9} {:>12} {:>7}  {:<15} loss", "loss ms", "products ms", "ratio", "range")?;
        for LossTime { plugin, milliseconds, products, ratio, .. } in &self.losses {
            let range = format!("{:.2} to {:.2}", ratio.min, ratio.max);
            let (milliseconds, products) = (milliseconds.median, products.median);
            writeln!(f, "{milliseconds:>9.1} {products:>12.1} {:>7.2}  {range:<15} {plugin}", ratio.median)?;
        }
        Ok(())
    }
}

impl Display for StepBench {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { layers, width, context, vocab, tokens, threads, steps, .. } = self;
        let precision = format!("{:?}", self.precision).to_lowercase();
        let parameters = count(self.parameters as f64);
        writeln!(
            f,
            "model      {layers} layers, width {width}, context {context}, vocabulary {vocab}, {parameters} parameters"
        )?;
        writeln!(
            f,
            "step       {tokens} tokens, {precision}, {}, {threads} threads; {steps} steps timed, loss {:.4}",
            self.device, self.loss
        )?;
        writeln!(f, "time       {}", self.milliseconds)?;
        let (rate, peak) = (count(self.tokens_per_second), self.peak_gflops);
        match self.share_of_peak.map(|share| 100.0 * share) {
            Some(share) => {
                writeln!(f, "speed      {rate} tokens/s, {share:.0}% of {peak:.0} GFLOP/s, a matrix product's")?
            }
            None => writeln!(f, "speed      {rate} tokens/s; the peak of the machine could not be measured")?,
        }
        if let Some(cores) = self.cores_busy {
            writeln!(f, "processor  {cores:.2} cores busy")?;
        }
        let predicted = bytes(self.predicted_memory as f64);
        match self.peak_memory {
            Some(peak) => writeln!(f, "memory     {} at most, {predicted} predicted", bytes(peak as f64))?,
            None => writeln!(f, "memory     {predicted} predicted")?,
        }
        writeln!(f, "\n{:<12} {:>9} {:>7}", "operations", "ms/step", "share")?;
        for GroupTime { group, milliseconds, share } in &self.groups {
            writeln!(f, "{group:<12} {milliseconds:>9.2} {:>6.1}%", 100.0 * share)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_measurements() {
        let spread = Spread::of(vec![4.0, 1.0, 2.0, 3.0]);
        let expected = Spread { median: 2.5, lower_quartile: 1.75, upper_quartile: 3.25, min: 1.0, max: 4.0 };
        assert_eq!(spread, expected);
        assert_eq!(Spread::of(vec![7.0]).upper_quartile, 7.0);
        assert!(Spread::of(vec![]).median.is_nan());
    }
}
