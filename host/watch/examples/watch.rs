//! Serves the page of the runs below a folder: `watch FOLDER [PORT]`. Ctrl-C ends it.

use std::process::ExitCode;
use trainyard_base::interrupt;
use trainyard_watch::{Error, Result, Watch};

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn serve() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or_else(|| Error::usage("expected a folder of runs; watch FOLDER [PORT]"))?;
    let port = arguments.next().map(|port| port.parse());
    let port = port.transpose().map_err(|_| Error::usage("the port: expected a number up to 65535"))?;
    interrupt::listen("the page ends")?;
    let watch = Watch::new(folder.into(), port)?;
    println!("{}", watch.address());
    watch.serve()
}
