//! A terminal for tests.

use indicatif::TermLike;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// A terminal that keeps what is written to it, and says how wide it is.
#[derive(Debug, Clone)]
pub struct Screen(Arc<Mutex<String>>, u16);

impl Screen {
    /// An empty one with so many columns.
    pub fn new(columns: u16) -> Self {
        Self(Arc::default(), columns)
    }

    /// All that was written to it; a line that was cleared is followed by a line break.
    pub fn shown(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.1
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, line: &str) -> io::Result<()> {
        self.write_str(&format!("{line}\n"))
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        Ok(())
    }
    fn clear_line(&self) -> io::Result<()> {
        self.write_str("\n")
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
