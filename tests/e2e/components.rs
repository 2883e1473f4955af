//! Components of other worlds than ours: each is told what does not fit, by the name of the function and of the part.

use harness::component::{CONTRACT, World, contract_with, of_wit};
use harness::{Environment, Ran};
use wit_parser::{LiftLowerAbi, ManglingAndAbi};

use crate::environment;

fn run(environment: &Environment, component: impl AsRef<[u8]>) -> Ran {
    let component = environment.write("it.wasm", component);
    // A store of its own: a test's component is of no use to others.
    let mut command = environment.command(["run".as_ref(), component.as_os_str()]);
    command.env("XDG_CACHE_HOME", environment.path().join("cache"));
    Ran::new(command.output().expect("the program"))
}

#[track_caller]
pub(crate) fn misfit(component: impl AsRef<[u8]>, says: &str) {
    let environment = environment();
    let ran = run(&environment, &component).exits(2);
    let path = environment.path().join("it.wasm");
    let line = format!("error: cannot run {}: it does not fit this host: {says}", path.display());
    assert_eq!(ran.stderr.lines().next(), Some(line.as_str()));
    assert!(ran.stderr.contains("\nhint: build it against the interface that `host wit` prints"), "{}", ran.stderr);
    assert!(!environment.landing().exists());
    // Nor does it fit the second time.
    assert_eq!(run(&environment, component).exits(2).stderr, ran.stderr);
}

/// A component of the contract with something else in place of a text that is in it once.
#[track_caller]
fn changed(text: &str, other: &str, says: &str) {
    misfit(of_wit(&contract_with(text, other)), says);
}

const EXTRACT: &str = "extract: async func() -> result<_, string>;";

#[test]
fn the_contract_itself_fits() {
    let environment = environment();
    for abi in [
        ManglingAndAbi::Standard32,
        ManglingAndAbi::Legacy(LiftLowerAbi::Sync),
        ManglingAndAbi::Legacy(LiftLowerAbi::AsyncCallback),
    ] {
        let world = World::new(CONTRACT);
        let component = world.component(world.module(abi)).expect("a component");
        run(&environment, component).exits(3).says("the extractor trapped");
    }
    // What it exports need not be async.
    run(&environment, of_wit(&contract_with(EXTRACT, &EXTRACT.replace("async ", "")))).exits(3).says("trapped");
    // A later version of the contract has functions that this component does not use.
    let less =
        contract_with("    /// Write a line to the run's log.\n    log: func(level: level, message: string);\n", "");
    run(&environment, of_wit(&less)).exits(3);
    run(&environment, of_wit(&contract_with("extractor@0.2.0", "extractor@0.2.9"))).exits(3);
}

#[test]
fn a_function_or_interface_that_is_not_offered_is_named() {
    changed(
        "open: static func(name: string)",
        "frobnicate: func();\n        open: static func(name: string)",
        "it imports the function `landing:extractor/zone.source.frobnicate`, which this host does not offer",
    );
    changed(
        "resource request {",
        "resource jar { constructor(); }\n    resource request {",
        "it imports the resource `landing:extractor/http.jar`, which this host does not offer; \
         it imports the function `landing:extractor/http.jar.constructor`, which this host does not offer",
    );
    changed(
        "    import run;\n",
        "    import run;\n    import now: func() -> u64;\n",
        "it imports the function `now`, which this host does not offer",
    );
    let other = "\npackage wasi:nn@0.2.0 {\n    interface graph { load: func() -> u32; }\n}\n";
    let world = contract_with("    import run;\n", "    import run;\n    import wasi:nn/graph@0.2.0;\n");
    misfit(of_wit(&(world + other)), "it imports the interface `wasi:nn/graph@0.2.0`, which this host does not offer");
}

#[test]
fn what_differs_is_told_of_a_component_that_imports_wasi_too() {
    let wasi = "\npackage wasi:io@0.2.9 {\n    interface poll {\n        resource pollable { block: func(); }\n        \
                poll: func(pollables: list<borrow<pollable>>) -> list<u32>;\n    }\n}\n\
                package wasi:cli@0.2.9 {\n    interface exit { exit: func(status: result); }\n}\n";
    let import = "    import run;\n    import wasi:io/poll@0.2.9;\n    import wasi:cli/exit@0.2.9;\n";
    let with_wasi = |text: &str, other: &str| {
        let contract = contract_with(text, other);
        assert_eq!(contract.matches("    import run;\n").count(), 1);
        of_wit(&(contract.replace("    import run;\n", import) + wasi))
    };
    // It fits as it is, and traps.
    run(&environment(), with_wasi("    import http;\n", "    import http;\n")).exits(3);
    for (text, other, says) in [
        (
            "        size: u64,\n",
            "        length: u64,\n",
            "`landing:extractor/zone.derivation.land-bytes`: the record `receipt` has the field `length`, which this host \
             does not know",
        ),
        (
            "        code: string,\n        /// What happened, for the person who reads it.\n        message: string,\n        \
             /// Where",
            "        code: string,\n        /// Where",
            "`landing:extractor/zone.derivation.land-bytes`: the record `error` lacks the field `message`",
        ),
        (
            "now: func() -> u64;",
            "now: func() -> u32;",
            "`landing:extractor/run.now`: what it returns is u32, and u64 here",
        ),
    ] {
        misfit(with_wasi(text, other), says);
    }
}

#[test]
fn another_version_of_the_contract_is_told_in_one_sentence() {
    for version in ["0.1.0", "0.3.0", "1.0.0", "0.2.0-rc.1"] {
        let environment = environment();
        let ran = run(&environment, of_wit(&contract_with("extractor@0.2.0", &format!("extractor@{version}"))));
        let path = environment.path().join("it.wasm");
        let line = format!(
            "error: cannot run {}: it was made for version {version} of the interface `landing:extractor`, and this \
             host runs 0.2.0",
            path.display()
        );
        assert_eq!(ran.stderr.lines().next(), Some(line.as_str()));
        ran.exits(2).says("\nhint: build it anew");
    }
}

#[test]
fn a_type_that_differs_is_named_with_its_part() {
    let case = "        /// The peer broke HTTP, or the body ended early or failed to decode.\n        protocol,\n";
    changed(case, "", "`landing:extractor/http.response.bytes`: the enum `error-kind` lacks the case `protocol`");
    changed(
        "too-large,",
        "too-large,\n        redirected,",
        "`landing:extractor/http.response.bytes`: the enum `error-kind` has the case `redirected`, which this host does \
         not know",
    );
    changed(
        "status: option<u16>,",
        "status: option<u32>,",
        "`landing:extractor/zone.derivation.land-bytes`: the field `status` of the record `error` is option<u32>, and \
         option<u16> here",
    );
    changed(
        "size: u64,",
        "size: u64,\n        compressed: u64,",
        "`landing:extractor/zone.derivation.land-bytes`: the record `receipt` has the field `compressed`, which this host does \
         not know",
    );
    changed(
        "record date { year: u16, month: u8, day: u8 }",
        "record date { month: u8, year: u16, day: u8 }",
        "`landing:extractor/zone.derivation.land-bytes`: the record `date` has its fields in another order",
    );
    changed(
        "enum level { trace, debug, info, warn, error }",
        "enum level { debug, info, warn, error }",
        "`landing:extractor/run.log`: the enum `level` lacks the case `trace`",
    );
}

#[test]
fn a_function_that_differs_is_named_with_what_differs() {
    changed(
        "progress: func(done: u64, total: option<u64>);",
        "progress: func(done: u64, total: u64);",
        "`landing:extractor/run.progress`: its parameter `total` is u64, and option<u64> here",
    );
    changed(
        "progress: func(done: u64, total: option<u64>);",
        "progress: func(done: u64);",
        "`landing:extractor/run.progress`: it lacks the parameter `total`",
    );
    changed(
        "cursor: func() -> option<string>;",
        "cursor: func() -> string;",
        "`landing:extractor/run.cursor`: what it returns is string, and option<string> here",
    );
    changed(
        "fetch: async func(request: request) -> result<response, error>;",
        "fetch: func(request: request) -> result<response, error>;",
        "`landing:extractor/http.fetch`: it is not async, and async here",
    );
    changed(
        "name: func() -> string;",
        "name: async func() -> string;",
        "`landing:extractor/run.name`: it is async, and not async here",
    );
    changed(
        "fetch: async func(request: request) -> result<response, error>;",
        "fetch: async func(request: borrow<request>) -> result<response, error>;",
        "`landing:extractor/http.fetch`: its parameter `request` is borrow<`request`>, and `request` here",
    );
}

#[test]
fn an_export_that_is_missing_or_differs_is_named() {
    changed(
        EXTRACT,
        "run: async func() -> result<_, string>;",
        "it does not export the function `landing:extractor/entry.extract`",
    );
    changed(
        EXTRACT,
        "extract: async func() -> result<u32, string>;",
        "its export `landing:extractor/entry.extract`: what it returns is result<u32, string>, and result<_, string> \
         here",
    );
    changed(
        EXTRACT,
        "extract: async func(url: string) -> result<_, string>;",
        "its export `landing:extractor/entry.extract`: it has the parameter `url`, which this host does not know",
    );
    changed(
        "    export entry;",
        "    export extract: async func() -> result<_, string>;",
        "it does not export `landing:extractor/entry@0.2.0`",
    );
    misfit(b"\0asm\x0d\0\x01\0", "it does not export `landing:extractor/entry@0.2.0`");
}
