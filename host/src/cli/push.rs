//! `host push`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use engine::World;
use registry::{PrivateKey, Purpose, Push};
use rules::text;
use serde_json::json;

use crate::config::{Configuration, Named, key_text};
use crate::error::Error;
use crate::shipping;

/// Put an extractor into a registry, as other tools for components read it too
///
/// The same component has the same digest, whoever pushes it and whenever. With `--sign` its signature goes there first, and
/// the tag last.
#[derive(Debug, clap::Args)]
pub(super) struct PushArgs {
    /// The extractor: a WebAssembly component, or a name of the configuration
    #[arg(value_name = "EXTRACTOR")]
    extractor: String,
    /// Where it goes, such as oci://ghcr.io/acme/weather:1.2
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// Sign it with this private key: ECDSA P-256 or Ed25519, in PEM, as openssl makes it
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,
    /// The configuration file [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &PushArgs) -> Result<ExitCode, Error> {
    let configuration = Configuration::read(arguments.config.as_deref())?;
    let Named { component: path, .. } = configuration.extractor(&arguments.extractor, None)?;
    let reference = shipping::reference(Path::new(&arguments.reference)).unwrap_or_else(|| {
        let shown = text::quoted(&arguments.reference);
        Err(Error::usage(format!("`{shown}` is no place in a registry")).hint("a place is written oci://HOST/NAME:TAG"))
    })?;
    let Some(tag) = reference.tag_to_resolve() else {
        return Err(Error::usage("what is pushed gets its digest by itself").hint("name a tag, such as `:1.2`"));
    };
    let key = arguments.sign.as_deref().map(key).transpose()?;
    let package = super::opened("push", &configuration, &path)?;
    let misfit = |error| super::unusable("push", &path, &error);
    let World { exports, imports, target } = package.world().map_err(misfit)?;
    let size = package.size() as u64;
    let world = registry::World { exports: &exports, imports: &imports, target: target.as_deref() };
    let sign = key.as_ref().map(|key| (reference.name(), key));
    let client = shipping::client(&configuration, &reference, Purpose::Push)?;
    let push = Push { component: package.into_bytes().into(), world, tag, sign };
    let pushed = client.push(push).map_err(shipping::failed)?;
    let pinned = reference.pinned(pushed.digest);
    if arguments.json {
        let object = json!({
            "reference": reference.to_string(),
            "digest": format!("sha256:{}", pushed.digest),
            "before": pushed.before.map(|before| format!("sha256:{before}")),
            "size": size,
            "signed": key.is_some(),
        });
        super::print(&format!("{object}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let signed = if key.is_some() { ", signed" } else { "" };
    let mut said = format!("{reference}: pushed, {}{signed}\n", bytesize::ByteSize(size));
    if let Some(before) = pushed.before {
        said.push_str(&format!("  it was sha256:{before} before\n"));
    }
    super::print(&(said + &format!("  {pinned}\n")))?;
    Ok(ExitCode::SUCCESS)
}

/// The private key in a file.
fn key(path: &Path) -> Result<PrivateKey, Error> {
    let unusable = |reason: &dyn std::fmt::Display| {
        Error::usage(format!("cannot sign with {}: {reason}", path.display()))
            .hint("`openssl genpkey -algorithm ed25519 -out key.pem` makes one; `cosign sign --key` takes one that is encrypted")
    };
    let text = key_text(path).map_err(|error| unusable(&error))?;
    PrivateKey::read(&text).map_err(|reason| unusable(&reason))
}
