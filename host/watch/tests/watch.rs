//! The server, asked as a browser asks it, about runs that are written while it looks.

#![allow(clippy::unwrap_used)] // a test may panic

mod runs;

use runs::{append, header, step, validation, write};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use trainyard_watch::Watch;

/// The longest that a page waits for what is new in a log.
const WAIT: Duration = Duration::from_secs(3);

/// A server of a folder, which ends with the test.
struct Server {
    folder: TempDir,
    port: u16,
    token: String,
}

impl Server {
    fn start() -> Self {
        Self::of(|_| {})
    }

    /// A server that has runs from its start.
    fn of(write: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let watch = Watch::new(folder.path().to_owned(), None).unwrap();
        let address = watch.address();
        let (place, token) = address.split_once("/#").unwrap();
        let port = place.rsplit_once(':').unwrap().1.parse().unwrap();
        assert_eq!(place, format!("http://{}:{port}", "127.0.0.1"));
        let token = token.to_owned();
        std::thread::spawn(move || watch.serve());
        Self { folder, port, token }
    }

    fn path(&self, run: &str) -> std::path::PathBuf {
        self.folder.path().join(run)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    fn send(&self, line: &str, headers: &[&str]) -> TcpStream {
        let mut stream = self.connect();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        stream.write_all(format!("{line} HTTP/1.1\r\n{headers}\r\n").as_bytes()).unwrap();
        stream
    }

    /// The status and all text of an answer.
    fn ask(&self, line: &str, headers: &[&str]) -> (u16, String) {
        let mut text = String::new();
        self.send(line, headers).read_to_string(&mut text).unwrap();
        (text.split(' ').nth(1).unwrap().parse().unwrap(), text)
    }

    fn host(&self) -> String {
        format!("Host: localhost:{}", self.port)
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.ask(&format!("GET {path}"), &[&self.host()])
    }

    fn stop(&self, run: &str) -> (u16, String) {
        let token = format!("X-Trainyard-Token: {}", self.token);
        self.ask(&format!("POST /stop?run={run}"), &[&self.host(), &token])
    }

    fn events(&self) -> Events {
        Events(BufReader::new(self.send("GET /events", &[&self.host()])))
    }
}

/// A stream of events.
struct Events(BufReader<TcpStream>);

impl Events {
    fn next(&mut self) -> (String, Value) {
        let mut event = String::new();
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
            if let Some(name) = line.strip_prefix("event: ") {
                event = name.trim().to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return (event, serde_json::from_str(data).unwrap());
            }
        }
    }

    /// Waits for an event about a run for which something holds.
    #[track_caller]
    fn wait(&mut self, name: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let (_, data) = self.next();
            let mut runs = data["runs"].as_array().unwrap().iter();
            if let Some(run) = runs.find(|run| run["name"] == name && is_it(run)) {
                assert!(start.elapsed() < WAIT, "after {:?}", start.elapsed());
                return run.clone();
            }
        }
    }
}

fn log(run: &Path) -> std::fs::File {
    OpenOptions::new().append(true).open(run.join("metrics.jsonl")).unwrap()
}

#[test]
fn the_page_and_its_policy() {
    let server = Server::start();
    let (status, text) = server.get("/");
    assert_eq!(status, 200);
    assert!(text.contains("Content-Security-Policy: default-src 'none'; style-src 'sha256-"));
    assert!(text.contains("<!doctype html>") && text.ends_with("</html>\n"));
    let head = server.ask("HEAD /", &[&server.host()]).1;
    assert!(head.contains("Content-Length: ") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(server.get("/other").0, 404);
    assert_eq!(server.ask("POST /", &[&server.host()]).0, 405);
    assert_eq!(server.ask("OPTIONS /stop", &[&server.host()]).0, 405);
    assert_eq!(server.ask("GET /stop", &[&server.host()]).0, 405);
}

#[test]
fn other_hosts_and_sites_are_refused() {
    let server = Server::start();
    let (port, host) = (server.port, server.host());
    for path in ["/", "/events", "/stop?run=a"] {
        let line = format!("GET {path}");
        for wrong in ["Host: example.com".to_owned(), format!("Host: example.com:{port}"), "Host: localhost".to_owned()]
        {
            assert_eq!(server.ask(&line, &[&wrong]).0, 403, "{path} {wrong}");
        }
        assert_eq!(server.ask(&line, &[]).0, 403, "{path} without a host");
        assert_eq!(server.ask(&line, &[&host, &host]).0, 403, "{path} with two hosts");
        assert_eq!(server.ask(&line, &[&host, "Origin: null"]).0, 403, "{path} of another site");
    }
    let own = format!("Origin: http://{}", host.trim_start_matches("Host: "));
    assert_eq!(server.ask("GET /", &[&host, &own]).0, 200);
}

#[test]
fn a_snapshot_and_then_what_is_new() {
    let server = Server::of(|folder| {
        let records = [header(0, 100), step(1, 4.0), step(2, f64::NAN), validation(2, 3.5), step(3, 3.0)];
        write(&folder.join("a"), &records);
        write(&folder.join("sweep/b"), &[]);
    });
    let (a, b) = (server.path("a"), server.path("sweep/b"));
    let mut events = server.events();
    let (kind, snapshot) = events.next();
    assert_eq!((kind.as_str(), snapshot["names"].as_array().unwrap().len()), ("snapshot", 2));
    let run = &snapshot["runs"][0];
    assert_eq!(
        (&run["name"], &run["state"], &run["step"], &run["steps"]),
        (&"a".into(), &"interrupted".into(), &3.into(), &100.into())
    );
    assert_eq!(run["last"]["loss"], 3.5);
    assert_eq!(run["series"]["loss"].to_string(), r#"{"from":0,"x":[1.0,2.0,3.0],"y":[4.0,null,3.0]}"#);
    assert_eq!((&snapshot["runs"][1]["name"], &snapshot["runs"][1]["state"]), (&"sweep/b".into(), &"prepared".into()));

    // half a line waits for its other half
    let line = serde_json::to_string(&step(4, 2.5)).unwrap();
    write!(log(&a), "{}", &line[..20]).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    writeln!(log(&a), "{}", &line[20..]).unwrap();
    let new = events.wait("a", |run| run["step"] == 4);
    assert_eq!(new["series"]["loss"].to_string(), r#"{"from":3,"x":[4.0],"y":[2.5]}"#);

    // the log is replaced by one that is shorter
    let replaced = a.join("replaced");
    fs::write(&replaced, runs::lines(&[header(0, 100), step(1, 4.0), step(2, 3.75)])).unwrap();
    fs::rename(&replaced, a.join("metrics.jsonl")).unwrap();
    let reset = events.wait("a", |run| run["step"] == 2);
    assert_eq!(reset["series"]["loss"].to_string(), r#"{"from":0,"x":[1.0,2.0],"y":[4.0,3.75]}"#);
    assert_eq!((&reset["series"]["validation"]["x"], &reset["last"]), (&Value::Array(Vec::new()), &Value::Null));

    // a run that is new, and one that is gone
    write(&server.path("c"), &[header(0, 9)]);
    fs::remove_dir_all(&b).unwrap();
    let start = Instant::now();
    let (mut is_new, mut is_gone) = (false, false);
    while !is_new || !is_gone {
        let (_, data) = events.next();
        is_new |= data["runs"].as_array().unwrap().iter().any(|run| run["name"] == "c");
        is_gone |= data["gone"].as_array().unwrap().contains(&"sweep/b".into());
        assert!(start.elapsed() < Duration::from_secs(6));
    }
}

#[test]
fn many_runs_come_in_several_events() {
    let write_all = |folder: &Path| {
        (0..120).for_each(|n| write(&folder.join(format!("r{n}")), &[header(0, 9), step(1, f64::from(n))]));
    };
    let server = Server::of(write_all);
    let mut events = server.events();
    let numbers: Vec<usize> = (0..3).map(|_| events.next().1["runs"].as_array().unwrap().len()).collect();
    assert_eq!(numbers, [50, 50, 20]);
}

#[test]
fn many_connections_do_not_hang_it() {
    let server = Server::of(|folder| write(&folder.join("a"), &[header(0, 100), step(1, 4.0)]));
    // more than there are places; they say nothing, or half a request
    let mut idle: Vec<TcpStream> = (0..40).map(|_| server.connect()).collect();
    idle.iter_mut().step_by(2).for_each(|stream| drop(stream.write_all(b"GET / HT")));
    let start = Instant::now();
    assert_eq!(server.get("/").0, 200);
    assert!(start.elapsed() < Duration::from_secs(9), "after {:?}", start.elapsed());
    drop(idle);
    // as many pages as there may be leave places for requests
    let pages: Vec<Events> = (0..24).map(|_| server.events()).collect();
    let pages: Vec<Events> = pages.into_iter().map(|mut page| (page.next(), page).1).collect();
    assert_eq!(server.get("/events").0, 503);
    let start = Instant::now();
    let threads: Vec<_> = (0..40).map(|_| server.send("GET /", &[&server.host()])).collect();
    for mut stream in threads {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    }
    assert!(start.elapsed() < Duration::from_secs(3), "after {:?}", start.elapsed());
    drop(pages);
}

#[test]
fn long_and_wrong_requests_are_refused() {
    let server = Server::start();
    // exactly as much as is read, so that the answer arrives
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(8192 - 16));
    let mut stream = server.connect();
    stream.write_all(long.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    let mut stream = server.connect();
    stream.write_all(b"\x16\x03\x01\x00").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
}

/// A process that ends as soon as it gets a signal.
struct Trains(Child);

impl Drop for Trains {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_is_stopped_with_the_token() {
    use std::os::unix::process::ExitStatusExt;
    let mut children = Vec::new();
    let server = Server::of(|folder| {
        let run = folder.join("a b");
        write(&run, &[header(0, 100), step(1, 4.0)]);
        // locks as the host does, and names itself; SIGINT may be ignored where these tests were started
        let script =
            "exec 9<>.trainyard-lock; flock 9; echo $$ > .trainyard-lock; exec env --default-signal=INT sleep 60";
        children.push(Trains(Command::new("sh").args(["-c", script]).current_dir(&run).spawn().unwrap()));
        let start = Instant::now();
        while fs::read_to_string(run.join(".trainyard-lock")).unwrap_or_default().is_empty() {
            assert!(start.elapsed() < WAIT, "no lock");
        }
    });
    let (run, mut child) = (server.path("a b"), children.remove(0));
    let mut events = server.events();
    events.wait("a b", |run| run["is_running"] == true);

    let (host, line) = (server.host(), "POST /stop?run=a%20b");
    let wrong = format!("X-Trainyard-Token: {}", "0".repeat(32));
    assert_eq!(server.ask(line, &[&host]).0, 403);
    assert_eq!(server.ask(line, &[&host, &wrong]).0, 403);
    let token = format!("X-Trainyard-Token: {}", server.token);
    assert_eq!(server.ask(line, &["Host: example.com", &token]).0, 403);
    assert_eq!(server.stop("none").0, 404);
    assert_eq!(server.ask("POST /stop", &[&host, &token]).0, 400);
    assert!(child.0.try_wait().unwrap().is_none(), "it was stopped without the token");

    let (status, text) = server.stop("a%20b");
    assert_eq!(status, 202, "{text}");
    assert!(text.ends_with(&format!("process {} was asked to stop\n", child.0.id())));
    assert_eq!(child.0.wait().unwrap().signal(), Some(2));
    let (status, text) = server.stop("a%20b");
    assert_eq!((status, text.ends_with("no process trains it\n")), (409, true), "{text}");
    events.wait("a b", |run| run["is_running"] == false);
    append(&run, &[step(2, 3.0)]);
    events.wait("a b", |run| run["step"] == 2);
}

#[test]
fn what_cannot_be_served() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = Watch::new(missing.clone(), None).err().unwrap();
    let path = missing.display();
    assert_eq!(error.to_string(), format!("{path}: expected a folder of runs, got nothing; name the folder run.dir"));
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Watch::new(folder.path().to_owned(), Some(port)).err().unwrap().to_string();
    assert!(error.starts_with(&format!("port {port}: cannot listen there: ")), "{error}");
    assert!(error.ends_with("; give another port, or none for a free one"), "{error}");
}
