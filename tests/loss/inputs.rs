//! Row inputs: what is not in prepared data is refused before a run, named with where it would come from, and computed
//! with where a batch carries it.

use super::graph::Case;
use super::{compile, equals_reference};
use crate::device;
use trainyard::feed::SUPPLIED;
use trainyard::loss::Program;
use trainyard::rows::{Extent, Format, InputInfo, InputSet, LOGITS, RowInput, STEP};
use trainyard_plugin::graph::ops::{OPS, Rule};
use trainyard_plugin::{Builder, Graph};

/// Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290) over pairs that are told apart by the sign
/// of the advantage.
fn preference() -> Graph {
    let g = Builder::new();
    let logp = g.logits().log_softmax().gather(g.target());
    let gain = (g.advantage() * (logp - g.reference_logp()) * g.weight()).sum_sequence();
    let n = (gain * 0.0 + 1.0).sum_sequences();
    g.ratio((-(0.1 * gain).log_sigmoid()).sum_sequences(), n)
}

/// The clipped objective of proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347).
fn policy() -> Graph {
    let g = Builder::new();
    let ratio = (g.logits().log_softmax().gather(g.target()) - g.old_logp()).clamp(-3.0, 3.0).exp();
    g.mean(-(ratio * g.advantage()).minimum(ratio.clamp(0.8, 1.2) * g.advantage()))
}

/// Cross-entropy with a teacher's distribution (Hinton et al. 2015, arXiv 1503.02531).
fn distillation() -> Graph {
    let g = Builder::new();
    g.mean(-(g.teacher_logits().softmax() * g.logits().log_softmax()).sum_vocab())
}

#[test]
fn inputs_that_data_does_not_have_equal_their_reference() {
    let cases = [Case::new(3, 12, 5, 37, 4), Case::new(4, 12, 5, 37, 12).in_groups_of(&[1, 5, 2, 4])];
    for case in cases {
        equals_reference(&case, &preference());
        equals_reference(&case, &policy());
        if device::is_cpu() {
            equals_reference(&case, &distillation());
        }
    }
}

#[test]
fn a_program_says_what_it_asks_for() {
    use RowInput::{Advantage, OldLogp, ReferenceLogp, Target, TeacherLogits, Weight};
    let asked = |graph: &Graph| compile(graph).inputs();
    assert_eq!(asked(&preference()), InputSet::of(&[Advantage, ReferenceLogp, Target, Weight]));
    assert_eq!(asked(&policy()), InputSet::of(&[Weight, Target, OldLogp, Advantage]));
    assert_eq!(asked(&distillation()), InputSet::of(&[TeacherLogits, Weight]));
    let both = Program::compile(&[&policy(), &distillation()]).unwrap().inputs();
    assert_eq!(both.iter().collect::<Vec<_>>(), [Target, Weight, TeacherLogits, OldLogp, Advantage]);
}

#[test]
fn what_no_run_supplies_is_refused_with_where_it_would_come_from() {
    let error = |graph: &Graph| {
        let error = Program::compile_for(&[graph], SUPPLIED).unwrap_err();
        assert_eq!(error.exit_code(), 3, "the plugin's fault");
        error.to_string()
    };
    let there = "use a plugin that asks only for input.logits, input.target, input.weight, input.target_bytes, \
                 input.position, input.step";
    let reference = "input \"input.reference_logp\" (log-probability of the target under a frozen reference model) comes \
                     from a frozen reference model, which no run has yet";
    assert_eq!(error(&preference()), format!("{reference}; {there}"));
    assert!(error(&policy()).contains("\"input.old_logp\""), "the first of the table");
    assert!(error(&distillation()).contains("comes from a frozen teacher model, which no run has yet; use"));
}

#[test]
fn what_a_batch_lacks_is_named() {
    let fails = |graph: &Graph, change: fn(&mut Case), expected: &str| {
        let mut case = Case::new(3, 12, 5, 37, 4);
        change(&mut case);
        let error = case.run::<f64>(&compile(graph)).unwrap_err().to_string();
        assert_eq!(error, expected);
    };
    fails(
        &policy(),
        |case| case.others.advantage.clear(),
        "loss: input \"input.advantage\" is in no row of the batch; use a plugin that does not ask for it",
    );
    fails(&policy(), |case| case.others.old_logp.truncate(5), "loss: old_logp has 5 elements, expected 12");
    let g = Builder::new();
    let position = g.mean(g.logits().log_sum_exp() * g.position());
    fails(
        &position,
        |case| case.position[5] = 5,
        "loss: position of row 5 is 5, expected 1: positions count from 0 in each group",
    );
    if device::is_cpu() {
        let teacher = "loss: teacher_logits has 400 elements, expected 444";
        fails(&distillation(), |case| case.others.teacher_logits.truncate(400), teacher);
    } else {
        let wide = "loss: a GPU does not read input \"input.teacher_logits\" yet, which is as wide as the vocabulary; train \
                    on the CPU (train.device = \"cpu\")";
        fails(&distillation(), |_| (), wide);
    }
}

/// What a wide input costs on the way: nothing is sent or read that no graph asks for.
#[test]
fn what_no_graph_asks_for_may_be_absent() {
    let g = Builder::new();
    let program = compile(&g.ratio(g.logits().log_sum_exp().sum_rows(), g.constant(1.0)));
    let mut case = Case::new(3, 12, 5, 37, 4);
    let whole = case.run::<f64>(&program).unwrap();
    (case.target, case.weight, case.target_bytes) = Default::default();
    case.others = Default::default();
    assert_eq!(case.run::<f64>(&program).unwrap(), whole);
}

/// The table of the host and that of the contract are one.
#[test]
fn the_table_is_that_of_the_op_set() {
    let infos: Vec<&InputInfo> = [&LOGITS, &STEP].into_iter().chain(RowInput::ALL.iter().map(|i| i.info())).collect();
    let of_contract: Vec<_> = OPS.iter().filter(|op| op.name.starts_with("input.")).collect();
    assert_eq!(infos.len(), of_contract.len());
    for op in of_contract {
        let info = infos.iter().find(|info| info.name == op.name).unwrap_or_else(|| panic!("no {}", op.name));
        assert_eq!(info.meaning, op.formula);
        let rule = match info.extent {
            Extent::Batch => Rule::Scalar,
            Extent::Row => Rule::Row,
            Extent::Index => Rule::Index,
            Extent::Vocab => Rule::Vocab,
        };
        assert_eq!(rule, op.rule, "{}", op.name);
    }
    for input in RowInput::ALL {
        let info = input.info();
        assert!(RowInput::named(info.name) == Some(*input) && info.extent != Extent::Batch);
        assert!(info.extent != Extent::Index || info.format == Some(Format::U32));
    }
}
