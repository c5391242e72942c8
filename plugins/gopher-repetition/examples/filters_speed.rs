//! The speed of the rule filters: `filters_speed FILE` reads documents separated by NUL, takes those that a filter
//! keeps, and prints its name, their number and the nanoseconds of one thread's processor time per byte.
//! `tests/peers/filters_speed.py` compares it with datatrove.

use std::error::Error;
use trainyard_plugin::{Builtin, Constructor};

const FILTERS: [(&str, Builtin); 7] = [
    ("gopher-quality", trainyard_gopher_quality::PLUGIN),
    ("gopher-repetition", trainyard_gopher_repetition::PLUGIN),
    ("c4-lines", trainyard_c4_lines::PLUGIN),
    ("c4-paragraphs", trainyard_c4_paragraphs::PLUGIN),
    ("fineweb-quality", trainyard_fineweb_quality::PLUGIN),
    ("refinedweb-lines", trainyard_refinedweb_lines::PLUGIN),
    ("char-rules", trainyard_char_rules::PLUGIN),
];

/// Rounds of which the fastest counts.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: filters_speed FILE")?;
    let text = std::fs::read_to_string(path)?;
    let documents: Vec<&str> = text.split('\0').collect();
    for (name, builtin) in FILTERS {
        let Constructor::Filter(create) = builtin.create else { continue };
        let mut filter = create(&[])?;
        let verdicts = filter.judge(&documents)?;
        let kept = documents.iter().zip(verdicts).filter(|(_, verdict)| verdict.keep).map(|(text, _)| *text);
        let kept: Vec<&str> = kept.collect();
        let n_bytes: usize = kept.iter().map(|text| text.len()).sum();
        if n_bytes == 0 {
            continue;
        }
        let mut least = f64::INFINITY;
        for _ in 0..ROUNDS {
            let start = seconds()?;
            // processor time is counted coarsely: many times, until enough has passed
            let (mut n_times, mut passed) = (0.0, 0.0);
            while passed < 0.1 {
                filter.judge(&kept)?;
                (n_times, passed) = (n_times + 1.0, seconds()? - start);
            }
            least = least.min(passed / n_times);
        }
        println!("{name} {} {:.4}", kept.len(), least * 1e9 / n_bytes as f64);
    }
    Ok(())
}

/// Returns the processor time of this thread, from Linux.
fn seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = stat.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}
