//! Data of a run that is damaged or lost, in its folder and in the store.

use super::*;

/// Ends at step 4 of 8 as a kill would; returns the model that the whole run has.
fn interrupted(folder: &Path) -> Vec<u8> {
    trained(folder, &[]);
    let whole = model(folder, 8);
    for step in [6, 8] {
        fs::remove_dir_all(checkpoints(folder).join(format!("step-{step}"))).unwrap();
    }
    whole
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // in place: every link to the file sees it
    fs::write(path, bytes).unwrap();
}

/// The one folder of `store/datasets`.
fn dataset(folder: &Path) -> PathBuf {
    let datasets = folder.join("runs/store/datasets");
    let [name] = &names(&datasets)[..] else { panic!("one dataset: {:?}", names(&datasets)) };
    datasets.join(name)
}

#[test]
fn damaged_data_is_prepared_again() {
    for name in ["train.shard", "validation.shard", "vocabulary.json", "manifest.json"] {
        let folder = run_folder();
        let whole = interrupted(folder.path());
        damage(&run(folder.path()).join("data").join(name));
        let said = trained(folder.path(), &["--resume"]);
        let line = said.lines().find(|line| line.contains("the data is prepared again")).unwrap_or_default();
        assert!(line.contains(&format!("runs/run/data/{name}")), "{name}: {said}");
        assert!(model(folder.path(), 8) == whole, "{name}");
        let said = trained(folder.path(), &["--resume"]);
        assert!(!said.contains("again"), "{said}");
    }
}

#[test]
fn lost_data_is_prepared_again_whatever_is_left_of_the_store() {
    for store in ["whole", "damaged", "without its manifest", "gone"] {
        let folder = run_folder();
        let whole = interrupted(folder.path());
        fs::remove_dir_all(run(folder.path()).join("data")).unwrap();
        match store {
            "damaged" => damage(&dataset(folder.path()).join("train.shard")),
            "without its manifest" => fs::remove_file(dataset(folder.path()).join("manifest.json")).unwrap(),
            "gone" => fs::remove_dir_all(folder.path().join("runs/store")).unwrap(),
            _ => {}
        }
        let said = trained(folder.path(), &["--resume"]);
        assert_eq!(said.contains("in the store is made again"), store == "damaged", "{said}");
        assert!(model(folder.path(), 8) == whole, "{store}");
        assert!(run(folder.path()).join("data/train.shard").exists());
    }
}

/// Another run's files are those that the store had when it was whole.
#[test]
fn a_damaged_dataset_of_the_store_is_made_again_for_a_new_run() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let whole = model(folder.path(), 8);
    damage(&dataset(folder.path()).join("train.shard"));
    let said = trained(folder.path(), &["--set", "run.name=other"]);
    assert!(said.contains("in the store is made again"), "{said}");
    let other = folder.path().join("runs/other/checkpoints/step-8/model.safetensors");
    assert!(fs::read(other).unwrap() == whole);
}

/// A trained tokenizer of the store with another byte in it may still be one.
#[test]
fn a_damaged_tokenizer_of_the_store_is_trained_again() {
    let folder = run_folder();
    let prepare = ["prepare", "run.toml", "--set", "tokenizer.plugin=bpe", "--set", "tokenizer.config.vocab_size=280"];
    let prepared = || {
        let outcome = trainyard(&prepare).in_folder(folder.path()).run();
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        (fs::read(dataset(folder.path()).join("tokenizer.model")).unwrap(), outcome.stderr)
    };
    let (expected, _) = prepared();
    let models = folder.path().join("runs/store/models");
    let [name, _checksum] = &names(&models)[..] else { panic!("a model and its checksum") };
    let text = fs::read_to_string(models.join(name)).unwrap();
    let n = text.rfind("\"l").expect("a token");
    fs::write(models.join(name), format!("{}\"k{}", &text[..n], &text[n + 2..])).unwrap();
    fs::remove_file(dataset(folder.path()).join("manifest.json")).unwrap();
    let (model, said) = prepared();
    assert!(said.contains("damaged or cut short: made again"), "{said}");
    assert!(model == expected);
}

/// The data that the run was trained on cannot be made again: an error, not other data.
#[test]
fn other_data_is_never_taken_for_the_runs() {
    let folder = run_folder();
    interrupted(folder.path());
    // another run's data, whole, as a careless copy would leave it
    trained(folder.path(), &["--set", "run.name=other", "--set", "data.validation=0.5"]);
    let data = run(folder.path()).join("data");
    fs::remove_dir_all(&data).unwrap();
    fs::rename(folder.path().join("runs/other/data"), &data).unwrap();
    let said = trained(folder.path(), &["--resume"]);
    assert!(said.contains("data: not what the checkpoint was trained on: the data is prepared again"), "{said}");
    // and where the record says something else than the sources give
    let folder = run_folder();
    interrupted(folder.path());
    fs::remove_dir_all(run(folder.path()).join("data")).unwrap();
    let path = checkpoints(folder.path()).join("step-4/trainyard/state.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut state: serde_json::Value = serde_json::from_str(&text).unwrap();
    state["data"] = "0".repeat(32).into();
    let state = serde_json::to_string_pretty(&state).unwrap();
    fs::write(&path, &state).unwrap();
    seal(&path, &state);
    let line = refused(folder.path(), &["--resume"], 1);
    let expected = "prepared again it is not what the checkpoint was trained on; restore the files of the run, or start a new \
                    one under another run.name";
    assert!(line.ends_with(expected), "{line}");
}

/// Writes the checksum of a checkpoint's state into its manifest.
fn seal(path: &Path, text: &str) {
    use sha2::{Digest, Sha256};
    let manifest = path.with_file_name("manifest.json");
    let mut value: serde_json::Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let digest: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    value["sha256"]["trainyard/state.json"] = digest.into();
    fs::write(&manifest, value.to_string()).unwrap();
}

/// An allowed change of the data, and a kill before its first checkpoint: the old data is restored.
#[test]
fn data_that_changes_waits_for_a_checkpoint_too() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let before = snapshot(&run(folder.path()));
    let change = ["--resume", "--set", "data.validation=0.3", "--allow-changed", "data.split"];
    let spoil = ["--allow-changed", "optimizer", "--set", "optimizer.lr=1e30", "--allow-changed", "train.batch"];
    let more = ["--set", "train.clip=0", "--set", "train.steps=30", "--allow-changed", "train.steps"];
    let rest = ["--set", "train.checkpoint_every=0", "--allow-changed", "schedule"];
    refused(folder.path(), &[&change[..], &spoil, &more, &rest].concat(), 1);
    let mut after = snapshot(&run(folder.path()));
    after.retain(|path, _| !path.to_string_lossy().contains("/replay-"));
    assert!(after == before);
}
