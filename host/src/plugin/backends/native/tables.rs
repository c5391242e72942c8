//! The tables of a library, of whatever kind, as the functions that are in them. The layout of each is C's
//! ([`trainyard_plugin::abi`]), so this is the one place under `plugin` besides `kinds` that names kinds.

use super::float;
use crate::plugin::file::other_version;
use trainyard_plugin::abi::{self, BytesCall, Call, Instance, List, SettingsCall, SizesCall, Status, TextsCall};
use trainyard_plugin::{Identity, Kind, MEASURES, PROMPTS, SIGNATURE};

/// A function that takes tokens.
pub type TokensCall = Option<unsafe extern "C" fn(Instance, *const abi::Host, abi::TokenBatch) -> Status>;
/// A function that takes generated texts.
pub type PairsCall = Option<unsafe extern "C" fn(Instance, *const abi::Host, List<abi::TextPair>) -> Status>;

/// The functions of a table. Those that its kind does not have are none.
#[derive(Clone, Copy, Default)]
pub struct Functions {
    pub observe: TextsCall,
    pub train: Call,
    pub load: BytesCall,
    pub vocabulary: Call,
    pub encode: TextsCall,
    pub decode: TokensCall,
    pub two_pass: Call,
    pub state: Call,
    pub merge: BytesCall,
    pub judge: TextsCall,
    pub describe: Call,
    pub info: Call,
    pub update: PairsCall,
    pub value: Call,
    pub network: SizesCall,
    pub import_config: SettingsCall,
    pub export_config: SizesCall,
    /// With the abilities of these names.
    pub measures: Option<&'static abi::MeasuresTable>,
    pub prompts: Option<&'static abi::PromptsTable>,
    pub signature: Option<&'static abi::SignatureTable>,
}

/// The size of a kind's table in bytes.
const fn size(kind: Kind) -> usize {
    match kind {
        Kind::Tokenizer => size_of::<abi::TokenizerTable>(),
        Kind::Filter => size_of::<abi::FilterTable>(),
        Kind::Loss => size_of::<abi::LossTable>(),
        Kind::Metric => size_of::<abi::MetricTable>(),
        Kind::TextMetric => size_of::<abi::TextMetricTable>(),
        Kind::Model => size_of::<abi::ModelTable>(),
    }
}

/// The functions of the table at `address`.
///
/// # Safety
/// A table of this kind lies there, at least as long as [`check_header`] demands.
unsafe fn read(address: *const u8, kind: Kind) -> Functions {
    let none = Functions::default();
    // SAFETY: the caller's promise
    unsafe {
        match kind {
            Kind::Tokenizer => {
                let &abi::TokenizerTable { observe, train, load, vocabulary, encode, decode, .. } = &*address.cast();
                Functions { observe, train, load, vocabulary, encode, decode, ..none }
            }
            Kind::Filter => {
                let &abi::FilterTable { two_pass, observe, state, merge, judge, .. } = &*address.cast();
                Functions { two_pass, observe, state, merge, judge, ..none }
            }
            Kind::Loss => {
                let &abi::LossTable { describe, .. } = &*address.cast();
                Functions { describe, ..none }
            }
            Kind::Metric => {
                let &abi::MetricTable { info, describe, .. } = &*address.cast();
                Functions { info, describe, ..none }
            }
            Kind::TextMetric => {
                let &abi::TextMetricTable { info, update, state, merge, value, .. } = &*address.cast();
                Functions { info, update, state, merge, value, ..none }
            }
            Kind::Model => {
                let &abi::ModelTable { describe: network, import_config, export_config, .. } = &*address.cast();
                Functions { network, import_config, export_config, ..none }
            }
        }
    }
}

/// The table of a loaded library: how it begins, and the functions in it.
///
/// # Safety
/// The constant of a library that is never unloaded lies at `address`, and its symbol says that it is a table.
///
/// # Errors
/// A table that is not the one that `identity` announces.
pub unsafe fn load(address: *const u8, identity: &Identity) -> Result<(&'static abi::Header, Functions), String> {
    // SAFETY: the symbol's name says that it is a table of this version, and every table begins with a header
    let header: &'static abi::Header = unsafe { &*address.cast() };
    check_header(header, identity)?;
    // SAFETY: the static's identity is as constant as the table
    let loaded = unsafe { header.identity.as_slice() };
    if std::str::from_utf8(loaded).ok().and_then(|text| Identity::parse(text).ok()).as_ref() != Some(identity) {
        return Err("its table has another identity than its section; build it again".into());
    }
    // SAFETY: `check_header` compared kind and size
    let functions = unsafe { read(address, identity.kind) };
    let (measures, prompts, signature) =
        (ability(header, identity)?, ability(header, identity)?, ability(header, identity)?);
    Ok((header, Functions { measures, prompts, signature, ..functions }))
}

fn check_header(header: &abi::Header, identity: &Identity) -> Result<(), String> {
    let kind = identity.kind;
    if header.version != abi::VERSION {
        let (built, supported) = (format!("native tables of version {}", header.version), abi::VERSION.to_string());
        return Err(other_version(identity, &built, &supported, header.version > abi::VERSION));
    }
    let (number, size) = (kind.number(), size(kind));
    if header.kind != number {
        return Err(format!("has a table of kind {}, but its identity says {kind} ({number})", header.kind));
    }
    // a newer plugin's table may be longer: structs grow at their end
    if header.size < size {
        let (built, supported) = (format!("a {kind}'s table of {} bytes", header.size), format!("{size} or more"));
        return Err(other_version(identity, &built, &supported, false));
    }
    Ok(())
}

/// The table of functions that an ability hands out.
trait AbilityTable: 'static {
    /// The kind that has the ability.
    const KIND: Kind;
    /// The name in identities.
    const NAME: &'static str;
    /// The size that it says of itself.
    fn size(&self) -> usize;
}

macro_rules! ability_tables {
    ($($table:ident $kind:ident $name:ident;)+) => { $(
        impl AbilityTable for abi::$table {
            const KIND: Kind = Kind::$kind;
            const NAME: &'static str = $name;

            fn size(&self) -> usize {
                self.size
            }
        }
    )+ };
}

ability_tables! {
    MeasuresTable Filter MEASURES;
    PromptsTable TextMetric PROMPTS;
    SignatureTable TextMetric SIGNATURE;
}

/// The functions of an ability, when the identity of a kind that has it lists it.
fn ability<T: AbilityTable>(header: &abi::Header, identity: &Identity) -> Result<Option<&'static T>, String> {
    let name = T::NAME;
    if identity.kind != T::KIND || !identity.has(name) {
        return Ok(None);
    }
    let text = abi::List::new(name.as_bytes());
    // SAFETY: the contract of `Header::ability`; the name lives until the call returns
    let table = header.ability.map(|ability| float::kept(|| unsafe { ability(text) })).unwrap_or(std::ptr::null());
    // SAFETY: what is handed out for this name is such a table, as constant as the one that it belongs to
    let Some(table) = (unsafe { table.cast::<T>().as_ref() }) else {
        return Err(format!("its identity lists the ability {name}, but it hands out no functions for it"));
    };
    // a newer plugin's table may be longer
    match table.size() < size_of::<T>() {
        true => Err(format!(
            "hands out {} bytes of functions for the ability {name}, expected {} or more",
            table.size(),
            size_of::<T>()
        )),
        false => Ok(Some(table)),
    }
}
