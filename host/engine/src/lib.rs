//! Components: the engine, what a component says of itself, and one run of it inside the sandbox.
//!
//! wasmtime's types stay in here; for all else it asks [`Services`].

mod allocator;
mod bindings;
mod compile;
#[expect(clippy::disallowed_methods, reason = "a store of its own, far from the landing zone")]
mod compiled;
mod draft;
mod fill;
mod fit;
mod imports;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod limits;
mod manifest;
mod processes;
mod rendering;
mod retype;
mod section;
mod services;
mod streams;
mod wasi;
mod world;
mod wrap;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wasmtime::component::types::{self, ComponentItem};
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Engine, OptLevel, Store, Trap, WasmBacktrace, WasmBacktraceDetails};
use wasmtime_wasi::{I32Exit, WasiCtx};
use wasmtime_wasi_http::WasiHttpCtx;

pub use allocator::Allocator;
pub use compile::serve as serve_compiler;
pub use fill::fill;
pub use fit::{CONTRACT, ImportedInterface, version};
pub use manifest::{Build, Manifest, ManifestError, Param, SecretAsk, manifest};
pub use processes::{end_with_parent, this_program};
pub use rendering::sync_contract;
pub use section::{Packed, pack};
pub use services::{Content, OpenSource, Origin, Services};
pub use world::World;

use bindings::{Extractor, ExtractorPre};
use compiled::Compiled;
use imports::HostFailed;
use limits::{Log, Meter};
use rules::budget::{Budget, Budgets, Spent};
use rules::domain::{Digest, Fault, Level};
use rules::text;
use wasi::{Hooks, LogLines};

/// Largest component, in bytes.
pub const MAX_COMPONENT: u64 = 256 * 1024 * 1024;
/// Most frames of a trap's backtrace that are shown.
const MAX_FRAMES: usize = 8;
/// Longest name of one, in characters.
const MAX_FRAME: usize = 200;

/// Why a component cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(std::io::Error),
    /// It is larger than any extractor should be.
    #[error("it is larger than the limit of {} MiB", MAX_COMPONENT >> 20)]
    TooLarge,
    /// It is no component, or its manifest is unusable.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The engine does not take it.
    #[error("it does not compile: {0}")]
    Invalid(String),
    /// Compiling it passed a limit.
    #[error("compiling it took more than the limit of {0}")]
    Compiling(String),
    /// It took the compiler down.
    #[error("compiling it crashed the compiler: {0}")]
    Crashed(String),
    /// It wants what the host does not offer, or does not offer what the host wants.
    #[error("it does not fit this host: {reason}")]
    Misfit {
        /// Where.
        reason: String,
        /// What it imports, as far as that is known.
        imports: Vec<ImportedInterface>,
    },
    /// It was made for another version of the contract.
    #[error("it was made for version {made} of the interface `landing:extractor`, and this host runs {}", version())]
    OtherVersion {
        /// For which one.
        made: String,
        /// What it imports.
        imports: Vec<ImportedInterface>,
    },
    /// The engine itself failed.
    #[error("the WebAssembly engine failed: {0}")]
    Engine(String),
}

/// How a run of a component ended, where it was not well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The extractor said so itself.
    #[error("{0}")]
    Failed(String),
    /// It trapped or exited.
    #[error("the extractor {reason}")]
    Trapped {
        /// What happened.
        reason: String,
        /// Where, innermost first.
        frames: Vec<String>,
    },
    /// It spent a budget.
    #[error(transparent)]
    Spent(#[from] Spent),
    /// The host could not do its part.
    #[error(transparent)]
    Host(Fault),
}

/// A component's file, read and looked at, not compiled.
pub struct Package {
    bytes: Vec<u8>,
    /// Of its bytes.
    pub digest: Digest,
    /// What it says of itself.
    pub manifest: Manifest,
}

fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .wasm_memory64(false)
        .wasm_gc(false)
        .wasm_relaxed_simd(false)
        .wasm_component_model_async(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .native_unwind_info(false)
        .cranelift_opt_level(OptLevel::Speed);
    Engine::new(&config)
}

impl Package {
    /// Read a component and what it says of itself.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        Self::of(read(path)?)
    }

    /// The same of a component that is in no file yet.
    pub fn of(bytes: Vec<u8>) -> Result<Self, LoadError> {
        let manifest = manifest::read(&bytes)?;
        let digest = Digest(Sha256::digest(&bytes).into());
        Ok(Self { bytes, digest, manifest })
    }

    /// The names of what it offers and wants.
    pub fn world(&self) -> Result<World, LoadError> {
        Ok(world::world(&self.bytes)?)
    }

    /// Its bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Check that it fits: the host offers what it imports, and it exports what the host calls. Compile it, or take it
    /// from the store of compiled components in `store`.
    pub fn link(self, store: Option<&Path>) -> Result<Linked, LoadError> {
        let engine = engine().map_err(|error| LoadError::Engine(flat(&error)))?;
        let store = store.map(Compiled::new);
        // Only what fits is kept, so that this is asked once.
        let kept = store.as_ref().and_then(|store| store.load(&engine, &self.digest));
        let component = match kept {
            Some(component) => component,
            None => {
                let code = compile::compile(&self.bytes)?;
                let component =
                    compiled::from_memory(&engine, &code).map_err(|error| LoadError::Engine(flat(&error)))?;
                if let Some(store) = store {
                    // Without the store the next run compiles again, which is slower and not worse.
                    let _ = store.store(&engine, &self.digest, &code);
                }
                component
            }
        };
        link(engine, &component)
    }

    /// What it imports, whether the host offers it or not, and why it does not fit, where it does not. It is compiled for
    /// that, as by [`Package::link`].
    pub fn imports(self, store: Option<&Path>) -> Result<(Vec<ImportedInterface>, Option<LoadError>), LoadError> {
        match self.link(store) {
            Ok(linked) => Ok((linked.imports(), None)),
            Err(LoadError::Misfit { reason, imports }) => {
                Ok((imports.clone(), Some(LoadError::Misfit { reason, imports })))
            }
            Err(LoadError::OtherVersion { made, imports }) => {
                Ok((imports.clone(), Some(LoadError::OtherVersion { made, imports })))
            }
            Err(error) => Err(error),
        }
    }
}

/// Bring a component together with what the host offers.
fn link(engine: Engine, component: &Component) -> Result<Linked, LoadError> {
    let failed = |error: wasmtime::Error| LoadError::Engine(flat(&error));
    let types = component.component_type();
    let mut linker = Linker::new(&engine);
    if types.imports(&engine).any(|(name, _)| name.starts_with("wasi:")) {
        wasi::add_to_linker(&mut linker).map_err(failed)?;
    }
    Extractor::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest).map_err(failed)?;
    let extractor = match linker.instantiate_pre(component).and_then(ExtractorPre::new) {
        Ok(extractor) => extractor,
        Err(error) => {
            let imports = imported(&engine, &types);
            return Err(LoadError::Misfit { reason: text::line(&flat(&error)), imports });
        }
    };
    let tables = component.resources_required().map_or(0, |required| required.num_tables);
    let http = types.imports(&engine).map(|(name, _)| name).filter(|name| name.starts_with("wasi:http/"));
    let (wants_http, newest) = http.fold((false, false), |(_, newest), name| (true, newest || name.contains("@0.3")));
    let most_passed = if newest { wasi::MAX_PASSED_HTTP } else { limits::MAX_PASSED };
    Ok(Linked { engine, extractor, tables, wants_http, most_passed })
}

/// What a compiled component imports.
fn imported(engine: &Engine, types: &types::Component) -> Vec<ImportedInterface> {
    let interface = |(name, import): (&str, types::ComponentExtern<'_>)| match import.ty {
        ComponentItem::ComponentInstance(instance) => {
            let functions =
                instance.exports(engine).filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
            Some(ImportedInterface {
                name: name.to_owned(),
                functions: functions.map(|(name, _)| fit::plain(name)).collect(),
            })
        }
        _ => None,
    };
    types.imports(engine).filter_map(interface).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    #[expect(clippy::disallowed_methods, reason = "the component is the operator's file, not the landing zone's")]
    let file = File::open(path).map_err(LoadError::Unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_COMPONENT + 1).read_to_end(&mut bytes).map_err(LoadError::Unreadable)?;
    if bytes.len() as u64 > MAX_COMPONENT { Err(LoadError::TooLarge) } else { Ok(bytes) }
}

/// An error and its causes on one line.
fn flat(error: &wasmtime::Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.join(": ").replace('\n', " ")
}

/// A component whose imports and exports fit.
pub struct Linked {
    engine: Engine,
    extractor: ExtractorPre<Guest>,
    /// How many tables its modules have.
    tables: u32,
    /// Whether it imports `wasi:http`.
    wants_http: bool,
    /// Most bytes that it may pass to the host in one call.
    most_passed: u64,
}

/// What belongs to one instance.
pub(crate) struct Guest {
    table: ResourceTable,
    services: Arc<dyn Services>,
    budgets: Arc<Budgets>,
    meter: Meter,
    log: Log,
    wasi: WasiCtx,
    wasi_http: WasiHttpCtx,
    wasi_hooks: Hooks,
}

impl Linked {
    /// What it imports.
    fn imports(&self) -> Vec<ImportedInterface> {
        imported(&self.engine, &self.extractor.instance_pre().component().component_type())
    }

    /// Run the extractor once, to its end or to that of a budget.
    pub async fn run(self, services: Arc<dyn Services>, budgets: &Arc<Budgets>) -> Result<(), Stop> {
        let cleaner = Arc::clone(&services);
        let log = Log::new(Arc::clone(&services), Arc::clone(budgets));
        let output = [Level::Info, Level::Warn].map(|level| LogLines::new(log.clone(), level));
        let mut guest = Guest {
            table: ResourceTable::new(),
            services: Arc::clone(&services),
            meter: Meter::new(Arc::clone(budgets)),
            budgets: Arc::clone(budgets),
            log: log.clone(),
            wasi: wasi::context(&output, &services).map_err(Stop::Host)?,
            wasi_http: wasi::http_context(),
            wasi_hooks: Hooks { services, budgets: Arc::clone(budgets) },
        };
        if self.wants_http {
            guest.table.set_max_capacity(wasi::MAX_HTTP_ENTRIES);
        }
        let mut store = Store::new(&self.engine, guest);
        let started = clock::thread_cpu();
        budgets.note(Budget::Tables, u64::from(self.tables).min(budgets.allowed(Budget::Tables)));
        limits::apply(&mut store, budgets, self.most_passed, |guest| &mut guest.meter);
        limits::start_ticking(&self.engine)
            .map_err(|error| Stop::Host(Fault::new(format!("cannot start a thread: {error}"))))?;
        let call = async {
            let instance = self.extractor.instantiate_async(&mut store).await?;
            // Unlike the generated call this one sees a component that waits for nothing.
            let (result,) = instance.landing_extractor_entry().func_extract().call_async(&mut store, ()).await?;
            wasmtime::error::Ok(result)
        };
        let ended = tokio::time::timeout(budgets.time(Budget::Time), call).await;
        budgets.note(Budget::Cpu, limits::milliseconds(clock::thread_cpu().saturating_sub(started)));
        output.iter().for_each(LogLines::finish);
        log.finish();
        match ended {
            Err(_) => Err(budgets.passed(Budget::Time).into()),
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(reason))) => Err(Stop::Failed(cleaner.line(&reason))),
            Ok(Err(error)) => stopped(&error, budgets, self.most_passed),
        }
    }
}

fn stopped(error: &wasmtime::Error, budgets: &Budgets, most_passed: u64) -> Result<(), Stop> {
    if let Some(spent) = limits::spent(error, budgets, most_passed) {
        return Err(spent.into());
    }
    if let Some(HostFailed(fault)) = error.downcast_ref() {
        return Err(Stop::Host(fault.clone()));
    }
    let full = error.root_cause().to_string().contains("resource table has no free keys");
    let reason = if let Some(I32Exit(code)) = error.downcast_ref() {
        if *code == 0 {
            return Ok(());
        }
        format!("exited with status {code}")
    } else if limits::passed_too_much(error) {
        format!("was stopped: it passed more than {} to the host in one call", Budget::Memory.write(most_passed))
    } else if full {
        format!("was stopped: it held more than {} things of wasi:http at once", wasi::MAX_HTTP_ENTRIES)
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        match trap {
            Trap::UnreachableCodeReached => "trapped: it gave up by itself (a panic, or an abort)".to_owned(),
            Trap::StackOverflow => "trapped: its call stack overflowed".to_owned(),
            Trap::AsyncDeadlock => "trapped: it waits for something that can never happen".to_owned(),
            trap => format!("trapped: {}", trap.to_string().trim_start_matches("wasm trap: ")),
        }
    } else {
        format!("was stopped: {}", text::line(&error.root_cause().to_string()))
    };
    Err(Stop::Trapped { reason, frames: frames(error) })
}

fn frames(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let text = backtrace.to_string();
    let frames =
        text.lines().filter_map(|line| line.trim().split_once(" - ").map(|(_, frame)| text::cut(frame, MAX_FRAME)));
    frames.take(MAX_FRAMES).collect()
}
