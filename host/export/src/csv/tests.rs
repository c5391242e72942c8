//! Tables, cell by cell.

use super::*;
use tempfile::tempdir;

const LOG: &str = r#"{"kind":"run","step":0,"name":"a"}
{"kind":"step","step":1,"loss":7.671576183987781,"lr":0.00006451612903225807,"seconds":null,"outputs":{"z":1e-30}}
{"kind":"watch","step":1,"text":"a, \"b\"","validation":{"loss":2.50},"lossy":true}
{"kind":"step","step":2,"loss":null,"lr":1E5,"seconds":0.5,"outputs":{"z":1.0,"new, one":-0.0}}
{"kind":"validation","step":2,"validation":{"bits-per-byte":123456789012345678901234567890},"validation_batches":[2,9],"comparable":{"x":"text"}}
{"step":3,"lr":1.5}
{"kind":"picture","step":3}
{"kind":"final","step":3,"model_step":2,"final":{"validation":[],"test":[{"name":"loss","value":1.5,"unit":"","outputs":{"x":2}},{"name":"größe\n","plugin":"p","value":null}],"texts":{},"predictions":{"test":{"f1":0.50,"names":["1"],"table":[[1,2]]}}}}
{"kind":"step","step":4,"#;

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
