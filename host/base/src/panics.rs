//! Turns panics of a library, or of a plugin in this process, into errors: neither may end the program.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

thread_local! {
    // a panic hook gets no more than the thread that it runs on
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Makes panics that [`caught`] turns into errors print nothing; all others are printed as before. Call it when a
/// program starts.
pub fn silence_caught_panics() {
    let print = take_hook();
    set_hook(Box::new(move |panic| {
        if !IS_CAUGHT.get() {
            print(panic);
        }
    }));
}

/// Returns the result of a call. The values that the call worked on must not be used again after a panic.
///
/// # Errors
/// The call panicked; the error is the panic's message.
pub fn caught<R>(call: impl FnOnce() -> R) -> Result<R, String> {
    let outer = IS_CAUGHT.replace(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    IS_CAUGHT.set(outer);
    result.map_err(|panic| format!("panicked: {}", text(panic)))
}

fn text(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("no message").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_are_errors() {
        assert_eq!(caught(|| 1), Ok(1));
        let n = std::hint::black_box(3);
        let expected = "panicked: index out of bounds: the len is 2 but the index is 3";
        assert_eq!(caught(|| [1, 2][n]), Err(expected.to_owned()));
        assert_eq!(caught(|| panic!("on purpose")), Err::<(), _>("panicked: on purpose".to_owned()));
        // also inside another call
        assert_eq!(caught(|| caught::<()>(|| panic!("deep")).is_err()), Ok(true));
        assert!(!IS_CAUGHT.get());
    }
}
