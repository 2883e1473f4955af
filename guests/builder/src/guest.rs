//! Finds what is to be built: a guest of this repository by its name, any other extractor by its directory.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{ALL, cargo};

/// A crate that is an extractor, and where what is made of it goes.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) package: String,
    /// The name of its module.
    pub(crate) library: String,
    /// The directory of its `Cargo.lock`.
    pub(crate) workspace: PathBuf,
    /// Where it is compiled: below the target directory, apart from what another cargo locks.
    pub(crate) target: PathBuf,
    pub(crate) component: PathBuf,
}

impl Guest {
    /// The guest of that name in the repository at `home`, or else the crate in that directory.
    pub(crate) fn find(home: &Path, wanted: &str) -> Result<Self> {
        if ALL.contains(&wanted) {
            return Ok(Self::at_home(home, wanted));
        }
        let directory = Path::new(wanted);
        ensure!(directory.is_dir(), "`{wanted}` is neither a guest nor a directory; the guests are {}", ALL.join(", "));
        ensure!(directory.join("Cargo.toml").is_file(), "{wanted} has no Cargo.toml, so it is no crate");
        Self::elsewhere(directory)
    }

    fn at_home(home: &Path, name: &str) -> Self {
        let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        Self {
            package: name.to_owned(),
            library: name.to_owned(),
            workspace: home.to_owned(),
            target: home.join(target).join("guests"),
            component: home.join("guests").join(format!("{name}.wasm")),
        }
    }

    fn elsewhere(directory: &Path) -> Result<Self> {
        let whole = fs::canonicalize(directory).with_context(|| format!("cannot find {}", directory.display()))?;
        let metadata = cargo::metadata(&whole)?;
        let (package, library) = names(&metadata, &whole.join("Cargo.toml"))?;
        let path = |key: &str| metadata[key].as_str().map(PathBuf::from).context("cargo does not say where it builds");
        Ok(Self {
            component: directory.join(format!("{package}.wasm")),
            package,
            library,
            workspace: path("workspace_root")?,
            target: path("target_directory")?.join("guests"),
        })
    }
}

/// The names of the package with that manifest, and of its library, which has to be one that becomes a module.
fn names(metadata: &Value, manifest: &Path) -> Result<(String, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let is_it = |package: &Value| package["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest);
    let package = list(&metadata["packages"]).into_iter().find(is_it);
    let package = package.with_context(|| format!("{} describes no package", manifest.display()))?;
    let is_module = |target: &Value| list(&target["crate_types"]).contains(&"cdylib".into());
    let library = list(&package["targets"]).into_iter().find(is_module).with_context(|| {
        format!("{} makes no module: it needs `crate-type = [\"cdylib\"]` under `[lib]`", manifest.display())
    })?;
    let name = |value: &Value| value["name"].as_str().map(str::to_owned).context("cargo gives no name");
    Ok((name(&package)?, name(&library)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_packages_and_modules() {
        let package = |path: &str, name: &str, kind: &str| {
            json!({ "manifest_path": path, "name": name, "targets": [
                { "name": "build-script", "crate_types": ["bin"] }, { "name": "lib_of_it", "crate_types": [kind] },
            ]})
        };
        let metadata =
            json!({ "packages": [package("/a/Cargo.toml", "a-b", "cdylib"), package("/b/Cargo.toml", "b", "lib")] });
        let cases = [
            ("/a/Cargo.toml", Ok(("a-b", "lib_of_it"))),
            ("/b/Cargo.toml", Err("/b/Cargo.toml makes no module: it needs `crate-type = [\"cdylib\"]` under `[lib]`")),
            ("/Cargo.toml", Err("/Cargo.toml describes no package")),
        ];
        for (manifest, expected) in cases {
            let found = names(&metadata, Path::new(manifest)).map_err(|error| error.to_string());
            let found = found.as_ref().map(|(package, library)| (package.as_str(), library.as_str()));
            assert_eq!(found.map_err(String::as_str), expected);
        }
    }

    #[test]
    fn what_is_no_guest() {
        let cases = [
            (
                "no-such-guest",
                "`no-such-guest` is neither a guest nor a directory; the guests are padelnomics, mirror, rest, probe",
            ),
            ("src", "src has no Cargo.toml, so it is no crate"),
        ];
        for (wanted, expected) in cases {
            let error = Guest::find(Path::new("/"), wanted).expect_err(wanted);
            assert_eq!(error.to_string(), expected);
        }
    }
}
