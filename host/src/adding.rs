//! An extractor made of a declarative manifest: the component that carries such manifests out, with one put into it.
//!
//! The manifest is a stranger's file, so it is read in the sandbox, by the same component: a run of its own, into a
//! landing zone that nobody else sees, lands the data to put in and the new extractor's `extractor.toml`.

mod beside;
mod short;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::config::{Component, Configuration, Flags, Plan, compiled_store};
use crate::error::{Error, Kind};
use crate::events::Events;
use crate::program;
use crate::report::Preview;
use crate::run::{Observers, execute};
use crate::timings::Timings;
use beside::Beside;
use engine::{Package, Packed};
use rules::gunzip::Gunzip;
use zone::{Root, Zone};

/// The component that carries manifests out.
const COMPONENT: &str = "rest.wasm";
/// What it is called in the run that makes an extractor.
const MAKER: &str = "rest";
/// Largest manifest, in bytes.
const MAX_MANIFEST: u64 = 16 << 20;
/// The files that such a run lands.
const MAX_FILES: usize = 2;

/// Where the component is that carries manifests out: the one named, else beside the program, where a package puts it, or
/// where it is built in a clone.
pub fn component(named: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let program = std::env::current_exe().unwrap_or_default();
    let beside = program.parent().unwrap_or(Path::new(""));
    let places = [
        beside.join(COMPONENT),
        beside.join("../share/landing-host").join(COMPONENT),
        beside.join("../../guests").join(COMPONENT),
    ];
    places.into_iter().find(|place| place.is_file()).ok_or_else(|| {
        Error::usage(format!("cannot find {COMPONENT}, which carries out manifests"))
            .hint("it comes with every release; name it with `--component FILE`")
    })
}

/// Read a manifest; of the short form, the one that it stands for.
pub fn read(path: &Path) -> Result<String, Error> {
    let failed = |reason: &dyn std::fmt::Display, hint: &str| {
        Error::usage(format!("cannot read {}: {reason}", path.display())).hint(hint)
    };
    #[expect(clippy::disallowed_methods, reason = "the author's file, not the landing zone's")]
    let bytes = std::fs::metadata(path).and_then(|metadata| match metadata.len() {
        0..=MAX_MANIFEST => std::fs::read(path),
        _ => Err(std::io::Error::other(format!("it is larger than {} MiB", MAX_MANIFEST >> 20))),
    });
    let bytes = bytes.map_err(|error| failed(&error, "check the path"))?;
    let text = String::from_utf8(bytes).map_err(|_| failed(&"it is no UTF-8", "a manifest is text"))?;
    if text.trim().is_empty() {
        return Err(failed(&"it is empty", "a manifest has at least `type` and `streams`"));
    }
    if !short::is_short(path) {
        return Ok(text);
    }
    short::manifest(&text).map_err(|reason| {
        Error::usage(format!("cannot make an extractor of {}: {reason}", path.display()))
            .hint("the page \"Sources without code\" of the book has the short form")
    })
}

/// Make an extractor of this name. `path` is where `manifest` came from. The component says which files beside it are needed,
/// and is run again with them.
pub fn make(name: &str, path: &Path, manifest: &str, component: &Path) -> Result<Packed, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::new(Kind::Failed, error);
    let unusable = |error: &dyn std::fmt::Display| {
        Error::usage(format!("cannot use {}: {error}", component.display()))
            .hint(format!("`--component` names the {COMPONENT} of this version"))
    };
    #[expect(clippy::disallowed_methods, reason = "the component is the operator's file, not the landing zone's")]
    let bytes = std::fs::read(component).map_err(|error| unusable(&error))?;
    let mut beside = Beside::of(path);
    let (data, text) = loop {
        let directory = tempfile::Builder::new().prefix("host-add-").tempdir().map_err(|error| {
            failed(&format!("cannot make a temporary directory: {error}")).hint("TMPDIR says where it goes")
        })?;
        let mut params = vec![("manifest".to_owned(), manifest.to_owned()), ("name".to_owned(), name.to_owned())];
        params.extend(beside.as_json().map(|texts| ("files".to_owned(), texts)));
        let package = Package::read(component).map_err(|error| unusable(&error))?;
        let files = run(package, component, &directory, params, (path, manifest))?;
        let landed = |ending: &str| landed(&directory, &files, ending);
        if let Some(wanted) = landed(".wanted.gz") {
            let wanted: Vec<String> = serde_json::from_slice(&wanted).map_err(|error| unusable(&error))?;
            beside.read(&wanted)?;
            continue;
        }
        let data = landed(".json.gz").ok_or_else(|| unusable(&"it made no data of a manifest"))?;
        break (data, landed(".toml.gz").ok_or_else(|| unusable(&"it made no extractor.toml"))?);
    };
    let text = String::from_utf8(text).map_err(|error| unusable(&error))?;
    let filled = engine::fill(&bytes, &data).map_err(|error| unusable(&error))?;
    engine::pack(&filled, &text)
        .map_err(|error| Error::usage(format!("cannot make an extractor of {}: {error}", path.display())))
}

/// Run the component on the manifest; what landed.
fn run(
    package: Package,
    component: &Path,
    directory: &TempDir,
    params: Vec<(String, String)>,
    (path, manifest): (&Path, &str),
) -> Result<Vec<Preview>, Error> {
    let flags =
        Flags { name: Some(MAKER.into()), landing: Some(directory.path().to_owned()), params, ..Flags::default() };
    let maker = Component { path: component, digest: package.digest, manifest: &package.manifest };
    let plan = Plan::resolve(&flags, &Configuration::default(), maker)?;
    let linked = package
        .link(compiled_store(|name| std::env::var_os(name)).as_deref())
        .map_err(|error| Error::usage(format!("cannot use {}: {error}", component.display())))?;
    let observers = Observers {
        events: Events::new(&plan.redactor, Vec::new()),
        timings: Arc::<Timings>::default(),
        all_receipts: true,
    };
    let report = execute(plan, linked, &observers)?;
    match report.failure {
        None => Ok(report.receipts.first(MAX_FILES)),
        Some(failure) => {
            let reason = match short::is_short(path) {
                true => short::told(manifest, &failure.message),
                false => failure.message,
            };
            let message = format!("cannot make an extractor of {}: {reason}", path.display());
            Err(Error::usage(message).hint(program::typed(
                "the page \"Sources without code\" of the book says what of a manifest is carried out",
            )))
        }
    }
}

/// The content of the file of that ending, of those that landed.
fn landed(directory: &TempDir, files: &[Preview], ending: &str) -> Option<Vec<u8>> {
    let zone = Zone::new(Arc::new(Root::open(directory.path()).ok()?));
    let file = files.iter().find(|file| file.path.ends_with(ending))?;
    let (mut packed, mut content) = (Vec::new(), Vec::new());
    zone.read(&file.path).ok()??.read_to_end(&mut packed).ok()?;
    let mut decoder = Gunzip::default();
    let whole = decoder.push(&packed, |piece| {
        content.extend_from_slice(piece);
        Ok::<_, ()>(())
    });
    whole.ok().map(|_| content)
}
