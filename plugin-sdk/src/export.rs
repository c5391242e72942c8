//! `export!`: from one line, everything that makes a crate a plugin.

use crate::{Create, Filter, Loss, Metric, Model, Result, Setting, TextMetric, Tokenizer};

/// Makes the crate a plugin: `export!(loss "focal" = Focal);`
///
/// The kind is `tokenizer`, `filter`, `loss`, `metric`, `text_metric` or `model`; the type implements [`Create`] and
/// the trait of that kind. A `measured_filter` is a filter with [`Filter::rules`] and the ability [`crate::MEASURES`].
/// Version, licence and description are taken from the crate's `Cargo.toml`, the settings from its [`crate::config!`].
/// What it claims beyond its kind is named behind: `export!(filter "trim" = Trim, abilities = ["idempotent"]);`. Use
/// it once, at the root of a crate whose `crate-type` is `["rlib", "cdylib"]`. It makes
///
/// * on every target `pub const PLUGIN`, with which a host links the plugin in,
/// * on `wasm32` the exports of a component,
/// * elsewhere one C symbol ([`crate::abi`]), whose name ends in the crate's name, so that several plugins can be
///   linked together,
/// * and the identity ([`crate::Identity`]) in a section of the file, to be read without running it.
#[macro_export]
macro_rules! export {
    (tokenizer $name:literal = $type:ty $(, abilities = [$($ability:literal),*])?) => {
        $crate::__export!(tokenizer Tokenizer TokenizerTable "tokenizer" $name $type, [$($($ability)*)?]);
    };
    (filter $name:literal = $type:ty $(, abilities = [$($ability:literal),*])?) => {
        $crate::__export!(filter Filter FilterTable "filter" $name $type, [$($($ability)*)?]);
    };
    (measured_filter $name:literal = $type:ty $(, abilities = [$($ability:literal),*])?) => {
        $crate::__export!(
            measured_filter Filter FilterTable "filter" $name $type, ["measures" $($($ability)*)?]
        );
    };
    (loss $name:literal = $type:ty $(, abilities = [$($ability:literal),*])?) => {
        $crate::__export!(loss Loss LossTable "loss" $name $type, [$($($ability)*)?]);
    };
    (metric $name:literal = $type:ty $(, abilities = [$($ability:literal),*])?) => {
        $crate::__export!(metric Metric MetricTable "metric" $name $type, [$($($ability)*)?]);
    };
    (text_metric $name:literal = $type:ty $(, abilities = [$($ability:literal),*])?) => {
        $crate::__export!(text_metric TextMetric TextMetricTable "text-metric" $name $type, [$($($ability)*)?]);
    };
    (model $name:literal = $type:ty $(, abilities = [$($ability:literal),*])?) => {
        $crate::__export!(model Model ModelTable "model" $name $type, [$($($ability)*)?]);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($module:ident $kind:ident $table:ident $kind_name:literal $name:literal $type:ty, [$($ability:literal)*]) => {
        /// This plugin, to be linked into a host.
        pub const PLUGIN: $crate::Builtin = {
            $crate::export::check_name($name);
            const PARTS: &[&str] = &[
                concat!("trainyard-plugin\t1\nkind\t", $kind_name, "\nname\t", $name),
                concat!("\nversion\t", env!("CARGO_PKG_VERSION"), "\nlicense\t", env!("CARGO_PKG_LICENSE")),
                concat!("\ndescription\t", env!("CARGO_PKG_DESCRIPTION")),
                $( concat!("\nability\t", $ability), )*
                $crate::export::VERSIONS,
                <<$type as $crate::Create>::Config as $crate::Config>::SCHEMA,
            ];
            const BYTES: [u8; $crate::export::length(PARTS)] = $crate::export::join(PARTS);
            $crate::Builtin {
                identity: $crate::export::text(&BYTES),
                create: $crate::Constructor::$kind($crate::export::$module::<$type>),
            }
        };

        const _: () = {
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = "trainyard_plugin"))]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,trainyard_plugin"))]
            #[used]
            static IDENTITY: [u8; PLUGIN.identity.len()] = $crate::export::join(&[PLUGIN.identity]);

            // named after the crate, so that several plugins can be linked into one program
            #[cfg(not(target_arch = "wasm32"))]
            #[unsafe(export_name = concat!("trainyard_plugin_v0_", env!("CARGO_CRATE_NAME")))]
            static TABLE: $crate::abi::$table = $crate::abi::tables::$module::<$type>(&IDENTITY);

            #[cfg(target_arch = "wasm32")]
            const _: () = {
                struct Slot;

                impl $crate::wasm::Slot for Slot {
                    type Plugin = $type;

                    fn with<R>(f: impl FnOnce(&mut Option<$type>) -> R) -> R {
                        use std::cell::RefCell;
                        // a component's instance is one plugin, and has one thread
                        thread_local! {
                            static PLUGIN: RefCell<Option<$type>> = const { RefCell::new(None) };
                        }
                        PLUGIN.with(|plugin| f(&mut plugin.borrow_mut()))
                    }
                }

                type Component = $crate::wasm::Component<Slot>;
        $crate::wasm::$module::export!(Component with_types_in $crate::wasm::$module);
            };
        };
    };
}

/// The lines of an identity that are this SDK's and not the author's.
pub const VERSIONS: &str = concat!("\ncontract\t0.1\nsdk\t", env!("CARGO_PKG_VERSION"), "\n");

/// Stops the compilation when a name is not lower case with digits and hyphens.
pub const fn check_name(name: &str) {
    let bytes = name.as_bytes();
    assert!(!bytes.is_empty() && bytes.len() <= 64, "the name of a plugin has 1 to 64 characters");
    let mut i = 0;
    while i < bytes.len() {
        let allowed = bytes[i].is_ascii_lowercase() || bytes[i].is_ascii_digit() || bytes[i] == b'-';
        assert!(allowed, "the name of a plugin is written in lower case, digits and hyphens");
        i += 1;
    }
}

/// Bytes in all `parts`.
pub const fn length(parts: &[&str]) -> usize {
    let (mut sum, mut i) = (0, 0);
    while i < parts.len() {
        sum += parts[i].len();
        i += 1;
    }
    sum
}

/// All `parts`, one after the other; `N` is their [`length`].
pub const fn join<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut joined = [0; N];
    let (mut end, mut i) = (0, 0);
    while i < parts.len() {
        let part = parts[i].as_bytes();
        let mut j = 0;
        while j < part.len() {
            joined[end] = part[j];
            end += 1;
            j += 1;
        }
        i += 1;
    }
    joined
}

/// Joined parts as text again.
pub const fn text(joined: &'static [u8]) -> &'static str {
    match std::str::from_utf8(joined) {
        Ok(text) => text,
        Err(_) => panic!("parts of text join to text"),
    }
}

/// Makes a tokenizer of type `T`.
///
/// # Errors
/// Settings that the plugin refuses.
pub fn tokenizer<T: Create + Tokenizer + 'static>(settings: &[Setting]) -> Result<Box<dyn Tokenizer>> {
    Ok(Box::new(create::<T>(settings)?))
}

/// Makes a filter of type `T`.
///
/// # Errors
/// Settings that the plugin refuses.
pub fn filter<T: Create + Filter + 'static>(settings: &[Setting]) -> Result<Box<dyn Filter>> {
    Ok(Box::new(create::<T>(settings)?))
}

/// Makes a filter with the ability [`crate::MEASURES`] of type `T`.
///
/// # Errors
/// Settings that the plugin refuses.
pub fn measured_filter<T: Create + Filter + 'static>(settings: &[Setting]) -> Result<Box<dyn Filter>> {
    filter::<T>(settings)
}

/// Makes a loss of type `T`.
///
/// # Errors
/// Settings that the plugin refuses.
pub fn loss<T: Create + Loss + 'static>(settings: &[Setting]) -> Result<Box<dyn Loss>> {
    Ok(Box::new(create::<T>(settings)?))
}

/// Makes a metric of type `T`.
///
/// # Errors
/// Settings that the plugin refuses.
pub fn metric<T: Create + Metric + 'static>(settings: &[Setting]) -> Result<Box<dyn Metric>> {
    Ok(Box::new(create::<T>(settings)?))
}

/// Makes a text metric of type `T`.
///
/// # Errors
/// Settings that the plugin refuses.
pub fn text_metric<T: Create + TextMetric + 'static>(settings: &[Setting]) -> Result<Box<dyn TextMetric>> {
    Ok(Box::new(create::<T>(settings)?))
}

/// Makes a model of type `T`.
///
/// # Errors
/// Settings that the plugin refuses.
pub fn model<T: Create + Model + 'static>(settings: &[Setting]) -> Result<Box<dyn Model>> {
    Ok(Box::new(create::<T>(settings)?))
}

/// A plugin of type `T` from settings as they cross the boundary.
///
/// # Errors
/// Settings that the plugin refuses.
pub fn create<T: Create>(settings: &[Setting]) -> Result<T> {
    T::create(<T::Config as crate::Config>::from_settings(settings)?)
}
