//! Sizes of an attention, and what a query sees.

use crate::{Error, Result};
use crate::{Tensor, View};

/// What a position attends to within its document, or its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Itself and the positions before it.
    Causal,
    /// All positions.
    Full,
    /// Itself and the positions before it, this many in all (Beltagy et al., arXiv 2004.05150).
    Window(usize),
}

/// The shape of an attention.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Queries per sequence.
    pub length: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Elements of a position in one head.
    pub head_width: usize,
    /// What a position attends to.
    pub span: Span,
    /// What products of queries and keys are multiplied by to make scores.
    pub scale: f64,
    /// Scores become cap · tanh(score / cap), before a bias is added (Gemma 2, arXiv 2408.00118); 0: they stay.
    pub soft_cap: f64,
}

impl Shape {
    /// With the usual scale, 1 / √head_width, and no cap.
    pub fn new(length: usize, heads: usize, kv_heads: usize, head_width: usize, span: Span) -> Self {
        let scale = 1.0 / (head_width as f64).sqrt();
        Self { length, heads, kv_heads, head_width, span, scale, soft_cap: 0.0 }
    }

    /// Elements of a row of queries, keys and values: (heads + 2 · kv_heads) · head_width.
    pub fn qkv_width(&self) -> usize {
        self.out_width() + 2 * self.kv_width()
    }

    /// Elements of a row of queries or of the result: heads · head_width.
    pub fn out_width(&self) -> usize {
        self.heads * self.head_width
    }

    /// Elements of a row of keys or of values: kv_heads · head_width.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_width
    }

    /// Query heads per key and value head.
    pub(super) fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// A window that hides nothing is none.
    pub(super) fn simplified(self) -> Self {
        match self.span {
            Span::Window(width) if width >= self.length => Self { span: Span::Causal, ..self },
            _ => self,
        }
    }

    /// Queries, keys and values of `qkv` `[rows, qkv_width]`.
    ///
    /// # Errors
    /// A tensor of another width.
    pub fn side_by_side<'a>(&self, qkv: &'a Tensor) -> Result<[View<'a>; 3]> {
        let (q, kv) = (self.out_width(), self.kv_width());
        if qkv.row_width() != q + 2 * kv {
            let expected = format!("expected {} columns of queries, keys and values", q + 2 * kv);
            return Err(Error::run(format!("attention: {expected}, got {}", qkv.row_width())));
        }
        Ok([View::new(qkv, 0, q)?, View::new(qkv, q, kv)?, View::new(qkv, q + kv, kv)?])
    }
}
