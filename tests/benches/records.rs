//! What recording a step costs: a line of `metrics.jsonl`, and TensorBoard's events.
//!
//! ```sh
//! cargo bench --workspace --exclude trainyard --bench records
//! ```

use std::time::Instant;
use trainyard::export::tensorboard::TensorBoard;
use trainyard::report::{Header, MetricsLog, Record, Sink, Step};

const RECORDS: u64 = 100_000;
const ROUNDS: usize = 5;

fn step(step: u64) -> Record {
    Record::Step(Step {
        step,
        loss: 3.0 + 1.0 / step as f64,
        lr: 2.7e-4,
        grad_norm: 0.817_263_5,
        seconds: Some(step as f64 * 0.013),
        tokens: Some(step * 4096),
        epochs: Some(step as f64 * 1e-4),
        tokens_per_second: 31_234.0,
        share_of_peak: Some(0.412),
        data_wait_ms: 0.003,
        ..Step::default()
    })
}

/// Microseconds a record, the median of some rounds.
fn measure(name: &str, mut sink: impl Sink) {
    let mut times: Vec<f64> = (0..ROUNDS as u64)
        .map(|round| {
            let begun = Instant::now();
            for n in 1..=RECORDS {
                sink.write(&step(round * RECORDS + n)).expect("the disk has room");
            }
            begun.elapsed().as_secs_f64() * 1e6 / RECORDS as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name}: {:.2} µs a step ({:.2} to {:.2})", times[ROUNDS / 2], times[0], times[ROUNDS - 1]);
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    measure("metrics.jsonl", MetricsLog::create(&folder.path().join("metrics.jsonl")).expect("a file"));
    let events = TensorBoard::create(&folder.path().join("tensorboard"), &Header::default(), 0.0, "");
    measure("tensorboard", events.expect("a file"));
}
