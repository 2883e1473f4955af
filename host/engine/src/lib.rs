//! Components: the engine, what a component says of itself, and one run of it inside the sandbox.
//!
//! wasmtime's types stay in here; for all else it asks [`Services`].

mod bindings;
mod compile;
#[expect(clippy::disallowed_methods, reason = "a store of its own, far from the landing zone")]
mod compiled;
mod draft;
mod fit;
mod imports;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod limits;
mod manifest;
mod section;
mod services;
mod streams;
mod wasi;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Engine, OptLevel, Store, Trap, WasmBacktrace, WasmBacktraceDetails};
use wasmtime_wasi::{I32Exit, WasiCtx};
use wasmtime_wasi_http::WasiHttpCtx;

pub use compile::serve as serve_compiler;
pub use fit::ImportedInterface;
pub use manifest::{Manifest, ManifestError, Param, SecretAsk};
pub use section::pack;
pub use services::{Content, OpenSource, Services};

use bindings::{Extractor, ExtractorPre};
use compiled::Compiled;
use imports::HostFailed;
use limits::{Log, Meter};
use rules::budget::{Budget, Budgets, Spent};
use rules::domain::{Digest, Fault, Level};
use rules::text;
use wasi::{Hooks, LogLines};

/// Largest component, in bytes.
const MAX_COMPONENT: u64 = 256 * 1024 * 1024;
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
    #[error("it does not fit this host: {0}")]
    Misfit(String),
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
        let bytes = read(path)?;
        let manifest = manifest::read(&bytes)?;
        let digest = Digest(Sha256::digest(&bytes).into());
        Ok(Self { bytes, digest, manifest })
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Compile it, or take it from the store of compiled components in `store`, and check that it fits: the host offers
    /// what it imports, and it exports what the host calls.
    pub fn link(self, store: Option<&Path>) -> Result<Linked, LoadError> {
        let engine = engine().map_err(|error| LoadError::Engine(flat(&error)))?;
        let unpacked = self.unpack(&engine, store.map(Compiled::new))?;
        unpacked.link(engine)
    }

    /// What it imports, whether the host offers it or not, and why it does not fit, where it does not. It is compiled for
    /// that, as by [`Package::link`].
    pub fn imports(self, store: Option<&Path>) -> Result<(Vec<ImportedInterface>, Option<LoadError>), LoadError> {
        let engine = engine().map_err(|error| LoadError::Engine(flat(&error)))?;
        let unpacked = self.unpack(&engine, store.map(Compiled::new))?;
        let imports = fit::imports(&engine, &unpacked.component.component_type());
        Ok((imports, unpacked.link(engine).err()))
    }

    fn unpack(&self, engine: &Engine, store: Option<Compiled<'_>>) -> Result<Unpacked, LoadError> {
        if let Some(component) = store.as_ref().and_then(|store| store.load(engine, &self.digest)) {
            return Ok(Unpacked { component, differences: Vec::new() });
        }
        let code = compile::compile(&self.bytes)?;
        let component = compiled::from_memory(engine, &code).map_err(|error| LoadError::Engine(flat(&error)))?;
        let differences = fit::differences(engine, &component.component_type()).map_err(LoadError::Engine)?;
        if let Some(store) = store.filter(|_| differences.is_empty()) {
            // Without the store the next run compiles again, which is slower and not worse.
            let _ = store.store(engine, &self.digest, &code);
        }
        Ok(Unpacked { component, differences })
    }
}

/// A compiled component, and where it differs from the contract. Only what fits is kept, so that this is asked once.
struct Unpacked {
    component: Component,
    differences: Vec<String>,
}

impl Unpacked {
    /// Check that it fits.
    fn link(self, engine: Engine) -> Result<Linked, LoadError> {
        let Self { component, differences } = self;
        let failed = |error: wasmtime::Error| LoadError::Engine(flat(&error));
        let types = component.component_type();
        let mut linker = Linker::new(&engine);
        if types.imports(&engine).any(|(name, _)| name.starts_with("wasi:")) {
            wasi::add_to_linker(&mut linker).map_err(failed)?;
        }
        Extractor::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest).map_err(failed)?;
        let linked = linker.instantiate_pre(&component).and_then(ExtractorPre::new);
        let reason = match linked {
            Ok(extractor) if differences.is_empty() => {
                let tables = component.resources_required().map_or(0, |required| required.num_tables);
                let http = types.imports(&engine).map(|(name, _)| name).filter(|name| name.starts_with("wasi:http/"));
                let (wants_http, newest) =
                    http.fold((false, false), |(_, newest), name| (true, newest || name.contains("@0.3")));
                let most_passed = if newest { wasi::MAX_PASSED_HTTP } else { limits::MAX_PASSED };
                return Ok(Linked { engine, extractor, tables, wants_http, most_passed });
            }
            Ok(_) => String::new(),
            Err(error) => flat(&error),
        };
        // What is there already cannot be defined anew.
        let mut reasons = fit::not_offered(&engine, &types, |name| linker.clone().instance(name).is_err());
        reasons.extend(differences);
        let reason = if reasons.is_empty() { reason } else { fit::sentence(reasons) };
        Err(LoadError::Misfit(text::line(&reason)))
    }
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
            wasi: wasi::context(&output),
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
            let (result,) = instance.func_extract().call_async(&mut store, ()).await?;
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
