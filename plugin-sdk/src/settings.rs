//! A plugin's settings: flat, typed, with defaults and documentation that can be read without running the plugin.

use crate::{PluginError, Result};

/// One value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any number.
    Number(f64),
    /// Text.
    Text(String),
    /// A list of numbers.
    Numbers(Vec<f64>),
    /// A list of texts.
    Texts(Vec<String>),
}

/// One setting as the run's config gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: Value,
}

/// A plugin's settings as a type. Write it with [`crate::config!`].
pub trait Config: Sized {
    /// One line per setting: `setting`, name, type, default and documentation, separated by tabs, each line ended.
    const SCHEMA: &'static str;

    /// Takes the given settings and the defaults of the others. An unknown name or a value of the wrong type is an
    /// error.
    fn from_settings(settings: &[Setting]) -> Result<Self>;
}

/// A plugin without settings.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoConfig;

impl Config for NoConfig {
    const SCHEMA: &'static str = "";

    fn from_settings(settings: &[Setting]) -> Result<Self> {
        match settings.first() {
            Some(setting) => Err(unknown_setting(&setting.key, &[])),
            None => Ok(Self),
        }
    }
}

/// Makes a plugin of a kind from its settings: what an author implements besides the kind's trait.
pub trait Create: Sized {
    /// The settings; [`NoConfig`] when there are none.
    type Config: Config;

    /// Checks ranges and makes the plugin. A wrong value is [`PluginError::config`], naming the setting, the range and
    /// the value.
    fn create(config: Self::Config) -> Result<Self>;
}

/// A type that a setting may have.
pub trait FromValue: Sized {
    /// What the user should write, for messages.
    const EXPECTED: &'static str;

    /// The value, or none when it has another type.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }
}

impl FromValue for f64 {
    const EXPECTED: &'static str = "a number";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(value) => Some(*value),
            Value::Integer(value) => Some(*value as f64),
            _ => None,
        }
    }
}

impl FromValue for i64 {
    const EXPECTED: &'static str = "a whole number";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(value) => Some(*value),
            _ => None,
        }
    }
}

impl FromValue for u32 {
    const EXPECTED: &'static str = "a whole number from 0 to 4294967295";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(value) => u32::try_from(*value).ok(),
            _ => None,
        }
    }
}

impl FromValue for String {
    const EXPECTED: &'static str = "text";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(value) => Some(value.clone()),
            _ => None,
        }
    }
}

impl FromValue for Vec<String> {
    const EXPECTED: &'static str = "a list of texts";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Texts(values) => Some(values.clone()),
            Value::Numbers(values) if values.is_empty() => Some(Vec::new()),
            _ => None,
        }
    }
}

impl FromValue for Vec<f64> {
    const EXPECTED: &'static str = "a list of numbers";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Numbers(values) => Some(values.clone()),
            Value::Texts(values) if values.is_empty() => Some(Vec::new()),
            _ => None,
        }
    }
}

/// The value of a setting as the type that the plugin wants. Used by [`crate::config!`].
///
/// # Errors
/// A value of another type; it names the setting.
#[doc(hidden)]
pub fn convert<T: FromValue>(setting: &Setting) -> Result<T> {
    T::from_value(&setting.value).ok_or_else(|| {
        PluginError::config(format!("{}: expected {}, got {:?}", setting.key, T::EXPECTED, setting.value))
    })
}

/// Used by [`crate::config!`].
#[doc(hidden)]
pub fn unknown_setting(key: &str, known: &[&str]) -> PluginError {
    match known {
        [] => PluginError::config(format!("{key}: unknown setting, this plugin has none")),
        _ => PluginError::config(format!("{key}: unknown setting, expected one of {}", known.join(", "))),
    }
}

/// Declares a plugin's settings.
///
/// The documentation and the defaults go into the compiled file, where `trainyard plugin inspect` reads them without
/// running it. Types: `bool`, `i64`, `u32`, `f64`, `String`, `Vec<f64>`, `Vec<String>`.
///
/// ```
/// trainyard_plugin::config! {
///     /// Settings of `focal`.
///     pub struct Settings {
///         /// focusing exponent, 0 or more; 0 is plain cross-entropy
///         gamma: f64 = 2.0,
///     }
/// }
/// assert_eq!(Settings::default().gamma, 2.0);
/// ```
#[macro_export]
macro_rules! config {
    (
        $(#[$struct_meta:meta])*
        $visibility:vis struct $name:ident {
            $( #[doc = $doc:literal] $field:ident : $type:ty = $default:expr ),+ $(,)?
        }
    ) => {
        $(#[$struct_meta])*
        #[derive(Debug, Clone)]
        $visibility struct $name {
            $( #[doc = $doc] pub $field: $type, )+
        }

        impl ::core::default::Default for $name {
            fn default() -> Self {
                Self { $( $field: ::core::convert::Into::into($default), )+ }
            }
        }

        impl $crate::Config for $name {
            const SCHEMA: &'static str = concat!(
                $(
                    "setting\t", stringify!($field), "\t", stringify!($type), "\t",
                    stringify!($default), "\t", $doc, "\n",
                )+
            );

            fn from_settings(settings: &[$crate::Setting]) -> $crate::Result<Self> {
                let mut config = Self::default();
                for setting in settings {
                    match setting.key.as_str() {
                        $( stringify!($field) => config.$field = $crate::settings::convert(setting)?, )+
                        unknown => return Err($crate::settings::unknown_setting(unknown, &[$(stringify!($field)),+])),
                    }
                }
                Ok(config)
            }
        }
    };
}
