//! `plugin new`: a folder that builds, with a small real plugin, its test and a README.

mod template;

use super::build::check_name;
use super::kinds;
use super::language::Language;
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use template::Template;
use trainyard_plugin::{Kind, sdk};

/// The SDK's crate: with it a plugin shares its lock file.
const SDK_CRATE: &str = "trainyard-plugin";

/// A plugin's folder to be made.
#[derive(Debug, Clone)]
pub struct NewPlugin {
    /// The plugin's name: lower case, digits and hyphens.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// What it is written in.
    pub language: Language,
    /// The folder; it must not exist.
    pub dir: PathBuf,
    /// The folder of the crate `trainyard-plugin`, for Rust. None takes the one next to the sources of this program,
    /// if they are still there, else the published crate.
    pub sdk: Option<PathBuf>,
}

impl NewPlugin {
    /// Writes the folder.
    ///
    /// # Errors
    /// A name that no plugin may have, a folder that exists, and files that cannot be written.
    pub fn write(&self) -> Result<()> {
        check_name(&self.name).map_err(|why| Error::usage(format!("plugin {why}")))?;
        if self.language == Language::Rust && self.name == SDK_CRATE {
            return Err(Error::usage(format!(
                "plugin name: {SDK_CRATE:?} is the crate that every plugin in Rust depends on, and cargo cannot build \
                 two of a name; choose another name, such as \"my-{}\"",
                self.kind
            )));
        }
        if self.dir.symlink_metadata().is_ok() {
            return Err(Error::usage(format!(
                "{}: exists already, expected a new folder; choose another name or --dir",
                self.dir.display()
            )));
        }
        let dependency = self.dependency()?;
        for (name, text) in self.files(&dependency) {
            let path = self.dir.join(name);
            let written =
                path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
            written.map_err(|error| Error::io(&path, "write", &error))?;
        }
        Ok(())
    }

    fn files(&self, dependency: &Dependency) -> Vec<(&'static str, String)> {
        let Template { source, test, description, settings } = template::of(self.language, self.kind);
        let fill = |text: &str| {
            let filled = text.replace("{{name}}", &self.name).replace("{{kind}}", self.kind.name());
            let filled = filled.replace("{{lang}}", self.language.name()).replace("{{description}}", description);
            filled.replace("{{sdk}}", &dependency.toml)
        };
        let mut files =
            vec![(".gitignore", template::GITIGNORE.to_owned()), ("README.md", self.readme(&fill, dependency))];
        if self.language == Language::Rust {
            files.extend([("Cargo.toml", fill(template::CARGO_TOML)), ("src/lib.rs", fill(source))]);
            return files;
        }
        files.push(("plugin.toml", fill(&template::MANIFEST.replace("{{settings}}\n", settings))));
        let (source_name, test_name, sdk): (_, _, (&str, &str)) = match self.language {
            Language::C => ("plugin.c", "test_plugin.c", ("trainyard_plugin.h", sdk::C_HEADER)),
            Language::Python => ("plugin.py", "test_plugin.py", ("trainyard_plugin.py", sdk::PYTHON)),
            _ => ("plugin.js", "test_plugin.js", ("trainyard_plugin.js", sdk::JAVASCRIPT)),
        };
        files.extend([(source_name, fill(source)), (test_name, fill(test)), (sdk.0, sdk.1.to_owned())]);
        if (self.language, self.kind) == (Language::C, Kind::Model) {
            files.push(("trainyard_network.h", sdk::C_NETWORK.to_owned()));
        }
        if self.language == Language::JavaScript {
            files.push(("package.json", template::PACKAGE_JSON.to_owned()));
        }
        files
    }

    fn readme(&self, fill: &dyn Fn(&str) -> String, dependency: &Dependency) -> String {
        let venv = "python3 -m venv .venv";
        let (setup, test) = match self.language {
            Language::Rust => (String::new(), "cargo test"),
            Language::C => (
                format!("{venv} && .venv/bin/pip install ziglang   # a C compiler for WASM\n"),
                "mkdir -p target && cc -I. test_plugin.c -o target/test -lm && target/test",
            ),
            Language::Python => {
                (format!("{venv} && .venv/bin/pip install componentize-py\n"), "python3 test_plugin.py")
            }
            Language::JavaScript => ("npm install\n".into(), "npm test"),
        };
        let entry = kinds::entry(self.kind);
        // what a config must say of a kind that is not frozen
        let draft = if entry.frozen_in.is_none() { "\ndraft = true" } else { "" };
        let note = match self.language {
            Language::Rust => dependency.note.as_str(),
            Language::C => "trainyard_plugin.h is the whole interface; `plugin.toml` has the plugin's identity.",
            Language::Python => "trainyard_plugin.py is the whole interface; `plugin.toml` has the plugin's identity.",
            Language::JavaScript => {
                "trainyard_plugin.js is the whole interface; `plugin.toml` has the plugin's identity."
            }
        };
        let made = match self.language {
            Language::Rust | Language::C => "a component for the sandbox and a native library",
            Language::Python | Language::JavaScript => "a component for the sandbox",
        };
        let filled = template::README.replace("{{setup}}", &setup).replace("{{test}}", test);
        fill(
            &filled
                .replace("{{section}}", entry.section)
                .replace("{{draft}}", draft)
                .replace("{{note}}", note)
                .replace("{{made}}", made),
        )
    }

    /// How a crate finds the SDK.
    fn dependency(&self) -> Result<Dependency> {
        let sdk = match &self.sdk {
            Some(sdk) if !sdk.join("Cargo.toml").is_file() => {
                return Err(Error::usage(format!(
                    "{}: no Cargo.toml here, expected the folder of the crate trainyard-plugin",
                    sdk.display()
                )));
            }
            Some(sdk) => Some(sdk.clone()),
            None => installed_sdk(),
        };
        let version = env!("CARGO_PKG_VERSION");
        let path = sdk.and_then(|sdk| sdk.canonicalize().ok());
        let Some(path) = path.as_deref().and_then(Path::to_str) else {
            return Ok(Dependency {
                toml: toml::Value::from(version).to_string(),
                note: format!("`Cargo.toml` depends on version {version} of the crate trainyard-plugin."),
            });
        };
        let table = toml::Value::from(path);
        Ok(Dependency {
            toml: format!("{{ path = {table} }}"),
            note: format!(
                "`Cargo.toml` depends on the crate trainyard-plugin by its path, {path}. To build elsewhere, change the \
                 path, or write `trainyard-plugin = \"{version}\"` for the published crate."
            ),
        })
    }
}

/// The SDK's folder: beside this program, as an archive has it, under `share/` of its environment, as pip puts it, or
/// where this program was built.
fn installed_sdk() -> Option<PathBuf> {
    let program = std::env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_default();
    let installed =
        program.parent().map(|dir| ["plugin-sdk", "../share/trainyard/plugin-sdk"].map(|sdk| dir.join(sdk)));
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-sdk");
    installed.into_iter().flatten().chain([sources]).find(|dir| dir.join("Cargo.toml").is_file())
}

/// How a crate finds the SDK: the line in `Cargo.toml`, and what the README says about it.
struct Dependency {
    toml: String,
    note: String,
}
