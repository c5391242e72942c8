//! What an op's result is, from what it is given.

use super::values::{Space, Type};
use crate::{Setting, Value};

/// One use of an op: what it is given.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// Types of its inputs.
    pub inputs: &'a [Type],
    /// Shapes of its parameters.
    pub parameters: &'a [&'a [u32]],
    /// Its attributes.
    pub attributes: Attributes<'a>,
}

/// The attributes of a layer, whose names and types were checked.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a>(pub &'a [Setting]);

impl<'a> Attributes<'a> {
    /// The value under `key`.
    pub fn get(self, key: &str) -> Option<&'a Value> {
        self.0.iter().find(|setting| setting.key == key).map(|setting| &setting.value)
    }

    /// A number.
    pub fn number(self, key: &str) -> Option<f64> {
        match self.get(key) {
            Some(Value::Number(value)) => Some(*value),
            Some(Value::Integer(value)) => Some(*value as f64),
            _ => None,
        }
    }

    /// A whole number from 0 on.
    pub fn integer(self, key: &str) -> Option<u32> {
        match self.get(key) {
            Some(Value::Integer(value)) => u32::try_from(*value).ok(),
            _ => None,
        }
    }

    /// True or false; false where it is not given.
    pub fn flag(self, key: &str) -> bool {
        matches!(self.get(key), Some(Value::Boolean(true)))
    }

    /// A text.
    pub fn text(self, key: &str) -> Option<&'a str> {
        match self.get(key) {
            Some(Value::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// A list of numbers.
    pub fn numbers(self, key: &str) -> Option<&'a [f64]> {
        match self.get(key) {
            Some(Value::Numbers(values)) => Some(values),
            _ => None,
        }
    }
}

type Answer<T> = std::result::Result<T, String>;

impl<'a> Site<'a> {
    /// Space and columns of input `index`, which must be a matrix.
    fn matrix(&self, index: usize) -> Answer<(Space, u32)> {
        match self.inputs.get(index) {
            Some(Type::Matrix { space, columns }) => Ok((*space, *columns)),
            Some(other) => Err(format!("input {index} is {other}, expected a matrix")),
            None => Err(format!("input {index} is missing")),
        }
    }

    fn index(&self) -> Answer<Space> {
        match self.inputs.first() {
            Some(Type::Index(space)) => Ok(*space),
            Some(other) => Err(format!("input 0 is {other}, expected an index such as input.ids")),
            None => Err("input 0 is missing".into()),
        }
    }

    /// Shape of parameter `index`, of two dimensions.
    fn table(&self, index: usize) -> Answer<[u32; 2]> {
        let shape = self.parameters.get(index).copied().unwrap_or_default();
        <[u32; 2]>::try_from(shape)
            .map_err(|_| format!("parameter {index} has shape {shape:?}, expected two dimensions"))
    }

    /// Refuses a parameter that is given and is not of `shape`.
    fn shaped(&self, index: usize, shape: &[u32]) -> Answer<()> {
        match self.parameters.get(index) {
            Some(given) if *given != shape => Err(format!("parameter {index} has shape {given:?}, expected {shape:?}")),
            _ => Ok(()),
        }
    }
}

fn matrix(space: Space, columns: u32) -> Answer<Type> {
    match columns {
        0 => Err("the result has no columns".into()),
        _ => Ok(Type::Matrix { space, columns }),
    }
}

/// `input.*` of a space.
pub(super) fn ids(_: &Site<'_>) -> Answer<Type> {
    Ok(Type::Index(Space::Row))
}

/// `input.source_*`.
pub(super) fn source_ids(_: &Site<'_>) -> Answer<Type> {
    Ok(Type::Index(Space::Source))
}

pub(super) fn embedding(site: &Site<'_>) -> Answer<Type> {
    let [_, columns] = site.table(0)?;
    matrix(site.index()?, columns)
}

pub(super) fn linear(site: &Site<'_>) -> Answer<Type> {
    let (space, columns) = site.matrix(0)?;
    let [first, second] = site.table(0)?;
    let (n_in, n_out) = match site.attributes.text("layout") {
        Some("in-out") => (first, second),
        None | Some("out-in") => (second, first),
        Some(other) => return Err(format!("layout is {other:?}, expected \"out-in\" or \"in-out\"")),
    };
    if n_in != columns {
        return Err(format!("the weight {:?} multiplies {n_in} columns, the input has {columns}", [first, second]));
    }
    // BART keeps its bias as a matrix of one row
    if site.parameters.get(1).is_some_and(|bias| *bias != [1, n_out]) {
        site.shaped(1, &[n_out])?;
    }
    matrix(space, n_out)
}

/// Norms: a weight may be narrower than the input, for a norm of each chunk of columns.
pub(super) fn norm(site: &Site<'_>) -> Answer<Type> {
    let (space, columns) = site.matrix(0)?;
    if !site.attributes.number("epsilon").is_some_and(|epsilon| epsilon >= 0.0 && epsilon.is_finite()) {
        return Err("epsilon must be a number from 0 on".into());
    }
    if let Some(weight) = site.parameters.first() {
        match weight {
            [width] if *width > 0 && columns.is_multiple_of(*width) => site.shaped(1, &[*width])?,
            _ => return Err(format!("the weight has shape {weight:?}, expected a divisor of {columns} columns")),
        }
    }
    matrix(space, columns)
}

pub(super) fn rotary(site: &Site<'_>) -> Answer<Type> {
    let (space, columns) = site.matrix(0)?;
    let head = site.attributes.integer("head_width").unwrap_or(0);
    let turned = site.attributes.integer("rotary_width").unwrap_or(head);
    if head == 0 || !columns.is_multiple_of(head) {
        return Err(format!("head_width is {head}, expected a divisor of {columns} columns"));
    }
    if turned == 0 || turned > head || !turned.is_multiple_of(2) {
        return Err(format!(
            "rotary_width is {turned}, expected an even number up to head_width, {head}: pairs are turned"
        ));
    }
    match (site.attributes.numbers("frequencies"), site.attributes.number("theta")) {
        (Some(list), _) if list.len() != (turned / 2) as usize => {
            Err(format!("{} frequencies, expected {}, one for each pair", list.len(), turned / 2))
        }
        (Some(list), _) if !list.iter().all(|frequency| frequency.is_finite()) => {
            Err("a frequency is not a finite number".into())
        }
        (None, theta) if !theta.is_some_and(|theta| theta > 0.0 && theta.is_finite()) => {
            Err("expected theta, a number above 0, or frequencies".into())
        }
        _ if space == Space::Sequence => Err("sequences have no positions".into()),
        _ => matrix(space, columns),
    }
}

pub(super) fn attention(site: &Site<'_>) -> Answer<Type> {
    let [(space, q), (key_space, k), (value_space, v)] = [site.matrix(0)?, site.matrix(1)?, site.matrix(2)?];
    let heads = site.attributes.integer("heads").unwrap_or(0);
    let kv_heads = site.attributes.integer("kv_heads").unwrap_or(heads);
    if heads == 0 || kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
        return Err(format!("{heads} heads share {kv_heads} heads of keys, expected a divisor of heads"));
    }
    if !q.is_multiple_of(heads) || !k.is_multiple_of(kv_heads) || q / heads != k / kv_heads || v != k {
        return Err(format!(
            "queries have {q} columns in {heads} heads, keys {k} and values {v} in {kv_heads}, expected heads of one width"
        ));
    }
    if key_space != value_space || space == Space::Sequence || key_space == Space::Sequence {
        return Err(format!("queries are of {space}s, keys of {key_space}s and values of {value_space}s"));
    }
    if space == Space::Source && key_space == Space::Row {
        return Err("the source cannot attend to the text that is written from it".into());
    }
    let span = site.attributes.text("span").unwrap_or("causal");
    match span {
        "causal" | "full" => {}
        "window" if site.attributes.integer("window").is_some_and(|window| window > 0) => {}
        "window" => return Err("span is \"window\", expected window, a whole number from 1 on".into()),
        other => return Err(format!("span is {other:?}, expected \"causal\", \"full\" or \"window\"")),
    }
    if space != key_space && span != "full" {
        return Err(format!("attention of {space}s to {key_space}s must have span \"full\", got {span:?}"));
    }
    match site.inputs.get(3) {
        None => {}
        Some(_) if space != key_space => return Err("a bias by distance is within one text: give none".into()),
        Some(Type::Bias { heads: of }) if *of == heads => {}
        Some(other) => return Err(format!("input 3 is {other}, expected a bias of {heads} heads")),
    }
    unit(site, "dropout")?;
    matrix(space, q)
}

pub(super) fn relative_bias(site: &Site<'_>) -> Answer<Type> {
    let [buckets, heads] = site.table(0)?;
    let most = site.attributes.integer("max_distance").unwrap_or(0);
    if buckets < 4 || !buckets.is_multiple_of(2) || most <= buckets / 2 {
        return Err(format!(
            "{buckets} buckets up to distance {most}, expected an even number from 4 on and a larger distance"
        ));
    }
    if heads == 0 {
        return Err("the table has no heads".into());
    }
    Ok(Type::Bias { heads })
}

/// One matrix to another one of its type.
pub(super) fn map(site: &Site<'_>) -> Answer<Type> {
    let (space, columns) = site.matrix(0)?;
    matrix(space, columns)
}

pub(super) fn gelu(site: &Site<'_>) -> Answer<Type> {
    match site.attributes.text("form") {
        None | Some("tanh" | "erf") => map(site),
        Some(other) => Err(format!("form is {other:?}, expected \"tanh\" or \"erf\"")),
    }
}

pub(super) fn scale(site: &Site<'_>) -> Answer<Type> {
    match site.attributes.number("factor") {
        Some(factor) if factor.is_finite() => map(site),
        _ => Err("expected factor, a finite number".into()),
    }
}

pub(super) fn soft_cap(site: &Site<'_>) -> Answer<Type> {
    match site.attributes.number("cap") {
        Some(cap) if cap.is_finite() && cap > 0.0 => map(site),
        _ => Err("expected cap, a number above 0".into()),
    }
}

pub(super) fn dropout(site: &Site<'_>) -> Answer<Type> {
    unit(site, "rate")?;
    map(site)
}

/// Refuses a probability outside [0, 1).
fn unit(site: &Site<'_>, key: &str) -> Answer<()> {
    match site.attributes.number(key) {
        Some(rate) if !(0.0..1.0).contains(&rate) => Err(format!("{key} is {rate}, expected 0 to below 1")),
        _ => Ok(()),
    }
}

/// Two matrices of one type.
pub(super) fn pair(site: &Site<'_>) -> Answer<Type> {
    let ([(space, columns), (other_space, others)], inputs) = ([site.matrix(0)?, site.matrix(1)?], site.inputs);
    if (space, columns) != (other_space, others) {
        return Err(format!("the inputs are {} and {}, expected two of one type", inputs[0], inputs[1]));
    }
    matrix(space, columns)
}

pub(super) fn concat(site: &Site<'_>) -> Answer<Type> {
    let (space, mut columns) = site.matrix(0)?;
    for index in 1..site.inputs.len() {
        let (other, more) = site.matrix(index)?;
        if other != space {
            return Err(format!("input {index} has a row per {other}, input 0 one per {space}"));
        }
        columns = columns.checked_add(more).ok_or("more columns than there are numbers for")?;
    }
    matrix(space, columns)
}

pub(super) fn slice(site: &Site<'_>) -> Answer<Type> {
    let (space, columns) = site.matrix(0)?;
    let [first, width] = ["first", "width"].map(|key| site.attributes.integer(key).unwrap_or(0));
    match first.checked_add(width) {
        Some(end) if end <= columns => matrix(space, width),
        _ => Err(format!("{width} columns from {first} on, of an input with {columns}")),
    }
}

fn recurrent(site: &Site<'_>, gates: u32) -> Answer<Type> {
    let (space, columns) = site.matrix(0)?;
    let [rows, width] = site.table(1)?;
    if width == 0 || width.checked_mul(gates) != Some(rows) {
        return Err(format!("parameter 1 has shape {:?}, expected [{gates} · state, state]", [rows, width]));
    }
    site.shaped(0, &[rows, columns])?;
    site.shaped(2, &[rows])?;
    site.shaped(3, &[rows])?;
    match space {
        Space::Sequence => Err("expected rows of tokens, got whole sequences".into()),
        _ => matrix(space, width),
    }
}

pub(super) fn rnn(site: &Site<'_>) -> Answer<Type> {
    match site.attributes.text("activation") {
        None | Some("tanh" | "relu") => recurrent(site, 1),
        Some(other) => Err(format!("activation is {other:?}, expected \"tanh\" or \"relu\"")),
    }
}

pub(super) fn gru(site: &Site<'_>) -> Answer<Type> {
    recurrent(site, 3)
}

pub(super) fn lstm(site: &Site<'_>) -> Answer<Type> {
    recurrent(site, 4)
}

pub(super) fn conv(site: &Site<'_>) -> Answer<Type> {
    let (_, columns) = site.matrix(0)?;
    let [rows, taps] = site.table(0)?;
    if rows != columns || taps == 0 {
        return Err(format!("parameter 0 has shape {:?}, expected [{columns}, taps]", [rows, taps]));
    }
    site.shaped(1, &[columns])?;
    in_order(site)
}

pub(super) fn in_order(site: &Site<'_>) -> Answer<Type> {
    match site.matrix(0)? {
        (Space::Sequence, _) => Err("expected rows of tokens, got whole sequences".into()),
        (space, columns) => matrix(space, columns),
    }
}

pub(super) fn pool(site: &Site<'_>) -> Answer<Type> {
    match site.attributes.text("kind") {
        Some("first" | "last" | "mean") => {}
        None => return Err("expected kind, \"first\", \"last\" or \"mean\"".into()),
        Some(other) => return Err(format!("kind is {other:?}, expected \"first\", \"last\" or \"mean\"")),
    }
    match site.matrix(0)? {
        (Space::Sequence, _) => Err("expected rows of tokens, got whole sequences".into()),
        (_, columns) => matrix(Space::Sequence, columns),
    }
}

pub(super) fn bag(site: &Site<'_>) -> Answer<Type> {
    match site.index()? {
        Space::Row => matrix(Space::Sequence, site.attributes.integer("columns").unwrap_or(0)),
        space => Err(format!("the input is an index per {space}, expected one per row")),
    }
}

pub(super) fn expand(site: &Site<'_>) -> Answer<Type> {
    match site.matrix(0)? {
        (Space::Sequence, columns) => matrix(Space::Row, columns),
        (space, _) => Err(format!("the input has a row per {space}, expected one per sequence")),
    }
}
