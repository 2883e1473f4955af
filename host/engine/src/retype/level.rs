//! What one component defines, by the numbers under which its parts speak of it.

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExport, ComponentExternalKind as Kind, ComponentInstance,
    ComponentInstantiationArg, ComponentOuterAliasKind as OuterKind, ComponentTypeRef, Payload,
};

/// A function of a component.
pub(super) enum Function<'a> {
    /// It is imported by this name, and has this type.
    Imported(&'a str, u32),
    /// It is made of a core function, and has this type.
    Lifted(u32),
    /// It is another name of this function.
    Same(u32),
    /// It comes from elsewhere.
    Other,
}

/// An instance in a component.
pub(super) enum Instance<'a> {
    /// It is made of this component with these arguments.
    Made { component: u32, arguments: Box<[ComponentInstantiationArg<'a>]> },
    /// It bundles what is there.
    Bundle(Box<[ComponentExport<'a>]>),
    /// It is another name of this instance.
    Same(u32),
    /// It comes from elsewhere.
    Other,
}

/// One component.
#[derive(Default)]
pub(super) struct Level<'a> {
    /// Where each type is defined, if it is defined here.
    types: Vec<Option<usize>>,
    functions: Vec<Function<'a>>,
    instances: Vec<Instance<'a>>,
    /// Those inside it; none where one comes from elsewhere.
    pub(super) components: Vec<Option<Level<'a>>>,
    pub(super) imports: Vec<(&'a str, ComponentTypeRef)>,
    pub(super) exports: Vec<ComponentExport<'a>>,
}

impl<'a> Level<'a> {
    /// Take in one of its sections.
    pub(super) fn take(&mut self, payload: Payload<'a>) -> wasmparser::Result<()> {
        match payload {
            Payload::ComponentTypeSection(types) => {
                for item in types.into_iter_with_offsets() {
                    self.types.push(Some(item?.0));
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    let import = import?;
                    self.imports.push((import.name.name, import.ty));
                    match import.ty {
                        ComponentTypeRef::Func(kind) => self.functions.push(Function::Imported(import.name.name, kind)),
                        other => self.elsewhere(other.kind()),
                    }
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    if let CanonicalFunction::Lift { type_index, .. } = function? {
                        self.functions.push(Function::Lifted(type_index));
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    self.instances.push(match instance? {
                        ComponentInstance::Instantiate { component_index: component, args: arguments } => {
                            Instance::Made { component, arguments }
                        }
                        ComponentInstance::FromExports(exports) => Instance::Bundle(exports),
                    });
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    match alias? {
                        ComponentAlias::InstanceExport { kind, .. } => self.elsewhere(kind),
                        ComponentAlias::Outer { kind: OuterKind::Type, .. } => self.elsewhere(Kind::Type),
                        ComponentAlias::Outer { kind: OuterKind::Component, .. } => self.elsewhere(Kind::Component),
                        _ => {}
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    match export.kind {
                        Kind::Func => self.functions.push(Function::Same(export.index)),
                        Kind::Instance => self.instances.push(Instance::Same(export.index)),
                        other => self.elsewhere(other),
                    }
                    self.exports.push(export);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Something more of that kind, of which nothing is known here.
    fn elsewhere(&mut self, kind: Kind) {
        match kind {
            Kind::Type => self.types.push(None),
            Kind::Func => self.functions.push(Function::Other),
            Kind::Instance => self.instances.push(Instance::Other),
            Kind::Component => self.components.push(None),
            Kind::Module | Kind::Value => {}
        }
    }

    /// Where that type is defined, if it is here.
    pub(super) fn type_at(&self, index: u32) -> Option<usize> {
        self.types.get(index as usize).copied().flatten()
    }

    pub(super) fn component(&self, index: u32) -> Option<&Self> {
        self.components.get(index as usize)?.as_ref()
    }

    /// That function, under whatever other name; so many names at most.
    pub(super) fn function(&self, index: u32, names: usize) -> Option<&Function<'a>> {
        match self.functions.get(index as usize)? {
            Function::Same(other) if names > 0 => self.function(*other, names - 1),
            function => Some(function),
        }
    }

    /// That instance, under whatever other name; so many names at most.
    pub(super) fn instance(&self, index: u32, names: usize) -> Option<&Instance<'a>> {
        match self.instances.get(index as usize)? {
            Instance::Same(other) if names > 0 => self.instance(*other, names - 1),
            instance => Some(instance),
        }
    }
}
