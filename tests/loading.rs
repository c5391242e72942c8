//! How components are loaded and held: the cache of compiled code, limits, and what WASI opens.

mod components;

use crate::plugins::built;
use crate::program::{Outcome, trainyard};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use trainyard::plugin::{Grant, Plugin, PluginConfig};
use trainyard_plugin::Kind;

/// Loads a plugin in a separate process, whose cache is `cache`.
fn load(plugin: &Path, cache: &Path) -> Outcome {
    let call = trainyard(&["plugin", "inspect", "--graph", plugin.to_str().unwrap()]);
    let outcome = call.env("TRAINYARD_CACHE", cache).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("over the vocabulary"), "{}", outcome.stdout);
    outcome
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// The content and inode of an entry, to see whether it is written again: reading touches an entry, but does not
/// replace it.
fn written(entry: &Path) -> (Vec<u8>, u64) {
    use std::os::unix::fs::MetadataExt;
    (std::fs::read(entry).unwrap(), std::fs::metadata(entry).unwrap().ino())
}

#[test]
#[cfg(unix)]
fn compiled_code_is_kept_and_what_is_damaged_is_made_again() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("a/b");
    let (focal, z_loss) = (built("plugins/focal").wasm, built("plugins/z-loss").wasm);
    load(&focal, &cache);
    let [entry] = entries(&cache).try_into().expect("one entry");
    assert_eq!(std::fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    let (code, file) = written(&entry);
    let old = SystemTime::now() - Duration::from_secs(3600);
    std::fs::File::options().write(true).open(&entry).unwrap().set_modified(old).unwrap();

    load(&focal, &cache);
    assert_eq!(written(&entry), (code.clone(), file), "a hit writes nothing");
    let used = std::fs::metadata(&entry).unwrap().modified().unwrap();
    assert!(used > old + Duration::from_secs(60), "a hit is noted, so that it is not removed as the oldest");

    load(&z_loss, &cache);
    let other = entries(&cache).into_iter().find(|path| *path != entry).expect("an entry of its own");
    let of_other = std::fs::read(&other).unwrap();
    let damaged: [(&str, Vec<u8>); 6] = [
        ("a bit is wrong", code.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == code.len() / 2)).collect()),
        ("the end is missing", code[..code.len() / 2].to_vec()),
        ("only the head is there", code[..20].to_vec()),
        ("empty", Vec::new()),
        ("of another format", code.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 3)).collect()),
        ("of another plugin", of_other),
    ];
    for (what, bytes) in damaged {
        std::fs::write(&entry, bytes).unwrap();
        load(&focal, &cache);
        assert_eq!(written(&entry).0, code, "{what}");
    }
    assert_eq!(entries(&cache).len(), 2, "nothing else is left");
}

#[test]
#[cfg(unix)]
fn a_cache_that_cannot_be_used_is_done_without() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let focal = built("plugins/focal").wasm;
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(load(&focal, &file.join("below")).stderr, "");
    assert_eq!(load(&focal, Path::new("")).stderr, "");
    let open = dir.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    let stderr = load(&focal, &open).stderr;
    assert!(stderr.contains("others may write here, so that compiled plugins are not kept"), "{stderr}");
    assert_eq!(entries(&open), <[PathBuf; 0]>::default());
}

/// The error of `describe` of a hand-made guest.
fn failure(imports: &[&str], core_imports: &str, core: &str, change: impl FnOnce(&mut PluginConfig)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = components::loss(dir.path(), imports, core_imports, core);
    let mut config = PluginConfig::new(path.to_str().unwrap());
    change(&mut config);
    let failed = match Plugin::open(&config, Kind::Loss) {
        Ok(plugin) => match plugin.loss() {
            Ok(loss) => loss.describe().expect_err("a guest that only fails").to_string(),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    failed.split_once("): ").map_or(failed.clone(), |(_, message)| message.to_owned())
}

/// `describe` that fails with a text of two letters.
const HELLO: &str = r#"
    (data (i32.const 64) "hi")
    (func (export "describe") (result i32) (call $fail (i32.const 64) (i32.const 2)))
"#;

#[test]
fn limits_say_their_keys() {
    assert_eq!(failure(&[], "", HELLO, |_| {}), "describe: hi");
    let long = "(func (export \"describe\") (result i32) (drop (memory.grow (i32.const 40)))
                (call $fail (i32.const 0) (i32.const 2000000)))";
    let error = failure(&[], "", long, |config| config.limits.output_mb = 1);
    assert_eq!(error, "describe: returned more than 1 MiB (limits.output_mb)");
    let error = failure(&[], "", long, |config| config.limits.memory_mb = 2);
    assert_eq!(error, "describe: memory limit of 2 MiB reached (limits.memory_mb)");
    let tables = format!("(table 60 funcref) (table 50 funcref) {HELLO}");
    let error = failure(&[], "", &tables, |config| config.limits.table_elements = 109);
    assert_eq!(error, "create: limit of 109 table elements reached (limits.table_elements)");
    assert_eq!(failure(&[], "", &tables, |config| config.limits.table_elements = 110), "describe: hi");
    let error = failure(&[], "", &tables, |config| config.limits.instances = 1);
    assert_eq!(error, "create: table count too high at 2, at most 1 are allowed (limits.instances)");
    let spin = "(func (export \"describe\") (result i32) (loop $on (br $on)) (i32.const 0))";
    let error = failure(&[], "", spin, |config| config.limits.call_ms = 50);
    assert_eq!(error, "describe: no answer within 50 ms (limits.call_ms)");
}

/// Fails with the value of the first variable, or an empty text.
const ENVIRONMENT: (&str, &str) = (
    r#"(import "wasi:cli/environment@0.2.0" "get-environment" (func $get (param i32)))"#,
    r#"(func (export "describe") (result i32)
        (call $get (i32.const 2048))
        (if (i32.eqz (i32.load (i32.const 2052))) (then (return (call $fail (i32.const 0) (i32.const 0)))))
        (call $fail
            (i32.load offset=8 (i32.load (i32.const 2048)))
            (i32.load offset=12 (i32.load (i32.const 2048)))))"#,
);

#[test]
fn variables_are_seen_when_they_are_granted() {
    let (import, core) = ENVIRONMENT;
    let describe =
        |allow: Vec<Grant>| failure(&["wasi:cli/environment@0.2.0"], import, core, |config| config.allow = allow);
    assert_eq!(describe(vec![]), "describe: failed without saying why");
    let manifest = env!("CARGO_MANIFEST_DIR");
    assert_eq!(describe(vec![Grant::Env("CARGO_MANIFEST_DIR".into())]), format!("describe: {manifest}"));
    let error = describe(vec![Grant::Env("TRAINYARD_NO_SUCH".into())]);
    assert_eq!(error, "create: allow: env:TRAINYARD_NO_SUCH: environment variable not found");
}

/// A guest that makes the folder `new` in the first folder that it sees: `0` if it could, otherwise `1`; empty without
/// a folder.
const FOLDERS: (&str, &str) = (
    r#"(import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $get (param i32)))
       (import "wasi:filesystem/types@0.2.0" "[method]descriptor.create-directory-at"
           (func $make (param i32 i32 i32 i32)))"#,
    r#"(data (i32.const 64) "new")
       (func (export "describe") (result i32)
        (call $get (i32.const 2048))
        (if (i32.eqz (i32.load (i32.const 2052))) (then (return (call $fail (i32.const 0) (i32.const 0)))))
        (call $make (i32.load (i32.load (i32.const 2048))) (i32.const 64) (i32.const 3) (i32.const 2060))
        (i32.store8 (i32.const 80) (i32.add (i32.const 48) (i32.load8_u (i32.const 2060))))
        (call $fail (i32.const 80) (i32.const 1)))"#,
);

#[test]
fn folders_are_seen_when_they_are_granted() {
    let (import, core) = FOLDERS;
    let dir = tempfile::tempdir().unwrap();
    let describe = |grants: &[(PathBuf, bool)]| {
        let grant =
            |(host, write): &(PathBuf, bool)| Grant::Dir { host: host.clone(), guest: "x".into(), write: *write };
        let imports = ["wasi:filesystem/types@0.2.0", "wasi:filesystem/preopens@0.2.0"];
        failure(&imports, import, core, |config| config.allow = grants.iter().map(grant).collect())
    };
    assert_eq!(describe(&[]), "describe: failed without saying why");
    assert_eq!(describe(&[(dir.path().into(), false)]), "describe: 1");
    assert!(!dir.path().join("new").exists());
    assert_eq!(describe(&[(dir.path().into(), true)]), "describe: 0");
    assert!(dir.path().join("new").is_dir());
    let missing = dir.path().join("missing");
    let error = describe(&[(missing.clone(), false)]);
    assert!(error.starts_with(&format!("create: allow: dir:{}::x:ro: ", missing.display())), "{error}");
}

#[test]
fn clocks_and_random_numbers_are_the_same_every_time() {
    let imports = ["wasi:clocks/monotonic-clock@0.2.0", "wasi:random/random@0.2.0"];
    let core_imports = r#"
        (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
        (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))"#;
    // 16 letters, one for each half of a byte
    let core = r#"
        (func (export "describe") (result i32)
            (local $bits i64) (local $at i32)
            (local.set $bits (i64.xor (call $random) (call $now)))
            (loop $next
                (i32.store8 offset=64 (local.get $at)
                    (i32.add (i32.const 97) (i32.wrap_i64 (i64.and (local.get $bits) (i64.const 15)))))
                (local.set $bits (i64.shr_u (local.get $bits) (i64.const 4)))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $at) (i32.const 16))))
            (call $fail (i32.const 64) (i32.const 16)))"#;
    let [first, second] = [(); 2].map(|()| failure(&imports, core_imports, core, |_| {}));
    assert_eq!((first.len(), &first), ("describe: ".len() + 16, &second));
}

#[test]
fn a_plugin_cannot_sleep_past_its_deadline() {
    let imports = ["wasi:clocks/monotonic-clock@0.2.0", "wasi:io/poll@0.2.0"];
    let core_imports = r#"
        (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $sleep (param i64) (result i32)))
        (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))"#;
    let core = r#"
        (func (export "describe") (result i32)
            (call $block (call $sleep (i64.const 1000000000000000000)))
            (call $fail (i32.const 0) (i32.const 0)))"#;
    assert_eq!(failure(&imports, core_imports, core, |_| {}), "describe: failed without saying why");
}

#[test]
fn what_no_grant_can_open_is_refused_by_name() {
    let import = r#"(import "wasi:http/outgoing@0.2.0" "send" (func $send))"#;
    let error = failure(&["wasi:http/outgoing@0.2.0"], import, HELLO, |_| {});
    assert!(error.contains("made.wasm: imports wasi:http/outgoing@0.2.0, but a plugin may import only"), "{error}");
    let import = r#"(import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))"#;
    let core = r#"(func (export "describe") (result i32) (call $exit (i32.const 1)) (i32.const 0))"#;
    assert_eq!(failure(&["wasi:cli/exit@0.2.0"], import, core, |_| {}), "describe: ended itself with status 1");
}
