//! How a trainer is saved into a checkpoint and taken back from one.

use super::ranks::Order;
use super::step::Trainer;
use crate::feed::TokenizerFiles;
use crate::ops::Tensor;
use crate::ranks::Group;
use crate::run::checkpoint::{MANIFEST, Reader, Writer};
use crate::run::{MODEL, RunState, STATE, TokenizerFolder, adapter, read_state, restore_model};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const OPTIMIZER: &str = "trainyard/optimizer.safetensors";

/// The outer optimizer of ranks that train alone and meet.
const OUTER: &str = "trainyard/outer.safetensors";

/// The optimizer of another rank that trains alone.
fn optimizer_of(rank: usize) -> String {
    format!("trainyard/optimizer-rank-{rank}.safetensors")
}

/// Writes the folder `name` of `checkpoints`, complete or not at all; returns it. `tokenizer` and `folder` are those of
/// the run's data. Ranks that have a state of the optimizer of their own send it.
///
/// # Errors
/// A file that cannot be written, a rank that is gone.
pub fn save(
    checkpoints: &Path,
    name: &str,
    state: &RunState,
    trainer: &Trainer,
    (tokenizer, folder): (&TokenizerFiles, &TokenizerFolder),
) -> Result<PathBuf> {
    let mut writer = Writer::begin(checkpoints, name)?;
    writer.json("config.json", &folder.config(trainer.described().hugging_face(tokenizer.end_of_text)))?;
    match (&trainer.config().adapter, &trainer.described().adapter, &trainer.config().start) {
        (Some(config), Some(adapted), Some(start)) => {
            adapter::write(&mut writer, (config, adapted), &start.from, trainer.model.params())?;
        }
        _ => writer.tensors(MODEL, trainer.model.params().iter().map(|(name, param)| (name, &param.value)))?,
    }
    folder.write(&mut writer)?;
    let others = trainer.ranks().filter(|_| trainer.optimizer.is_shared_out() || trainer.outer().is_some());
    others.map_or(Ok(()), |group| Order::Send.tell(group))?;
    write(&mut writer, OPTIMIZER, &trainer.optimizer.state()?)?;
    if let (Some(outer), Some(group)) = (trainer.outer(), others) {
        write(&mut writer, OUTER, &outer.state())?;
        for rank in 1..group.size() {
            write(&mut writer, &optimizer_of(rank), &trainer.optimizer.state_of(group, rank)?)?;
        }
    }
    writer.json(STATE, state)?;
    writer.finish()
}

fn write(writer: &mut Writer, name: &str, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    writer.tensors(name, tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)))
}

/// Takes back parameters and optimizer. Of a run with an adapter, the model that it starts from was read before.
///
/// # Errors
/// Tensors that cannot be read, or that do not fit the trainer.
pub fn restore(reader: &Reader, trainer: &mut Trainer) -> Result<()> {
    restore_parameters(reader, trainer)?;
    let in_folder = |error: Error| error.context(reader.folder().display());
    let Some(outer) = trainer.outer() else {
        return trainer.optimizer.load(reader.tensors(OPTIMIZER)?).map_err(in_folder);
    };
    let is_there = |name: &str| reader.folder().join(name).is_file();
    outer.load(&if is_there(OUTER) { reader.tensors(OUTER)? } else { BTreeMap::new() }).map_err(in_folder)?;
    // a rank that is new begins with the state of the first one
    let rank = trainer.ranks().map_or(0, Group::rank);
    let own = Some(optimizer_of(rank)).filter(|name| rank > 0 && is_there(name));
    trainer.optimizer.load(reader.tensors(own.as_deref().unwrap_or(OPTIMIZER))?).map_err(in_folder)
}

/// Gives the optimizer the state that it has in `folder`, a checkpoint of another run; returns the steps that it has
/// seen.
///
/// # Errors
/// No checkpoint of a run, or one of other parameters or of another optimizer.
pub fn keep_optimizer(folder: &Path, trainer: &mut Trainer) -> Result<u64> {
    let place = || format!("start.keep_optimizer: {}", folder.display());
    if !folder.join(MANIFEST).is_file() {
        return Err(Error::usage(format!("{}: expected a run or its checkpoint, which has a state of it", place())));
    }
    let reader = Reader::open(folder)?;
    let state = read_state(&reader)?;
    let (tensors, own) = (reader.tensors(OPTIMIZER)?, trainer.optimizer.state_names());
    let kept = match tensors.keys().find(|name| !own.contains(*name)) {
        Some(name) => Err(Error::run(format!("optimizer state {name} is of another optimizer, or of what is frozen"))),
        None => trainer.optimizer.load(tensors),
    };
    kept.map_err(|error| Error::usage(format!("{}: {error}; begin with a fresh one (leave the key out)", place())))?;
    Ok(state.earlier_steps + state.step)
}

/// Takes back the parameters only.
///
/// # Errors
/// As [`restore`].
pub fn restore_parameters(reader: &Reader, trainer: &Trainer) -> Result<()> {
    restore_model(reader, trainer.described(), trainer.model.params())
}
