//! Files that a script wrote are those of what it read.

use sha2::{Digest, Sha256};
use std::fs;

#[test]
fn bindings_are_those_of_the_contract() {
    let sdk = super::root().join("plugin-sdk");
    let contract = fs::read(sdk.join("wit/plugin.wit")).expect("the contract");
    let digest: String = Sha256::digest(contract).iter().map(|byte| format!("{byte:02x}")).collect();
    let bindings = fs::read_to_string(sdk.join("src/wasm/generated/mod.rs")).expect("the bindings");
    assert!(bindings.contains(&digest), "plugin-sdk/wit/plugin.wit changed: run scripts/bindings.sh");
}
