//! One instance of a native plugin: made, called and destroyed.

use super::answer::Answer;
use super::float;
use trainyard_plugin::abi::{self, FAILED, Header, Host, List, OK, PANICKED, Status};
use trainyard_plugin::{PluginError, Result, Setting};

/// An instance that is destroyed when it is dropped.
pub struct Live {
    instance: abi::Instance,
    header: &'static Header,
    answer: Answer,
    /// Why it cannot be called any more.
    ended: Option<String>,
}

// SAFETY: the contract lets calls on one instance come from different threads, as long as they do not overlap;
// being `!Sync` and called through `&mut self`, this type sees to that
unsafe impl Send for Live {}

impl Live {
    /// Calls the library's `create`.
    ///
    /// # Errors
    /// Settings that the plugin refuses, and a table without `create` or `destroy`.
    pub fn create(header: &'static Header, settings: &[Setting], mut answer: Answer) -> Result<Self> {
        let create = header.create.ok_or_else(missing)?;
        header.destroy.ok_or_else(missing)?;
        let texts = abi::texts_of(settings);
        let settings = abi::lend(settings, &texts);
        let mut instance = std::ptr::null_mut();
        let host = answer.host();
        // SAFETY: host and settings live until the call returns, `instance` is a place for the pointer
        let status = float::kept(|| unsafe { create(&host, List::new(&settings), &mut instance) });
        finish(status, &mut answer)?;
        Ok(Self { instance, header, answer, ended: None })
    }

    /// Calls one function of the table. `call` passes on the instance and the host, `take` picks out what was asked
    /// for.
    ///
    /// # Errors
    /// What the plugin fails with, a function that is missing, and what no plugin may deliver.
    pub fn call<F, R>(
        &mut self,
        function: Option<F>,
        call: impl FnOnce(F, abi::Instance, *const Host) -> Status,
        take: impl FnOnce(&mut Answer) -> Result<R>,
    ) -> Result<R> {
        if let Some(why) = &self.ended {
            return Err(PluginError::state(format!("this instance ended before: {why}")));
        }
        let function = function.ok_or_else(missing)?;
        self.answer.clear();
        let host = self.answer.host();
        let status = float::kept(|| call(function, self.instance, &host));
        let result = finish(status, &mut self.answer);
        if let (PANICKED, Err(error)) = (status, &result) {
            self.ended = Some(error.message.clone());
        }
        result.and_then(|()| take(&mut self.answer))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(destroy) = self.header.destroy {
            // SAFETY: `create` made the instance, and it is not used after this
            float::kept(|| unsafe { destroy(self.instance) });
        }
    }
}

fn missing() -> PluginError {
    PluginError::internal("the table holds null for this function")
}

/// What the status says, with the reason that was delivered.
fn finish(status: Status, answer: &mut Answer) -> Result<()> {
    match (status, answer.invalid.take(), answer.error.take()) {
        (OK, Some(what), _) => Err(PluginError::internal(what)),
        (OK, None, _) => Ok(()),
        (FAILED | PANICKED, _, Some(error)) => Err(error),
        (FAILED | PANICKED, _, None) => Err(PluginError::internal("failed without saying why")),
        (other, ..) => Err(PluginError::internal(format!("returned status {other}, expected 0, 1 or 2"))),
    }
}
