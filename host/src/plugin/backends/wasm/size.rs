//! How much there is to compile in a component, counted before anything of it is compiled.
//!
//! A few hundred bytes can ask for gigabytes: components that instantiate each other twice, tables that begin with
//! millions of elements, types inside of types. What is counted here takes time and memory in proportion to the file,
//! whatever the file says of itself.

use crate::plugin::checked::one_line;
use wasmparser::{
    BinaryReader, BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentType, ComponentTypeDeclaration, ComponentTypeRef, CoreType, ElementItems, Encoding, FunctionBody,
    Instance, ModuleTypeDeclaration, Parser, Payload,
};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Functions,
    CodeBytes,
    LargestFunction,
    MostLocals,
    Types,
    Names,
    Globals,
    Stores,
    TableElements,
    Segments,
    SegmentItems,
    Modules,
    Components,
    Depth,
    Instantiated,
}

/// The name of each count, its limit, and what the largest guest of `tests/languages` has of it, a Python interpreter.
const LIMITS: [(What, &str, u64, u64); 15] = [
    (What::Functions, "functions", 100_000, 13_490),
    (What::CodeBytes, "bytes of code", 32 << 20, 6_548_282),
    (What::LargestFunction, "bytes of code in one function", 2 << 20, 426_843),
    (What::MostLocals, "local variables in one function", 20_000, 271),
    (What::Types, "types", 20_000, 1_728),
    (What::Names, "imports, exports and aliases", 50_000, 8_343),
    (What::Globals, "global variables", 20_000, 871),
    (What::Stores, "memories, tables and tags", 1_000, 3),
    // the most that `limits.table_elements` can be raised to
    (What::TableElements, "table elements to begin with", 10_000_000, 5_788),
    (What::Segments, "data and element segments", 20_000, 2_063),
    (What::SegmentItems, "items of element segments", 1_000_000, 5_787),
    (What::Modules, "core modules", 400, 38),
    (What::Components, "components", 100, 2),
    (What::Depth, "modules and components inside of each other", 20, 2),
    (What::Instantiated, "parts once all is instantiated", 100_000, 10_000),
];

/// The depth of types that the validator allows.
const MAX_TYPE_DEPTH: u32 = 100;
/// The first byte of the type of a component, of that of an instance, and of a type that is declared in them.
const COMPONENT_TYPE: u8 = 0x41;
const INSTANCE_TYPE: u8 = 0x42;
const TYPE_DECLARATION: u8 = 0x01;

/// The counts of one component.
#[derive(Debug, Clone, Default)]
pub struct Size([u64; LIMITS.len()]);

/// Why a component is refused.
type Checked<T> = Result<T, String>;

impl Size {
    /// Counts what is in a component.
    ///
    /// # Errors
    /// The bytes are damaged, or there is more of something than any plugin needs.
    pub fn of(component: &[u8]) -> Checked<Self> {
        let mut counter = Counter { component, size: Self::default(), scopes: Vec::new() };
        for payload in Parser::new(0).parse_all(component) {
            counter.payload(payload.map_err(damaged)?)?;
        }
        Ok(counter.size)
    }

    /// One count.
    pub fn get(&self, what: What) -> u64 {
        self.0[what as usize]
    }

    fn add(&mut self, what: What, more: u64) -> Checked<()> {
        self.at_least(what, self.get(what).saturating_add(more))
    }

    fn at_least(&mut self, what: What, n: u64) -> Checked<()> {
        let (_, name, limit, _) = LIMITS[what as usize];
        if n > limit {
            return Err(format!("has {n} {name}, at most {limit} are compiled; make the plugin smaller"));
        }
        self.0[what as usize] = n.max(self.get(what));
        Ok(())
    }
}

fn damaged(error: BinaryReaderError) -> String {
    one_line(&format!("is a damaged WASM file: {error}"))
}

/// The component or module that is being read.
#[derive(Default)]
struct Scope {
    is_module: bool,
    /// How many parts each component of its index space has, once it is instantiated; none where that is not known
    /// before: for one that is passed in.
    components: Vec<Option<u64>>,
    /// How many parts an instance of this one has.
    n_parts: u64,
}

struct Counter<'c> {
    component: &'c [u8],
    size: Size,
    /// From the outermost to the one that is being read.
    scopes: Vec<Scope>,
}

impl Counter<'_> {
    fn payload(&mut self, payload: Payload<'_>) -> Checked<()> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding),
            Payload::End(_) => self.end(),
            Payload::CodeSectionStart { count, .. } => self.size.add(What::Functions, count.into()),
            Payload::CodeSectionEntry(body) => self.body(&body),
            Payload::TypeSection(section) => self.size.add(What::Types, section.count().into()),
            Payload::FunctionSection(section) => self.size.at_least(What::Functions, section.count().into()),
            Payload::ImportSection(section) => self.names(section.count()),
            Payload::ExportSection(section) => self.names(section.count()),
            Payload::GlobalSection(section) => self.size.add(What::Globals, section.count().into()),
            Payload::MemorySection(section) => self.size.add(What::Stores, section.count().into()),
            Payload::TagSection(section) => self.size.add(What::Stores, section.count().into()),
            Payload::DataSection(section) => self.size.add(What::Segments, section.count().into()),
            Payload::TableSection(section) => {
                self.size.add(What::Stores, section.count().into())?;
                section
                    .into_iter()
                    .try_for_each(|table| self.size.add(What::TableElements, table.map_err(damaged)?.ty.initial))
            }
            Payload::ElementSection(section) => {
                self.size.add(What::Segments, section.count().into())?;
                section.into_iter().try_for_each(|segment| {
                    let n_items = match segment.map_err(damaged)?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    self.size.add(What::SegmentItems, n_items.into())
                })
            }
            payload => self.component_payload(payload),
        }
    }

    fn component_payload(&mut self, payload: Payload<'_>) -> Checked<()> {
        match payload {
            Payload::InstanceSection(section) => section.into_iter().try_for_each(|instance| {
                let n_args = match instance.map_err(damaged)? {
                    Instance::Instantiate { args, .. } => args.len(),
                    Instance::FromExports(exports) => exports.len(),
                };
                self.parts(1 + n_args as u64)
            }),
            Payload::ComponentInstanceSection(section) => {
                section.into_iter().try_for_each(|instance| self.instance(instance.map_err(damaged)?))
            }
            Payload::ComponentAliasSection(section) => {
                self.names(section.count())?;
                section.into_iter().try_for_each(|alias| self.alias(&alias.map_err(damaged)?))
            }
            Payload::ComponentImportSection(section) => {
                self.names(section.count())?;
                section.into_iter().try_for_each(|import| {
                    let is_component = matches!(import.map_err(damaged)?.ty, ComponentTypeRef::Component(_));
                    self.known(is_component, None)
                })
            }
            Payload::ComponentExportSection(section) => {
                self.names(section.count())?;
                section.into_iter().try_for_each(|export| {
                    let export = export.map_err(damaged)?;
                    let n_parts = self.scope()?.components.get(export.index as usize).copied().flatten();
                    self.known(export.kind == ComponentExternalKind::Component, n_parts)
                })
            }
            Payload::ComponentCanonicalSection(section) => self.names(section.count()),
            Payload::CoreTypeSection(section) => section.into_iter().try_for_each(|ty| {
                let ty = ty.map_err(damaged)?;
                self.core_type(&ty)
            }),
            Payload::ComponentTypeSection(section) => {
                // item by item, because reading a whole one at once is a recursion as deep as the file likes
                let range = section.range();
                let bytes = self.component.get(range.clone()).unwrap_or_default();
                let mut reader = BinaryReader::new(bytes, range.start);
                let n_types = reader.read_var_u32().map_err(damaged)?;
                (0..n_types).try_for_each(|_| self.component_type(&mut reader, 0))
            }
            _ => Ok(()),
        }
    }
}

/// The parts of a component that has others inside of it.
impl Counter<'_> {
    fn begin(&mut self, encoding: Encoding) -> Checked<()> {
        let is_module = encoding == Encoding::Module;
        self.size.add(if is_module { What::Modules } else { What::Components }, 1)?;
        self.scopes.push(Scope { is_module, ..Scope::default() });
        self.size.at_least(What::Depth, self.scopes.len() as u64)
    }

    fn end(&mut self) -> Checked<()> {
        let ended = self.scopes.pop();
        match (ended, self.scopes.last_mut()) {
            (Some(ended), Some(around)) if !ended.is_module => around.components.push(Some(ended.n_parts)),
            _ => {}
        }
        Ok(())
    }

    fn scope(&mut self) -> Checked<&mut Scope> {
        self.scopes.last_mut().ok_or_else(|| "is a damaged WASM file: a section outside of a component".into())
    }

    /// More parts of the component that is being read.
    fn parts(&mut self, more: u64) -> Checked<()> {
        let scope = self.scope()?;
        scope.n_parts = scope.n_parts.saturating_add(more);
        let n_parts = scope.n_parts;
        self.size.at_least(What::Instantiated, n_parts)
    }

    fn names(&mut self, count: u32) -> Checked<()> {
        self.size.add(What::Names, count.into())?;
        match self.scope()?.is_module {
            true => Ok(()),
            false => self.parts(count.into()),
        }
    }

    /// One more in the index space of components, if it is one.
    fn known(&mut self, is_component: bool, n_parts: Option<u64>) -> Checked<()> {
        if is_component {
            self.scope()?.components.push(n_parts);
        }
        Ok(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Checked<()> {
        match *alias {
            ComponentAlias::InstanceExport { kind, .. } => self.known(kind == ComponentExternalKind::Component, None),
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                let around = self.scopes.iter().rev().nth(count as usize);
                let n_parts = around.and_then(|scope| scope.components.get(index as usize).copied().flatten());
                self.known(true, n_parts)
            }
            _ => Ok(()),
        }
    }

    fn instance(&mut self, instance: ComponentInstance<'_>) -> Checked<()> {
        match instance {
            ComponentInstance::FromExports(exports) => self.parts(1 + exports.len() as u64),
            ComponentInstance::Instantiate { component_index, args } => {
                let known = self.scope()?.components.get(component_index as usize).copied().flatten();
                let n_parts = known.ok_or("instantiates a component that it is passed; no plugin needs that")?;
                self.parts((1 + args.len() as u64).saturating_add(n_parts))
            }
        }
    }
}

/// Code and types.
impl Counter<'_> {
    fn body(&mut self, body: &FunctionBody<'_>) -> Checked<()> {
        let n_bytes = body.range().len() as u64;
        self.size.at_least(What::LargestFunction, n_bytes)?;
        self.size.add(What::CodeBytes, n_bytes)?;
        let mut n_locals = 0u64;
        for group in body.get_locals_reader().map_err(damaged)? {
            n_locals += u64::from(group.map_err(damaged)?.0);
        }
        self.size.at_least(What::MostLocals, n_locals)
    }

    fn core_type(&mut self, ty: &CoreType<'_>) -> Checked<()> {
        let n_types = match ty {
            CoreType::Rec(group) => group.types().len(),
            CoreType::Module(declarations) => declarations.iter().map(declared).sum(),
        };
        self.size.add(What::Types, n_types as u64)
    }

    /// Reads a type, and the types inside of it one by one.
    fn component_type(&mut self, reader: &mut BinaryReader<'_>, depth: u32) -> Checked<()> {
        if depth > MAX_TYPE_DEPTH {
            return Err(format!("has types more than {MAX_TYPE_DEPTH} deep inside of each other"));
        }
        self.size.add(What::Types, 1)?;
        let form = reader.clone().read_u8().map_err(damaged)?;
        if !matches!(form, COMPONENT_TYPE | INSTANCE_TYPE) {
            return reader.read::<ComponentType<'_>>().map(drop).map_err(damaged);
        }
        reader.read_u8().map_err(damaged)?;
        for _ in 0..reader.read_var_u32().map_err(damaged)? {
            self.size.add(What::Types, 1)?;
            match reader.clone().read_u8().map_err(damaged)? {
                TYPE_DECLARATION => {
                    reader.read_u8().map_err(damaged)?;
                    self.component_type(reader, depth + 1)?;
                }
                // none of the others holds a type of a component
                _ => drop(reader.read::<ComponentTypeDeclaration<'_>>().map_err(damaged)?),
            }
        }
        Ok(())
    }
}

fn declared(declaration: &ModuleTypeDeclaration<'_>) -> usize {
    match declaration {
        ModuleTypeDeclaration::Type(group) => group.types().len(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_far_above_the_largest_guest() {
        for (at, (what, name, limit, largest)) in LIMITS.into_iter().enumerate() {
            assert_eq!(what as usize, at, "{name}");
            assert!(limit >= 4 * largest, "{name}");
        }
    }
}
