//! Signatures per second of one thread: `cargo bench -p trainyard-tests --bench dedup -- DOCUMENTS.jsonl`.
//!
//! Prints MB/s by CPU time (Linux), which other work on the machine does not change much.

use trainyard::corpus::dedup::{DedupConfig, Exact, MinHashConfig, Preset, Signer};

/// Nanoseconds that this thread has run.
fn cpu_nanoseconds() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts the time of threads");
    stat.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

fn main() {
    let path = std::env::args().find(|arg| arg.ends_with(".jsonl")).expect("a file of JSON lines with the field text");
    let text = std::fs::read_to_string(&path).expect("a file that can be read");
    let text_of =
        |line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["text"].as_str().map(str::to_owned);
    let documents: Vec<String> = text.lines().filter_map(text_of).collect();
    let n_bytes: usize = documents.iter().map(String::len).sum();
    let presets = [("none", None), ("fineweb", Some(Preset::Fineweb)), ("nemo", Some(Preset::Nemo))];
    for (name, preset) in presets {
        let minhash = preset.map(MinHashConfig::preset);
        let exact = if preset.is_none() { Exact::Line } else { Exact::Document };
        let mut signer = Signer::new(&DedupConfig { exact, minhash, ..DedupConfig::default() });
        let start = cpu_nanoseconds();
        let n: usize = documents.iter().map(|document| signer.sign(document).to_bytes().len()).sum();
        let seconds = (cpu_nanoseconds() - start) as f64 / 1e9;
        println!(
            "{name} {:.1} MB/s ({} documents, {n} bytes of signatures)",
            n_bytes as f64 / 1e6 / seconds,
            documents.len()
        );
    }
}
