//! The program with CUDA kernels compiles and links on a machine without a GPU.

use std::path::Path;
use std::process::Command;

/// Every kernel becomes machine code for sm_80 and sm_90, and the program that contains them reports clearly that there
/// is no driver. Needs CUDA's compiler, installed or from PyPI.
#[test]
#[ignore = "broad: make test-all"]
fn broad_the_program_with_kernels_is_built() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let home = Command::new(root.join("scripts/cuda-home.sh")).output().unwrap();
    if !home.status.success() {
        // A machine without Python or without PyPI: said where the output of tests is read.
        println!("skipped: no CUDA compiler: {}", String::from_utf8_lossy(&home.stderr));
        return;
    }
    let output = Command::new("make").arg("cuda").current_dir(root).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let program = root.join("target/release/trainyard-cuda");
    let images = images(&std::fs::read(&program).unwrap());
    let kernels = std::fs::read_dir(root.join("host/cuda")).unwrap();
    let sources = kernels.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "cu"));
    assert_eq!(images.len(), sources.count(), "an image for each file of kernels");
    for mut image in images {
        image.sort_unstable();
        assert_eq!(image, [(PTX, 90), (MACHINE_CODE, 80), (MACHINE_CODE, 90)]);
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("run.toml"),
        "[tokenizer]\nplugin = \"byte\"\n[data]\nsource = [{ path = \".\" }]\n",
    )
    .unwrap();
    let arguments = ["train", "run.toml", "--set", "train.device=cuda:0"];
    let output = Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.lines().count() == 1 && text.contains("train.device: "), "{text}");
}

const PTX: u16 = 1;
const MACHINE_CODE: u16 = 2;

/// (kind, architecture) of each part of every image in `program`: a header of 16 bytes, then parts with headers of
/// their own.
fn images(program: &[u8]) -> Vec<Vec<(u16, u32)>> {
    const MAGIC: [u8; 8] = [0x50, 0xed, 0x55, 0xba, 1, 0, 16, 0];
    let number =
        |at: usize, n: usize| program[at..at + n].iter().rev().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
    let starts = program.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC).map(|(at, _)| at);
    let mut images = Vec::new();
    for start in starts {
        let (mut at, end) = (start + 16, start + 16 + number(start + 8, 8) as usize);
        let mut parts = Vec::new();
        while at < end {
            parts.push((number(at, 2) as u16, number(at + 28, 4) as u32));
            at += (number(at + 4, 4) + number(at + 8, 8)) as usize;
        }
        images.push(parts);
    }
    images
}
