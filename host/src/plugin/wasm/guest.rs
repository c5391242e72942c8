//! One instance in its own store, and what is said when it fails.

use super::super::checked::one_line;
use super::super::limits::Limits;
use super::engine::{Shared, ticks};
use super::{state::State, types};
use std::sync::Arc;
use trainyard_plugin::{PluginError, Result, Setting};
use wasmtime::component::{ComponentNamedList, ComponentType, Instance, InstancePre, Lift, Lower};
use wasmtime::{Store, Trap};

/// An answer as it crosses the boundary.
pub type Answer<T> = std::result::Result<T, types::PluginError>;

/// One instance. A trap leaves its memory in an unknown state, so it ends the instance.
pub struct Guest {
    store: Store<State>,
    shared: &'static Shared,
    instance: Instance,
    limits: Limits,
    /// Why it cannot be called any more.
    ended: Option<String>,
}

impl Guest {
    /// Instantiates the component and calls its `create`.
    pub fn create(
        shared: &'static Shared,
        pre: &InstancePre<State>,
        name: Arc<str>,
        limits: Limits,
        settings: &[Setting],
    ) -> Result<Self> {
        let mut store = Store::new(pre.component().engine(), State::new(name, limits));
        store.limiter(|state| state);
        store.set_epoch_deadline(ticks(limits.call_ms));
        // lists may alias in the guest's memory: what one call returns is limited like what the guest may hold
        store.set_hostcall_fuel(usize::try_from(limits.memory_mb.saturating_mul(1 << 20)).unwrap_or(usize::MAX));
        let call = shared.call();
        let instance = match pre.instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => return Err(explain(&error, store.data(), limits)),
        };
        drop(call);
        let mut guest = Self { store, shared, instance, limits, ended: None };
        let settings: Vec<_> = settings.iter().map(types::Setting::from).collect();
        guest.call::<_, ()>("create", (settings.as_slice(),))?;
        Ok(guest)
    }

    /// Calls a function that answers with a result.
    pub fn call<P, R>(&mut self, function: &str, params: P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentType + Lift + 'static,
    {
        self.call_plain::<P, Answer<R>>(function, params)?.map_err(PluginError::from)
    }

    /// Calls a function that cannot fail but by a trap.
    pub fn call_plain<P, R>(&mut self, function: &str, params: P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentType + Lift + 'static,
    {
        if let Some(why) = &self.ended {
            return Err(PluginError::state(format!("this instance ended before: {why}")));
        }
        let state = self.store.data_mut();
        (state.out_of_memory, state.last_error) = (false, None);
        self.store.set_epoch_deadline(ticks(self.limits.call_ms));
        let _call = self.shared.call();
        let answer = match self.instance.get_typed_func::<P, (R,)>(&mut self.store, function) {
            Ok(function) => function.call(&mut self.store, params),
            Err(error) => {
                return Err(PluginError::internal(one_line(&format!(
                    "not exported as the contract has it: {error:#}"
                ))));
            }
        };
        answer.map(|(answer,)| answer).map_err(|error| {
            let error = explain(&error, self.store.data(), self.limits);
            self.ended = Some(error.message.clone());
            error
        })
    }
}

/// What a trap was, as a message for the user.
fn explain(error: &wasmtime::Error, state: &State, limits: Limits) -> PluginError {
    if state.out_of_memory {
        return PluginError::internal(format!("memory limit of {} MiB reached (limits.memory_mb)", limits.memory_mb));
    }
    PluginError::internal(match (error.downcast_ref::<Trap>(), &state.last_error) {
        (Some(Trap::Interrupt), _) => format!("no answer within {} ms (limits.call_ms)", limits.call_ms),
        // how Rust's panic ends, after its hook wrote the text to the log
        (Some(Trap::UnreachableCodeReached), Some(panic)) => panic.clone(),
        // a guest's stack lies at the start of its memory: running over it is running out of the memory
        (Some(Trap::MemoryOutOfBounds), _) => format!("{}, as after a stack overflow", Trap::MemoryOutOfBounds),
        (Some(trap), _) => trap.to_string(),
        (None, _) => one_line(&format!("{error:#}")),
    })
}
