//! The one table of row inputs: what the host knows of every row, and graphs of losses and metrics can ask for.
//!
//! A new input is one line of `row_inputs!`, and code that fills its column. From the table come the columns of a
//! batch, what is sent to a GPU and where its kernels read it, what the loss compiler loads, the random numbers of
//! `plugin check`, and the table of `docs/plugins/ops.md`. Its name, type and meaning are those of the op set.

use crate::{Error, Result};
use std::ops::Range;

/// The numbers that an input has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// One for the whole batch; no column has this extent.
    Batch,
    /// `[rows]`
    Row,
    /// `[rows]`: ids of tokens, each below the vocabulary size.
    Index,
    /// `[rows, vocab]`
    Vocab,
}

impl Extent {
    /// The elements that belong to `rows`.
    fn elements(self, rows: Range<usize>, vocab: usize) -> Range<usize> {
        let width = if self == Self::Vocab { vocab } else { 1 };
        rows.start * width..rows.end * width
    }

    /// Number of elements of `rows` rows.
    pub fn len(self, rows: usize, vocab: usize) -> usize {
        match self {
            Self::Batch => 1,
            _ => self.elements(0..rows, vocab).len(),
        }
    }
}

/// How a column holds its numbers, four bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Whole numbers.
    U32,
    /// Real numbers.
    F32,
}

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub struct InputInfo {
    /// Name in the op set.
    pub name: &'static str,
    /// The numbers that it has.
    pub extent: Extent,
    /// How batches hold it; none where they do not.
    pub format: Option<Format>,
    /// The meaning of a number, as in the op set.
    pub meaning: &'static str,
    /// Where the numbers come from.
    pub supplier: &'static str,
    /// Smallest and largest number of random batches that plugins are tried on.
    pub typical: [f64; 2],
}

/// The model's output, computed from the rows and held in no batch.
pub const LOGITS: InputInfo = InputInfo {
    name: "input.logits",
    extent: Extent::Vocab,
    format: None,
    meaning: "the model's output before softmax",
    supplier: "the model",
    typical: [-2.0, 2.0],
};

/// The number of the optimizer step, which the trainer counts and no batch holds.
pub const STEP: InputInfo = InputInfo {
    name: "input.step",
    extent: Extent::Batch,
    format: None,
    meaning: "number of the optimizer step, from 0",
    supplier: "the trainer",
    typical: [0.0, 1000.0],
};

macro_rules! row_inputs {
    ($($variant:ident($column:ident: $number:ident, $extent:ident) $name:literal, $meaning:literal,
       $supplier:literal, $typical:expr;)+) => {
        /// An input that every row of a batch can carry.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum RowInput {
            $(#[doc = $meaning] $variant,)+
        }

        /// Numbers of the rows, one list for each row input, row-major; one that is not supplied is empty.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct Columns {
            $(#[doc = $meaning] pub $column: Vec<$number>,)+
        }

        impl RowInput {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its line of the table.
            pub const fn info(self) -> &'static InputInfo {
                match self {
                    $(Self::$variant => &InputInfo {
                        name: $name,
                        extent: Extent::$extent,
                        format: Some(<$number as Number>::FORMAT),
                        meaning: $meaning,
                        supplier: $supplier,
                        typical: $typical,
                    },)+
                }
            }
        }

        impl Columns {
            /// The numbers of one input; none where it is not supplied.
            pub fn get(&self, input: RowInput) -> Values<'_> {
                match input {
                    $(RowInput::$variant => Number::values(&self.$column),)+
                }
            }

            /// Replaces the numbers of one input by these, as its format holds them.
            pub fn set(&mut self, input: RowInput, numbers: impl Iterator<Item = f64>) {
                match input {
                    $(RowInput::$variant => self.$column = numbers.map(Number::of).collect(),)+
                }
            }

            /// What belongs to `rows`; a row of a wide input has `vocab` numbers.
            pub fn slice(&self, rows: Range<usize>, vocab: usize) -> Self {
                Self {
                    $($column: {
                        let elements = RowInput::$variant.info().extent.elements(rows.clone(), vocab);
                        self.$column.get(elements).unwrap_or_default().to_vec()
                    },)+
                }
            }
        }
    };
}

// input(column: number, extent) name, meaning, where it comes from, typical numbers
row_inputs! {
    Target(target: u32, Index) "input.target", "id of the token to predict", "the data", [0.0, 1.0];
    Weight(weight: f32, Row) "input.weight", "1 where the row counts, 0 where it is padding or masked", "the data",
        [0.0, 1.0];
    TargetBytes(target_bytes: f32, Row) "input.target_bytes",
        "number of bytes that the target token stands for, 0 for special tokens", "the data", [0.0, 10.0];
    Position(position: u32, Row) "input.position", "position of the row in its sequence, from 0", "the data",
        [0.0, 8.0];
    TeacherLogits(teacher_logits: f32, Vocab) "input.teacher_logits", "the output of a frozen teacher model",
        "a frozen teacher model", [-2.0, 2.0];
    ReferenceLogp(reference_logp: f32, Row) "input.reference_logp",
        "log-probability of the target under a frozen reference model", "a frozen reference model", [-6.0, -0.01];
    OldLogp(old_logp: f32, Row) "input.old_logp", "log-probability of the target when the text was sampled",
        "text sampled by the model itself", [-6.0, -0.01];
    Advantage(advantage: f32, Row) "input.advantage", "advantage of the target token, for policy gradients",
        "rewards of sampled text", [-2.0, 2.0];
    Targets(targets: f32, Vocab) "input.targets",
        "what each logit is to predict: 1 or 0 for a label that a document has or not, or a number",
        "documents with several labels, or with a number", [0.0, 1.0];
}

impl RowInput {
    /// Name in the op set.
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// The input of this name in the op set.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|input| input.name() == name)
    }

    /// Name without the prefix that all inputs have, such as `target`.
    pub fn short_name(self) -> &'static str {
        self.name().trim_start_matches("input.")
    }
}

/// A number that columns can hold.
trait Number: Sized {
    const FORMAT: Format;

    fn values(numbers: &[Self]) -> Values<'_>;

    fn of(number: f64) -> Self;
}

impl Number for u32 {
    const FORMAT: Format = Format::U32;

    fn values(numbers: &[Self]) -> Values<'_> {
        Values::U32(numbers)
    }

    fn of(number: f64) -> Self {
        number as Self
    }
}

impl Number for f32 {
    const FORMAT: Format = Format::F32;

    fn values(numbers: &[Self]) -> Values<'_> {
        Values::F32(numbers)
    }

    fn of(number: f64) -> Self {
        number as Self
    }
}

/// The numbers of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Values<'a> {
    /// Whole numbers.
    U32(&'a [u32]),
    /// Real numbers.
    F32(&'a [f32]),
}

impl<'a> Values<'a> {
    /// How many there are.
    pub fn len(self) -> usize {
        match self {
            Self::U32(numbers) => numbers.len(),
            Self::F32(numbers) => numbers.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The number at `index`, which is below the length.
    pub fn at(self, index: usize) -> f64 {
        match self {
            Self::U32(numbers) => numbers[index].into(),
            Self::F32(numbers) => numbers[index].into(),
        }
    }

    /// The bits of all numbers, as they are sent to a GPU.
    pub fn bits(self) -> &'a [u32] {
        match self {
            Self::U32(numbers) => numbers,
            Self::F32(numbers) => bytemuck::cast_slice(numbers),
        }
    }
}

/// Some of the row inputs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InputSet(u32);

impl InputSet {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// All of them.
    pub const ALL: Self = Self::of(RowInput::ALL);

    /// The set of `inputs`.
    pub const fn of(inputs: &[RowInput]) -> Self {
        let (mut bits, mut i) = (0, 0);
        while i < inputs.len() {
            bits |= 1 << inputs[i] as u32;
            i += 1;
        }
        Self(bits)
    }

    /// The inputs of both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `input` is one of them.
    pub const fn contains(self, input: RowInput) -> bool {
        (self.0 >> input as u32) & 1 == 1
    }

    /// Adds `input`.
    pub fn insert(&mut self, input: RowInput) {
        self.0 |= 1 << input as u32;
    }

    /// Each of them, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = RowInput> {
        RowInput::ALL.iter().copied().filter(move |&input| self.contains(input))
    }

    /// Checks that `supplied` has all of these inputs, which a plugin asks for.
    ///
    /// # Errors
    /// The first input that is not supplied, as a fault of the plugin in this run: where it would come from, and which
    /// inputs there are.
    pub fn require(self, supplied: Self) -> Result<()> {
        let Some(missing) = self.iter().find(|&input| !supplied.contains(input)) else { return Ok(()) };
        let InputInfo { name, meaning, supplier, .. } = missing.info();
        let others = supplied.iter().map(RowInput::name);
        let there: Vec<_> = [LOGITS.name].into_iter().chain(others).chain([STEP.name]).collect();
        Err(Error::plugin(format!(
            "input {name:?} ({meaning}) comes from {supplier}, which no run has yet; use a plugin that asks only for {}",
            there.join(", ")
        )))
    }
}
