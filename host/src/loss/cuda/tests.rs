//! The text that is emitted; that it computes what the interpreter does is tested from outside, on a GPU or an emulated
//! one (`tests/loss.rs`).

use super::emit::{Format, sizes, source};
use super::flow::{Flow, Operand};
use crate::loss::Program;
use crate::loss::row_program::RowProgram;
use crate::loss::split::Plan;
use crate::ops::linear::Transform;
use trainyard_plugin::{Builder, Create, Expr, Graph, Loss, Metric};

const FORMATS: [Format; 3] = [Format::F32, Format::F64, Format::Bf16];

fn mean(formula: impl for<'g> Fn(&'g Builder) -> Expr<'g>) -> Graph {
    let g = Builder::new();
    g.mean(formula(&g))
}

fn compile(graph: &Graph) -> Program {
    Program::compile(&[graph]).unwrap()
}

fn plugins() -> [Graph; 6] {
    [
        trainyard_cross_entropy::CrossEntropy::create(Default::default()).unwrap().describe().unwrap(),
        trainyard_label_smoothing::LabelSmoothing::create(Default::default()).unwrap().describe().unwrap(),
        trainyard_focal::Focal::create(Default::default()).unwrap().describe().unwrap(),
        trainyard_z_loss::ZLoss::create(Default::default()).unwrap().describe().unwrap(),
        trainyard_token_accuracy::TokenAccuracy::create(Default::default()).unwrap().describe().unwrap(),
        trainyard_perplexity::Perplexity::create(Default::default()).unwrap().describe().unwrap(),
    ]
}

fn passes(plan: &Plan) -> Vec<&RowProgram> {
    plan.stages.iter().filter_map(|stage| stage.pass.as_ref()).collect()
}

/// Sweeps over the vocabulary that are left.
fn n_sweeps(plan: &Plan) -> usize {
    let count = |pass: &&RowProgram| Flow::new(pass).sweeps.iter().filter(|sweep| !sweep.is_empty()).count();
    passes(plan).iter().map(count).sum()
}

#[test]
fn the_text_is_a_function_of_plan_and_format() {
    for graph in plugins() {
        let (program, again) = (compile(&graph), compile(&graph));
        let mut seen = Vec::new();
        for format in FORMATS {
            for (plan, same) in [(&program.forward, &again.forward), (&program.training, &again.training)] {
                let text = source(plan, format, Transform::NONE);
                assert_eq!(text, source(same, format, Transform::NONE));
                assert!(text.is_ascii() && !text.contains("#include"), "NVRTC has no headers");
                seen.push(text);
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 6, "formats and plans have texts of their own");
    }
}

#[test]
fn losses_read_a_row_twice() {
    let plugins = plugins();
    for graph in &plugins[..4] {
        let program = compile(graph);
        assert_eq!(n_sweeps(&program.training), 2);
        assert!(
            sizes(&program.training).stages.iter().all(|stage| stage.pass.as_ref().is_none_or(|p| p.n_stored == 0))
        );
    }
    for graph in [&plugins[0], &plugins[4], &plugins[5]] {
        assert_eq!(n_sweeps(&compile(graph).forward), 1);
    }
}

#[test]
fn what_takes_long_is_stored_for_later_sweeps() {
    let stored = |graph: Graph| {
        let program = compile(&graph);
        let flow = Flow::new(passes(&program.training)[0]);
        let slots: Vec<_> = flow.values.iter().filter_map(|value| value.slot).collect();
        assert!(slots.iter().all(|slot| *slot < flow.n_slots));
        flow.n_slots
    };
    assert_eq!(stored(mean(|g| (g.logits() * 0.5).log_softmax().gather(g.target()))), 0);
    assert_eq!(stored(mean(|g| g.logits().softplus().sigmoid().log_softmax().gather(g.target()))), 1);
}

#[test]
fn a_pass_without_sweeps_has_a_thread_per_row() {
    let g = Builder::new();
    let graph = g.ratio(g.logits().gather(g.target()).sum_rows(), g.weight().sum_rows());
    let program = compile(&graph);
    let is_wide =
        |plan: &Plan| sizes(plan).stages.iter().any(|stage| stage.pass.as_ref().is_some_and(|pass| pass.is_wide));
    assert!(!is_wide(&program.forward), "only an element of each row is read");
    assert!(is_wide(&program.training), "the gradient is written");
    let flow = Flow::new(passes(&program.training)[0]);
    assert_eq!(flow.sweeps[0].gradient, Some(Operand::Zero));
}
