//! Which tags may begin a sequence, follow each other and end it.

use crate::{Error, Result};

/// Allowed first tags, last tags and transitions. Others have the score -∞.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraints {
    starts: Vec<bool>,
    ends: Vec<bool>,
    /// `[from, to]`
    transitions: Vec<bool>,
}

impl Constraints {
    /// Constraints of `starts.len()` tags: whether each may be the first and the last, and which may follow which,
    /// `[from, to]`.
    ///
    /// # Errors
    /// Lists of other sizes.
    pub fn new(starts: Vec<bool>, ends: Vec<bool>, transitions: Vec<bool>) -> Result<Self> {
        let n = starts.len();
        if ends.len() != n || transitions.len() != n * n {
            let got = format!("{} and {}", ends.len(), transitions.len());
            return Err(Error::run(format!("crf: expected {n} ends and {} transitions, got {got}", n * n)));
        }
        Ok(Self { starts, ends, transitions })
    }

    /// Constraints of the scheme BIO, for tags of these names: `I-X` only after `B-X` or `I-X`, and never first.
    ///
    /// # Errors
    /// An `I-X` without a `B-X`, which no tag could precede.
    pub fn bio(names: &[impl AsRef<str>]) -> Result<Self> {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        let kind_inside = |name: &str| name.strip_prefix("I-").map(str::to_owned);
        for kind in names.iter().filter_map(|name| kind_inside(name)) {
            if !names.contains(&&*format!("B-{kind}")) {
                let message = format!("tag I-{kind}: expected a tag B-{kind} that begins it, got none; add B-{kind}");
                return Err(Error::usage(message));
            }
        }
        let may_follow = |from: &str, to: &str| {
            kind_inside(to).is_none_or(|kind| from == to || from.strip_prefix("B-").is_some_and(|begun| begun == kind))
        };
        Ok(Self {
            starts: names.iter().map(|name| kind_inside(name).is_none()).collect(),
            ends: vec![true; names.len()],
            transitions: names.iter().flat_map(|from| names.iter().map(move |to| may_follow(from, to))).collect(),
        })
    }

    /// Number of tags.
    pub fn tags(&self) -> usize {
        self.starts.len()
    }

    /// Whether a sequence may begin with `tag`.
    pub fn starts(&self, tag: usize) -> bool {
        self.starts[tag]
    }

    /// Whether a sequence may end with `tag`.
    pub fn ends(&self, tag: usize) -> bool {
        self.ends[tag]
    }

    /// Whether `to` may follow `from`.
    pub fn follows(&self, from: usize, to: usize) -> bool {
        self.transitions[from * self.tags() + to]
    }

    /// Whether each is allowed: first tags, last tags, transitions `[from, to]`.
    pub(super) fn words(&self) -> Vec<u32> {
        let Self { starts, ends, transitions } = self;
        [starts, ends, transitions].into_iter().flatten().map(|&is_allowed| u32::from(is_allowed)).collect()
    }
}
