//! Where plugins run: linked into the program, in a sandbox, as libraries, or in processes of their own. Each backend
//! makes instances ([`super::seat::Backend`]) and carries calls to them ([`super::seat::Seat`]).

pub mod builtin;
pub mod native;
#[cfg(unix)]
pub mod process;
pub mod wasm;
