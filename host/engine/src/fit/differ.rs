//! How a component's function differs from the contract's, said in the contract's words.

use wit_parser::{Function, Handle, Resolve, Type, TypeDef, TypeDefKind, TypeId};

/// How deep a type is compared and described. The contract's are not so deep, and a component's may be.
const MAX_DEPTH: usize = 12;
/// How deep a component's type is described.
const MAX_SHOWN: usize = 4;

/// How two types differ.
enum Difference {
    /// Altogether; whoever compares them says so.
    Whole,
    /// In a part of a type that has a name.
    Part(String),
}

/// Compares functions of the contract with those of one component.
pub(super) struct Differ<'a> {
    /// The contract.
    pub(super) ours: &'a Resolve,
    /// The component.
    pub(super) theirs: &'a Resolve,
}

impl Differ<'_> {
    /// How a function that a component imports differs, if it does.
    pub(super) fn imported(&self, expected: &Function, actual: &Function) -> Result<(), String> {
        match (expected.kind.is_async(), actual.kind.is_async()) {
            (true, false) => Err("it is not async, and async here".to_owned()),
            (false, true) => Err("it is async, and not async here".to_owned()),
            _ => self.function(expected, actual),
        }
    }

    /// How a function that a component exports differs, if it does. The host takes it async or not.
    pub(super) fn function(&self, expected: &Function, actual: &Function) -> Result<(), String> {
        if expected.params.len() != actual.params.len() {
            let (expected, actual) = (parameters(expected), parameters(actual));
            names("it", "parameter", &expected, &actual)?;
        }
        // By place alone: names of parameters are for people.
        for (expected, actual) in expected.params.iter().zip(&actual.params) {
            self.placed(&format!("its parameter `{}`", expected.name), Some(&expected.ty), Some(&actual.ty), 0)?;
        }
        self.placed("what it returns", expected.result.as_ref(), actual.result.as_ref(), 0)
    }

    /// Compare the types of something that has a name.
    fn placed(&self, place: &str, expected: Option<&Type>, actual: Option<&Type>, depth: usize) -> Result<(), String> {
        self.optional(expected, actual, depth).map_err(|difference| match difference {
            Difference::Part(sentence) => sentence,
            Difference::Whole => {
                let described =
                    |of: Option<&Type>, resolve| of.map_or_else(|| "nothing".to_owned(), |of| describe(resolve, of, 0));
                let (actual, expected) = (described(actual, self.theirs), described(expected, self.ours));
                format!("{place} is {actual}, and {expected} here")
            }
        })
    }

    fn optional(&self, expected: Option<&Type>, actual: Option<&Type>, depth: usize) -> Result<(), Difference> {
        match (expected, actual) {
            (None, None) => Ok(()),
            (Some(expected), Some(actual)) => self.types(expected, actual, depth),
            _ => Err(Difference::Whole),
        }
    }

    fn types(&self, expected: &Type, actual: &Type, depth: usize) -> Result<(), Difference> {
        let (expected, actual) = (bare(self.ours, expected), bare(self.theirs, actual));
        match (expected, actual) {
            _ if depth > MAX_DEPTH => Err(Difference::Whole),
            (Type::Id(expected), Type::Id(actual)) => self.defined(expected, actual, depth + 1),
            (expected, actual) if expected == actual => Ok(()),
            _ => Err(Difference::Whole),
        }
    }

    fn defined(&self, expected: TypeId, actual: TypeId, depth: usize) -> Result<(), Difference> {
        let TypeDef { kind, name, .. } = &self.ours.types[expected];
        let name = name.as_deref().unwrap_or_default();
        match (kind, &self.theirs.types[actual].kind) {
            (TypeDefKind::List(expected), TypeDefKind::List(actual))
            | (TypeDefKind::Option(expected), TypeDefKind::Option(actual)) => self.types(expected, actual, depth),
            (TypeDefKind::Stream(expected), TypeDefKind::Stream(actual))
            | (TypeDefKind::Future(expected), TypeDefKind::Future(actual)) => {
                self.optional(expected.as_ref(), actual.as_ref(), depth)
            }
            (TypeDefKind::Result(expected), TypeDefKind::Result(actual)) => {
                self.optional(expected.ok.as_ref(), actual.ok.as_ref(), depth)?;
                self.optional(expected.err.as_ref(), actual.err.as_ref(), depth)
            }
            (TypeDefKind::Tuple(expected), TypeDefKind::Tuple(actual))
                if expected.types.len() == actual.types.len() =>
            {
                let mut both = expected.types.iter().zip(&actual.types);
                both.try_for_each(|(one, other)| self.types(one, other, depth))
            }
            (TypeDefKind::Handle(Handle::Own(expected)), TypeDefKind::Handle(Handle::Own(actual)))
            | (TypeDefKind::Handle(Handle::Borrow(expected)), TypeDefKind::Handle(Handle::Borrow(actual))) => {
                let same = resource(self.ours, *expected) == resource(self.theirs, *actual);
                if same { Ok(()) } else { Err(Difference::Whole) }
            }
            (TypeDefKind::Record(expected), TypeDefKind::Record(actual)) => {
                let fields = expected.fields.iter().map(|field| (field.name.as_str(), Some(field.ty)));
                let actual = actual.fields.iter().map(|field| (field.name.as_str(), Some(field.ty)));
                self.parts(&format!("the record `{name}`"), "field", fields, actual, depth)
            }
            (TypeDefKind::Variant(expected), TypeDefKind::Variant(actual)) => {
                let cases = expected.cases.iter().map(|case| (case.name.as_str(), case.ty));
                let actual = actual.cases.iter().map(|case| (case.name.as_str(), case.ty));
                self.parts(&format!("the variant `{name}`"), "case", cases, actual, depth)
            }
            (TypeDefKind::Enum(expected), TypeDefKind::Enum(actual)) => {
                let cases = expected.cases.iter().map(|case| (case.name.as_str(), None));
                let actual = actual.cases.iter().map(|case| (case.name.as_str(), None));
                self.parts(&format!("the enum `{name}`"), "case", cases, actual, depth)
            }
            (TypeDefKind::Flags(expected), TypeDefKind::Flags(actual)) => {
                let flags = expected.flags.iter().map(|flag| (flag.name.as_str(), None));
                let actual = actual.flags.iter().map(|flag| (flag.name.as_str(), None));
                self.parts(&format!("the flags `{name}`"), "flag", flags, actual, depth)
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
        actual: impl Iterator<Item = (&'b str, Option<Type>)>,
        depth: usize,
    ) -> Result<(), Difference> {
        let (expected_names, expected): (Vec<&str>, Vec<_>) = expected.unzip();
        let (actual_names, actual): (Vec<&str>, Vec<_>) = actual.unzip();
        names(whole, part, &expected_names, &actual_names).map_err(Difference::Part)?;
        for (name, (expected, actual)) in actual_names.iter().zip(expected.iter().zip(&actual)) {
            let place = format!("the {part} `{name}` of {whole}");
            self.placed(&place, expected.as_ref(), actual.as_ref(), depth).map_err(Difference::Part)?;
        }
        Ok(())
    }
}

fn parameters(function: &Function) -> Vec<&str> {
    function.params.iter().map(|param| param.name.as_str()).collect()
}

/// The type behind other names of it.
fn bare(resolve: &Resolve, of: &Type) -> Type {
    match of {
        Type::Id(id) => match &resolve.types[*id].kind {
            TypeDefKind::Type(alias) => bare(resolve, alias),
            _ => *of,
        },
        plain => *plain,
    }
}

/// What a resource is called where it is defined.
fn resource(resolve: &Resolve, id: TypeId) -> Option<&str> {
    let TypeDef { kind, name, .. } = &resolve.types[id];
    match kind {
        TypeDefKind::Type(Type::Id(alias)) => resource(resolve, *alias),
        _ => name.as_deref(),
    }
}

/// What a type is called, or made of.
fn describe(resolve: &Resolve, of: &Type, depth: usize) -> String {
    let Type::Id(id) = bare(resolve, of) else { return format!("{of:?}").to_lowercase() };
    if depth > MAX_SHOWN {
        return "…".to_owned();
    }
    let TypeDef { kind, name, .. } = &resolve.types[id];
    let inner = |of: &Type| describe(resolve, of, depth + 1);
    let optional = |of: &Option<Type>| of.as_ref().map(inner);
    match (kind, name) {
        (_, Some(name)) => format!("`{name}`"),
        (TypeDefKind::List(of), _) => format!("list<{}>", inner(of)),
        (TypeDefKind::Option(of), _) => format!("option<{}>", inner(of)),
        (TypeDefKind::Stream(of), _) => generic("stream", optional(of)),
        (TypeDefKind::Future(of), _) => generic("future", optional(of)),
        (TypeDefKind::Result(result), _) => of_result(optional(&result.ok), optional(&result.err)),
        (TypeDefKind::Tuple(tuple), _) => {
            let types: Vec<String> = tuple.types.iter().take(MAX_SHOWN).map(inner).collect();
            format!("tuple<{}{}>", types.join(", "), if tuple.types.len() > MAX_SHOWN { ", …" } else { "" })
        }
        (TypeDefKind::Handle(Handle::Own(id)), _) => format!("`{}`", resource(resolve, *id).unwrap_or_default()),
        (TypeDefKind::Handle(Handle::Borrow(id)), _) => {
            format!("borrow<`{}`>", resource(resolve, *id).unwrap_or_default())
        }
        _ => "another type".to_owned(),
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
