//! Who the plugin is and what can be set.

use super::{CheckReport, Defect, Found};
use crate::plugin::{Plugin, PluginConfig};
use crate::{Error, Result};
use trainyard_plugin::SettingInfo;

/// A name that no plugin has a setting of.
const UNKNOWN: &str = "no-such-setting";

pub fn check(report: &mut CheckReport, plugin: &Plugin, config: &PluginConfig) {
    report.add("identity", identity(plugin));
    report.add("create", create(plugin).map(|()| "with the settings given".to_owned()).map_err(Defect::from));
    report.add("bad-settings", bad_settings(plugin, config));
}

fn identity(plugin: &Plugin) -> Found<String> {
    let identity = plugin.identity();
    for (what, text) in [("description", &identity.description), ("license", &identity.license)] {
        if text.is_empty() {
            return Err(Defect(format!(
                "says no {what}; state it in the plugin's manifest (Cargo.toml or plugin.toml)"
            )));
        }
    }
    let ((major, minor), n_settings) = (identity.contract, identity.settings.len());
    Ok(format!("contract {major}.{minor}, SDK {}, {n_settings} settings", identity.sdk))
}

fn create(plugin: &Plugin) -> Result<()> {
    Ok(plugin.instance().map(drop)?)
}

/// A setting that is unknown or of another type is an error that blames the config and names the setting.
fn bad_settings(plugin: &Plugin, config: &PluginConfig) -> Found<String> {
    let wrong_type = |setting: &SettingInfo| match setting.value_type.to_lowercase().contains("bool") {
        true => toml::Value::String("neither".into()),
        false => toml::Value::Boolean(true),
    };
    let mut bad = vec![(UNKNOWN.to_owned(), toml::Value::Integer(1))];
    bad.extend(plugin.identity().settings.iter().map(|setting| (setting.name.clone(), wrong_type(setting))));
    for (name, value) in &bad {
        let what = format!("setting {name} = {value}");
        let mut settings = config.config.clone();
        settings.insert(name.clone(), value.clone());
        match create(&plugin.with_settings(&settings)?) {
            Err(Error::Usage(message)) if message.contains(name.as_str()) => {}
            Err(Error::Usage(message)) => return Err(Defect(format!("{what}: the error does not name it: {message}"))),
            Err(error) => return Err(Defect(format!("{what}: expected an error of kind config, got {error}"))),
            Ok(()) => return Err(Defect(format!("{what}: expected an error of kind config, it was accepted"))),
        }
    }
    Ok(format!("{} unknown or of another type, each refused by name", bad.len()))
}
