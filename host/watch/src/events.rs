//! The stream of events: first all runs, then what changes.

use crate::answer;
use crate::board::{Board, Shown};
use crate::run::AllSeen;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Result, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time after which a page hears that nothing has changed.
const SILENCE: Duration = Duration::from_secs(5);

/// The time that the first look at all logs may take before a page is shown what is known.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// The least time between two events with changes.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs of one event.
const MAX_RUNS: usize = 50;

/// What a page has.
#[derive(Default)]
struct Page {
    runs: BTreeMap<String, (u64, AllSeen)>,
}

/// Writes events until the page is gone or the board is closed.
///
/// # Errors
/// A connection that is closed.
pub fn write(out: &mut impl Write, board: &Board, folder: &str) -> Result<()> {
    write!(out, "{}retry: 2000\n\n", answer::stream())?;
    board.wait_complete(FIRST_LOOK);
    let mut page = Page::default();
    // more than fit in one event follow as changes
    let names: Vec<String> = board.runs().all.keys().cloned().collect();
    let (_, runs, _) = page.next(board);
    send(out, "snapshot", &json!({ "folder": folder, "now": now(), "names": names, "runs": runs }))?;
    while !board.is_closed() {
        let (version, runs, gone) = page.next(board);
        if runs.is_empty() && gone.is_empty() {
            board.wait(version, SILENCE);
            if board.runs().version == version {
                // shows whether the page is still there
                out.write_all(b": nothing new\n\n")?;
            }
            continue;
        }
        send(out, "update", &json!({ "now": now(), "runs": runs, "gone": gone }))?;
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn send(out: &mut impl Write, event: &str, value: &Value) -> Result<()> {
    // JSON has no line breaks but in strings, where they are escaped
    out.write_all(format!("event: {event}\ndata: {value}\n\n").as_bytes())
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

impl Page {
    /// Returns the board's number, runs that the page does not have as they are, and those that are gone.
    fn next(&mut self, board: &Board) -> (u64, Vec<Value>, Vec<String>) {
        let runs = board.runs();
        let is_new = |(name, shown): &(&String, &Shown)| {
            self.runs.get(*name).is_none_or(|(version, _)| *version < shown.version)
        };
        let new: Vec<(String, Shown)> =
            runs.all.iter().filter(is_new).take(MAX_RUNS).map(|(name, shown)| (name.clone(), shown.clone())).collect();
        let names: BTreeSet<&String> = runs.all.keys().collect();
        let gone: Vec<String> = self.runs.keys().filter(|name| !names.contains(name)).cloned().collect();
        let version = runs.version;
        // what follows takes longer
        drop(runs);
        gone.iter().for_each(|name| _ = self.runs.remove(name));
        let json = new.into_iter().map(|(name, shown)| self.add(name, &shown)).collect();
        (version, json, gone)
    }

    fn add(&mut self, name: String, shown: &Shown) -> Value {
        let seen = self.runs.get(&name).map(|(_, seen)| *seen).unwrap_or_default();
        let json = shown.run.json(&name, &seen);
        self.runs.insert(name, (shown.version, shown.run.seen()));
        json
    }
}
