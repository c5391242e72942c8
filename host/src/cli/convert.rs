//! `trainyard convert`.

use super::output::Outcome;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use trainyard::eval::write_vectors;
use trainyard::formats::gguf::{self, Precision};
use trainyard::formats::hf;
use trainyard::formats::safetensors::{Format, SHARD_BYTES};
use trainyard::{Error, Result};

/// Convert a model: to numbers of another type, between folders of Hugging Face and GGUF files of llama.cpp, or to
/// vectors of word2vec
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard convert runs/austen/checkpoints/step-1000 austen.gguf --dtype q8_0
  trainyard convert SmolLM2-135M-Instruct.Q4_1.gguf smollm2
  trainyard convert smollm2 smollm2-bf16 --dtype bf16
  trainyard convert runs/embeddings austen.vec

Quantised numbers of a GGUF file are written to a folder as plain ones. Norms, biases and tables of
positions stay f32 in a GGUF file.")]
pub struct ConvertArgs {
    /// The model: a folder with config.json and safetensors, a GGUF file, or for vectors a run
    pub from: PathBuf,
    /// What to write: a file that ends in .gguf, one that ends in .vec (vectors in the text format of word2vec, of a
    /// run of task.kind = "embeddings"), or a new folder
    pub to: PathBuf,
    /// Numbers to write: f64, f32, f16 or bf16 in a folder, f32, f16 or q8_0 in a GGUF file
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    pub dtype: Dtype,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    F64,
    F32,
    F16,
    Bf16,
    /// 8 bits, and a scale for each 32 numbers
    #[value(name = "q8_0")]
    Q8_0,
}

pub fn run(args: &ConvertArgs) -> Outcome {
    if has_ending(&args.to, "vec") {
        if args.dtype != Dtype::F32 {
            return Err(Error::usage("--dtype: a .vec file has no other numbers than f32; leave it out").into());
        }
        let (n, width) = write_vectors(&args.from, &args.to)?;
        eprintln!("{}: {n} vectors of {width} numbers", args.to.display());
        return Ok(());
    }
    match (is_gguf(&args.from), is_gguf(&args.to)) {
        (false, true) => gguf::write(&args.from, &args.to, precision(args.dtype)?)?,
        (true, true) => {
            let what = "expected at most one GGUF file: convert it to a folder first";
            return Err(Error::usage(format!("convert: {what}")).into());
        }
        (is_gguf, false) => {
            let format = format(args.dtype)?;
            let saved = match is_gguf {
                true => gguf::to_folder(&args.from, &args.to, format)?,
                false => hf::convert(&args.from, &args.to, format, SHARD_BYTES)?,
            };
            eprintln!("{}: {} numbers, {} bytes of tensors", args.to.display(), saved.numbers, saved.bytes);
            return Ok(());
        }
    }
    eprintln!("{}: written", args.to.display());
    Ok(())
}

fn is_gguf(path: &Path) -> bool {
    has_ending(path, "gguf")
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending))
}

fn precision(dtype: Dtype) -> Result<Precision> {
    match dtype {
        Dtype::F32 => Ok(Precision::F32),
        Dtype::F16 => Ok(Precision::F16),
        Dtype::Q8_0 => Ok(Precision::Q8_0),
        Dtype::F64 | Dtype::Bf16 => Err(Error::usage("--dtype: a GGUF file is written as f32, f16 or q8_0")),
    }
}

fn format(dtype: Dtype) -> Result<Format> {
    match dtype {
        Dtype::F64 => Ok(Format::F64),
        Dtype::F32 => Ok(Format::F32),
        Dtype::F16 => Ok(Format::F16),
        Dtype::Bf16 => Ok(Format::Bf16),
        Dtype::Q8_0 => Err(Error::usage("--dtype: a folder is written as f64, f32, f16 or bf16")),
    }
}
