//! Options of layers, as an author writes them.

/// How a parameter begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// Normal with mean 0 and this deviation.
    Normal(f64),
    /// Uniform between minus this and this.
    Uniform(f64),
}

impl Init {
    /// Name and scale in a [`super::Parameter`].
    pub(super) fn parts(self) -> (&'static str, f64) {
        match self {
            Self::Zeros => ("zeros", 0.0),
            Self::Ones => ("ones", 0.0),
            Self::Normal(deviation) => ("normal", deviation),
            Self::Uniform(bound) => ("uniform", bound),
        }
    }
}

/// A linear layer's options.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    /// Adds a bias, which begins at 0.
    pub bias: bool,
    /// Tells if the weight is stored `[in, out]`, as GPT-2 does, and not `[out, in]`, as PyTorch does.
    pub in_out: bool,
    /// How the weight begins.
    pub init: Init,
}

impl Linear {
    /// With a bias; the weight is `[out, in]` and begins normal with deviation 0.02.
    pub const BIAS: Self = Self { bias: true, in_out: false, init: Init::Normal(0.02) };
    /// Without a bias; the rest as [`Linear::BIAS`].
    pub const PLAIN: Self = Self { bias: false, ..Self::BIAS };

    /// With a bias or without.
    pub const fn biased(bias: bool) -> Self {
        Self { bias, ..Self::BIAS }
    }

    /// The weight stored `[in, out]`.
    pub const fn in_out(self) -> Self {
        Self { in_out: true, ..self }
    }

    /// Another beginning of the weight.
    pub const fn init(self, init: Init) -> Self {
        Self { init, ..self }
    }
}

/// What a position attends to within its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Itself and the positions before it.
    Causal,
    /// All positions.
    Full,
    /// Itself and the positions before it, this many together.
    Window(u32),
}

/// Options of an attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention<'g> {
    /// Heads of queries.
    pub heads: u32,
    /// Heads of keys and values; divides `heads`.
    pub kv_heads: u32,
    /// What a position attends to.
    pub span: Span,
    /// What products of queries and keys are multiplied by; none is 1/√(width of a head).
    pub scale: Option<f64>,
    /// Scores are capped to cap · tanh(score / cap).
    pub soft_cap: Option<f64>,
    /// Probability with which a probability is set to zero while training.
    pub dropout: f64,
    /// A bias that depends on distance, see [`super::Net::relative_bias`].
    pub bias: Option<super::Value<'g>>,
}

impl Attention<'_> {
    /// Causal, with as many heads of keys and values as of queries.
    pub const fn causal(heads: u32) -> Self {
        Self { heads, kv_heads: heads, span: Span::Causal, scale: None, soft_cap: None, dropout: 0.0, bias: None }
    }

    /// From each position to all positions of its document, or of the source.
    pub const fn full(heads: u32) -> Self {
        Self { span: Span::Full, ..Self::causal(heads) }
    }
}

/// A recurrent layer, with the weights of PyTorch's `RNN`, `GRU` and `LSTM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recurrent {
    /// h = tanh(x W + h U + b)
    Rnn,
    /// Gated recurrent unit (Cho et al., arXiv 1406.1078).
    Gru,
    /// Long short-term memory (Hochreiter & Schmidhuber 1997).
    Lstm,
}

impl Recurrent {
    /// Name of the op.
    pub(super) const fn op(self) -> &'static str {
        match self {
            Self::Rnn => "rnn",
            Self::Gru => "gru",
            Self::Lstm => "lstm",
        }
    }

    /// Rows of its weights per column of its state.
    pub const fn gates(self) -> u32 {
        match self {
            Self::Rnn => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }
}

/// How the rows of a sequence become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The first row.
    First,
    /// The last row.
    Last,
    /// The mean of all rows.
    Mean,
}

impl Pool {
    /// Value of the attribute `kind`.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::Mean => "mean",
        }
    }
}
