//! The part of MPI's standard binary interface (MPI 5.0, chapter 20) that is used, opened at run time.

use crate::{Error, Result};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::ffi::{c_char, c_int, c_void};
use std::path::Path;

/// A handle: a communicator, a request, a type.
pub type Handle = *mut c_void;

/// All processes of the job, `MPI_COMM_WORLD`.
pub const WORLD: usize = 0x101;
/// Errors come back as codes, `MPI_ERRORS_RETURN`.
const ERRORS_RETURN: usize = 0x143;
/// One byte, `MPI_BYTE`.
pub const BYTE: usize = 0x247;
/// Calls come from one thread at a time, `MPI_THREAD_SERIALIZED`.
const SERIALIZED: c_int = 2048;
/// Room for the text of an error, `MPI_MAX_ERROR_STRING`.
const TEXT: usize = 512;

/// The functions that are used.
pub struct Abi {
    init_thread: unsafe extern "C" fn(*mut c_int, *mut *mut *mut c_char, c_int, *mut c_int) -> c_int,
    finalize: unsafe extern "C" fn() -> c_int,
    comm_rank: unsafe extern "C" fn(Handle, *mut c_int) -> c_int,
    comm_size: unsafe extern "C" fn(Handle, *mut c_int) -> c_int,
    comm_set_errhandler: unsafe extern "C" fn(Handle, Handle) -> c_int,
    isend: unsafe extern "C" fn(*const c_void, c_int, Handle, c_int, c_int, Handle, *mut Handle) -> c_int,
    irecv: unsafe extern "C" fn(*mut c_void, c_int, Handle, c_int, c_int, Handle, *mut Handle) -> c_int,
    test: unsafe extern "C" fn(*mut Handle, *mut c_int, *mut c_void) -> c_int,
    iprobe: unsafe extern "C" fn(c_int, c_int, Handle, *mut c_int, *mut c_void) -> c_int,
    error_string: unsafe extern "C" fn(c_int, *mut c_char, *mut c_int) -> c_int,
    /// Keeps the functions' code; never closed, because the library starts threads.
    _library: std::mem::ManuallyDrop<Library>,
}

/// A handle of the standard's numbers.
pub fn handle(number: usize) -> Handle {
    std::ptr::without_provenance_mut(number)
}

impl Abi {
    /// Opens the library at `path`, or where the loader finds it.
    ///
    /// # Errors
    /// No library there, or one without the standard interface.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |error: libloading::Error| {
            // what the loader says is behind libloading's own words
            let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Error::run(why)
        };
        // SAFETY: the user's MPI library, which the launcher of this process belongs to, or the one that TRAINYARD_MPI
        // names; its initialisers are those of every MPI program.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }.map_err(failed)?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the standard gives the function of this name this type.
                *unsafe { library.get($name) }.map_err(failed)?
            };
        }
        Ok(Self {
            init_thread: function!(b"MPI_Init_thread\0"),
            finalize: function!(b"MPI_Finalize\0"),
            comm_rank: function!(b"MPI_Comm_rank\0"),
            comm_size: function!(b"MPI_Comm_size\0"),
            comm_set_errhandler: function!(b"MPI_Comm_set_errhandler\0"),
            isend: function!(b"MPI_Isend\0"),
            irecv: function!(b"MPI_Irecv\0"),
            test: function!(b"MPI_Test\0"),
            iprobe: function!(b"MPI_Iprobe\0"),
            error_string: function!(b"MPI_Error_string\0"),
            _library: std::mem::ManuallyDrop::new(library),
        })
    }

    /// Joins the job; returns rank and size.
    ///
    /// # Errors
    /// A job that cannot be joined, or a library that does not allow calls from several threads in turn.
    pub fn init(&self) -> Result<(usize, usize)> {
        let (mut provided, mut rank, mut size) = (0, 0, 0);
        let [argc, argv] = [std::ptr::null_mut(), std::ptr::null_mut::<c_int>()];
        // SAFETY: called once, before all others; the standard allows null for the arguments of main.
        self.check(unsafe { (self.init_thread)(argc, argv.cast(), SERIALIZED, &raw mut provided) })?;
        if provided < SERIALIZED {
            return Err(Error::run("the MPI library was built for one thread only, expected MPI_THREAD_SERIALIZED"));
        }
        // SAFETY: MPI is initialised; the pointers are to integers of this function.
        unsafe {
            self.check((self.comm_set_errhandler)(handle(WORLD), handle(ERRORS_RETURN)))?;
            self.check((self.comm_rank)(handle(WORLD), &raw mut rank))?;
            self.check((self.comm_size)(handle(WORLD), &raw mut size))?;
        }
        Ok((usize::try_from(rank).unwrap_or(0), usize::try_from(size).unwrap_or(1)))
    }

    /// Leaves the job, when all have left it.
    ///
    /// # Errors
    /// What the library reports.
    pub fn finalize(&self) -> Result<()> {
        // SAFETY: the caller joined the job, and calls nothing after this.
        self.check(unsafe { (self.finalize)() })
    }

    /// Begins to send.
    ///
    /// # Safety
    /// `bytes` stay where they are until the request is done.
    ///
    /// # Errors
    /// What the library reports.
    pub unsafe fn send(&self, bytes: &[u8], to: usize, tag: c_int) -> Result<Handle> {
        let (mut request, n) = (std::ptr::null_mut(), count(bytes.len())?);
        // SAFETY: the caller's promise; the bytes are as many as is said.
        let code = unsafe {
            (self.isend)(bytes.as_ptr().cast(), n, handle(BYTE), count(to)?, tag, handle(WORLD), &raw mut request)
        };
        self.check(code).map(|()| request)
    }

    /// Begins to receive.
    ///
    /// # Safety
    /// `bytes` stay where they are, and nobody reads or writes them, until the request is done.
    ///
    /// # Errors
    /// What the library reports.
    pub unsafe fn receive(&self, bytes: &mut [u8], from: usize, tag: c_int) -> Result<Handle> {
        let (mut request, n) = (std::ptr::null_mut(), count(bytes.len())?);
        // SAFETY: the caller's promise; the bytes are as many as is said.
        let code = unsafe {
            (self.irecv)(bytes.as_mut_ptr().cast(), n, handle(BYTE), count(from)?, tag, handle(WORLD), &raw mut request)
        };
        self.check(code).map(|()| request)
    }

    /// Says whether a request is done, and moves all on.
    ///
    /// # Errors
    /// What the library reports: the other rank is gone, or sent more than was expected.
    pub fn is_done(&self, request: &mut Handle) -> Result<bool> {
        let mut done = 0;
        // SAFETY: the request is one of this library, or null where it was found to be done; no status is asked for.
        self.check(unsafe { (self.test)(&raw mut *request, &raw mut done, std::ptr::null_mut()) })?;
        Ok(done != 0)
    }

    /// Says whether a message is there to be received, and moves all on.
    ///
    /// # Errors
    /// As [`Abi::is_done`].
    pub fn is_there(&self, from: usize, tag: c_int) -> Result<bool> {
        let mut there = 0;
        // SAFETY: MPI is initialised; the pointer is to an integer of this function, and no status is asked for.
        let code = unsafe { (self.iprobe)(count(from)?, tag, handle(WORLD), &raw mut there, std::ptr::null_mut()) };
        self.check(code).map(|()| there != 0)
    }

    /// An error for every code but that of success.
    fn check(&self, code: c_int) -> Result<()> {
        if code == 0 {
            return Ok(());
        }
        let (mut text, mut length) = ([0_u8; TEXT], 0);
        // SAFETY: the text has the room that the standard asks for.
        unsafe { (self.error_string)(code, text.as_mut_ptr().cast(), &raw mut length) };
        let text = &text[..usize::try_from(length).unwrap_or(0).min(TEXT)];
        Err(Error::run(format!("MPI: {}", String::from_utf8_lossy(text))))
    }
}

fn count(n: usize) -> Result<c_int> {
    c_int::try_from(n).map_err(|_| Error::run(format!("MPI: {n} is more than a message can have")))
}
