//! The lines of `metrics.jsonl` that the loop writes. Names that a plugin chooses stand in objects of their own, so
//! that none of them can take the place of a number of the host's.

use super::step::StepReport;
use crate::eval::outputs_of;
use crate::report::{Extent, MetricValue, distinct};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Record of a step, the `step`-th of the run. `names` are those of the loss's outputs, `rate` is in tokens per second.
pub(super) fn step_record(step: u64, report: &StepReport, names: &[String], rate: f64, data_wait: Duration) -> Value {
    let mut record = json!({
        "step": step,
        "loss": report.outputs.first(),
        "lr": report.lr,
        "grad_norm": report.grad_norm,
        "tokens_per_second": rate.round(),
        "data_wait_ms": (data_wait.as_secs_f64() * 1e6).round() / 1e3,
    });
    if report.weight < 0.0 {
        record["negative_weight"] = json!(report.weight);
    }
    let names = distinct(names.iter().skip(1).map(String::as_str), &[]);
    if !names.is_empty() {
        let values = report.outputs.iter().skip(1).map(|&value| json!(value));
        record["outputs"] = Value::Object(names.into_iter().zip(values).collect());
    }
    record
}

/// Record of a validation after step `step`, which read the part `extent` of the text.
pub(super) fn validation_record(step: u64, extent: Extent, values: &[MetricValue]) -> Value {
    let named: Map<_, _> = values.iter().map(|value| (value.name.clone(), json!(value.value))).collect();
    let mut record = json!({ "step": step, "validation": named, "validation_batches": [extent.batches, extent.of] });
    let outputs = outputs_of(values);
    if !outputs.is_empty() {
        record["validation_outputs"] = json!(outputs);
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_output_takes_the_place_of_a_number_of_the_host() {
        let names = ["loss", "step", "lr", "loss", "grad_norm", "step"].map(str::to_owned);
        let outputs = vec![3.0, 0.1, 0.2, 0.3, 0.4, 0.5];
        let report = StepReport { outputs, grad_norm: 7.0, lr: 0.01, tokens: 64, weight: 64.0 };
        let record = step_record(12, &report, &names, 100.4, Duration::from_micros(1500));
        let expected = json!({
            "step": 12, "loss": 3.0, "lr": 0.01, "grad_norm": 7.0, "tokens_per_second": 100.0, "data_wait_ms": 1.5,
            "outputs": { "step": 0.1, "lr": 0.2, "loss": 0.3, "grad_norm": 0.4, "step-2": 0.5 },
        });
        assert_eq!(record, expected);
        let alone = StepReport { outputs: vec![3.0], ..report };
        assert!(step_record(12, &alone, &names[..1], 1.0, Duration::ZERO).get("outputs").is_none());
    }
}
