//! What a config opens a sandbox for: `allow = ["env:LANG", "dir:words:ro"]`.

use crate::settings::Section;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::{Path, PathBuf};

/// One thing of this machine that a component may see through WASI. Without any it sees an empty system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// `env:NAME`: an environment variable with the value that it has here.
    Env(String),
    /// `dir:PATH:ro` or `dir:PATH:rw`: a folder with all that is in it; `dir:PATH::GUEST:ro` under another name.
    Dir {
        /// The folder; relative to the config file as written, absolute after loading.
        host: PathBuf,
        /// Its path inside the sandbox: `PATH` as written.
        guest: String,
        /// Whether the plugin may write in it.
        write: bool,
    },
}

impl Grant {
    const EXPECTED: &str = "a list of \"env:NAME\", \"dir:PATH:ro\" or \"dir:PATH:rw\"";

    /// The key `allow`.
    pub(super) fn read_all(section: &mut Section<'_>) -> Vec<Self> {
        let grants = section.texts("allow", Self::EXPECTED, |text| Self::parse(text).is_some());
        let absolute = |grant| match grant {
            Self::Dir { host, guest, write } => Self::Dir { host: section.absolute("allow", &host), guest, write },
            Self::Env(name) => Self::Env(name),
        };
        grants.iter().filter_map(|text| Self::parse(text)).map(absolute).collect()
    }

    /// A grant as it is written; none when it is not well formed.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("env:") {
            let is_name = !name.is_empty() && !name.contains(['=', '\0']);
            return is_name.then(|| Self::Env(name.to_owned()));
        }
        let (path, write) = match text.strip_prefix("dir:")?.rsplit_once(':')? {
            (path, "ro") => (path, false),
            (path, "rw") => (path, true),
            _ => return None,
        };
        let (host, guest) = path.split_once("::").unwrap_or((path, path));
        let named = !host.is_empty() && !guest.is_empty();
        named.then(|| Self::Dir { host: PathBuf::from(host), guest: guest.to_owned(), write })
    }
}

impl Grant {
    /// A grant in text as the plugin sees it: without the place of a folder on this machine, which changes when a
    /// project is moved. A folder that has no name of its own keeps its path.
    pub fn seen(text: &str) -> String {
        match (text.strip_prefix("dir:"), text.split_once("::")) {
            (Some(_), Some((_, seen))) => format!("dir:{seen}"),
            _ => text.to_owned(),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Dir { host, guest, write } => {
                let host = host.display();
                let rights = if *write { "rw" } else { "ro" };
                match Path::new(guest).is_absolute() && host.to_string() == *guest {
                    true => write!(f, "dir:{host}:{rights}"),
                    false => write!(f, "dir:{host}::{guest}:{rights}"),
                }
            }
        }
    }
}

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format_args!("{text:?} is no grant")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_read_as_they_are_written() {
        for text in ["env:LANG", "dir:/a/b:ro", "dir:/a b::words:rw"] {
            assert_eq!(Grant::parse(text).expect(text).to_string(), text);
        }
        let relative = Grant::parse("dir:words:ro").expect("a folder");
        assert_eq!(relative, Grant::Dir { host: "words".into(), guest: "words".into(), write: false });
        for text in ["", "env:", "env:A=1", "dir:", "dir:a", "dir:a:rx", "dir::ro", "dir:::x:ro", "net:example.org"] {
            assert_eq!(Grant::parse(text), None, "{text}");
        }
    }
}
