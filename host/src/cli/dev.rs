//! `trainyard plugin dev`.

use super::output::{Outcome, write};
use super::plugin_args::DevArgs;
use trainyard::base::clean;
use trainyard::dev::{Report, Session};
use trainyard::run::RunConfig;

pub fn run(args: &DevArgs) -> Outcome {
    let config = RunConfig::load(&args.config, &args.set)?;
    let mut session = Session::start(&config, &args.plugin)?;
    let mut failed = None;
    for report in session.all() {
        show(&report)?;
        failed = report.outcome.err().or(failed);
    }
    if args.once {
        return failed.map_or(Ok(()), |error| Err(error.into()));
    }
    loop {
        eprintln!("watching; Ctrl-C ends");
        show(&session.wait())?;
    }
}

fn show(report: &Report) -> Outcome {
    let Report { plugin, build_seconds, try_seconds, outcome, kept_old } = report;
    let mut text = format!("{plugin}: ");
    match outcome {
        Ok(lines) => {
            text += &format!("built in {build_seconds:.2} s, loaded and tried in {try_seconds:.2} s\n");
            lines.iter().for_each(|line| text += &format!("  {}\n", clean::text(line)));
        }
        Err(error) => {
            text += if *kept_old { "failed, the version before is kept\n" } else { "failed\n" };
            text += &format!("  {error}\n");
        }
    }
    write(text.as_bytes())
}
