//! Frames, and disks that fail.

use super::*;
use tempfile::tempdir;

#[test]
fn an_event_is_framed_as_tensorflow_frames_it() {
    let answers: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/answers.json")).unwrap();
    let values = [("train/loss", 0.1), ("ü", f64::INFINITY)];
    let mut framed = Vec::new();
    frame(&mut framed, event::scalars(1_796_008_316.25, 1 << 40, &values).encoded());
    let hex: String = framed.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, answers["golden"]["framed"]);
}

/// A full disk is told once; nothing follows what may be torn.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_with_the_file_and_a_cure() {
    let path = Path::new("/dev/full");
    let file = File::options().write(true).open(path).unwrap();
    let mut file = EventFile { path: path.to_owned(), file, buffer: Vec::new(), is_torn: false };
    file.scalar("a", 1, 1.0, 0.0).unwrap();
    let expected = "/dev/full: cannot write: No space left on device (os error 28); free space on its disk, or turn \
                    TensorBoard's files off";
    assert_eq!(file.flush().unwrap_err().to_string(), expected);
    file.scalar("a", 2, 1.0, 0.0).unwrap();
    assert!(file.buffer.is_empty());
    file.flush().unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let folder = tempdir().unwrap();
    let taken = folder.path().join("file");
    fs::write(&taken, "").unwrap();
    let error = EventFile::create(&taken, 0.0, "x").unwrap_err().to_string();
    assert!(error.contains("file: cannot create: ") && error.ends_with(CURE), "{error}");
}

#[test]
fn a_time_that_is_no_number_is_zero() {
    let folder = tempdir().unwrap();
    let file = EventFile::create(folder.path(), f64::NAN, "").unwrap();
    assert!(file.path().ends_with("events.out.tfevents.0000000000."), "{:?}", file.path());
    // 1 is the field, 1 the kind of its value
    assert_eq!(&file.buffer[12..21], [9, 0, 0, 0, 0, 0, 0, 0, 0]);
    let second = EventFile::create(folder.path(), -5.0, "").unwrap();
    assert!(second.path().ends_with("events.out.tfevents.0000000001."), "{:?}", second.path());
}
