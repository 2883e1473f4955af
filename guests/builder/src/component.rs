//! Makes components of core modules, and checks them. It knows nothing of how modules are compiled.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// The custom section of a module that holds its crate's `extractor.toml`.
const MANIFEST: &str = "landing:manifest";
/// The only package that a guest imports.
const CONTRACT: &str = "landing:extractor/";

/// The component around that module, validated.
pub(crate) fn of_module(path: &Path) -> Result<Vec<u8>> {
    let module = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    encode(&module).with_context(|| format!("cannot make a component of {}", path.display()))
}

fn encode(module: &[u8]) -> Result<Vec<u8>> {
    let component = ComponentEncoder::default().module(module)?.validate(true).encode()?;
    check(&component)?;
    Ok(component)
}

/// A component that imports more than the contract, or says nothing of itself, was not built as intended.
fn check(component: &[u8]) -> Result<()> {
    let mut manifest = false;
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) => manifest |= section.name() == MANIFEST,
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    let name = import?.name.name;
                    if !name.starts_with(CONTRACT) {
                        bail!("it imports {name}, and a guest may import nothing but {CONTRACT}");
                    }
                }
            }
            _ => {}
        }
    }
    ensure!(manifest, "it has no section {MANIFEST}: does its crate use `landing::export!`?");
    Ok(())
}

/// Write the component whole or not at all, and only where the file holds something else.
pub(crate) fn write(path: &Path, component: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == component) {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let whole = path.with_file_name(format!(".{}.{name}", std::process::id()));
    fs::write(&whole, component)
        .and_then(|()| fs::rename(&whole, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_module_without_a_world_is_no_guest() {
        let empty = b"\0asm\x01\0\0\0";
        let error = encode(empty).expect_err("it exports nothing");
        assert!(error.to_string().contains(MANIFEST), "{error:#}");
        assert!(encode(b"no module").is_err());
    }

    #[test]
    fn a_file_is_written_when_it_differs() -> Result<()> {
        let directory = std::env::temp_dir().join(format!("builder-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let path = directory.join("guest.wasm");
        // A file that is written is a new one.
        let written = |content: &[u8]| write(&path, content).and_then(|()| Ok(fs::metadata(&path)?.ino()));
        let inodes = [written(b"one")?, written(b"one")?, written(b"two")?];
        let names = fs::read_dir(&directory)?.count();
        let content = fs::read(&path)?;
        fs::remove_dir_all(&directory)?;
        assert_eq!((names, content.as_slice()), (1, b"two".as_slice()));
        assert!(inodes[0] == inodes[1] && inodes[1] != inodes[2], "{inodes:?}");
        Ok(())
    }
}
