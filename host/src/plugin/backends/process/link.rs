//! The way between host and worker: the bytes of a message lie in a file in memory that both have open, and one word
//! over a socket says how many they are.
//!
//! The file is read and written, never mapped. A worker that cuts or changes it while the host reads causes a wrong
//! answer, which is checked like any other, and not a bus error; and no byte that was checked changes afterwards.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A file that once held a longer message gives its memory back.
const KEPT_BYTES: usize = 64 << 20;

/// One end.
pub struct Link {
    socket: UnixStream,
    file: File,
}

impl Link {
    /// Two ends: the host's, and what the worker is given, its file and its socket.
    ///
    /// # Errors
    /// What the system says.
    pub fn pair() -> io::Result<(Self, OwnedFd, OwnedFd)> {
        let (socket, theirs) = UnixStream::pair()?;
        // half a word, or a socket that is never emptied: the host waits for neither
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        socket.set_write_timeout(Some(Duration::from_secs(1)))?;
        let file = memory_file()?;
        let their_file = file.try_clone()?;
        Ok((Self { socket, file }, their_file.into(), theirs.into()))
    }

    /// The worker's end.
    pub fn new(file: OwnedFd, socket: OwnedFd) -> Self {
        Self { socket: socket.into(), file: file.into() }
    }

    /// Hands a message over. Never waits: the socket has room for more words than are ever under way.
    ///
    /// # Errors
    /// The other end is gone.
    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.file.write_all_at(message, 0)?;
        self.socket.write_all(&(message.len() as u64).to_le_bytes())
    }

    /// Waits for the length of the next message.
    ///
    /// # Errors
    /// The other end is gone, or sent half a word.
    pub fn receive_length(&mut self) -> io::Result<u64> {
        let mut length = [0; 8];
        self.socket.read_exact(&mut length)?;
        Ok(u64::from_le_bytes(length))
    }

    /// Reads the message of that length into `message`. The caller has limited the length.
    ///
    /// # Errors
    /// A file that is shorter than the message.
    pub fn receive(&mut self, length: usize, message: &mut Vec<u8>) -> io::Result<()> {
        empty(message);
        // the file must be as long as it is said to be before memory is given to it
        if self.file.metadata()?.len() < length as u64 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        message.resize(length, 0);
        self.file.read_exact_at(message, 0)?;
        if length > KEPT_BYTES {
            self.file.set_len(KEPT_BYTES as u64)?;
        }
        Ok(())
    }

    /// Gives the memory of the last message back. Only for the end whose turn it is to send.
    pub fn forget(&mut self) {
        // it only takes memory where it stays as long
        let _ = self.file.set_len(0);
    }

    /// Waits until the socket or `other` has something to say, or for `time`. Whether each has.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&self, other: Option<BorrowedFd<'_>>, time: Option<Duration>) -> io::Result<(bool, bool)> {
        let mut fds = vec![PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
        fds.extend(other.map(|other| PollFd::from_borrowed_fd(other, PollFlags::IN)));
        wait(&mut fds, time)?;
        Ok((!fds[0].revents().is_empty(), fds.get(1).is_some_and(|fd| !fd.revents().is_empty())))
    }

    /// Waits until the other end is closed, whatever it sends.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait_closed(socket: &impl AsFd, time: Option<Duration>) -> io::Result<bool> {
        let mut fds = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::empty())];
        wait(&mut fds, time)?;
        Ok(!fds[0].revents().is_empty())
    }

    /// The socket, to be watched by another thread.
    ///
    /// # Errors
    /// What the system says.
    pub fn socket(&self) -> io::Result<OwnedFd> {
        self.socket.try_clone().map(OwnedFd::from)
    }
}

/// Empties a buffer for another message; one that held a long message gives its memory back.
pub fn empty(message: &mut Vec<u8>) {
    message.clear();
    message.shrink_to(KEPT_BYTES);
}

/// Polls, through interruptions by signals.
fn wait(fds: &mut [PollFd<'_>], time: Option<Duration>) -> io::Result<()> {
    let end = time.and_then(|time| Instant::now().checked_add(time));
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(fds, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            done => return done.map(drop).map_err(io::Error::from),
        }
    }
}

/// A file without a name, which goes with the last process that has it open.
fn memory_file() -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{MemfdFlags, memfd_create};
        Ok(memfd_create("trainyard-plugin", MemfdFlags::CLOEXEC)?.into())
    }
    #[cfg(not(target_os = "linux"))]
    tempfile::tempfile()
}
