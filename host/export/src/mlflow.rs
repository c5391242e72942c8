//! A finished run's log, sent to an MLflow server by its REST API.
//!
//! Metrics have the names of TensorBoard's tags, all digits, the record's step and its time. Settings become
//! parameters. Texts stay in the log.

use crate::clock::{Clock, time};
use crate::hparams::{Hparam, flatten};
use crate::log::{Log, header};
use crate::scalars::Scalars;
use crate::{Error, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use trainyard_report::{End, EndState, Header, Record};
use ureq::Agent;

/// What a request may have at most, by MLflow's documentation of `runs/log-batch`.
const METRICS_PER_BATCH: usize = 1000;
const PARAMS_PER_BATCH: usize = 100;

/// Lengths that MLflow allows.
const KEY_CHARS: usize = 250;
const PARAM_CHARS: usize = 6000;

/// Time for one request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Sends the log `metrics` as a new run of the experiment of that name, which is made if it is missing, to the server
/// at `url`, for example `http://example.com:5000`. `config.toml` beside the log gives the parameters, where it is
/// there. Returns the run's id.
///
/// The log is that of a finished run: one without an end is taken as killed.
///
/// # Errors
/// A file that cannot be read, a line that is no object, a server that is not there or refuses a request. What was
/// sent by then stays on the server.
pub fn export(metrics: &Path, url: &str, experiment: &str) -> Result<String> {
    let mut log = Log::open(metrics)?;
    let params = flatten(&log.config()?)?;
    let mut next = log.record()?;
    let header = header(next.as_ref());
    let mut clock = Clock::new(&header, 0.0);
    let server = Server::new(url)?;
    let run = server.begin(&header, experiment, &clock)?;
    for params in params.chunks(PARAMS_PER_BATCH) {
        let params: Vec<_> = params.iter().map(param).collect();
        server.post("runs/log-batch", &json!({ "run_id": run, "params": params }))?;
    }
    let (mut scalars, mut batch, mut end) = (Scalars::default(), Vec::new(), None);
    while let Some(record) = next {
        clock.advance(&record);
        let (timestamp, step) = (milliseconds(clock.wall_time()), record.step());
        for (name, value) in scalars.of(&record) {
            let metric = json!({ "key": key(&name), "value": number(value), "timestamp": timestamp, "step": step });
            batch.push(metric);
            if batch.len() == METRICS_PER_BATCH {
                server.post("runs/log-batch", &json!({ "run_id": run, "metrics": batch }))?;
                batch.clear();
            }
        }
        // an end is one only where nothing follows
        end = if let Record::End(end) = record { Some(end) } else { None };
        next = log.record()?;
    }
    if !batch.is_empty() {
        server.post("runs/log-batch", &json!({ "run_id": run, "metrics": batch }))?;
    }
    server.end(&run, end.as_ref(), &clock)?;
    Ok(run)
}

/// An MLflow server.
struct Server {
    agent: Agent,
    url: String,
}

impl Server {
    fn new(url: &str) -> Result<Self> {
        if !url.starts_with("http://") {
            return Err(Error::usage(format!(
                "{url}: expected an address of plain HTTP, as http://example.com:5000; for another, forward a local port"
            )));
        }
        // the answer to an error says what is wrong; a proxy would not find this machine
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).proxy(None);
        Ok(Self { agent: agent.build().into(), url: url.trim_end_matches('/').to_owned() })
    }

    /// Makes a run, and its experiment if that is missing; returns the run's id.
    fn begin(&self, header: &Header, experiment: &str, clock: &Clock) -> Result<String> {
        let found = self.agent.get(self.place("experiments/get-by-name")).query("experiment_name", experiment).call();
        let experiment = match self.answer("experiments/get-by-name", found)? {
            (200, found) => text(&found, "/experiment/experiment_id"),
            (404, _) => text(&self.post("experiments/create", &json!({ "name": experiment }))?, "/experiment_id"),
            (status, answer) => return Err(self.refused("experiments/get-by-name", status, &answer)),
        };
        let Header { name, version, commit, host, device, digests, .. } = header;
        let tags = [("version", version), ("commit", commit), ("host", host), ("device", device)];
        let tags = tags.into_iter().chain([("data", &digests.data), ("plugins", &digests.plugins)]);
        let tags = tags.filter(|(_, value)| !value.is_empty());
        let tags: Vec<_> =
            tags.map(|(key, value)| json!({ "key": format!("trainyard.{key}"), "value": value })).collect();
        let start = milliseconds(clock.wall_time());
        let run = json!({ "experiment_id": experiment, "run_name": name, "start_time": start, "tags": tags });
        Ok(text(&self.post("runs/create", &run)?, "/run/info/run_id"))
    }

    fn end(&self, run: &str, end: Option<&End>, clock: &Clock) -> Result<()> {
        let status = match end.map(|end| end.state) {
            Some(EndState::Done | EndState::StoppedEarly) => "FINISHED",
            Some(EndState::Failed) => "FAILED",
            Some(EndState::Interrupted) | None => "KILLED",
        };
        let ended = end.and_then(|end| time(&end.ended)).unwrap_or(clock.wall_time());
        self.post("runs/update", &json!({ "run_id": run, "status": status, "end_time": milliseconds(ended) }))?;
        Ok(())
    }

    fn place(&self, path: &str) -> String {
        format!("{}/api/2.0/mlflow/{path}", self.url)
    }

    /// Sends a request that must succeed.
    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let sent = self.agent.post(self.place(path)).header("content-type", "application/json").send(body.to_string());
        match self.answer(path, sent)? {
            (200, answer) => Ok(answer),
            (status, answer) => Err(self.refused(path, status, &answer)),
        }
    }

    /// The status of an answer and its JSON; `null` where it is none.
    fn answer(
        &self,
        path: &str,
        got: std::result::Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<(u16, Value)> {
        let read = got.and_then(|mut answer| Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?)));
        let (status, body) = read.map_err(|error| {
            let url = &self.url;
            Error::run(format!(
                "{url}: expected an MLflow server's answer to {path}, got: {error}; start one, or correct the address"
            ))
        })?;
        Ok((status, serde_json::from_str(&body).unwrap_or_default()))
    }

    fn refused(&self, path: &str, status: u16, answer: &Value) -> Error {
        let message = text(answer, "/message");
        let message = if message.is_empty() { "no message; is it an MLflow server?".to_owned() } else { message };
        Error::run(format!("{}: expected that MLflow takes {path}, got status {status}: {message}", self.url))
    }
}

/// A text within an answer; empty where it is not there.
fn text(answer: &Value, path: &str) -> String {
    answer.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn param((name, value): &(String, Hparam)) -> Value {
    let value = match value {
        Hparam::Number(number) => number.to_string(),
        Hparam::Bool(bool) => bool.to_string(),
        Hparam::Text(text) => text.chars().take(PARAM_CHARS).collect(),
    };
    json!({ "key": key(name), "value": value })
}

/// The name as MLflow allows it: letters, digits and `_-. :/`, and no part of a path that leads elsewhere.
fn key(name: &str) -> String {
    let allowed = |char: char| char.is_alphanumeric() || "_-. :".contains(char);
    let part = |part: &str| match part {
        "" | "." | ".." => "_".to_owned(),
        part => part.replace(|char| !allowed(char), "_"),
    };
    let name = name.split('/').map(part).collect::<Vec<_>>().join("/");
    name.chars().take(KEY_CHARS).collect()
}

/// A number as MLflow reads it, also where JSON has none.
fn number(value: f64) -> Value {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        value => value.into(),
    }
}

fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1e3).round() as i64
}

#[cfg(test)]
mod tests;
