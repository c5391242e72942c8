//! Files of tensors: what is read and written, and what is refused.

use super::{Tensors, numbers, write_raw};
use candle_core::DType;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use trainyard::formats::safetensors::{Format, SHARD_BYTES, Weights, write};

const NAMES: [(&str, &[usize]); 4] = [("a", &[3, 5]), ("b.weight", &[7]), ("c", &[2, 2, 2]), ("d", &[])];

#[test]
fn what_the_reference_writes_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let formats = [DType::F32, DType::F16, DType::BF16, DType::F64];
    for format in formats {
        let mut tensors = Tensors::new(&NAMES);
        tensors.0.values_mut().for_each(|tensor| *tensor = tensor.to_dtype(format).unwrap());
        tensors.save(dir.path());
        let mut weights = Weights::open(dir.path()).unwrap();
        assert_eq!(weights.entries().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "b.weight", "c", "d"]);
        for (name, tensor) in &tensors.0 {
            let read = weights.read(name).unwrap();
            assert_eq!((read.dims(), numbers(&read)), (tensor.dims(), numbers(tensor)), "{name} {format:?}");
            assert_eq!(read.dtype(), if format == DType::F64 { DType::F64 } else { DType::F32 });
        }
    }
}

#[test]
fn the_reference_reads_what_is_written() {
    for (_, name, format) in Format::ALL {
        let dir = tempfile::tempdir().unwrap();
        let mut tensors = Tensors::new(&NAMES);
        let saved = write(dir.path(), &mut tensors, format, SHARD_BYTES).unwrap();
        assert_eq!((saved.files, saved.numbers), (vec!["model.safetensors".to_owned()], 15 + 7 + 8 + 1));
        let bytes = fs::read(dir.path().join("model.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["format"], "pt");
        assert_eq!(file.names().into_iter().collect::<BTreeSet<_>>(), NAMES.iter().map(|(name, _)| *name).collect());
        assert_eq!(format!("{:?}", file.tensor("a").unwrap().dtype()), name);
        let read = candle_core::safetensors::load(dir.path().join("model.safetensors"), &candle_core::Device::Cpu);
        for (name, tensor) in read.unwrap() {
            assert_eq!(numbers(&tensor), numbers(&tensors.0[&name]), "{name}");
        }
    }
}

#[test]
fn shards_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut tensors = Tensors::new(&NAMES);
    // 60, 28, 32 and 4 bytes
    let saved = write(dir.path(), &mut tensors, Format::F32, 64).unwrap();
    let names =
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"];
    assert_eq!((saved.files, saved.bytes), (names.map(str::to_owned).to_vec(), 124));
    let index: serde_json::Value = serde_json::from_slice(&fs::read(dir.path().join(names[2])).unwrap()).unwrap();
    let expected = serde_json::json!({
        "metadata": {"total_parameters": 31, "total_size": 124},
        "weight_map": {"a": names[0], "b.weight": names[1], "c": names[1], "d": names[1]},
    });
    assert_eq!(index, expected);
    let mut weights = Weights::open(dir.path()).unwrap();
    for (name, tensor) in &tensors.0 {
        assert_eq!(numbers(&weights.read(name).unwrap()), numbers(tensor), "{name}");
    }
}

/// Opening the folder, or reading the tensor `a` in it, fails.
#[track_caller]
fn refused(folder: &Path, expected: &str) {
    let error = Weights::open(folder).and_then(|mut weights| weights.read("a").map(drop)).expect_err(expected);
    let text = error.to_string();
    assert!(text.contains(expected) && text.starts_with(folder.to_str().unwrap()), "{text}\nexpected: {expected}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn what_is_no_file_of_tensors_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, path) = (dir.path(), dir.path().join("model.safetensors"));
    refused(folder, "expected model.safetensors or model.safetensors.index.json in it");
    fs::write(folder.join("pytorch_model.bin"), "").unwrap();
    refused(folder, "has its weights in pytorch_model.bin, a Python pickle, which can run code");
    fs::write(&path, "abc").unwrap();
    refused(folder, "has fewer than 8 bytes");
    // bombs: a length that no file has, and one of 100 MB in a file of holes
    fs::write(&path, (1_u64 << 60).to_le_bytes()).unwrap();
    refused(folder, "its header has 1152921504606846976 bytes, expected at most 0");
    fs::write(&path, u64::MAX.to_le_bytes()).unwrap();
    refused(folder, "its header has 18446744073709551615 bytes");
    fs::write(&path, 100_000_001_u64.to_le_bytes()).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    refused(folder, "its header has 100000001 bytes, expected at most 100000000");
    write_raw(&path, r#"{"a":{"dtype":"F32","shape":[1048576,1048576],"data_offsets":[0,4398046511104]}}"#, 8);
    refused(folder, "it is cut off; get the file again");
    write_raw(&path, r#"{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#, 8);
    refused(folder, "tensor a has numbers of type I64, expected F32, F16, BF16 or F64");
    write_raw(&path, r#"{"a":{"dtype":"F8_NEW","shape":[1],"data_offsets":[0,8]}}"#, 8);
    refused(folder, "tensor a has numbers of type F8_NEW");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(folder, "expected a file");
}

#[test]
fn a_file_that_was_cut_off_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    Tensors::new(&NAMES).save(dir.path());
    let path = dir.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    for end in [bytes.len() - 1, bytes.len() - 50, bytes.len() / 2, 20, 8, 1] {
        fs::write(&path, &bytes[..end]).unwrap();
        refused(dir.path(), "model.safetensors: ");
    }
    fs::write(&path, [bytes.as_slice(), b"more"].concat()).unwrap();
    refused(dir.path(), "its tensors have 124 bytes, the file has 128 of them");
}

#[test]
fn weights_that_are_not_finite_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut tensors = Tensors::new(&NAMES);
    let values = [1.0_f32, f32::NAN, f32::INFINITY];
    tensors.0.insert("a".into(), candle_core::Tensor::new(&values, &candle_core::Device::Cpu).unwrap());
    tensors.save(dir.path());
    refused(dir.path(), "tensor a: 2 of its 3 numbers are not finite, the first is NaN at 1");
}

#[test]
fn an_index_leads_to_files_next_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, index) = (dir.path().join("model"), dir.path().join("model/model.safetensors.index.json"));
    fs::create_dir(&folder).unwrap();
    Tensors::new(&NAMES).save(dir.path());
    for (map, expected) in [
        (r#"{"a":"../model.safetensors"}"#, "expected the name of a file next to the index"),
        (r#"{"a":"/etc/passwd"}"#, "expected the name of a file next to the index"),
        (r#"{"a":"x.safetensors"}"#, "x.safetensors: cannot read"),
        (r#"{"a":"x.safetensors","a":"y.safetensors"}"#, "tensor a is there twice"),
        ("{}", "names no tensors"),
        (r#"["a"]"#, "not the index of a sharded safetensors model"),
    ] {
        fs::write(&index, format!(r#"{{"metadata":{{}},"weight_map":{map}}}"#)).unwrap();
        refused(&folder, expected);
    }
    let others: [(&str, &[usize]); 1] = [("e", &[2])];
    Tensors::new(&others).save(&folder);
    fs::rename(folder.join("model.safetensors"), folder.join("x.safetensors")).unwrap();
    fs::write(&index, r#"{"weight_map":{"a":"x.safetensors"}}"#).unwrap();
    refused(&folder, "says that a is in x.safetensors, which does not have it");
}

#[test]
fn what_a_format_cannot_hold_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut tensors = Tensors::new(&NAMES);
    let large = candle_core::Tensor::new(&[1e6_f32], &candle_core::Device::Cpu).unwrap();
    tensors.0.insert("b.weight".into(), large);
    let error = write(dir.path(), &mut tensors, Format::F16, SHARD_BYTES).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor b.weight holds 1000000, which numbers of type F16 cannot; write them as bf16 or f32"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "a part of a file was left");
}
