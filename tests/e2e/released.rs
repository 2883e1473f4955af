//! The contract that was released stays: a patch adds functions and nothing else.

use std::collections::BTreeMap;

use harness::component::CONTRACT;
use wit_parser::{Function, Resolve, Type, TypeDefKind, TypeId, WorldItem};

/// The contract as it was released.
const RELEASED: &str = include_str!("../data/0.2.0/extractor.wit");

/// Everything that a contract says, by its place: functions, types, and what the world imports and exports.
fn said(wit: &str) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("extractor.wit", wit).unwrap_or_else(|error| panic!("{error:#}"));
    let (mut functions, mut others) = (BTreeMap::new(), BTreeMap::new());
    for (name, id) in &resolve.packages[package].interfaces {
        let interface = &resolve.interfaces[*id];
        for (function, it) in &interface.functions {
            functions.insert(format!("{name}.{function}"), signature(&resolve, it));
        }
        for (of, id) in &interface.types {
            others.insert(format!("{name}.{of}"), definition(&resolve, *id));
        }
    }
    for (name, id) in &resolve.packages[package].worlds {
        let world = &resolve.worlds[*id];
        for (side, items) in [("import", &world.imports), ("export", &world.exports)] {
            for (key, item) in items {
                let kind = if matches!(item, WorldItem::Interface { .. }) { "interface" } else { "other" };
                let key = resolve.name_world_key(key);
                let key = key.split('@').next().unwrap_or_default();
                others.insert(format!("{name} {side} {key}"), kind.to_owned());
            }
        }
    }
    (functions, others)
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let params: Vec<String> =
        function.params.iter().map(|param| format!("{}: {}", param.name, name(resolve, &param.ty))).collect();
    let result = function.result.as_ref().map(|result| name(resolve, result)).unwrap_or_default();
    let asynchronous = if function.kind.is_async() { "async " } else { "" };
    format!("{asynchronous}({}) -> {result}", params.join(", "))
}

/// A type by its name, or else by what it is made of.
fn name(resolve: &Resolve, of: &Type) -> String {
    match of {
        Type::Id(id) => match &resolve.types[*id].name {
            Some(name) => name.clone(),
            None => definition(resolve, *id),
        },
        plain => format!("{plain:?}"),
    }
}

fn definition(resolve: &Resolve, id: TypeId) -> String {
    let named = |of: &Type| name(resolve, of);
    let optional = |of: &Option<Type>| of.as_ref().map_or("_".to_owned(), named);
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => {
            let fields: Vec<_> = record.fields.iter().map(|it| format!("{}: {}", it.name, named(&it.ty))).collect();
            format!("record {fields:?}")
        }
        TypeDefKind::Enum(cases) => {
            format!("enum {:?}", cases.cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>())
        }
        TypeDefKind::Variant(variant) => {
            let cases: Vec<_> = variant.cases.iter().map(|it| format!("{}: {}", it.name, optional(&it.ty))).collect();
            format!("variant {cases:?}")
        }
        TypeDefKind::Tuple(tuple) => format!("tuple {:?}", tuple.types.iter().map(named).collect::<Vec<_>>()),
        TypeDefKind::Option(of) => format!("option<{}>", named(of)),
        TypeDefKind::List(of) => format!("list<{}>", named(of)),
        TypeDefKind::Result(result) => format!("result<{}, {}>", optional(&result.ok), optional(&result.err)),
        TypeDefKind::Future(of) => format!("future<{}>", optional(of)),
        TypeDefKind::Stream(of) => format!("stream<{}>", optional(of)),
        TypeDefKind::Type(of) => format!("= {}", named(of)),
        TypeDefKind::Handle(handle) => format!("{handle:?}").split('(').next().unwrap_or_default().to_owned(),
        other => format!("{}", other.as_str()),
    }
}

/// Where a contract does more to a released one than to add functions.
fn broken(released: &str, now: &str) -> Vec<String> {
    let (then, then_others) = said(released);
    let (now, now_others) = said(now);
    let mut broken = Vec::new();
    for (place, was) in &then {
        match now.get(place) {
            Some(is) if is == was => {}
            Some(is) => broken.push(format!("{place} was {was}, and is {is}")),
            None => broken.push(format!("{place} is gone")),
        }
    }
    let all: std::collections::BTreeSet<_> = then_others.keys().chain(now_others.keys()).collect();
    for place in all {
        if then_others.get(place) != now_others.get(place) {
            broken.push(format!("{place} was {:?}, and is {:?}", then_others.get(place), now_others.get(place)));
        }
    }
    broken
}

#[test]
fn the_contract_adds_functions_and_nothing_else() {
    assert_eq!(broken(RELEASED, CONTRACT), [""; 0]);
}

#[test]
fn whatever_else_changes_is_noticed() {
    let changed = |text: &str, other: &str| {
        assert_eq!(RELEASED.matches(text).count(), 1, "{text}");
        broken(RELEASED, &RELEASED.replace(text, other))
    };
    let added = "    name: func() -> string;\n    host-version: func() -> string;\n";
    assert_eq!(changed("    name: func() -> string;\n", added), [""; 0]);
    for (text, other, place) in [
        ("        sha256: string,\n", "        digest: string,\n", "zone.receipt"),
        ("        size: u64,\n", "        size: u32,\n", "zone.receipt"),
        ("        rejected,\n", "        rejected,\n        late,\n", "zone.error-kind"),
        ("    started-at: func() -> u64;\n", "", "run.started-at"),
        ("    now: func() -> u64;\n", "    now: func() -> u32;\n", "run.now"),
        ("    wait: async func(", "    wait: func(", "run.wait"),
        ("    import run;\n", "    import run;\n    import wasi: interface {}\n", "extractor import wasi"),
    ] {
        let broken = changed(text, other);
        assert!(broken.iter().any(|told| told.starts_with(place)), "{place}: {broken:?}");
    }
}
