//! What a terminal of a given width shows.

use super::*;
use crate::screen::Screen;

fn progress(target: Target) -> Progress {
    Progress {
        steps: 1000,
        first_step: 200,
        first_seconds: 50.0,
        data_wait: 0.0,
        metrics: Vec::new(),
        trend: Trend::default(),
        target,
    }
}

fn step() -> Step {
    Step {
        step: 300,
        loss: 3.21987,
        lr: 5e-4,
        seconds: Some(70.0),
        tokens_per_second: 12_345.0,
        share_of_peak: Some(0.414),
        ..Step::default()
    }
}

#[test]
fn a_step_is_described_in_one_line() {
    let mut progress = progress(Target::Silent);
    // 100 steps took 20 s, so 700 take 140 s.
    let said = |progress: &Progress, step: &Step| progress.parts(step, Width::Wide).join("  ");
    assert_eq!(said(&progress, &step()), "loss 3.2199  12.3k tokens/s  41% of peak  2m 20s left");
    progress.step(&Step { data_wait_ms: 5000.0, ..step() });
    let expected = "loss 3.2199  12.3k tokens/s  41% of peak  25% data wait  2m 20s left";
    assert_eq!(said(&progress, &step()), expected);
    let unknown = Step { share_of_peak: None, ..step() };
    assert_eq!(said(&progress, &unknown), "loss 3.2199  12.3k tokens/s  25% data wait  2m 20s left");
}

#[test]
fn the_line_fits_the_terminal() {
    let progress = progress(Target::Silent);
    let line = |columns| progress.line(&step(), columns);
    assert_eq!(line(80), "━━━╸       300/1000  loss 3.2199  12.3k tokens/s  41% of peak  2m 20s left");
    assert_eq!(line(60), "━━━╸       300/1000  loss 3.2199  12.3k tok/s  2m 20s left");
    assert_eq!(line(50), "300/1000  loss 3.2199  12.3k tok/s  2m 20s left");
    assert_eq!(line(40), "300/1000  loss 3.2199  2m 20s left");
    assert_eq!(line(20), "300/1000");
    assert_eq!(line(4), "");
    for columns in 0..200 {
        assert!(line(columns).chars().count() < columns.max(1), "{columns}");
    }
    // a long run, slow and at its end
    let long = Step { step: 123_456, loss: 12.0, seconds: Some(3e6), tokens_per_second: 1.25e9, ..step() };
    let progress = Progress { steps: 1_000_000, ..progress };
    let line = progress.line(&long, 60);
    assert!(line.chars().count() < 60 && line.contains("loss 12.0000") && line.ends_with(" left"), "{line}");
    assert_eq!(cells_done(1000, 1000, 10), "━".repeat(10));
}

/// What reaches the terminal is the line, and no row of it is wider.
#[test]
fn a_terminal_of_60_columns_shows_whole_lines() {
    let screen = Screen::new(60);
    let bar = bar(ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 255));
    let progress = progress(Target::Silent);
    for n in 300..310 {
        bar.set_message(progress.line(&Step { step: n, ..step() }, 60));
        bar.tick();
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let shown = screen.shown();
    assert!(shown.contains("━━━╸       300/1000  loss 3.2199  12.3k tok/s  2m 20s left"), "{shown:?}");
    // indicatif pads the last row to the whole width
    assert!(shown.lines().all(|line| line.trim_end().chars().count() < 60), "{shown:?}");
}

#[test]
fn the_line_shows_how_the_loss_went() {
    let mut progress = progress(Target::Silent);
    let line = |progress: &Progress, columns| progress.line(&step(), columns);
    // 1000 losses in parts of 128, the last of which has the smallest
    (0..1000).for_each(|n| progress.trend.add(8.0 - f64::from(n) / 200.0));
    progress.trend.add(f64::NAN);
    assert_eq!(progress.trend.bars().unwrap(), "█▇▆▅▄▃▂▁");
    progress.trend.validate(3.5);
    progress.trend.validate(3.1);
    let expected = "━━━╸       300/1000  loss 3.2199 █▇▆▅▄▃▂▁  val 3.1000 ↓ best  2m 20s left";
    assert_eq!(line(&progress, 80), expected);
    progress.trend.validate(3.2);
    assert!(line(&progress, 120).contains("▁  val 3.2000 ↑ best 3.1000  12.3k tokens/s  41% of peak"));
    assert!(!line(&progress, 60).contains('▁'));
    // the losses of a run that has just begun, or that stay as they are, say nothing
    let mut trend = Trend::default();
    (0..3).for_each(|_| trend.add(1.0));
    assert_eq!(trend.bars(), None);
}
