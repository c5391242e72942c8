//! A program as text: its formulas and how they are computed.

use super::ir::Ir;
use super::lower::Roots;
use super::split::Plan;

pub(super) fn formulas(_ir: &Ir, _roots: &Roots) -> String {
    String::new()
}

pub(super) fn explain(formulas: &str, _forward: &Plan, _training: &Plan) -> String {
    formulas.to_owned()
}
