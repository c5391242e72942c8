//! Writes a page about two invented runs: `page PATH [RECORDS]`. Prints how long that took, and how long the page is.

use std::time::Instant;
use trainyard_page::{
    Block, Cell, Chart, Code, Column, Facts, Kind, Mark, Page, Sample, Samples, Section, Series, Table, Verdict,
};

const RUNS: [&str; 2] = ["baseline", "wide"];

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "page.html".into());
    let n_records = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let page = page(n_records);
    let start = Instant::now();
    let html = page.html();
    println!("{n_records} records of two runs: {} bytes in {} ms", html.len(), start.elapsed().as_millis());
    std::fs::write(path, html)
}

fn page(n_records: u32) -> Page {
    Page {
        title: "Wider layers, same compute".into(),
        subtitle: "baseline and wide, two runs of 20k steps on the same 1.3 B tokens".into(),
        generator: "trainyard 0.1.0, from invented data".into(),
        sections: vec![
            section("Results", "Lower is better, except for accuracy. The best checkpoint of each run.", results()),
            section("Training", "", charts(n_records)),
            section("Samples", "Greedy, 64 tokens, from the prompt “The old lighthouse”.", vec![samples()]),
            section("Configuration", "", vec![config()]),
        ],
    }
}

fn section(heading: &str, text: &str, blocks: Vec<Block>) -> Section {
    Section { heading: heading.into(), text: text.into(), blocks }
}

fn results() -> Vec<Block> {
    let facts = [
        ("Parameters", "124.4 M and 151.2 M"),
        ("Tokens", "1.31 B"),
        ("Time", "3 h 12 min and 3 h 15 min"),
        ("Device", "1 × H200, bf16"),
        ("Seed", "17"),
    ];
    let facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let notice = "wide met gradients that were not finite between steps 12,000 and 12,800; these steps were skipped.";
    vec![Block::Facts(Facts { entries: facts }), Block::Table(table()), Block::Notice(notice.into())]
}

fn table() -> Table {
    let columns = [("Measure", ""), ("baseline", ""), ("wide", ""), ("Difference", "wide − baseline")];
    let column =
        |(name, unit): (&str, &str)| Column { name: name.into(), unit: unit.into(), is_number: name != "Measure" };
    let rows = [
        ("Validation loss, nats per token", "3.1184", "3.0631", "−0.0553", Verdict::Better),
        ("Bits per byte", "0.9912", "0.9736", "−0.0176", Verdict::Better),
        ("Next-token accuracy, %", "41.27", "41.31", "+0.04", Verdict::Neutral),
        ("Tokens per second", "113,400", "111,900", "−1,500", Verdict::Worse),
    ];
    let cell = |text: &str| Cell { text: text.into(), verdict: None };
    let row = |(name, a, b, difference, verdict): (&str, &str, &str, &str, Verdict)| {
        vec![cell(name), cell(a), cell(b), Cell { text: difference.into(), verdict: Some(verdict) }]
    };
    Table {
        caption: "Held-out text, 2.1 M tokens".into(),
        columns: columns.map(column).to_vec(),
        rows: rows.map(row).to_vec(),
        footnotes: vec![
            "“same”: the 95 % interval of the difference, by bootstrap over documents, has zero in it.".into(),
        ],
    }
}

fn charts(n: u32) -> Vec<Block> {
    let step = 20_000.0 / f64::from(n);
    let series = |kind, every: u32, value: &dyn Fn(usize, f64, f64) -> f64| -> Vec<Series> {
        let one = |run: usize| {
            let mut noise = Noise(run as u64 + 1);
            let points = (1..=n / every).map(|record| f64::from(record * every) * step);
            let points = points.map(|x| (x, value(run, x, noise.next()))).collect();
            Series { name: RUNS[run].into(), points, kind }
        };
        (0..RUNS.len()).map(one).collect()
    };
    let loss = |run: usize, x: f64| 3.02 - 0.055 * run as f64 + 7.6 * (-x / 900.0).exp() + 1.1 * (-x / 6000.0).exp();
    let chart = |title: &str, y_label: &str, series| Chart {
        title: title.into(),
        x_label: "step".into(),
        y_label: y_label.into(),
        series,
        ..Chart::default()
    };
    let spike = |x: f64| if (14_000.0..14_010.0).contains(&x) { 2.5 } else { 0.0 };
    let training = series(Kind::Smoothed(200), 1, &|run, x, noise| loss(run, x) + 0.12 * noise + spike(x));
    let validation = series(Kind::Points, n / 20, &|run, x, noise| loss(run, x) + 0.08 + 0.004 * noise);
    let rate = series(Kind::Line, 1, &|run, x, _| {
        let peak = 6e-4 - 2e-4 * run as f64;
        if x < 1000.0 {
            peak * x / 1000.0
        } else {
            peak * 0.5 * (1.1 + 0.9 * (x / 20_000.0 * std::f64::consts::PI).cos())
        }
    });
    let norm = series(Kind::Smoothed(200), 1, &|run, x, noise| match (run, x) {
        (1, 12_000.0..12_800.0) => f64::NAN,
        _ => (noise * 0.35 - 0.9 + 3.2 * (-x / 700.0).exp()).exp(),
    });
    let speed = series(Kind::Line, n / 100, &|run, x, noise| {
        113_400.0 - 1500.0 * run as f64 + 400.0 * noise - if (8000.0..8400.0).contains(&x) { 30_000.0 } else { 0.0 }
    });
    let marks = vec![
        Mark { x: 19_000.0, label: "best of baseline".into() },
        Mark { x: 18_000.0, label: "best of wide".into() },
    ];
    vec![
        Block::Chart(Chart { marks, ..chart("Training loss", "nats per token", training) }),
        Block::Chart(chart("Validation loss", "nats per token", validation)),
        Block::Chart(chart("Learning rate", "", rate)),
        Block::Chart(Chart { log_y: true, ..chart("Gradient norm", "norm before clipping", norm) }),
        Block::Chart(chart("Throughput", "tokens per second", speed)),
    ]
}

fn samples() -> Block {
    let texts = [
        ("step 1,000", "The old lighthouse the the of and the sea was the old of the the,\nand the the the of it was."),
        (
            "step 5,000",
            "The old lighthouse was a small man, and the sea was the sea. “I am not,” said the man, and he went.",
        ),
        (
            "step 20,000",
            "The old lighthouse stood where the road gave out, its lamp long cold.\n\nMara had climbed it twice: once as a child, for a dare,\nand once in the winter the boats did not come back.",
        ),
    ];
    let sample = |(at, text): (&str, &str)| Sample { at: at.into(), text: text.into() };
    Block::Samples(Samples { title: "wide".into(), samples: texts.map(sample).to_vec() })
}

fn config() -> Block {
    let text = "[model]\nplugin = \"llama\"\nlayers = 12\nwidth = 832\nheads = 13\n\n[optim]\nkind = \"adamw\"\nrate = 4e-4\nwarmup = 1000\n";
    Block::Code(Code { title: "wide.toml".into(), text: text.into() })
}

/// Numbers between -1 and 1, the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1 << 23) - 1.0
    }
}
