//! A folder written again.

use super::{Tensors, numbers};
use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use trainyard::formats::hf::convert;
use trainyard::formats::safetensors::{Format, SHARD_BYTES, Weights};

/// A folder of a model with a tokenizer.
fn folder(dir: &Path) -> std::path::PathBuf {
    let folder = dir.join("model");
    fs::create_dir(&folder).unwrap();
    let config =
        json!({"model_type": "toy", "vocab_size": 3, "torch_dtype": "float32", "rope_scaling": {"factor": 8.0}});
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let names: [(&str, &[usize]); 3] = [("b", &[3, 5]), ("a", &[2]), ("c", &[9])];
    let mut tensors = Tensors::new(&names);
    tensors.0.insert("e.position_ids".into(), Tensor::new(&[0_i64, 1, 2], &Device::Cpu).unwrap());
    tensors.save(&folder);
    for name in ["tokenizer.json", "generation_config.json", "chat_template.jinja"] {
        fs::write(folder.join(name), name).unwrap();
    }
    fs::write(folder.join("README.md"), "").unwrap();
    folder
}

#[test]
fn a_model_is_written_with_other_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let from = folder(dir.path());
    let to = dir.path().join("new/bf16");
    let saved = convert(&from, &to, Format::Bf16, SHARD_BYTES).unwrap();
    assert_eq!((saved.numbers, saved.bytes), (26, 52));
    let mut names: Vec<_> = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let expected =
        ["chat_template.jinja", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json"];
    assert_eq!(names, expected);
    let config: Value = serde_json::from_slice(&fs::read(to.join("config.json")).unwrap()).unwrap();
    let expected = json!({
        "model_type": "toy", "vocab_size": 3, "torch_dtype": "bfloat16", "rope_scaling": {"factor": 8.0},
    });
    assert_eq!(config, expected);
    let (mut before, mut after) = (Weights::open(&from).unwrap(), Weights::open(&to).unwrap());
    let names: Vec<_> = after.entries().map(|(name, entry)| (name.to_owned(), entry.dtype.clone())).collect();
    assert_eq!(names, ["a", "b", "c"].map(|name| (name.to_owned(), "BF16".to_owned())));
    for (name, _) in names {
        let rounded = before.read(&name).unwrap().to_dtype(DType::BF16).unwrap();
        assert_eq!(numbers(&after.read(&name).unwrap()), numbers(&rounded), "{name}");
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_half_done_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let from = folder(dir.path());
    let error = convert(&from, &from, Format::F32, SHARD_BYTES).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: is there already, expected a new folder", from.display()));
    assert_eq!(error.exit_code(), 2);
    let mut tensors = Tensors::new(&[("a", &[2])]);
    tensors.0.insert("b".into(), Tensor::new(&[f32::NAN], &Device::Cpu).unwrap());
    tensors.save(&from);
    let error = convert(&from, &dir.path().join("new"), Format::F32, SHARD_BYTES).unwrap_err();
    assert!(error.to_string().contains("tensor b: 1 of its 1 numbers are not finite"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "only the model is there");
}
