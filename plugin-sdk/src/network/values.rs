//! Types of values.

use std::fmt;

/// What the rows of a value stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Space {
    /// Tokens of the text whose next tokens, labels or blanks are predicted.
    Row,
    /// Tokens of the text that an encoder reads for a decoder.
    Source,
    /// Whole sequences.
    Sequence,
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Row => "row",
            Self::Source => "source",
            Self::Sequence => "sequence",
        })
    }
}

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// Numbers, `[space, columns]`.
    Matrix {
        /// What a row is.
        space: Space,
        /// Numbers of a row.
        columns: u32,
    },
    /// One whole number per row of a space.
    Index(Space),
    /// A bias of attention that depends on the distance between query and key, for this number of heads.
    Bias {
        /// Number of heads.
        heads: u32,
    },
}

impl Type {
    /// Numbers of a row; 0 of what is no matrix.
    pub fn columns(self) -> u32 {
        match self {
            Self::Matrix { columns, .. } => columns,
            Self::Index(_) | Self::Bias { .. } => 0,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matrix { space, columns } => write!(f, "[{space}, {columns}]"),
            Self::Index(space) => write!(f, "an index per {space}"),
            Self::Bias { heads } => write!(f, "a bias of {heads} heads"),
        }
    }
}
