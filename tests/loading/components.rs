//! Components made by hand from core WASM, for what no Rust guest can do: import WASI, ask for too much.

use std::path::{Path, PathBuf};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The parts of WASI that the guests here use, word for word.
const WASI: &str = "
package test:guest;

package wasi:cli@0.2.0 {
    interface environment { get-environment: func() -> list<tuple<string, string>>; }
    interface exit { exit: func(status: result); }
}
package wasi:io@0.2.0 {
    interface poll { resource pollable { block: func(); } }
}
package wasi:clocks@0.2.0 {
    interface monotonic-clock {
        use wasi:io/poll@0.2.0.{pollable};
        now: func() -> u64;
        subscribe-duration: func(when: u64) -> pollable;
    }
}
package wasi:random@0.2.0 {
    interface random { get-random-u64: func() -> u64; }
}
package wasi:http@0.2.0 {
    interface outgoing { send: func(); }
}
package wasi:filesystem@0.2.0 {
    interface types {
        enum error-code {
            access, would-block, already, bad-descriptor, busy, deadlock, quota, exist, file-too-large,
            illegal-byte-sequence, in-progress, interrupted, invalid, io, is-directory, loop, too-many-links,
            message-size, name-too-long, no-device, no-entry, no-lock, insufficient-memory, insufficient-space,
            not-directory, not-empty, not-recoverable, unsupported, no-tty, no-such-device, overflow, not-permitted,
            pipe, read-only, invalid-seek, text-file-busy, cross-device
        }
        resource descriptor { create-directory-at: func(path: string) -> result<_, error-code>; }
    }
    interface preopens {
        use types.{descriptor};
        get-directories: func() -> list<tuple<descriptor, string>>;
    }
}
";

/// The common part of the guests here: memory, an allocator, `create`, and `$fail`, which makes a text the error that
/// `describe` returns.
const COMMON: &str = r#"
    (memory (export "memory") 1)
    (global $end (mut i32) (i32.const 4096))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $end) (i32.const 7)) (i32.const -8)))
        (global.set $end (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    (func (export "create") (param i32 i32) (result i32) (i32.const 1024))
    (func $fail (param $text i32) (param $len i32) (result i32)
        (i32.store8 (i32.const 1040) (i32.const 1))
        (i32.store8 (i32.const 1044) (i32.const 4))
        (i32.store (i32.const 1048) (local.get $text))
        (i32.store (i32.const 1052) (local.get $len))
        (i32.const 1040))
"#;

/// A loss in `dir` that imports these interfaces; `core` is its core module without the common part.
pub fn loss(dir: &Path, imports: &[&str], core_imports: &str, core: &str) -> PathBuf {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-sdk/wit");
    let mut resolve = Resolve::default();
    resolve.push_dir(wit).expect("the contract");
    let lines: String = imports.iter().map(|import| format!("    import {import};\n")).collect();
    let world = format!("{WASI}world guest {{\n    include trainyard:plugin/loss@0.1.3;\n{lines}}}\n");
    let package = resolve.push_str("guest.wit", &world).expect("the world is valid");
    let world = resolve.select_world(&[package], Some("guest")).expect("a world");
    let mut module = wat::parse_str(format!("(module {core_imports} {COMMON} {core})")).expect("valid text");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("described");
    let mut bytes =
        ComponentEncoder::default().module(&module).and_then(|mut made| made.encode()).expect("a component");
    append_identity(&mut bytes);
    let path = dir.join("made.wasm");
    std::fs::write(&path, bytes).expect("written");
    path
}

/// The section with the plugin's identity.
fn append_identity(bytes: &mut Vec<u8>) {
    let text = "trainyard-plugin\t1\nkind\tloss\nname\tmade\nversion\t1.0.0\ncontract\t0.1\nsdk\t0.1.0\n";
    let name = trainyard_plugin::SECTION;
    let size = 1 + name.len() + text.len();
    bytes.extend([0, (size & 0x7f) as u8 | 0x80, (size >> 7) as u8, name.len() as u8]);
    bytes.extend(name.bytes().chain(text.bytes()));
}
