//! Times training and encoding on one text, for `tests/peers/tokenizer_speed.py`.
//!
//! `cargo run --release -p trainyard-bpe --example speed -- MODEL TEXT`: MODEL is a `tokenizer.json`, a rank file, or
//! `train:SPLIT:SIZE`. Prints one line of JSON: seconds of processor time of this thread, bytes, tokens.

use std::error::Error;
use trainyard_bpe::{Bpe, Settings};
use trainyard_plugin::{Create, Tokenizer};

/// Processor time of this thread in seconds, on Linux.
fn cpu() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse::<f64>()? / 1e9)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let text = String::from_utf8(std::fs::read(&args[2])?)?;
    let documents: Vec<&str> = text.split_inclusive("\n\n").collect();
    let mut settings = Settings::default();
    let mut train_seconds = 0.0;
    let model = if let Some(rest) = args[1].strip_prefix("train:") {
        let (split, size) = rest.split_once(':').ok_or("expected train:SPLIT:SIZE")?;
        settings.split = split.into();
        settings.vocab_size = size.parse()?;
        let start = cpu()?;
        let mut bpe = Bpe::create(settings.clone())?;
        bpe.observe(&documents)?;
        let model = bpe.train()?;
        train_seconds = cpu()? - start;
        model
    } else {
        std::fs::read(&args[1])?
    };
    let mut bpe = Bpe::create(settings)?;
    let start = cpu()?;
    bpe.load(&model)?;
    let load_seconds = cpu()? - start;
    let mut best = [f64::INFINITY; 2];
    let mut n_tokens = [0; 2];
    for _ in 0..5 {
        for (i, texts) in [&documents[..], &[text.as_str()]].into_iter().enumerate() {
            let start = cpu()?;
            n_tokens[i] = bpe.encode(texts)?.ids.len();
            best[i] = best[i].min(cpu()? - start);
        }
    }
    let [paragraphs, whole] = best;
    println!(
        "{{\"train\": {train_seconds:.4}, \"load\": {load_seconds:.4}, \"bytes\": {}, \"encode_paragraphs\": {paragraphs:.5}, \
         \"encode_whole\": {whole:.5}, \"tokens_paragraphs\": {}, \"tokens_whole\": {}}}",
        text.len(),
        n_tokens[0],
        n_tokens[1]
    );
    Ok(())
}
