//! Tables, cell by cell.

use super::*;
use tempfile::tempdir;

const LOG: &str = include_str!("../../tests/fixtures/tables.jsonl");

#[test]
fn a_log_becomes_a_table_per_kind() {
    let folder = tempdir().unwrap();
    let log = folder.path().join("metrics.jsonl");
    fs::write(&log, LOG).unwrap();
    let to = folder.path().join("a/b");
    let written = export(&log, &to).unwrap();
    let tables = [
        (
            "steps.csv",
            "step,loss,lr,outputs.z,seconds,\"outputs.new, one\"\n\
             1,7.671576183987781,0.00006451612903225807,1e-30,,\n\
             2,NaN,1E5,1.0,0.5,-0.0\n\
             3,,1.5,,,\n",
        ),
        (
            "validations.csv",
            "step,validation.bits-per-byte,validation_batches.0,validation_batches.1,comparable.x\n\
             2,123456789012345678901234567890,2,9,text\n",
        ),
        ("watches.csv", "step,text,validation.loss,lossy\n1,\"a, \"\"b\"\"\",2.50,true\n"),
        (
            "final.csv",
            "step,model_step,split,name,value,unit,outputs.x,plugin\n\
             3,2,test,loss,1.5,,2,\n\
             3,2,test,\"größe\n\",NaN,,,p\n\
             3,2,test,f1,0.50,,,\n\
             3,2,test,table.0.0,1,,,\n\
             3,2,test,table.0.1,2,,,\n",
        ),
    ];
    for (path, (name, expected)) in written.iter().zip(tables) {
        assert_eq!(path, &to.join(name));
        assert_eq!(fs::read_to_string(path).unwrap(), expected, "{name}");
    }
    assert_eq!(written.len(), tables.len());
}

#[test]
fn a_table_without_rows_is_not_written() {
    let folder = tempdir().unwrap();
    let log = folder.path().join("metrics.jsonl");
    fs::write(&log, "{\"kind\":\"step\",\"step\":1}\n").unwrap();
    assert_eq!(export(&log, folder.path()).unwrap(), [folder.path().join("steps.csv")]);
    fs::write(&log, "").unwrap();
    assert!(export(&log, folder.path()).unwrap().is_empty());
}

#[test]
fn a_line_that_is_no_object_is_told() {
    let folder = tempdir().unwrap();
    let log = folder.path().join("metrics.jsonl");
    fs::write(&log, "{\"kind\":\"step\",\"step\":1}\n{\"kind\":\n").unwrap();
    let error = export(&log, folder.path()).unwrap_err().to_string();
    assert!(
        error.ends_with("line 2: expected a JSON object, got \"{\\\"kind\\\":\"; fix or delete the line"),
        "{error}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told() {
    let mut table = Table::create("/dev/full".into(), Columns::default()).unwrap();
    table.file.write_all(&[b'1'; 10]).unwrap();
    let expected = "/dev/full: cannot write: No space left on device (os error 28); free space on its disk, or name \
                    another folder";
    assert_eq!(table.finish().unwrap_err().to_string(), expected);
}
