//! Runs a sweep: `sweep FILE JOBS [PART]` prints the plan, each event and the outcome.
//!
//! Unless the variable TRAINYARD names the program to start, it starts itself as `sweep train CONFIG --resume-or-start
//! --set …`, which writes the records of an invented run: the validation is `optimizer.lr`, a step takes `train.batch`
//! milliseconds, and the loss `broken` is an error.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;
use trainyard_base::interrupt;
use trainyard_report::{Comparable, End, EndState, Header, Metric, Record, Step, Validation};
use trainyard_sweep::{Base, Error, Options, Part, Plan, Result, RunRecord, Runner, Sweep, end_with_parent};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        ["train", _, "--resume-or-start", sets @ ..] => train(sets),
        [file, jobs] => sweep(file, jobs, None),
        [file, jobs, part] => sweep(file, jobs, Some(part)),
        _ => Err(Error::usage("expected FILE JOBS [PART]")),
    };
    ended.map_or_else(
        |error| {
            eprintln!("error: {error}");
            error.exit_code().into()
        },
        ExitCode::from,
    )
}

fn sweep(file: &str, jobs: &str, part: Option<&str>) -> Result<u8> {
    interrupt::listen("interrupted")?;
    let sweep = Sweep::open(Path::new(file))?;
    let failed = |error: std::io::Error| Error::run(error.to_string());
    let text = fs::read_to_string(&sweep.base).map_err(failed)?;
    let base = Base::new(&sweep.base, &text, &std::env::current_dir().map_err(failed)?)?;
    let part = part.map(str::parse::<Part>).transpose()?;
    let plan = Plan::new(sweep, base, jobs.parse().unwrap_or(1), part)?;
    println!("{plan}");
    let program = std::env::var_os("TRAINYARD").map_or_else(std::env::current_exe, |path| Ok(path.into()));
    let program = program.map_err(failed)?;
    let mut runner = Runner::new(plan, Options { program, version: "0".into(), threads: Some(1) })?;
    while let Some(event) = runner.next_event()? {
        println!("{event}");
    }
    let outcome = runner.outcome();
    println!("{outcome}");
    Ok(outcome.exit_code())
}

fn train(sets: &[&str]) -> Result<u8> {
    end_with_parent();
    interrupt::listen("interrupted: stopping as soon as the work so far is safe; once more ends at once")?;
    let sets: Vec<String> = sets.iter().filter(|word| **word != "--set").map(|set| (*set).to_owned()).collect();
    let values: BTreeMap<&str, &str> = sets.iter().filter_map(|set| set.split_once('=')).collect();
    let number = |key: &str, default: f64| values.get(key).and_then(|text| text.parse().ok()).unwrap_or(default);
    let text = |key: &str| values.get(key).copied().unwrap_or_default();
    let folder = Path::new(text("run.dir")).join(text("run.name"));
    let steps = number("train.steps", 5.0) as u64;
    let record = RunRecord::read(&folder)?;
    if record.end.is_some_and(|end| end.state.is_finished()) {
        return Ok(0);
    }
    let mut log = Log::open(&folder)?;
    let header = Box::new(header(steps, &sets));
    log.write(&if record.header.is_none() { Record::Run(header) } else { Record::Resume(header) })?;
    for step in record.step + 1..=steps {
        sleep(Duration::from_millis(number("train.batch", 1.0) as u64));
        log.write(&Record::Step(Step { step, ..Step::default() }))?;
        if let Some(signal) = interrupt::requested() {
            log.end(step, EndState::Interrupted, None)?;
            return Err(Error::interrupted(signal, format!("interrupted ({}) after step {step}", signal.name())));
        }
        if text("loss.plugin") == "broken" && step >= 2 {
            log.end(step, EndState::Failed, Some("the loss is broken".into()))?;
            return Err(Error::run("the loss is broken"));
        }
    }
    let values = [("loss".to_owned(), 1.0), ("distance".to_owned(), number("optimizer.lr", 0.0))].into();
    log.write(&Record::Validation(Validation { step: steps, values, ..Validation::default() }))?;
    log.end(steps, EndState::Done, None)?;
    Ok(0)
}

fn header(steps: u64, sets: &[String]) -> Header {
    let metric = |name: &str, comparable| Metric {
        name: name.into(),
        plugin: String::new(),
        unit: String::new(),
        higher_is_better: false,
        comparable,
    };
    let metrics = vec![metric("loss", Comparable::Loss), metric("distance", Comparable::Text)];
    Header { steps, set: sets.to_vec(), metrics, ..Header::default() }
}

/// The record of the run.
struct Log {
    path: PathBuf,
    file: fs::File,
}

impl Log {
    /// Opens the record, without half a line at its end.
    fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("metrics.jsonl");
        let failed = |error: std::io::Error| Error::io(&path, "write", &error);
        fs::create_dir_all(folder).map_err(failed)?;
        let text = fs::read(&path).unwrap_or_default();
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        file.set_len(whole as u64).map_err(failed)?;
        Ok(Self { path, file })
    }

    fn write(&mut self, record: &Record) -> Result<()> {
        let line = serde_json::to_string(record).map_err(|error| Error::run(error.to_string()))? + "\n";
        self.file.write_all(line.as_bytes()).map_err(|error| Error::io(&self.path, "write", &error))
    }

    fn end(&mut self, step: u64, state: EndState, error: Option<String>) -> Result<()> {
        let end = End { step, state, seconds: 0.0, ended: String::new(), best: None, error, signal: None };
        self.write(&Record::End(end))
    }
}
