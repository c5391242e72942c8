//! A live page of runs, for a browser on this machine.
//!
//! Everything here only reads the folders of runs, in a process of its own, so that no page can slow or stop a run. The
//! one exception is asked for: a run is stopped by the signal that Ctrl-C sends, by who knows the token.
//!
//! The server is written by hand on the standard library, with httparse for the text of requests: it needs two answers
//! and a stream, and bounds on size, time and number of connections that small servers do not have.

#![warn(missing_docs)]

mod answer;
mod board;
mod events;
mod follow;
mod page;
mod request;
mod run;
mod series;
mod server;
mod stop;
mod token;

pub use server::Watch;
pub use trainyard_base::{Error, Result};
