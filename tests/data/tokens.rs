//! Token files of other programs. `peers/megatron_files.py` made `golden/tokens`.

use super::byte_tokenizer;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use trainyard::Result;
use trainyard::corpus::{TokenFormat, TokensConfig};
use trainyard::feed::{Dataset, NamedTokenizer, import, open};

const FILES: [&str; 6] = ["megatron-u16", "megatron-i32", "megatron-u8", "nanogpt", "llmc-gpt2", "llmc-llama3"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/tokens").join(name)
}

/// A copy of the golden files to damage.
struct Copy(TempDir);

impl Copy {
    fn of(name: &str) -> Self {
        let copy = Self(TempDir::new().unwrap());
        for end in ["bin", "idx"] {
            let file = golden(&format!("{name}.{end}"));
            if file.exists() {
                fs::copy(file, copy.path(end)).unwrap();
            }
        }
        copy
    }

    fn path(&self, end: &str) -> PathBuf {
        self.0.path().join("tokens").with_extension(end)
    }

    fn change(&self, end: &str, change: impl FnOnce(&mut Vec<u8>)) -> &Self {
        let mut bytes = fs::read(self.path(end)).unwrap();
        change(&mut bytes);
        fs::write(self.path(end), bytes).unwrap();
        self
    }

    /// The error of reading it, without its folder's path.
    fn error(&self, format: Option<TokenFormat>) -> String {
        let config = TokensConfig { format, ..config(&self.path("bin")) };
        let error = import(&config, &tokenizer(), &self.0.path().join("data")).unwrap_err().to_string();
        assert!(!error.contains('\n'), "an error is one line: {error:?}");
        assert!(open(&self.0.path().join("data")).is_err(), "nothing half-made can be opened");
        error.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn config(train: &Path) -> TokensConfig {
    TokensConfig { train: train.into(), validation: None, test: None, format: None }
}

fn tokenizer() -> NamedTokenizer<'static> {
    NamedTokenizer { model: Some(b"0".to_vec()), ..byte_tokenizer() }
}

fn read(config: &TokensConfig) -> Result<(Dataset, TempDir)> {
    let folder = TempDir::new().unwrap();
    Ok((import(config, &tokenizer(), folder.path())?, folder))
}

#[test]
fn documents_of_every_form_come_back() {
    let expected: Vec<String> = serde_json::from_slice(&fs::read(golden("documents.json")).unwrap()).unwrap();
    for name in FILES {
        let (dataset, _folder) = read(&config(&golden(&format!("{name}.bin")))).unwrap();
        assert_eq!(super::texts(&dataset), expected, "{name}");
        let report = &dataset.manifest.report;
        let bytes = expected.iter().map(String::len).sum::<usize>() as u64;
        assert_eq!((report.kept, report.splits[0].documents, report.splits[0].bytes), (4, 4, bytes), "{name}");
    }
}

/// Reading is by pieces of 65,536 tokens: documents that cross pieces stay whole, with an end of text at a bound too.
#[test]
fn long_files_are_read_in_pieces() {
    let folder = TempDir::new().unwrap();
    let lengths = [65_535usize, 200_000, 65_536, 3, 65_535];
    let mut bytes = Vec::new();
    for (i, &length) in lengths.iter().enumerate() {
        (0..length).for_each(|j| bytes.extend(((i + j) as u16 % 256).to_le_bytes()));
        bytes.extend(256u16.to_le_bytes());
    }
    fs::write(folder.path().join("a.bin"), bytes).unwrap();
    let (dataset, _folder) = read(&config(&folder.path().join("a.bin"))).unwrap();
    let got: Vec<_> = (0..5).map(|i| dataset.train.document(i)).collect();
    for (i, &length) in lengths.iter().enumerate() {
        assert!(got[i] == (0..length).map(|j| ((i + j) % 256) as u32).collect::<Vec<_>>(), "document {i}");
    }
}

#[test]
fn each_split_has_its_file() {
    let files = ["nanogpt", "megatron-u16", "llmc-llama3"].map(|name| golden(&format!("{name}.bin")));
    let config = TokensConfig { validation: Some(files[1].clone()), test: Some(files[2].clone()), ..config(&files[0]) };
    let (dataset, folder) = read(&config).unwrap();
    let [validation, test] = [&dataset.validation, &dataset.test].map(|shard| shard.as_ref().unwrap());
    assert_eq!((dataset.train.n_tokens(), validation.n_tokens(), test.n_tokens()), (104, 104, 104));
    assert_eq!(open(folder.path()).unwrap().manifest, dataset.manifest);
    let (other, _folder) = read(&TokensConfig { test: None, ..config }).unwrap();
    assert_ne!(other.manifest.source_digest, dataset.manifest.source_digest);
}

#[test]
fn a_token_outside_the_vocabulary_is_named_with_its_place() {
    let copy = Copy::of("nanogpt");
    copy.change("bin", |bytes| bytes[100..102].copy_from_slice(&[1, 2]));
    let cure = "is outside the tokenizer's vocabulary of 257; set tokenizer.plugin and tokenizer.model to those of the file, and data.tokens.format if it is of another form";
    assert_eq!(copy.error(None), format!("tokens.bin: byte 100: token 0x0201 {cure}"));
    let copy = Copy::of("megatron-i32");
    copy.change("bin", |bytes| bytes[8..12].fill(0xff));
    assert_eq!(copy.error(None), format!("tokens.bin: byte 8: token 0xffffffff {cure}"));
    let copy = Copy::of("llmc-llama3");
    copy.change("bin", |bytes| bytes[1026] = 1);
    assert_eq!(copy.error(None), format!("tokens.bin: byte 1024: token 0x00010100 {cure}"));
}

#[test]
fn files_that_were_cut_off_are_found_out_at_once() {
    for (name, end) in [("llmc-gpt2", "bin"), ("megatron-u16", "bin"), ("megatron-i32", "bin"), ("megatron-u16", "idx")]
    {
        let length = fs::read(golden(&format!("{name}.{end}"))).unwrap().len();
        for n_lost in [1, 2, 7, length / 2, length - 1, length] {
            let copy = Copy::of(name);
            copy.change(end, |bytes| bytes.truncate(length - n_lost));
            let (error, format) = (
                copy.error(None),
                copy.error(Some(match name {
                    "llmc-gpt2" => TokenFormat::Llmc,
                    _ => TokenFormat::Megatron,
                })),
            );
            assert!(error.starts_with("tokens."), "{name} without {n_lost} bytes: {error}");
            assert!(format.starts_with("tokens."), "{name} without {n_lost} bytes: {format}");
        }
    }
    let copy = Copy::of("nanogpt");
    copy.change("bin", |bytes| bytes.truncate(207));
    assert_eq!(
        copy.error(None),
        "tokens.bin: expected tokens of 2 bytes each, got 207 bytes from byte 0 on: cut off, or of another form; set data.tokens.format"
    );
    copy.change("bin", Vec::clear);
    assert_eq!(copy.error(None), "tokens.bin: holds no tokens; name a file that does");
}

#[test]
fn other_forms_are_named() {
    let error = |name: &str, end: &str, at: usize, byte: u8| {
        let copy = Copy::of(name);
        copy.change(end, |bytes| bytes[at] = byte);
        copy.error(None)
    };
    let magic = "tokens.idx: expected a Megatron-LM index of version 1, got something else";
    assert_eq!(error("megatron-u16", "idx", 0, b'X'), magic);
    assert_eq!(error("megatron-u16", "idx", 9, 2), magic);
    assert_eq!(
        error("megatron-u16", "idx", 17, 7),
        "tokens.idx: expected tokens of a type of whole numbers (1 to 5, or 8), got type 7"
    );
    assert_eq!(
        error("llmc-gpt2", "bin", 4, 2),
        "tokens.bin: expected a header that begins with 20240520 1 or 20240801 7, got 20240520 2"
    );
    assert_eq!(
        error("llmc-gpt2", "bin", 8, 9),
        "tokens.bin: the header says 9 tokens, which is 1042 bytes, got 1232: cut off or altered; write the file again"
    );
    // The first sequence's size, the first pointer, the last bound.
    for (at, byte, expected) in [
        (37, 0x80, "sequence 0, at byte 0, is not within"),
        (57, 0xff, "sequence 0, at byte 4278190080, is not within"),
        (140, 1, "bounds of documents: expected 4 to 5, got 2"),
    ] {
        let error = error("megatron-u16", "idx", at, byte);
        assert!(error.starts_with("tokens.idx: ") && error.contains(expected), "{at}: {error}");
    }
    let copy = Copy::of("nanogpt");
    assert!(copy.error(Some(TokenFormat::Megatron)).starts_with("tokens.idx: cannot open"));
    let magic = copy.error(Some(TokenFormat::Llmc));
    assert!(magic.starts_with("tokens.bin: expected a header that begins with 20240520 1 or"), "{magic}");
    fs::remove_file(copy.path("bin")).unwrap();
    assert!(copy.error(None).starts_with("tokens.bin: cannot open"));
}

#[test]
fn tokens_without_the_model_of_their_tokenizer_are_refused() {
    let folder = TempDir::new().unwrap();
    let error = import(&config(&golden("nanogpt.bin")), &byte_tokenizer(), folder.path()).unwrap_err();
    let expected = "tokenizer.model: expected the model of the tokenizer that made data.tokens, got none";
    assert_eq!((error.to_string().as_str(), error.exit_code()), (expected, 2));
}
