//! Exports a log from the command line: `export tensorboard|csv|live LOG FOLDER`, or `export mlflow LOG URL`.
//!
//! `live` gives the records to [`TensorBoard`] as a run does while it trains, with a new event file for each process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;
use trainyard_export::{csv, mlflow, tensorboard};
use trainyard_report::{Error, Record, Result, Sink};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, log, to] = &arguments[..] else {
        eprintln!("usage: export tensorboard|csv|live LOG FOLDER, or export mlflow LOG URL");
        return ExitCode::from(2);
    };
    let done = match what.as_str() {
        "tensorboard" => tensorboard::export(Path::new(log), Path::new(to)).map(|path| vec![path]),
        "csv" => csv::export(Path::new(log), Path::new(to)),
        "mlflow" => mlflow::export(Path::new(log), to, "trainyard").map(|run| vec![run.into()]),
        "live" => live(Path::new(log), Path::new(to)).map(|()| Vec::new()),
        other => Err(Error::usage(format!("{other}: expected tensorboard, csv, mlflow or live"))),
    };
    match done {
        Ok(paths) => {
            paths.iter().for_each(|path| println!("{}", path.display()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn live(log: &Path, folder: &Path) -> Result<()> {
    let file = File::open(log).map_err(|error| Error::io(log, "read", &error))?;
    let mut board = None;
    let mut seconds = 0.0;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| Error::io(log, "read", &error))?;
        let Some(record) = serde_json::from_str(&line).ok().and_then(Record::from_json) else { continue };
        match &record {
            Record::Run(header) | Record::Resume(header) => {
                board = Some(tensorboard::TensorBoard::create(folder, header, seconds, "")?);
            }
            Record::Step(step) => seconds = step.seconds.unwrap_or(seconds),
            _ => {}
        }
        board.as_mut().map_or(Ok(()), |board| board.write(&record))?;
    }
    Ok(())
}
