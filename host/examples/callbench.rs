//! throwaway
use std::time::Instant;
use trainyard::plugin::*;
use trainyard_plugin::Kind;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let secs: f64 = args[1].parse().unwrap();
    let text = std::fs::read_to_string("/tmp/austen.txt").unwrap_or_default();
    let mut docs = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() && docs.len() < 256 {
        let (a, b) = rest.split_at(rest.ceil_char_boundary(1024));
        docs.push(a);
        rest = b;
    }
    for name in &args[2..] {
        for call_ms in [10000u64, 0] {
            if call_ms == 0 && !name.ends_with(".wasm") {
                continue;
            }
            let mut config = PluginConfig::new(name.as_str());
            config.trust = Some(Trust::Native);
            config.limits.call_ms = call_ms;
            let plugin = Plugin::open(&config, Kind::Filter).unwrap();
            let mut filter = plugin.filter().unwrap();
            let (mut best, mut best2, mut best3) = (f64::MAX, f64::MAX, f64::MAX);
            let begun = Instant::now();
            while begun.elapsed().as_secs_f64() < secs {
                let t = Instant::now();
                for _ in 0..500 {
                    std::hint::black_box(filter.judge(&[]).unwrap());
                }
                best = best.min(t.elapsed().as_secs_f64() / 500.0);
                let t = Instant::now();
                for _ in 0..500 {
                    std::hint::black_box(filter.two_pass());
                }
                best3 = best3.min(t.elapsed().as_secs_f64() / 500.0);
                let t = Instant::now();
                std::hint::black_box(filter.judge(&docs).unwrap());
                best2 = best2.min(t.elapsed().as_secs_f64());
            }
            println!(
                "{name:45} call_ms {call_ms:6}: judge0 {:7.1} ns, two_pass {:7.1} ns; 256 docs {:7.3} ms",
                best * 1e9,
                best3 * 1e9,
                best2 * 1e3
            );
        }
    }
}
