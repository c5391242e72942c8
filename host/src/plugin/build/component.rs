//! Core modules to components, and the identity's section.

use crate::{Error, Result};
use std::path::Path;
use trainyard_plugin::{SECTION, sdk};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasm_encoder::{ComponentSection, CustomSection};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A core module as a component: the world that it implements is written in it. What it wants of a system, such as a
/// C library that prints, it imports as WASI.
///
/// # Errors
/// The module is none that a component can be made of.
pub fn encode(module: &[u8], source: &Path) -> Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| {
            encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
        })
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| Error::plugin(format!("{}: cannot become a component: {error:#}", source.display())))
}

/// Writes into a core module that it implements the world of this name.
///
/// # Errors
/// The contract has no such world.
pub fn embed_world(module: &mut Vec<u8>, world: &str) -> Result<()> {
    let wrong = |error| Error::run(format!("cannot read the contract, plugin.wit: {error:#}"));
    let mut resolve = Resolve::default();
    let package = resolve.push_source("plugin.wit", sdk::WIT).map_err(wrong)?;
    let world = resolve.select_world(&[package], Some(world)).map_err(wrong)?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8).map_err(wrong)
}

/// The component with who it is, as its last section.
pub fn with_identity(mut component: Vec<u8>, identity: &str) -> Vec<u8> {
    CustomSection { name: SECTION.into(), data: identity.as_bytes().into() }.append_to_component(&mut component);
    component
}
