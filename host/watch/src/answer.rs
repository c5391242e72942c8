//! Answers to a browser.

use std::io::{Result, Write};

/// What every answer says: that nothing is kept, guessed, or shown within another page.
const ALWAYS: [&str; 6] = [
    "Cache-Control: no-store",
    "Connection: close",
    "Cross-Origin-Resource-Policy: same-origin",
    "Referrer-Policy: no-referrer",
    "X-Content-Type-Options: nosniff",
    "X-Frame-Options: DENY",
];

/// An answer.
#[derive(Debug)]
pub struct Answer {
    status: u16,
    kind: &'static str,
    /// Further lines of the head.
    head: Vec<String>,
    body: String,
}

impl Answer {
    /// A line of text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", head: Vec::new(), body: text.into() + "\n" }
    }

    /// A page, with the policy of what it may do.
    pub fn page(html: String, policy: &str) -> Self {
        let head = vec![format!("Content-Security-Policy: {policy}")];
        Self { status: 200, kind: "text/html; charset=utf-8", head, body: html }
    }

    /// An answer to a method that the path does not have.
    pub fn only(method: &str) -> Self {
        let head = vec![format!("Allow: {method}")];
        Self { head, ..Self::text(405, format!("expected {method}")) }
    }

    /// Writes it; `without_body` is for who asks for the head alone.
    ///
    /// # Errors
    /// A connection that is closed.
    pub fn write(&self, out: &mut impl Write, without_body: bool) -> Result<()> {
        let mut text = head(self.status, self.kind);
        for line in &self.head {
            text += &format!("{line}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n", self.body.len());
        text += if without_body { "" } else { &self.body };
        out.write_all(text.as_bytes())
    }
}

/// The head of a stream of events.
pub fn stream() -> String {
    head(200, "text/event-stream; charset=utf-8") + "\r\n"
}

fn head(status: u16, kind: &str) -> String {
    let reason = match status {
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        431 => "Request Header Fields Too Large",
        _ => "Service Unavailable",
    };
    let always = ALWAYS.map(|line| format!("{line}\r\n")).concat();
    format!("HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\n{always}")
}
