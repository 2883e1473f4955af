//! How a component's function differs from the contract's, said in the contract's words.

use wasmtime::Engine;
use wasmtime::component::ResourceType;
use wasmtime::component::types::{Component, ComponentFunc, ComponentItem, Type as Actual};
use wit_parser::{Function, Handle, Resolve, Type, TypeDef, TypeDefKind, TypeId};

/// How deep a component's type is described.
const MAX_DEPTH: usize = 4;

/// How two types differ.
enum Difference {
    /// Altogether; whoever compares them says so.
    Whole,
    /// In a part of a type that has a name.
    Part(String),
}

/// Compares functions of the contract with those of one component.
pub(super) struct Differ<'a> {
    resolve: &'a Resolve,
    /// The component's resources, by the names under which it imports them.
    resources: Vec<(ResourceType, String)>,
}

impl<'a> Differ<'a> {
    pub(super) fn new(resolve: &'a Resolve, engine: &Engine, component: &Component) -> Self {
        let mut resources = Vec::new();
        for (_, import) in component.imports(engine) {
            let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
            for (name, item) in instance.exports(engine) {
                if let ComponentItem::Resource(resource) = item.ty {
                    resources.push((resource, name.to_owned()));
                }
            }
        }
        Self { resolve, resources }
    }

    /// How a function that a component imports differs, if it does.
    pub(super) fn imported(&self, expected: &Function, actual: &ComponentFunc) -> Result<(), String> {
        match (expected.kind.is_async(), actual.async_()) {
            (true, false) => Err("it is not async, and async here".to_owned()),
            (false, true) => Err("it is async, and not async here".to_owned()),
            _ => self.function(expected, actual),
        }
    }

    /// How a function that a component exports differs, if it does. The host takes it async or not.
    pub(super) fn function(&self, expected: &Function, actual: &ComponentFunc) -> Result<(), String> {
        if expected.params.len() != actual.params().len() {
            let expected: Vec<&str> = expected.params.iter().map(|param| param.name.as_str()).collect();
            let actual: Vec<&str> = actual.params().map(|(name, _)| name).collect();
            names("it", "parameter", &expected, &actual)?;
        }
        // By place alone: names of parameters are for people.
        for (param, (_, actual)) in expected.params.iter().zip(actual.params()) {
            self.placed(&format!("its parameter `{}`", param.name), Some(&param.ty), Some(&actual))?;
        }
        self.placed("what it returns", expected.result.as_ref(), actual.results().next().as_ref())
    }

    /// Compare the types of something that has a name.
    fn placed(&self, place: &str, expected: Option<&Type>, actual: Option<&Actual>) -> Result<(), String> {
        self.optional(expected, actual).map_err(|difference| match difference {
            Difference::Part(sentence) => sentence,
            Difference::Whole => {
                let expected = expected.map_or_else(|| "nothing".to_owned(), |expected| self.name(expected));
                let actual = actual.map_or_else(|| "nothing".to_owned(), |actual| self.describe(actual, 0));
                format!("{place} is {actual}, and {expected} here")
            }
        })
    }

    fn optional(&self, expected: Option<&Type>, actual: Option<&Actual>) -> Result<(), Difference> {
        match (expected, actual) {
            (None, None) => Ok(()),
            (Some(expected), Some(actual)) => self.types(expected, actual),
            _ => Err(Difference::Whole),
        }
    }

    fn types(&self, expected: &Type, actual: &Actual) -> Result<(), Difference> {
        let same = match (expected, actual) {
            (Type::Id(id), actual) => return self.defined(*id, actual),
            (Type::Bool, Actual::Bool)
            | (Type::U8, Actual::U8)
            | (Type::U16, Actual::U16)
            | (Type::U32, Actual::U32)
            | (Type::U64, Actual::U64)
            | (Type::S8, Actual::S8)
            | (Type::S16, Actual::S16)
            | (Type::S32, Actual::S32)
            | (Type::S64, Actual::S64)
            | (Type::F32, Actual::Float32)
            | (Type::F64, Actual::Float64)
            | (Type::Char, Actual::Char)
            | (Type::String, Actual::String)
            | (Type::ErrorContext, Actual::ErrorContext) => true,
            _ => false,
        };
        if same { Ok(()) } else { Err(Difference::Whole) }
    }

    fn defined(&self, id: TypeId, actual: &Actual) -> Result<(), Difference> {
        let TypeDef { kind, name, .. } = &self.resolve.types[id];
        let name = name.as_deref().unwrap_or_default();
        match (kind, actual) {
            (TypeDefKind::Type(alias), actual) => self.types(alias, actual),
            (TypeDefKind::List(expected), Actual::List(actual)) => self.types(expected, &actual.ty()),
            (TypeDefKind::Option(expected), Actual::Option(actual)) => self.types(expected, &actual.ty()),
            (TypeDefKind::Stream(expected), Actual::Stream(actual)) => {
                self.optional(expected.as_ref(), actual.ty().as_ref())
            }
            (TypeDefKind::Future(expected), Actual::Future(actual)) => {
                self.optional(expected.as_ref(), actual.ty().as_ref())
            }
            (TypeDefKind::Result(expected), Actual::Result(actual)) => {
                self.optional(expected.ok.as_ref(), actual.ok().as_ref())?;
                self.optional(expected.err.as_ref(), actual.err().as_ref())
            }
            (TypeDefKind::Tuple(expected), Actual::Tuple(actual)) if expected.types.len() == actual.types().len() => {
                expected.types.iter().zip(actual.types()).try_for_each(|(one, other)| self.types(one, &other))
            }
            (TypeDefKind::Handle(Handle::Own(expected)), Actual::Own(actual))
            | (TypeDefKind::Handle(Handle::Borrow(expected)), Actual::Borrow(actual)) => {
                let same = self.resource(*expected) == self.resource_name(actual);
                if same { Ok(()) } else { Err(Difference::Whole) }
            }
            (TypeDefKind::Record(record), Actual::Record(actual)) => {
                let fields = record.fields.iter().map(|field| (field.name.as_str(), Some(field.ty)));
                let actual = actual.fields().map(|field| (field.name, Some(field.ty)));
                self.parts(&format!("the record `{name}`"), "field", fields, actual)
            }
            (TypeDefKind::Variant(variant), Actual::Variant(actual)) => {
                let cases = variant.cases.iter().map(|case| (case.name.as_str(), case.ty));
                let actual = actual.cases().map(|case| (case.name, case.ty));
                self.parts(&format!("the variant `{name}`"), "case", cases, actual)
            }
            (TypeDefKind::Enum(cases), Actual::Enum(actual)) => {
                let cases = cases.cases.iter().map(|case| (case.name.as_str(), None));
                self.parts(&format!("the enum `{name}`"), "case", cases, actual.names().map(|name| (name, None)))
            }
            (TypeDefKind::Flags(flags), Actual::Flags(actual)) => {
                let flags = flags.flags.iter().map(|flag| (flag.name.as_str(), None));
                self.parts(&format!("the flags `{name}`"), "flag", flags, actual.names().map(|name| (name, None)))
            }
            _ => Err(Difference::Whole),
        }
    }

    /// Compare types that are made of named parts.
    fn parts<'b>(
        &self,
        whole: &str,
        part: &str,
        expected: impl Iterator<Item = (&'b str, Option<Type>)>,
        actual: impl Iterator<Item = (&'b str, Option<Actual>)>,
    ) -> Result<(), Difference> {
        let (expected_names, expected): (Vec<&str>, Vec<_>) = expected.unzip();
        let (actual_names, actual): (Vec<&str>, Vec<_>) = actual.unzip();
        names(whole, part, &expected_names, &actual_names).map_err(Difference::Part)?;
        for (name, (expected, actual)) in actual_names.iter().zip(expected.iter().zip(&actual)) {
            let place = format!("the {part} `{name}` of {whole}");
            self.placed(&place, expected.as_ref(), actual.as_ref()).map_err(Difference::Part)?;
        }
        Ok(())
    }

    /// What the contract calls a resource, where it is defined.
    fn resource(&self, id: TypeId) -> Option<&str> {
        let TypeDef { kind, name, .. } = &self.resolve.types[id];
        match kind {
            TypeDefKind::Type(Type::Id(alias)) => self.resource(*alias),
            _ => name.as_deref(),
        }
    }

    fn resource_name(&self, resource: &ResourceType) -> Option<&str> {
        self.resources.iter().find(|(known, _)| known == resource).map(|(_, name)| name.as_str())
    }

    /// What the contract calls a type.
    fn name(&self, of: &Type) -> String {
        let Type::Id(id) = of else { return format!("{of:?}").to_lowercase() };
        let TypeDef { kind, name, .. } = &self.resolve.types[*id];
        let optional = |of: &Option<Type>| of.as_ref().map(|of| self.name(of));
        match (kind, name) {
            (_, Some(name)) => format!("`{name}`"),
            (TypeDefKind::List(of), _) => format!("list<{}>", self.name(of)),
            (TypeDefKind::Option(of), _) => format!("option<{}>", self.name(of)),
            (TypeDefKind::Stream(of), _) => generic("stream", optional(of)),
            (TypeDefKind::Future(of), _) => generic("future", optional(of)),
            (TypeDefKind::Result(result), _) => of_result(optional(&result.ok), optional(&result.err)),
            (TypeDefKind::Tuple(tuple), _) => {
                let types: Vec<String> = tuple.types.iter().map(|of| self.name(of)).collect();
                format!("tuple<{}>", types.join(", "))
            }
            (TypeDefKind::Handle(Handle::Own(id)), _) => format!("`{}`", self.resource(*id).unwrap_or_default()),
            (TypeDefKind::Handle(Handle::Borrow(id)), _) => {
                format!("borrow<`{}`>", self.resource(*id).unwrap_or_default())
            }
            _ => "another type".to_owned(),
        }
    }

    /// A component's type, whose names are not part of it.
    fn describe(&self, of: &Actual, depth: usize) -> String {
        if depth > MAX_DEPTH {
            return "…".to_owned();
        }
        let inner = |of: &Actual| self.describe(of, depth + 1);
        let optional = |of: Option<Actual>| of.map(|of| self.describe(&of, depth + 1));
        let resource = |resource| format!("`{}`", self.resource_name(resource).unwrap_or("resource"));
        match of {
            Actual::List(list) => format!("list<{}>", inner(&list.ty())),
            Actual::Option(option) => format!("option<{}>", inner(&option.ty())),
            Actual::Stream(stream) => generic("stream", optional(stream.ty())),
            Actual::Future(future) => generic("future", optional(future.ty())),
            Actual::Result(result) => of_result(optional(result.ok()), optional(result.err())),
            Actual::Tuple(tuple) => {
                let types: Vec<String> = tuple.types().take(MAX_DEPTH).map(|of| inner(&of)).collect();
                format!("tuple<{}{}>", types.join(", "), if tuple.types().len() > MAX_DEPTH { ", …" } else { "" })
            }
            Actual::Own(own) => resource(own),
            Actual::Borrow(borrow) => format!("borrow<{}>", resource(borrow)),
            Actual::Record(_) => "a record".to_owned(),
            Actual::Variant(_) => "a variant".to_owned(),
            Actual::Enum(_) => "an enum".to_owned(),
            Actual::Flags(_) => "flags".to_owned(),
            Actual::Map(_) => "a map".to_owned(),
            Actual::FixedLengthList(_) => "a list of fixed length".to_owned(),
            Actual::Float32 => "f32".to_owned(),
            Actual::Float64 => "f64".to_owned(),
            Actual::ErrorContext => "error-context".to_owned(),
            plain => format!("{plain:?}").to_lowercase(),
        }
    }
}

fn generic(name: &str, of: Option<String>) -> String {
    of.map_or_else(|| name.to_owned(), |of| format!("{name}<{of}>"))
}

fn of_result(ok: Option<String>, err: Option<String>) -> String {
    match (ok, err) {
        (None, None) => "result".to_owned(),
        (Some(ok), None) => format!("result<{ok}>"),
        (ok, Some(err)) => format!("result<{}, {err}>", ok.as_deref().unwrap_or("_")),
    }
}

/// Compare the names of parts.
fn names(whole: &str, part: &str, expected: &[&str], actual: &[&str]) -> Result<(), String> {
    if let Some(extra) = actual.iter().find(|name| !expected.contains(name)) {
        return Err(format!("{whole} has the {part} `{extra}`, which this host does not know"));
    }
    if let Some(missing) = expected.iter().find(|name| !actual.contains(name)) {
        return Err(format!("{whole} lacks the {part} `{missing}`"));
    }
    if expected != actual {
        return Err(format!("{whole} has its {part}s in another order"));
    }
    Ok(())
}
