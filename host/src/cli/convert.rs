//! `trainyard convert`.

use super::output::Outcome;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use trainyard::formats::gguf::{self, Precision};
use trainyard::formats::safetensors::Format;
use trainyard::{Error, Result};

/// Convert a model: a folder of Hugging Face to a GGUF file of llama.cpp, or back
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard convert runs/austen/checkpoints/step-1000 austen.gguf --dtype q8_0
  trainyard convert SmolLM2-135M-Instruct.Q4_1.gguf smollm2
  trainyard convert smollm2 smollm2.gguf

Quantised numbers of a GGUF file are written to a folder as plain ones. Norms, biases and tables of
positions stay f32 in a GGUF file.")]
pub struct ConvertArgs {
    /// The model: a folder with config.json and safetensors, or a GGUF file
    pub from: PathBuf,
    /// What to write: a file that ends in .gguf, or a new folder
    pub to: PathBuf,
    /// Numbers to write [default: f32]
    #[arg(long, value_enum)]
    pub dtype: Option<Dtype>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    F32,
    F16,
    Bf16,
    /// 8 bits and a scale for each 32 numbers, only in GGUF files
    #[value(name = "q8_0")]
    Q8_0,
}

pub fn run(args: &ConvertArgs) -> Outcome {
    let dtype = args.dtype.unwrap_or(Dtype::F32);
    match (is_gguf(&args.from), is_gguf(&args.to)) {
        (false, true) => to_gguf(args, dtype)?,
        (true, false) => to_folder(args, dtype)?,
        _ => {
            let what = "expected one of the two to end in .gguf, and the other to be a folder";
            return Err(Error::usage(format!("convert: {what}")).into());
        }
    }
    Ok(())
}

fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
}

fn to_gguf(args: &ConvertArgs, dtype: Dtype) -> Result<()> {
    let precision = match dtype {
        Dtype::F32 => Precision::F32,
        Dtype::F16 => Precision::F16,
        Dtype::Q8_0 => Precision::Q8_0,
        Dtype::Bf16 => return Err(Error::usage("--dtype: expected f32, f16 or q8_0 for a GGUF file, got bf16")),
    };
    gguf::write(&args.from, &args.to, precision)?;
    eprintln!("{}: written", args.to.display());
    Ok(())
}

fn to_folder(args: &ConvertArgs, dtype: Dtype) -> Result<()> {
    let format = match dtype {
        Dtype::F32 => Format::F32,
        Dtype::F16 => Format::F16,
        Dtype::Bf16 => Format::Bf16,
        Dtype::Q8_0 => return Err(Error::usage("--dtype: expected f32, f16 or bf16 for a folder, got q8_0")),
    };
    let saved = gguf::to_folder(&args.from, &args.to, format)?;
    eprintln!("{}: {} numbers, {} bytes of tensors", args.to.display(), saved.numbers, saved.bytes);
    Ok(())
}
