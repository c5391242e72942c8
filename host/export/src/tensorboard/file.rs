//! An event file: events, each framed with its length and checksums.

use super::event;
use super::wire::Message;
use crate::hparams::Hparam;
use crate::{Error, Result};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What the name of every event file begins with; the second at which it was made and the machine follow.
const PREFIX: &str = "events.out.tfevents.";

/// Bytes that are held back before they are written.
const BUFFER_BYTES: usize = 1 << 16;

/// What to do where an event file cannot be written.
const CURE: &str = "free space on its disk, or turn TensorBoard's files off";

/// An event file that is being written.
///
/// All files of a folder are one run for TensorBoard, which reads them in the order of their names. A process that
/// resumes a run makes a new file, since the last one may end in half an event, and calls [`EventFile::start`] with the
/// step that it begins with: readers then drop what they have of this step and of later ones, so that no step is shown
/// twice.
///
/// After a write that fails nothing more is written.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    /// Says that a write failed, so that the last event may be torn: nothing may follow it.
    is_torn: bool,
}

impl EventFile {
    /// A new file in the folder `dir`, which is made if it is missing. Its name comes after those of the files that are
    /// there, whatever the clock says.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn create(dir: &Path, wall_time: f64, host: &str) -> Result<Self> {
        fs::create_dir_all(dir).map_err(|error| Error::io(dir, "create", &error).followed_by(CURE))?;
        let after = newest(dir)?.and_then(|path| seconds(&path)).map_or(0, |seconds| seconds.saturating_add(1));
        let host = host.replace(|char: char| !char.is_ascii_alphanumeric() && char != '-', "_");
        let path = dir.join(format!("{PREFIX}{:010}.{host}", (wall_time as u64).max(after)));
        let file = File::create_new(&path).map_err(|error| Error::io(&path, "create", &error).followed_by(CURE))?;
        let mut file = Self { path, file, buffer: Vec::new(), is_torn: false };
        file.add(&event::file_version(wall_time))?;
        Ok(file)
    }

    /// The file's place.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A process begins with step `step`: what readers have of this step and of later ones is dropped. Every process
    /// says so, also the first: one of TensorBoard's readers takes the first such event for the beginning of the run,
    /// and only others for a restart.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn start(&mut self, step: u64, wall_time: f64) -> Result<()> {
        self.add(&event::session_start(wall_time, step))
    }

    /// Adds a scalar, rounded to 32 bits. It need not be finite.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64, wall_time: f64) -> Result<()> {
        self.scalars(&[(tag, value)], step, wall_time)
    }

    /// Adds scalars of one step, by tag: one event.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn scalars(&mut self, values: &[(impl AsRef<str>, f64)], step: u64, wall_time: f64) -> Result<()> {
        self.add(&event::scalars(wall_time, step, values))
    }

    /// Adds a text, which TensorBoard shows as Markdown.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn text(&mut self, tag: &str, step: u64, text: &str, wall_time: f64) -> Result<()> {
        self.add(&event::text(wall_time, step, tag, text))
    }

    /// Adds the hyperparameters of the run. TensorBoard keeps the first that it reads of a run.
    ///
    /// No experiment is described: TensorBoard would take the columns of all runs from any one of the descriptions, and
    /// finds them itself where there is none, with those that differ first.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn hparams(&mut self, values: &[(String, Hparam)], wall_time: f64) -> Result<()> {
        self.add(&event::session_start_info(wall_time, values))
    }

    /// Says how the run ended. TensorBoard keeps the first that it reads of a run, so this is for an end that is final.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn end(&mut self, is_success: bool, wall_time: f64) -> Result<()> {
        self.add(&event::session_end_info(wall_time, is_success))
    }

    /// Writes what is held back.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        let written = self.file.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|error| {
            self.is_torn = true;
            Error::io(&self.path, "write", &error).followed_by(CURE)
        })
    }

    fn add(&mut self, event: &Message) -> Result<()> {
        if self.is_torn {
            return Ok(());
        }
        frame(&mut self.buffer, event.encoded());
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }
}

impl Drop for EventFile {
    /// Writes what is held back, if possible; who must know calls [`EventFile::flush`].
    fn drop(&mut self) {
        drop(self.flush());
    }
}

/// The event file of a folder whose name comes last; none where there is none, or no folder.
///
/// # Errors
/// A folder that cannot be read.
pub fn newest(dir: &Path) -> Result<Option<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| Error::io(dir, "read", &error))?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>();
    let paths = paths.map_err(|error| Error::io(dir, "read", &error))?;
    Ok(paths.into_iter().filter(|path| seconds(path).is_some()).max())
}

/// The second in the name of an event file.
fn seconds(path: &Path) -> Option<u64> {
    let rest = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    rest.split('.').next()?.parse().ok()
}

/// Adds an event as TensorFlow's `record_writer.h` frames it: its length and the length's checksum, itself and its
/// checksum.
fn frame(buffer: &mut Vec<u8>, event: &[u8]) {
    let length = (event.len() as u64).to_le_bytes();
    buffer.extend_from_slice(&length);
    buffer.extend_from_slice(&checksum(&length));
    buffer.extend_from_slice(event);
    buffer.extend_from_slice(&checksum(event));
}

/// CRC-32C, masked: a checksum of data that has checksums inside would be weak.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests;
