//! A request of a browser, read within bounds of size and time.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Bytes of the longest request.
const MAX_BYTES: usize = 8 << 10;

/// Lines of a request.
const MAX_HEADERS: usize = 64;

/// The time that a request may take to arrive.
const MAX_TIME: Duration = Duration::from_secs(5);

/// A request without its body, which nothing here reads.
#[derive(Debug, Default, PartialEq)]
pub struct Request {
    pub method: String,
    /// The path without the query.
    pub path: String,
    pub query: String,
    headers: Vec<(String, String)>,
}

/// Why there is no request.
#[derive(Debug, PartialEq)]
pub enum Failed {
    /// Nobody is there who could read an answer.
    Gone,
    /// It takes too long.
    Slow,
    /// It is too long.
    Long,
    /// It is no HTTP.
    Wrong,
}

impl Request {
    /// Reads one.
    ///
    /// # Errors
    /// A connection that is closed or slow, a request that is wrong or too long.
    pub fn read(stream: &mut TcpStream) -> Result<Self, Failed> {
        let start = Instant::now();
        let mut bytes = Vec::new();
        let mut part = [0; 2048];
        loop {
            let left = MAX_TIME.checked_sub(start.elapsed()).filter(|left| !left.is_zero()).ok_or(Failed::Slow)?;
            stream.set_read_timeout(Some(left)).map_err(|_| Failed::Gone)?;
            match stream.read(&mut part) {
                Ok(0) => return Err(Failed::Gone),
                Ok(n) => bytes.extend_from_slice(&part[..n]),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(Failed::Slow);
                }
                Err(_) => return Err(Failed::Gone),
            }
            if let Some(request) = Self::parse(&bytes)? {
                return Ok(request);
            }
            if bytes.len() >= MAX_BYTES {
                return Err(Failed::Long);
            }
        }
    }

    /// Reads the text of a request; none while its end is missing.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Failed> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(bytes) {
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Failed::Long),
            Err(_) => return Err(Failed::Wrong),
        }
        let target = parsed.path.unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let text = |header: &httparse::Header| {
            (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).trim().to_owned())
        };
        Ok(Some(Self {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: parsed.headers.iter().map(text).collect(),
        }))
    }

    /// Returns the value of a header by its name in lower case; none where it is missing, or there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }

    /// Returns a value of the query.
    pub fn value(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        decoded(pairs.into_iter().find(|(key, _)| *key == name)?.1)
    }
}

/// Text of a query, where `%41` is a byte and `+` a space; none where it is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                (high * 16 + low) as u8
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read() {
        let text =
            b"POST /stop?run=a%2fb+%C3%A4&x=1 HTTP/1.1\r\nHost: localhost:1\r\nX-A:  1 \r\nb: 1\r\nB: 2\r\n\r\nbody";
        let request = Request::parse(text).unwrap().unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/stop"));
        assert_eq!(request.value("run").as_deref(), Some("a/b ä"));
        assert_eq!(request.value("none"), None);
        assert_eq!(
            ["host", "x-a", "b", "c"].map(|name| request.header(name)),
            [Some("localhost:1"), Some("1"), None, None]
        );
    }

    #[test]
    fn others_are_not() {
        assert_eq!(Request::parse(b"GET / HTTP/1.1\r\nHost: a\r\n"), Ok(None));
        assert_eq!(Request::parse(b"\x16\x03\x01"), Err(Failed::Wrong));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        assert_eq!(Request::parse(many.as_bytes()), Err(Failed::Long));
        assert_eq!(["%", "%4", "%zz", "%ff"].map(decoded), [const { None }; 4]);
    }
}
