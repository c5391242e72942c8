//! The native form of kind `model`: structs, the table, and the functions of an author's type behind it.
//!
//! The kind is younger than the rest of the tables. Its functions therefore deliver through [`Networks`], which they
//! are given, and [`Host`] stays as it was.

use super::tables::{call, header, read_setting, str_of};
use super::{Header, Host, Instance, List, Setting, Status, Str};
use crate::{Create, Kind, Model, Sizes, Value};
use std::ffi::c_void;

/// A size that the host knows, see [`crate::Sizes`].
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// `vocab`, `context` or `labels`; a plugin skips others.
    pub name: Str,
    /// The size.
    pub value: u32,
}

/// A tensor that training changes, as in [`crate::network::Parameter`].
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name in files.
    pub name: Str,
    /// Sizes of its dimensions.
    pub shape: List<u32>,
    /// How it begins: `zeros`, `ones`, `normal` or `uniform`.
    pub init: Str,
    /// Deviation or bound of `init`.
    pub scale: f64,
    /// 1 when weight decay applies to it.
    pub decay: u32,
    /// Other names that files have for it.
    pub aliases: List<Str>,
}

/// One operation, as in [`crate::network::Layer`].
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Layer {
    /// A name from the op set of networks.
    pub op: Str,
    /// Its place in the model.
    pub scope: Str,
    /// Earlier layers.
    pub inputs: List<u32>,
    /// Indices of parameters.
    pub parameters: List<u32>,
    /// Named constants.
    pub attributes: List<Setting>,
}

/// A named result, as in [`crate::network::Head`].
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// `logits` is what a loss reads.
    pub name: Str,
    /// The layer that computes it.
    pub value: u32,
}

/// What a model computes, as in [`crate::network::Network`].
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// The version of the op set.
    pub op_set: u32,
    /// Tensors that training changes.
    pub parameters: List<Parameter>,
    /// Operations, in an order in which they can be computed.
    pub layers: List<Layer>,
    /// Results.
    pub heads: List<Head>,
    /// Scopes at whose borders values are kept when activations are recomputed.
    pub blocks: List<Str>,
    /// Names of tensors that files have and the network has not.
    pub ignored: List<Str>,
}

/// Where the functions of a [`ModelTable`] deliver what [`Host`] has no function for. It grows only at its end.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Networks {
    /// Size of the whole struct in bytes.
    pub size: usize,
    /// To be passed to every function below.
    pub context: *mut c_void,
    /// A whole network. Once, for `describe`.
    pub network: unsafe extern "C" fn(*mut c_void, *const Network),
    /// All settings. Once, for `import_config` and `export_config`.
    pub settings: unsafe extern "C" fn(*mut c_void, List<Setting>),
}

/// A function that takes sizes.
pub type SizesCall = Option<unsafe extern "C" fn(Instance, *const Host, List<Size>, *const Networks) -> Status>;
/// A function that takes settings.
pub type SettingsCall = Option<unsafe extern "C" fn(Instance, *const Host, List<Setting>, *const Networks) -> Status>;

/// Functions of a model, see [`crate::Model`].
#[repr(C)]
#[derive(Debug)]
pub struct ModelTable {
    /// Kind 5.
    pub header: Header,
    /// Delivers [`Networks::network`].
    pub describe: SizesCall,
    /// Takes a flattened `config.json`, delivers [`Networks::settings`].
    pub import_config: SettingsCall,
    /// Delivers a flattened `config.json` through [`Networks::settings`].
    pub export_config: SizesCall,
}

/// The table of a model.
pub const fn model<T: Create + Model + 'static>(identity: &'static [u8]) -> ModelTable {
    ModelTable {
        header: header::<T>(size_of::<ModelTable>(), Kind::Model, identity),
        describe: Some(model_describe::<T>),
        import_config: Some(model_import::<T>),
        export_config: Some(model_export::<T>),
    }
}

/// A list of texts as the other side sees it.
pub fn lend_texts(texts: &[String]) -> Vec<Str> {
    texts.iter().map(|text| List::new(text.as_bytes())).collect()
}

/// The texts of each setting whose value is a list of them, for [`lend`].
pub fn texts_of(settings: &[crate::Setting]) -> Vec<Vec<Str>> {
    let texts = |setting: &crate::Setting| match &setting.value {
        Value::Texts(values) => lend_texts(values),
        _ => Vec::new(),
    };
    settings.iter().map(texts).collect()
}

/// Settings as the other side sees them, for as long as both arguments live. `texts` are their [`texts_of`].
pub fn lend(settings: &[crate::Setting], texts: &[Vec<Str>]) -> Vec<Setting> {
    settings.iter().zip(texts).map(|(setting, texts)| lend_one(setting, texts)).collect()
}

fn lend_one(setting: &crate::Setting, texts: &[Str]) -> Setting {
    let mut lent = Setting {
        key: List::new(setting.key.as_bytes()),
        tag: 0,
        integer: 0,
        number: 0.0,
        text: List::new(&[]),
        numbers: List::new(&[]),
        texts: List::new(texts),
    };
    match &setting.value {
        Value::Boolean(value) => (lent.tag, lent.integer) = (0, i64::from(*value)),
        Value::Integer(value) => (lent.tag, lent.integer) = (1, *value),
        Value::Number(value) => (lent.tag, lent.number) = (2, *value),
        Value::Text(value) => (lent.tag, lent.text) = (3, List::new(value.as_bytes())),
        Value::Numbers(values) => (lent.tag, lent.numbers) = (4, List::new(values)),
        Value::Texts(_) => lent.tag = 5,
    }
    lent
}

/// Delivers a network.
///
/// # Safety
/// `to` is what the host gave the call that is not over yet.
unsafe fn deliver(network: &crate::network::Network, to: &Networks) {
    let aliases: Vec<_> = network.parameters.iter().map(|parameter| lend_texts(&parameter.aliases)).collect();
    let parameter = |(parameter, aliases): (&crate::network::Parameter, &Vec<Str>)| Parameter {
        name: List::new(parameter.name.as_bytes()),
        shape: List::new(&parameter.shape),
        init: List::new(parameter.init.as_bytes()),
        scale: parameter.scale,
        decay: parameter.decay.into(),
        aliases: List::new(aliases),
    };
    let parameters: Vec<_> = network.parameters.iter().zip(&aliases).map(parameter).collect();
    let texts: Vec<_> = network.layers.iter().map(|layer| texts_of(&layer.attributes)).collect();
    let attributes: Vec<_> =
        network.layers.iter().zip(&texts).map(|(layer, texts)| lend(&layer.attributes, texts)).collect();
    let layer = |(layer, attributes): (&crate::network::Layer, &Vec<Setting>)| Layer {
        op: List::new(layer.op.as_bytes()),
        scope: List::new(layer.scope.as_bytes()),
        inputs: List::new(&layer.inputs),
        parameters: List::new(&layer.parameters),
        attributes: List::new(attributes),
    };
    let layers: Vec<_> = network.layers.iter().zip(&attributes).map(layer).collect();
    let head = |head: &crate::network::Head| Head { name: List::new(head.name.as_bytes()), value: head.value };
    let heads: Vec<_> = network.heads.iter().map(head).collect();
    let (blocks, ignored) = (lend_texts(&network.blocks), lend_texts(&network.ignored));
    let lent = Network {
        op_set: network.op_set,
        parameters: List::new(&parameters),
        layers: List::new(&layers),
        heads: List::new(&heads),
        blocks: List::new(&blocks),
        ignored: List::new(&ignored),
    };
    // SAFETY: the caller's promise; the function copies what it is given
    unsafe { (to.network)(to.context, &lent) };
}

/// Delivers settings.
///
/// # Safety
/// As for [`deliver`].
unsafe fn deliver_settings(settings: &[crate::Setting], to: &Networks) {
    let texts = texts_of(settings);
    // SAFETY: the caller's promise; the function copies what it is given
    unsafe { (to.settings)(to.context, List::new(&lend(settings, &texts))) };
}

/// # Safety
/// What `sizes` point to is alive, and their names are UTF-8.
unsafe fn read_sizes(sizes: List<Size>) -> Sizes {
    // SAFETY: the caller's promise
    unsafe { Sizes::from_named(sizes.as_slice().iter().map(|size| (str_of(size.name), size.value))) }
}

unsafe extern "C" fn model_describe<T: Create + Model>(
    instance: Instance,
    host: *const Host,
    sizes: List<Size>,
    to: *const Networks,
) -> Status {
    // SAFETY: the contract of `ModelTable`: the instance is ours; host, sizes and `to` live until the call returns
    unsafe {
        let sizes = read_sizes(sizes);
        call::<T>(instance, host, |plugin, _answer| plugin.describe(&sizes).map(|network| deliver(&network, &*to)))
    }
}

unsafe extern "C" fn model_import<T: Create + Model>(
    instance: Instance,
    host: *const Host,
    config: List<Setting>,
    to: *const Networks,
) -> Status {
    // SAFETY: as in `model_describe`, and the settings' texts are UTF-8
    unsafe {
        let config: Vec<_> = config.as_slice().iter().map(|setting| read_setting(setting)).collect();
        call::<T>(instance, host, |plugin, _answer| {
            plugin.import(&config).map(|settings| deliver_settings(&settings, &*to))
        })
    }
}

unsafe extern "C" fn model_export<T: Create + Model>(
    instance: Instance,
    host: *const Host,
    sizes: List<Size>,
    to: *const Networks,
) -> Status {
    // SAFETY: as in `model_describe`
    unsafe {
        let sizes = read_sizes(sizes);
        call::<T>(instance, host, |plugin, _answer| {
            plugin.export(&sizes).map(|settings| deliver_settings(&settings, &*to))
        })
    }
}
