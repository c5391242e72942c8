//! Conditions that runs must meet: `loss.plugin=focal`, `optimizer.lr<1e-3`, `state=done`, `tag=x`.

use super::keys::{Value, values};
use super::summary::{RunSummary, State};
use crate::suggest::did_you_mean;
use std::cmp::Ordering;
use trainyard_base::{Error, Result};

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What it is about.
    pub key: String,
    operator: Operator,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// The spellings of operators. A longer one comes before one that it begins with.
const OPERATORS: [(&str, Operator); 7] = [
    ("!=", Operator::Unequal),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("==", Operator::Equal),
    ("=", Operator::Equal),
    ("<", Operator::Below),
    (">", Operator::Above),
];

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// There is no operator or nothing before it, the state is none, or the value is to be a number and is not.
    pub fn parse(text: &str) -> Result<Self> {
        let expected = || {
            Error::usage(format!(
                "--where {text}: expected a key, one of = != < <= > >=, and a value, such as loss.plugin=focal"
            ))
        };
        let start = text.find(['=', '!', '<', '>']).filter(|start| *start > 0).ok_or_else(expected)?;
        let (key, rest) = (text[..start].trim(), &text[start..]);
        let found = OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?.trim())));
        let (operator, value) = found.ok_or_else(expected)?;
        if key == "state" {
            return Self::of_state(text, operator, &value.replace('_', " "));
        }
        if !matches!(operator, Operator::Equal | Operator::Unequal) && value.parse::<f64>().is_err() {
            return Err(Error::usage(format!("--where {text}: expected a number after the sign, got {value:?}")));
        }
        let key = if key == "tags" { "tag" } else { key };
        Ok(Self { key: key.to_owned(), operator, value: value.to_owned() })
    }

    fn of_state(text: &str, operator: Operator, value: &str) -> Result<Self> {
        let states = State::ALL.map(|state| state.to_string());
        if states.iter().any(|state| state == value) {
            return Ok(Self { key: "state".to_owned(), operator, value: value.to_owned() });
        }
        let cure = did_you_mean(value, states.iter().map(String::as_str));
        Err(Error::usage(format!("--where {text}: expected a state of a run; {cure}")))
    }

    /// Says whether a run meets it. One that has no such value meets only `!=`.
    pub fn is_met(&self, run: &RunSummary) -> bool {
        let all = values(run, &self.key);
        match self.operator {
            Operator::Unequal => !all.iter().any(|value| self.order(value) == Some(Ordering::Equal)),
            _ => all.iter().any(|value| self.order(value).is_some_and(|order| self.holds(order))),
        }
    }

    /// Compares a run's value with the condition's; none where the two are not of a kind.
    fn order(&self, value: &Value) -> Option<Ordering> {
        match (value, self.value.parse::<f64>()) {
            (Value::Number(value), Ok(wanted)) => value.partial_cmp(&wanted),
            (Value::Number(_), Err(_)) => None,
            (Value::Text(text), _) => Some(text.as_str().cmp(&self.value)),
        }
    }

    fn holds(&self, order: Ordering) -> bool {
        match self.operator {
            Operator::Equal => order.is_eq(),
            Operator::Unequal => order.is_ne(),
            Operator::Below => order.is_lt(),
            Operator::AtMost => order.is_le(),
            Operator::Above => order.is_gt(),
            Operator::AtLeast => order.is_ge(),
        }
    }
}
