//! One instance in its own store, and what is said when it fails.

use super::address_space;
use super::engine::{Deadline, Shared};
use super::instance::missing;
use super::{state::State, types};
use crate::plugin::checked::one_line;
use crate::plugin::limits::Limits;
use trainyard_plugin::{PluginError, Result, Setting};
use wasmtime::component::{ComponentNamedList, ComponentType, Instance, InstancePre, Lift, Lower, TypedFunc};
use wasmtime::{Store, Trap};
use wasmtime_wasi::I32Exit;

/// An answer as it crosses the boundary.
pub type Answer<T> = std::result::Result<T, types::PluginError>;

/// An exported function, looked up and compared with our types once. What it takes may be lent for shorter than
/// `'static`.
pub type Export<P, R> = TypedFunc<P, (R,)>;

/// One instance. A trap leaves its memory in an unknown state, so it ends the instance.
pub struct Guest {
    store: Store<State>,
    deadline: Option<Deadline>,
    instance: Instance,
    limits: Limits,
    /// Why it cannot be called any more.
    ended: Option<String>,
}

impl Guest {
    /// Instantiates the component and calls its `create`.
    ///
    /// # Errors
    /// A component that cannot be instantiated within the limits, or refuses the settings.
    pub fn create(
        shared: &Shared,
        pre: &InstancePre<State>,
        state: State,
        limits: Limits,
        settings: &[Setting],
    ) -> Result<Self> {
        let mut store = Store::new(pre.component().engine(), state);
        store.limiter(|state| state);
        // lists may alias in the guest's memory: what one call returns is limited like what the guest may hold
        store.set_hostcall_fuel(usize::try_from(limits.output_mb.saturating_mul(1 << 20)).unwrap_or(usize::MAX));
        let deadline = shared.deadline(limits.call_ms);
        begin(&mut store, deadline.as_ref());
        let instance = match pre.instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => return Err(explain(&error, store.data_mut(), limits)),
        };
        let mut guest = Self { store, deadline, instance, limits, ended: None };
        let create = guest.export::<(&[types::Setting<'_>],), Answer<()>>(None, "create")?;
        let settings: Vec<_> = settings.iter().map(types::Setting::from).collect();
        guest.call(Some(create), (settings.as_slice(),))?;
        Ok(guest)
    }

    /// Looks up an export, or a function of an exported interface. It must have the contract's types.
    ///
    /// # Errors
    /// An export that is missing or of other types.
    pub fn export<P, R>(&mut self, interface: Option<&str>, function: &str) -> Result<Export<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentType + Lift,
    {
        let Some(interface) = interface else {
            return self.instance.get_typed_func(&mut self.store, function).map_err(|error| {
                PluginError::internal(one_line(&format!(
                    "{function} is not exported as the contract has it: {error:#}"
                )))
            });
        };
        let found = self.instance.get_export_index(&mut self.store, None, interface);
        let found =
            found.and_then(|interface| self.instance.get_export_index(&mut self.store, Some(&interface), function));
        let Some(found) = found else {
            return Err(PluginError::internal(format!("{interface} is not exported with {function}")));
        };
        self.instance.get_typed_func(&mut self.store, found).map_err(|error| {
            PluginError::internal(one_line(&format!("{function} is not as the contract has it: {error:#}")))
        })
    }

    /// Calls a function that answers with a result.
    ///
    /// # Errors
    /// Errors of the plugin, and a function that it does not have.
    pub fn call<P, R>(&mut self, function: Option<Export<P, Answer<R>>>, params: P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentType + Lift,
    {
        self.call_plain(function, params)?.map_err(PluginError::from)
    }

    /// Calls a function that cannot fail but by a trap.
    ///
    /// # Errors
    /// A trap, and a function that the plugin does not have.
    pub fn call_plain<P, R>(&mut self, function: Option<Export<P, R>>, params: P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentType + Lift,
    {
        let function = function.ok_or_else(missing)?;
        if let Some(why) = &self.ended {
            return Err(PluginError::state(format!("this instance ended before: {why}")));
        }
        self.store.data_mut().begin();
        begin(&mut self.store, self.deadline.as_ref());
        match function.call(&mut self.store, params) {
            Ok((answer,)) => Ok(answer),
            Err(error) => {
                let error = explain(&error, self.store.data_mut(), self.limits);
                self.ended = Some(error.message.clone());
                Err(error)
            }
        }
    }
}

/// Sets the end of the call that follows.
fn begin(store: &mut Store<State>, deadline: Option<&Deadline>) {
    if let Some(deadline) = deadline {
        store.set_epoch_deadline(deadline.ticks);
        deadline.begin();
    }
}

/// What a trap was, as a message for the user.
fn explain(error: &wasmtime::Error, state: &mut State, limits: Limits) -> PluginError {
    if let Some(limit) = &state.limit_reached {
        return PluginError::internal(limit.clone());
    }
    // wasmtime has no types for these
    let text = error.root_cause().to_string();
    if let Some(why) = address_space::exhausted(&one_line(&format!("{error:#}"))) {
        return PluginError::config(why);
    }
    if text.contains("fuel allocated for hostcalls") {
        return PluginError::internal(format!("returned more than {} MiB (limits.output_mb)", limits.output_mb));
    }
    if let Some(what) = text.strip_prefix("resource limit exceeded: ") {
        let limit = limits.instances;
        return PluginError::internal(format!("{what}, at most {limit} are allowed (limits.instances)"));
    }
    let last_words = state.last_words();
    if let Some(I32Exit(status)) = error.downcast_ref() {
        let why = last_words.map(|line| format!(": {line}")).unwrap_or_default();
        return PluginError::internal(format!("ended itself with status {status}{why}"));
    }
    PluginError::internal(match (error.downcast_ref::<Trap>(), last_words) {
        (Some(Trap::Interrupt), _) => format!("no answer within {} ms (limits.call_ms)", limits.call_ms),
        // how Rust's panic ends, after its hook wrote the text to the log
        (Some(Trap::UnreachableCodeReached), Some(panic)) => panic,
        // a guest's stack lies at the start of its memory: running over it is running out of the memory
        (Some(Trap::MemoryOutOfBounds), _) => format!("{}, as after a stack overflow", Trap::MemoryOutOfBounds),
        (Some(trap), _) => trap.to_string(),
        (None, _) => one_line(&format!("{error:#}")),
    })
}
