//! Steps of training that equal those of transformers, torch.nn and pytorch-crf: `data/tasks` is made by
//! `peers/task_steps.py`, which says what is in it.

use crate::device::{self, probe, values};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use trainyard::corpus::{NameReport, Packing, Split};
use trainyard::feed::tasks::{Borders, Marks, TaskConfig};
use trainyard::feed::{Number, Per, Plane, Shard, ShardInfo, ShardWriter, packed_eval_batches};
use trainyard::loss::{CrfLoss, Objective, Program};
use trainyard::rows::{Columns, Rows};
use trainyard::run::{DataSizes, RunConfig, RunPlugins};
use trainyard::train::Trainer;

const VOCAB: usize = 50;
/// RoBERTa has 16 positions, of which it leaves out two.
const CONTEXT: usize = 14;
const BATCH: usize = 4;
const TOLERANCE: f64 = 1e-9;

const FROZEN: &str = "final_logits_bias";

const LABEL: Plane = plane("label", Number::U32, Per::Document);
const VALUE: Plane = plane("value", Number::F32, Per::Document);
const KNOWN: Plane = plane("known", Number::U8, Per::Document);
const TAG: Plane = plane("tag", Number::U16, Per::Token);
const SOURCE: Plane = plane("source", Number::U32, Per::Document);

const fn plane(name: &'static str, number: Number, per: Per) -> Plane {
    Plane { name, number, per }
}

/// A folder of `data/tasks`.
struct Case {
    folder: PathBuf,
    steps: Json,
    scratch: TempDir,
}

fn integers(json: &Json) -> Vec<i64> {
    json.as_array().unwrap().iter().map(|number| number.as_i64().unwrap()).collect()
}

fn ids(json: &Json) -> Vec<u32> {
    integers(json).into_iter().map(|id| u32::try_from(id).unwrap()).collect()
}

fn list(json: &Json) -> &[Json] {
    json.as_array().unwrap()
}

impl Case {
    fn open(name: &str) -> Self {
        let folder = Path::new(&device::manifest_dir()).join("data/tasks").join(name);
        let steps = std::fs::read_to_string(folder.join("steps.json")).unwrap();
        Self { folder, steps: serde_json::from_str(&steps).unwrap(), scratch: TempDir::new().unwrap() }
    }

    fn kind(&self) -> &str {
        self.steps["kind"].as_str().unwrap()
    }

    fn config(&self) -> RunConfig {
        let task = match self.kind() {
            "labels" => "kind = 'labels'",
            "several" => "kind = 'labels'\nvalues = 'several'",
            "number" => "kind = 'labels'\nvalues = 'number'",
            "tags" => "kind = 'tags'",
            "crf" => "kind = 'tags'\ncrf = true",
            "masked" => "kind = 'masked'",
            "seq2seq" => "kind = 'seq2seq'",
            other => panic!("{other}"),
        };
        let adamw = &self.steps["adamw"];
        let (folder, text) = (self.folder.display(), self.scratch.path().join("text.txt"));
        std::fs::write(&text, "text").unwrap();
        let text = text.display();
        let [lr, beta1, beta2, eps, decay] = ["lr", "beta1", "beta2", "eps", "weight_decay"].map(|key| &adamw[key]);
        let config = format!(
            "[[data.source]]\npath = '{text}'\n[start]\nfrom = '{folder}'\n[task]\n{task}\n[tokenizer]\nplugin = 'byte'\n\
             [model]\ncontext = {CONTEXT}\n[train]\nprecision = 'f64'\nclip = 0.0\nbatch = {BATCH}\n\
             [optimizer]\nlr = {lr}\nbeta1 = {beta1}\nbeta2 = {beta2}\neps = {eps}\nweight_decay = {decay}\n\
             [schedule]\nkind = 'constant'\nwarmup = 0\n"
        );
        // transformers has this bias, but does not train it
        let is_bart = self.steps["name"].as_str().unwrap().starts_with("bart");
        let frozen = is_bart.then(|| format!("train.freeze=['{FROZEN}']"));
        RunConfig::parse(&config, &frozen.into_iter().collect::<Vec<_>>()).unwrap()
    }

    /// The trainer of a run that starts from the folder.
    fn trainer(&self, config: &RunConfig, labels: usize) -> Trainer {
        let plugins = RunPlugins::open(config).unwrap();
        let loss = match config.task.has_crf() {
            true => Objective::Crf(CrfLoss::default()),
            false => {
                let loss = plugins.loss.loss().unwrap().describe().unwrap();
                Program::compile_for(&[&loss], config.task.supplied()).unwrap().into()
            }
        };
        let described = plugins.described(config, DataSizes { vocab: VOCAB, labels }).unwrap();
        let trainer = Trainer::new(config, described, loss, device::device()).unwrap();
        let (described, start) = (trainer.described(), config.start.as_ref().unwrap());
        start.load(config.model.named_plugin(), (described, &[]), trainer.model.params()).unwrap();
        trainer
    }

    fn shard(&self, planes: &[Plane], documents: impl Iterator<Item = (Vec<u32>, Vec<Vec<f64>>)>) -> Shard {
        let info = ShardInfo { n_vocabulary: VOCAB as u32, end_of_text: None, tokenizer: [0; 32], source: [0; 32] };
        let path = self.scratch.path().join("text.shard");
        let mut writer = ShardWriter::with_planes(&path, info, planes).unwrap();
        for (ids, numbers) in documents {
            let numbers: Vec<&[f64]> = numbers.iter().map(Vec::as_slice).collect();
            writer.push_with(&ids, &numbers).unwrap();
        }
        writer.finish().unwrap()
    }

    /// The sequences of all batches, each with what `field` says of it.
    fn sequences<'a>(&'a self, field: &'a str) -> impl Iterator<Item = (Vec<u32>, &'a Json)> {
        let batches = list(&self.steps["batches"]).iter();
        batches.flat_map(move |batch| list(&batch["ids"]).iter().map(ids).zip(list(&batch[field])))
    }

    /// Documents and their numbers in planes, with what the numbers mean.
    fn documents(&self) -> (Shard, Vec<NameReport>) {
        let mut names: Vec<Vec<String>> = Vec::new();
        // numbers are those of the names in the order in which they appear, from 1 on
        let mut number = |name: Vec<i64>| {
            let name: Vec<String> = name.into_iter().map(|class| class.to_string()).collect();
            let known = names.iter().position(|known| *known == name);
            let index = known.unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            (index + 1) as f64
        };
        let shard = match self.kind() {
            "labels" => {
                let of = self.sequences("labels");
                self.shard(&[LABEL], of.map(|(ids, label)| (ids, vec![vec![number(vec![label.as_i64().unwrap()])]])))
            }
            "several" => {
                let set = |label: &Json| {
                    let classes = integers(label).into_iter().enumerate().filter(|(_, has)| *has == 1);
                    classes.map(|(class, _)| class as i64).collect()
                };
                let of = self.sequences("labels");
                self.shard(&[LABEL], of.map(|(ids, label)| (ids, vec![vec![number(set(label))]])))
            }
            "number" => {
                let of = self.sequences("labels");
                self.shard(
                    &[VALUE, KNOWN],
                    of.map(|(ids, number)| (ids, vec![vec![number.as_f64().unwrap()], vec![1.0]])),
                )
            }
            "tags" | "crf" => {
                let mut tag = |tag: i64| if tag < 0 { 0.0 } else { number(vec![tag]) };
                let of = self.sequences("tags");
                self.shard(
                    &[TAG],
                    of.map(|(ids, tags)| (ids, vec![integers(tags).into_iter().chain([-1]).map(&mut tag).collect()])),
                )
            }
            _ => {
                let pair = |(mut source, target): (Vec<u32>, &Json)| {
                    // the task adds the end of both
                    source.pop();
                    let (n, mut target) = (source.len(), ids(target));
                    target.pop();
                    (source.into_iter().chain(target).collect(), vec![vec![n as f64]])
                };
                self.shard(&[SOURCE], self.sequences("targets").map(pair))
            }
        };
        let report = |names| NameReport { names, counts: [(Split::Train, 1)].into() };
        (shard, names.into_iter().map(report).collect())
    }

    /// The batches, by the task's own way of making rows.
    fn rows(&self, config: &TaskConfig) -> (Vec<Rows>, usize) {
        let (shard, names) = self.documents();
        let classes = config.classes(&names).unwrap();
        let labels = config.labels(classes.as_ref());
        let marks = match self.steps["start"].as_u64() {
            // what a target begins and ends with; sources have their first mark in them
            Some(start) => {
                let end = list(&self.steps["batches"][0]["targets"][0]).last().unwrap().as_u64();
                Marks { start: Some(start as u32), last: end.map(|end| end as u32), ..Marks::default() }
            }
            None => Marks::default(),
        };
        let task = config
            .task(marks, classes, None, Borders::default(), &[], &trainyard_plugin::Vocabulary::default())
            .unwrap();
        let bytes = [1; VOCAB];
        let batches = packed_eval_batches(&shard, task.as_ref(), Packing::Pad, CONTEXT, BATCH, &bytes, 0).unwrap();
        (batches.collect(), labels)
    }
}

/// Windows of a batch whose hidden tokens are given, as the masked task makes them.
fn masked(batch: &Json) -> Rows {
    let (texts, targets) = (list(&batch["ids"]), list(&batch["targets"]));
    let mut rows = Rows { sequences: texts.len(), context: CONTEXT, at: Some(Vec::new()), ..Rows::default() };
    let mut columns = Columns::default();
    for (index, (text, targets)) in texts.iter().zip(targets).enumerate() {
        let text = ids(text);
        for (place, &target) in integers(targets).iter().enumerate().filter(|(_, target)| **target >= 0) {
            rows.at.as_mut().unwrap().push((index * CONTEXT + place) as u32);
            rows.group.push(index as u32);
            columns.target.push(target as u32);
        }
        // padding is a document of its own
        let padding = CONTEXT - text.len();
        rows.document_position.extend((0..text.len() as u32).chain(0..padding as u32));
        rows.inputs.extend(text);
        rows.inputs.resize((index + 1) * CONTEXT, 0);
        rows.types.resize(rows.inputs.len(), 0);
    }
    columns.weight = vec![1.0; columns.target.len()];
    rows.columns = columns;
    rows
}

#[track_caller]
fn assert_near(what: &str, got: f64, expected: &Json) {
    let expected = expected.as_f64().unwrap();
    let error = (got - expected).abs() / expected.abs().max(1.0);
    assert!(error < TOLERANCE, "{what}: got {got}, expected {expected} (error {error:.1e})");
}

/// All steps of a case, and the weights after them.
fn check(name: &str) {
    let case = Case::open(name);
    let config = case.config();
    let (rows, labels) = match case.kind() {
        "masked" => (list(&case.steps["batches"]).iter().map(masked).collect(), 0),
        _ => case.rows(&config.task),
    };
    assert_eq!(rows.len(), list(&case.steps["batches"]).len());
    let mut trainer = case.trainer(&config, labels);
    // we divide by what is predicted, whatever the loss: of a conditional random field by tags
    let by = if config.task.has_crf() { "_by_token" } else { "" };
    let [losses, after, weights] =
        ["losses", "loss_after", "weights_after"].map(|key| &case.steps[format!("{key}{by}")]);
    for (step, expected) in list(losses).iter().enumerate() {
        let report = trainer.step(step as u64, &[rows[step % rows.len()].clone()]).unwrap();
        assert_near(&format!("{name}: loss of step {step}"), report.outputs[0], expected);
    }
    let trained = trainer.model.params().iter().filter(|(name, _)| *name != FROZEN);
    let params: BTreeMap<_, _> = trained.map(|(name, param)| (name.to_owned(), values(&param.value))).collect();
    let expected = weights.as_object().unwrap();
    assert_eq!(params.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (key, values) in &params {
        let [norm, probe] = probe(values);
        assert_near(&format!("{name}: norm of {key}"), norm, &expected[key][0]);
        assert_near(&format!("{name}: probe of {key}"), probe, &expected[key][1]);
    }
    let report = trainer.step(list(losses).len() as u64, &[rows[0].clone()]).unwrap();
    assert_near(&format!("{name}: loss after all"), report.outputs[0], after);
}

#[test]
fn labels_are_learnt_as_by_transformers() {
    ["bert-labels", "roberta-labels", "bert-several", "bert-number"].into_iter().for_each(check);
}

#[test]
fn tags_are_learnt_as_by_transformers() {
    check("bert-tags");
}

#[test]
fn fields_are_learnt_as_by_pytorch_crf() {
    ["bert-crf", "lstm-crf"].into_iter().for_each(check);
}

#[test]
fn hidden_tokens_are_learnt_as_by_transformers() {
    check("bert-masked");
}

#[test]
fn targets_are_learnt_as_by_transformers() {
    ["t5-seq2seq", "bart-seq2seq"].into_iter().for_each(check);
}
