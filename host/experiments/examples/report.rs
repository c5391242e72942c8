//! Writes the report of one run, or of several: `cargo run --example report -- RUN… OUT.html`.

use std::path::PathBuf;
use std::time::Instant;
use trainyard_experiments::{Report, ReportOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let out = paths.pop().filter(|_| !paths.is_empty()).ok_or("report RUN… OUT.html")?;
    let start = Instant::now();
    let html = Report::of(&paths, &ReportOptions::default())?.html();
    std::fs::write(&out, &html)?;
    println!("{}: {} bytes in {:.2} s", out.display(), html.len(), start.elapsed().as_secs_f64());
    Ok(())
}
