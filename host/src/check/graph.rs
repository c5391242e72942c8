//! Laws of losses and of metrics over tokens: what they describe can be computed, differentiated and added up.

use super::input::Dice;
use super::{CheckReport, Defect, Found, Subject, equal};
use crate::feed::tasks::SUPPLIED;
use crate::loss::{HeadGradient, OutputLayer, Probe, Program, Ratio, fault_of_weights};
use crate::ops::{Engine, Precision};
use crate::plugin::Plugin;
use crate::rows::{Extent, InputSet, RowInput};
use std::time::Instant;
use trainyard_plugin::{Graph, Kind};

/// Sequences, rows of each, vocabulary.
const SHAPES: [[usize; 3]; 5] = [[1, 1, 2], [1, 7, 5], [3, 4, 17], [2, 9, 130], [5, 1, 33]];
/// Shift of the finite difference; its error is of the order of the square.
const SHIFT: f64 = 1e-5;
/// Largest difference between gradient and slope, relative to the largest gradient.
const TOLERANCE: f64 = 1e-6;
/// Numbers of a gradient that are compared, in each shape.
const COMPARED: usize = 40;
/// Rows and vocabulary of the measurement of speed.
const SPEED_SHAPE: [usize; 3] = [4, 64, 8192];

pub fn check(report: &mut CheckReport, subject: &Subject<'_>) {
    let describe_here = describe(subject.plugin).and_then(|graph| {
        let program = Program::compile(&[&graph])?;
        Ok((graph, program))
    });
    let (graph, program) = match describe_here {
        Ok(described) => described,
        Err(defect) => return report.add("describe", Err(defect)),
    };
    let (n_nodes, n_outputs) = (graph.nodes.len(), graph.outputs.len());
    let formula = program.explain().lines().next().unwrap_or_default().to_owned();
    report.add("describe", Ok(format!("{n_nodes} nodes, {n_outputs} outputs: {formula}")));
    report.add("deterministic", deterministic(subject, &graph));
    report.add("threads", subject.same_on_threads(describe));
    inputs(report, program.inputs());
    report.add("finite", finite(subject, &program));
    report.add("padding", padding(subject, &program));
    report.add("adds-up", adds_up(subject, &program));
    report.add("weight", weight(subject, &program));
    if subject.plugin.identity().kind == Kind::Loss {
        report.add("gradient", gradient(subject, &graph, &program));
    }
    report.add("speed", speed(subject, &program));
    subject.same_in_other_form(report, describe);
}

fn describe(plugin: &Plugin) -> Found<Graph> {
    Ok(match plugin.identity().kind {
        Kind::Metric => {
            let metric = plugin.metric()?;
            metric.info()?;
            metric.describe()?
        }
        _ => plugin.loss()?.describe()?,
    })
}

fn deterministic(subject: &Subject<'_>, graph: &Graph) -> Found<String> {
    equal(&describe(subject.plugin)?, graph, || "another instance describes another graph".into())?;
    Ok("two instances describe one graph".into())
}

/// Names what a run does not supply; the other checks feed random numbers.
fn inputs(report: &mut CheckReport, asked: InputSet) {
    let missing: Vec<_> = asked.iter().filter(|&input| !SUPPLIED.contains(input)).map(RowInput::name).collect();
    match missing.is_empty() {
        true => report.add("inputs", Ok("every input that it asks for is in the batches of a run".into())),
        false => {
            report.skip("inputs", &format!("no run supplies {} yet: tried with random numbers", missing.join(", ")))
        }
    }
}

fn cases(subject: &Subject<'_>, scale: f64) -> impl Iterator<Item = Probe> {
    let seed = subject.options.seed;
    SHAPES.into_iter().enumerate().map(move |(i, shape)| Probe::new(seed, i, shape, scale))
}

/// Small logits, large ones, and equal ones make finite numbers.
fn finite(subject: &Subject<'_>, program: &Program) -> Found<String> {
    for scale in [1.0, 100.0, 0.0] {
        for case in cases(subject, scale) {
            let (ratios, gradient) = case.run::<f32>(program, true)?;
            let shape = format!("{} rows, vocabulary {}, logits of ±{}", case.n_rows(), case.vocab, 2.0 * scale);
            if let Some((name, ratio)) = program.outputs().iter().zip(&ratios).find(|(_, ratio)| !is_finite(ratio)) {
                return Err(Defect(format!("{name} is {} / {} at {shape}", ratio.sum, ratio.weight)));
            }
            if subject.plugin.identity().kind == Kind::Loss && gradient.iter().any(|x| !x.is_finite()) {
                return Err(Defect(format!("the gradient is not finite at {shape}")));
            }
        }
    }
    Ok(format!("{} shapes with logits up to ±200 and with equal ones, in f32", SHAPES.len()))
}

fn is_finite(ratio: &Ratio) -> bool {
    ratio.sum.is_finite() && ratio.weight.is_finite()
}

/// Rows of weight 0 have no say.
fn padding(subject: &Subject<'_>, program: &Program) -> Found<String> {
    for case in cases(subject, 1.0) {
        let mut other = case.clone();
        for row in (0..case.n_rows()).filter(|&row| case.rows.columns.weight[row] == 0.0) {
            let target = &mut other.rows.columns.target[row];
            *target = (*target + 1) % case.vocab as u32;
            other.logits[row * case.vocab..][..case.vocab].iter_mut().for_each(|x| *x += 1.5);
            other.logits[row * case.vocab] -= 3.0;
        }
        let (before, after) = (case.run::<f64>(program, false)?.0, other.run::<f64>(program, false)?.0);
        for ((name, before), after) in program.outputs().iter().zip(&before).zip(&after) {
            if !close(before.sum, after.sum) || !close(before.weight, after.weight) {
                let cure = "multiply what is summed by input.weight";
                return Err(Defect(format!("{name} changes with rows whose weight is 0 (padding); {cure}")));
            }
        }
    }
    Ok("rows of weight 0 change nothing".into())
}

/// Sum and weight of a batch are those of its parts, added: gradient accumulation and evaluation rely on it.
fn adds_up(subject: &Subject<'_>, program: &Program) -> Found<String> {
    for case in cases(subject, 1.0).filter(|case| case.windows > 1) {
        let whole = case.run::<f64>(program, false)?.0;
        let (left, right) = (case.part(0, 1), case.part(1, case.windows - 1));
        let (left, right) = (left.run::<f64>(program, false)?.0, right.run::<f64>(program, false)?.0);
        for (i, name) in program.outputs().iter().enumerate() {
            let (sum, weight) = (left[i].sum + right[i].sum, left[i].weight + right[i].weight);
            if !close(whole[i].sum, sum) || !close(whole[i].weight, weight) {
                return Err(Defect(format!(
                    "{name}: the whole batch has {:.6} / {:.6}, its parts added have {sum:.6} / {weight:.6}; \
                     sum over rows or sequences last",
                    whole[i].sum, whole[i].weight
                )));
            }
        }
    }
    Ok("sums and weights of micro-batches are those of the batch".into())
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

/// Weights are 0 or more; that of a loss depends on the batch alone.
fn weight(subject: &Subject<'_>, program: &Program) -> Found<String> {
    let is_loss = subject.plugin.identity().kind == Kind::Loss;
    match fault_of_weights(program, is_loss)? {
        Some(fault) => Err(Defect(fault)),
        None => Ok(if is_loss { "0 or more, and the same for all logits" } else { "0 or more" }.into()),
    }
}

/// Gradients equal central differences of the loss, in f64; what is under `stop_gradient` is held.
fn gradient(subject: &Subject<'_>, graph: &Graph, program: &Program) -> Found<String> {
    let held = Program::compile_held(graph)?;
    let (mut worst, mut n_compared) = (0.0_f64, 0);
    let mut any = false;
    for (i, case) in cases(subject, 1.0).enumerate() {
        let gradient = case.run::<f64>(program, true)?.1;
        let scale = gradient.iter().fold(1e-3_f64, |scale, x| scale.max(x.abs()));
        any |= gradient.iter().any(|x| *x != 0.0);
        let mut dice = Dice::new(subject.options.seed ^ 0x6772_6164, i);
        for _ in 0..COMPARED.min(gradient.len()) {
            let at = dice.below(gradient.len());
            let value = |shift: f64| -> Found<f64> {
                let mut moved = case.clone();
                moved.logits[at] += shift;
                Ok(moved.run::<f64>(&held, false)?.0[0].sum)
            };
            let slope = (value(SHIFT)? - value(-SHIFT)?) / (2.0 * SHIFT);
            let far = (slope - gradient[at]).abs() / scale;
            if far.is_nan() || far > TOLERANCE {
                let (row, token) = (at / case.vocab, at % case.vocab);
                return Err(Defect(format!(
                    "by logit {token} of row {row} the gradient is {:.6e}, the slope is {slope:.6e}: the loss is not \
                     smooth there",
                    gradient[at]
                )));
            }
            worst = worst.max(far);
            n_compared += 1;
        }
    }
    match any {
        true => Ok(format!("{n_compared} numbers equal finite differences, the worst to {worst:.0e}")),
        false => Err(Defect("it does not depend on the logits: nothing would be learned".into())),
    }
}

fn speed(subject: &Subject<'_>, program: &Program) -> Found<String> {
    let [sequences, length, vocab] = SPEED_SHAPE;
    let (n, width) = (sequences * length, 16);
    let mut case = Probe::new(subject.options.seed, 0, [sequences, length, width], 1.0);
    let hidden: Vec<f32> = case.logits.iter().map(|&x| x as f32).collect();
    // Vocabulary-wide inputs are as wide as the logits will be.
    for input in program.inputs().iter().filter(|input| input.info().extent == Extent::Vocab) {
        case.rows.columns.set(input, std::iter::repeat_n(0.5, n * vocab));
    }
    let mut dice = Dice::new(subject.options.seed, 1);
    let weight: Vec<f32> = (0..vocab * width).map(|_| dice.uniform() as f32 - 0.5).collect();
    let head = OutputLayer::new(&hidden, &weight, [n, width, vocab]);
    let (mut dhidden, mut dweight) = (vec![0.0; hidden.len()], vec![0.0; weight.len()]);
    let engine = Engine::new(Precision::F32);
    let mut run = || -> Found<f64> {
        let gradient = HeadGradient::new(&mut dhidden, &mut dweight, 1.0);
        let begun = Instant::now();
        let gradient = (subject.plugin.identity().kind == Kind::Loss).then_some(gradient);
        program.run(&engine, &head, &case.rows, 0, gradient)?;
        Ok(begun.elapsed().as_secs_f64())
    };
    run()?;
    let seconds = run()?;
    Ok(format!("{:.1} µs for a token of a vocabulary of {vocab}", 1e6 * seconds / n as f64))
}
