//! Values of a network that is being built, and the layers without parameters.

use super::builder::Net;
use super::layers::{Attention, Pool, Span};
use super::rope::Rotary;
use super::values::Type;
use crate::Setting;
use crate::settings::Value as Constant;
use std::ops::{Add, Mul};

/// A result of a layer of the network that its [`Net`] collects. Copied freely: using one twice computes it once.
#[derive(Debug, Clone, Copy)]
pub struct Value<'g> {
    pub(super) net: &'g Net,
    pub(super) id: u32,
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.net, other.net) && self.id == other.id
    }
}

macro_rules! unary {
    ($( $(#[$doc:meta])* $name:ident ),+ $(,)?) => {
        impl<'g> Value<'g> {
            $( $(#[$doc])* #[track_caller] pub fn $name(self) -> Self { self.then(stringify!($name), Vec::new()) } )+
        }
    };
}

// The method's name is the op's name, so the table and the builder cannot drift apart.
unary! {
    /// max(x, 0).
    relu,
    /// x σ(x).
    silu,
    /// tanh(x).
    tanh,
    /// 1 / (1 + e^-x).
    sigmoid,
    /// The sequence's row for each of its tokens: `[sequence, C]` to `[row, C]`.
    expand,
}

impl<'g> Value<'g> {
    /// Its type.
    pub fn type_of(self) -> Type {
        self.net.type_of(self.id)
    }

    /// Numbers of a row.
    pub fn columns(self) -> u32 {
        self.type_of().columns()
    }

    /// GELU (Hendrycks & Gimpel, arXiv 1606.08415), exact.
    #[track_caller]
    pub fn gelu(self) -> Self {
        self.then("gelu", vec![text("form", "erf")])
    }

    /// GELU approximated by tanh.
    #[track_caller]
    pub fn gelu_tanh(self) -> Self {
        self.then("gelu", vec![text("form", "tanh")])
    }

    /// x · factor.
    #[track_caller]
    pub fn scale(self, factor: f64) -> Self {
        self.then("scale", vec![number("factor", factor)])
    }

    /// cap · tanh(x / cap).
    #[track_caller]
    pub fn soft_cap(self, cap: f64) -> Self {
        self.then("soft_cap", vec![number("cap", cap)])
    }

    /// While training 0 with probability `rate`, otherwise x / (1 - rate); the value itself where the rate is 0.
    #[track_caller]
    pub fn dropout(self, rate: f64) -> Self {
        if rate == 0.0 { self } else { self.then("dropout", vec![number("rate", rate)]) }
    }

    /// Columns `first` to `first + width`.
    #[track_caller]
    pub fn slice(self, first: u32, width: u32) -> Self {
        self.then("slice", vec![integer("first", first), integer("width", width)])
    }

    /// The row `by` positions before, 0 before the document's first.
    #[track_caller]
    pub fn shift(self, by: u32) -> Self {
        self.then("shift", vec![integer("by", by)])
    }

    /// One row of each sequence: `[sequence, C]`.
    #[track_caller]
    pub fn pool(self, kind: Pool) -> Self {
        self.then("pool", vec![text("kind", kind.kind())])
    }

    /// Heads turned by their positions.
    #[track_caller]
    pub fn rotary(self, rotary: &Rotary) -> Self {
        let mut attributes = vec![integer("head_width", rotary.head_width)];
        match &rotary.frequencies {
            Some(frequencies) => {
                attributes.push(Setting { key: "frequencies".into(), value: Constant::Numbers(frequencies.clone()) })
            }
            None => attributes.push(number("theta", rotary.theta)),
        }
        if rotary.rotary_width != rotary.head_width {
            attributes.push(integer("rotary_width", rotary.rotary_width));
        }
        if rotary.factor != 1.0 {
            attributes.push(number("factor", rotary.factor));
        }
        if rotary.interleaved {
            attributes.push(Setting { key: "interleaved".into(), value: Constant::Boolean(true) });
        }
        self.then("rotary", attributes)
    }

    /// Attention of these queries to keys `k` and values `v`.
    #[track_caller]
    pub fn attend(self, k: Self, v: Self, options: &Attention<'g>) -> Self {
        let mut attributes = vec![integer("heads", options.heads), integer("kv_heads", options.kv_heads)];
        match options.span {
            Span::Causal => {}
            Span::Full => attributes.push(text("span", "full")),
            Span::Window(window) => attributes.extend([text("span", "window"), integer("window", window)]),
        }
        attributes.extend(options.scale.map(|scale| number("scale", scale)));
        attributes.extend(options.soft_cap.map(|cap| number("soft_cap", cap)));
        if options.dropout > 0.0 {
            attributes.push(number("dropout", options.dropout));
        }
        let inputs: Vec<_> = [self, k, v].into_iter().chain(options.bias).collect();
        self.net.push("attention", "", &inputs, &[], attributes)
    }

    #[track_caller]
    fn then(self, op: &str, attributes: Vec<Setting>) -> Self {
        self.net.push(op, "", &[self], &[], attributes)
    }
}

impl Add for Value<'_> {
    type Output = Self;

    #[track_caller]
    fn add(self, other: Self) -> Self {
        self.net.push("add", "", &[self, other], &[], Vec::new())
    }
}

impl Mul for Value<'_> {
    type Output = Self;

    #[track_caller]
    fn mul(self, other: Self) -> Self {
        self.net.push("mul", "", &[self, other], &[], Vec::new())
    }
}

pub(super) fn integer(key: &str, value: u32) -> Setting {
    Setting { key: key.into(), value: Constant::Integer(value.into()) }
}

pub(super) fn number(key: &str, value: f64) -> Setting {
    Setting { key: key.into(), value: Constant::Number(value) }
}

pub(super) fn text(key: &str, value: &str) -> Setting {
    Setting { key: key.into(), value: Constant::Text(value.into()) }
}
