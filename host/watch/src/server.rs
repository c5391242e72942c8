//! The server: accepts connections of this machine and answers them, each in a thread of its own.

use crate::answer::Answer;
use crate::board::Board;
use crate::events;
use crate::page::Page;
use crate::request::{Failed, Request};
use crate::stop::stop;
use crate::token::Token;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use trainyard_base::{Error, Result, interrupt};

/// Connections at a time. Further ones wait until one of these ends.
const MAX_CONNECTIONS: usize = 32;

/// Pages at a time: the rest of the connections is for requests that end soon.
const MAX_PAGES: usize = 24;

/// The time that a page may take to read what it asked for.
const MAX_WRITE: Duration = Duration::from_secs(5);

/// The time between two looks for connections and signals.
const LOOK: Duration = Duration::from_millis(25);

/// A page of the runs below a folder, for browsers on this machine.
pub struct Watch {
    listener: TcpListener,
    site: Arc<Site>,
}

/// What the threads share.
struct Site {
    folder: PathBuf,
    port: u16,
    token: Token,
    page: Page,
    board: Board,
    connections: Arc<AtomicUsize>,
    pages: Arc<AtomicUsize>,
}

/// One of a bounded number of places, free again when it is dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(count: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let next = |n| (n < max).then_some(n + 1);
        count.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).ok().map(|_| Self(count.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Watch {
    /// Prepares the page of the runs below `folder` at a port of this machine, any free one if none is given. No other
    /// machine can connect to it.
    ///
    /// # Errors
    /// No such folder, a port that is taken, or a system without random numbers.
    pub fn new(folder: PathBuf, port: Option<u16>) -> Result<Self> {
        if !folder.is_dir() {
            let path = folder.display();
            let got = if folder.exists() { "a file" } else { "nothing" };
            return Err(Error::usage(format!("{path}: expected a folder of runs, got {got}; name the folder run.dir")));
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).map_err(|error| {
            let port = port.unwrap_or(0);
            Error::run(format!("port {port}: cannot listen there: {error}; give another port, or none for a free one"))
        })?;
        let failed = |error: std::io::Error| Error::run(format!("cannot listen for browsers: {error}"));
        listener.set_nonblocking(true).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let [connections, pages] = [(); 2].map(|()| Arc::default());
        let (token, page, board) = (Token::new()?, Page::new(), Board::default());
        let site = Site { folder, port, token, page, board, connections, pages };
        Ok(Self { listener, site: Arc::new(site) })
    }

    /// Returns the address to open in a browser. It ends in the token that stopping a run asks for, which a browser
    /// sends to nobody.
    pub fn address(&self) -> String {
        let (host, token) = (Ipv4Addr::LOCALHOST, self.site.token.text());
        format!("http://{host}:{}/#{token}", self.site.port)
    }

    /// Answers browsers until a signal asks this process to end.
    ///
    /// # Errors
    /// A system that has no threads or connections left for it.
    pub fn serve(&self) -> Result<()> {
        let site = self.site.clone();
        let follow = move || site.board.follow(&site.folder);
        let follower = thread::Builder::new().name("runs".into()).spawn(follow);
        let follower = follower.map_err(|error| Error::run(format!("cannot start a thread: {error}")))?;
        while interrupt::requested().is_none() && !follower.is_finished() {
            let Some(place) = Place::take(&self.site.connections, MAX_CONNECTIONS) else {
                thread::sleep(LOOK);
                continue;
            };
            match self.listener.accept() {
                Ok((stream, _)) => self.answer(stream, place),
                // without a connection, or without a file for one: others end
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => thread::sleep(LOOK),
            }
        }
        self.site.board.close();
        follower.join().map_err(|panic| Error::panicked("the thread that reads runs", panic.as_ref()))
    }

    fn answer(&self, stream: TcpStream, place: Place) {
        let site = self.site.clone();
        let answer = move || {
            site.answer(stream);
            drop(place);
        };
        // without a thread, the connection is closed
        drop(thread::Builder::new().name("page".into()).spawn(answer));
    }
}

impl Site {
    /// Answers one request. Who does not read the answer is left alone.
    fn answer(&self, mut stream: TcpStream) {
        let is_ready = stream.set_nonblocking(false).is_ok() && stream.set_write_timeout(Some(MAX_WRITE)).is_ok();
        if !is_ready || stream.set_nodelay(true).is_err() {
            return;
        }
        let request = match Request::read(&mut stream) {
            Ok(request) => request,
            Err(failed) => return refuse(&mut stream, &failed),
        };
        let answer = match self.check(&request) {
            Err(answer) => answer,
            Ok(()) if request.path == "/events" && request.method == "GET" => match self.events(&mut stream) {
                None => return,
                Some(answer) => answer,
            },
            Ok(()) => self.route(&request),
        };
        drop(answer.write(&mut stream, request.method == "HEAD"));
        drop(stream.shutdown(Shutdown::Write));
    }

    /// Refuses requests that were made under another name, or by pages of another site: a name of theirs that leads to
    /// this machine gives them nothing.
    fn check(&self, request: &Request) -> std::result::Result<(), Answer> {
        let port = self.port;
        let names = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        let host = request.header("host").unwrap_or_default();
        if !names.iter().any(|name| name.eq_ignore_ascii_case(host)) {
            return Err(Answer::text(403, format!("expected the host {}, got another", names.join(" or "))));
        }
        let origin = request.header("origin");
        if origin.is_some_and(|origin| !origin.eq_ignore_ascii_case(&format!("http://{host}"))) {
            return Err(Answer::text(403, "expected a request of this page, got one of another site"));
        }
        Ok(())
    }

    fn route(&self, request: &Request) -> Answer {
        let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
        match request.path.as_str() {
            "/" if is_read => Answer::page(self.page.html.clone(), &self.page.policy),
            "/stop" if request.method == "POST" => self.stop(request),
            "/" | "/events" => Answer::only("GET"),
            "/stop" => Answer::only("POST"),
            _ => Answer::text(404, "nothing is here; the page is at /"),
        }
    }

    /// Streams events; returns an answer where there are too many pages.
    fn events(&self, stream: &mut TcpStream) -> Option<Answer> {
        let Some(_place) = Place::take(&self.pages, MAX_PAGES) else {
            return Some(Answer::text(503, format!("{MAX_PAGES} pages are open; close one")));
        };
        let folder = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        // an error is the end of the page
        drop(events::write(stream, &self.board, &folder.display().to_string()));
        None
    }

    fn stop(&self, request: &Request) -> Answer {
        if !request.header("x-trainyard-token").is_some_and(|token| self.token.is(token)) {
            return Answer::text(403, "expected the token of this page; open the address that the terminal shows");
        }
        let Some(name) = request.value("run") else { return Answer::text(400, "expected the name of a run") };
        let shown = self.board.runs().all.get(&name).cloned();
        let Some(shown) = shown else { return Answer::text(404, "there is no such run") };
        match stop(&shown.path, shown.run.host()) {
            Ok(process) => Answer::text(202, format!("process {process} was asked to stop")),
            Err(why) => Answer::text(409, why),
        }
    }
}

fn refuse(stream: &mut TcpStream, failed: &Failed) {
    let answer = match failed {
        Failed::Gone => return,
        Failed::Slow => Answer::text(408, "the request did not arrive in time"),
        Failed::Long => Answer::text(431, "the request is longer than 8 KiB"),
        Failed::Wrong => Answer::text(400, "expected a request of HTTP/1.1"),
    };
    drop(answer.write(stream, false));
    drop(stream.shutdown(Shutdown::Write));
}
