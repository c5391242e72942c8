//! Times what the boundary to a plugin costs: loading, making instances, calls, and text through them.

use super::check_above_zero;
use super::report::{PluginBench, PluginTime, Speed, Spread};
use super::worker::{Worker, call_name};
use crate::corpus::{self, DataConfig, InvalidUtf8, SourceConfig};
use crate::plugin::{Cache, Isolation, Limits, Plugin, PluginConfig, Trust};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};
use trainyard_plugin::Kind;

/// What to time.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginOptions {
    /// Text for filters, tokenizers and text metrics: a `.txt` or `.jsonl` file, also `.gz` or `.zst`, or a folder.
    pub text: PathBuf,
    /// Measurements of each number.
    pub rounds: u64,
    /// Threads, each with an instance of its own; 0 takes all cores.
    pub threads: usize,
    /// Time each file once more with every instance in a process of its own.
    pub isolated: bool,
}

/// The length of a document, up to the end of a character.
const DOCUMENT_BYTES: usize = 1024;
/// Documents in one call, as when a corpus is prepared.
const BATCH_DOCUMENTS: usize = 256;
/// Text beyond this is left out: one pass must be short.
const MAX_BYTES: usize = 16 << 20;
/// Short calls are repeated until this is over, and counted.
const REPEAT: Duration = Duration::from_millis(20);

/// Times each plugin in turns with the others, and each that is WASM also without deadlines. The first of a name is
/// what the others of that name are compared with.
///
/// # Errors
/// Sizes of 0, text that cannot be read, and errors of the plugins.
pub fn plugin(configs: &[PluginConfig], options: &PluginOptions) -> Result<PluginBench> {
    check_above_zero(&[("--rounds", options.rounds)])?;
    let text = read_text(&options.text)?;
    let documents = documents(&text);
    let batches: Vec<_> = documents.chunks(BATCH_DOCUMENTS).collect();
    let n_threads = match options.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        n => n,
    };
    let mut cases = Vec::new();
    for config in configs {
        let case = Case::load(config, &batches, options.rounds)?;
        let is_wasm = case.plugin.stamp().backend == "wasm" && config.limits.call_ms > 0;
        cases.push(case);
        if is_wasm {
            let limits = Limits { call_ms: 0, ..config.limits };
            let config = PluginConfig { limits, trust: Some(Trust::Wasm), ..config.clone() };
            cases.push(Case::load(&config, &batches, options.rounds)?);
        }
        if options.isolated && config.file().is_some() {
            let config = PluginConfig { isolation: Some(Isolation::Process), ..config.clone() };
            cases.push(Case::load(&config, &batches, options.rounds)?);
        }
    }
    for _ in 0..options.rounds {
        for case in &mut cases {
            case.time(&batches, n_threads)?;
        }
    }
    let plugins = (0..cases.len()).map(|index| report(&cases, index, text.len(), n_threads)).collect();
    Ok(PluginBench {
        documents: documents.len(),
        bytes: text.len(),
        threads: n_threads,
        rounds: options.rounds,
        plugins,
    })
}

fn read_text(path: &Path) -> Result<String> {
    let source = SourceConfig { invalid_utf8: InvalidUtf8::Replace, ..SourceConfig::new(path) };
    let config = DataConfig::new(vec![source]);
    let mut text = String::new();
    for document in corpus::documents(&config)? {
        text.push_str(&document?.text);
        if text.len() > MAX_BYTES {
            text.truncate(text.floor_char_boundary(MAX_BYTES));
            break;
        }
    }
    Ok(text)
}

fn documents(text: &str) -> Vec<&str> {
    let (mut documents, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (document, after) = rest.split_at(rest.ceil_char_boundary(DOCUMENT_BYTES));
        documents.push(document);
        rest = after;
    }
    documents
}

/// One plugin, and what was measured of it.
struct Case {
    plugin: Plugin,
    deadline: bool,
    isolated: bool,
    /// Of a tokenizer; empty for others.
    model: Vec<u8>,
    cold_ms: Vec<f64>,
    warm_ms: Vec<f64>,
    instance_us: Vec<f64>,
    call_ns: Vec<f64>,
    /// Seconds for all text in one thread.
    alone: Vec<f64>,
    /// Seconds for all text in each of the threads.
    together: Vec<f64>,
}

impl Case {
    /// Opens the plugin, each time first with an empty cache and then with what that left.
    fn load(config: &PluginConfig, batches: &[&[&str]], rounds: u64) -> Result<Self> {
        let (mut cold_ms, mut warm_ms) = (Vec::new(), Vec::new());
        let mut opened = None;
        for _ in 0..rounds {
            let dir = tempfile::tempdir().map_err(|error| Error::run(format!("cannot make a folder: {error}")))?;
            for times in [&mut cold_ms, &mut warm_ms] {
                let begun = Instant::now();
                opened = Some(Plugin::open_with(config, &Kind::ALL, &Cache::at(dir.path()))?);
                times.push(1e3 * begun.elapsed().as_secs_f64());
            }
        }
        // there is at least one round
        let plugin = opened.ok_or_else(|| Error::usage("--rounds: expected 1 or more, got 0"))?;
        let model = Worker::train(&plugin, batches)?;
        let (deadline, isolated) = (config.limits.call_ms > 0, config.isolation.is_some());
        let none = Vec::new;
        let (instance_us, call_ns, alone, together) = (none(), none(), none(), none());
        Ok(Self { plugin, deadline, isolated, model, cold_ms, warm_ms, instance_us, call_ns, alone, together })
    }

    fn time(&mut self, batches: &[&[&str]], n_threads: usize) -> Result<()> {
        let instance = repeat(|| Worker::create(&self.plugin).map(drop))?;
        self.instance_us.push(1e6 * instance);
        let mut worker = Worker::ready(&self.plugin, &self.model, batches)?;
        self.call_ns.push(1e9 * repeat(|| worker.empty_call())?);
        if !worker.takes_text() {
            return Ok(());
        }
        self.alone.push(pass(vec![worker], batches)?);
        if n_threads > 1 {
            let workers = (0..n_threads).map(|_| Worker::ready(&self.plugin, &self.model, batches));
            self.together.push(pass(workers.collect::<Result<_>>()?, batches)?);
        }
        Ok(())
    }
}

/// Mean seconds of one call.
fn repeat(mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    let (begun, mut n) = (Instant::now(), 0);
    while begun.elapsed() < REPEAT {
        // looking at the time takes as long as a short call
        for _ in 0..100 {
            call()?;
            n += 1;
            if n < 10 && begun.elapsed() >= REPEAT {
                break;
            }
        }
    }
    Ok(begun.elapsed().as_secs_f64() / f64::from(n))
}

/// Seconds until every worker, each on a thread of its own, has handled all text.
fn pass(workers: Vec<Worker>, batches: &[&[&str]]) -> Result<f64> {
    let start = Barrier::new(workers.len() + 1);
    thread::scope(|scope| {
        let threads: Vec<_> = workers
            .into_iter()
            .map(|mut worker| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    batches.iter().try_for_each(|batch| worker.handle(batch))
                })
            })
            .collect();
        start.wait();
        let begun = Instant::now();
        for thread in threads {
            thread.join().map_err(|_| Error::run("a thread that called a plugin panicked"))??;
        }
        Ok(begun.elapsed().as_secs_f64())
    })
}

fn report(cases: &[Case], index: usize, n_bytes: usize, n_threads: usize) -> PluginTime {
    let case = &cases[index];
    let name = &case.plugin.identity().name;
    let base = cases.iter().find(|base| base.plugin.identity().name == *name).unwrap_or(case);
    let ratios = |times: &[f64], bases: &[f64]| Spread::of(times.iter().zip(bases).map(|(a, b)| a / b).collect());
    let speed = |threads: usize, times: &[f64], bases: &[f64]| {
        let rate = |seconds: &f64| 1e-6 * (threads * n_bytes) as f64 / seconds;
        let megabytes_per_second = Spread::of(times.iter().map(rate).collect());
        (!times.is_empty()).then(|| Speed { threads, megabytes_per_second, ratio: ratios(times, bases) })
    };
    PluginTime {
        plugin: case.plugin.culprit().to_owned(),
        deadline: case.deadline,
        isolated: case.isolated,
        cold_load_ms: Spread::of(case.cold_ms.clone()),
        warm_load_ms: Spread::of(case.warm_ms.clone()),
        instance_us: Spread::of(case.instance_us.clone()),
        call: call_name(case.plugin.identity().kind),
        call_ns: Spread::of(case.call_ns.clone()),
        call_ratio: ratios(&case.call_ns, &base.call_ns),
        speeds: [speed(1, &case.alone, &base.alone), speed(n_threads, &case.together, &base.together)]
            .into_iter()
            .flatten()
            .collect(),
    }
}
