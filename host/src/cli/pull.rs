//! `host pull`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use registry::{Purpose, Reference};
use rules::domain::Digest;
use rules::text;
use serde_json::json;

use crate::config::Configuration;
use crate::error::Error;
use crate::shipping;

/// Get extractors from registries, and write down which digests their tags stand for
///
/// What is there already is not got again, and what was stopped goes on where it was. Tags are kept in `host.lock`, beside
/// host.toml: `host run` takes the component of that digest, whatever becomes of the tag.
#[derive(Debug, clap::Args)]
pub(super) struct PullArgs {
    /// The extractors, such as oci://ghcr.io/acme/weather:1.2 [default: all that host.toml names by such a reference]
    #[arg(value_name = "REFERENCE")]
    references: Vec<String>,
    /// Look up what the tags stand for now, and write that down in the place of what they stood for
    #[arg(long)]
    update: bool,
    /// The configuration file [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Print one JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

/// What became of one.
struct Got {
    reference: Reference,
    digest: Digest,
    /// What the tag stood for before.
    before: Option<Digest>,
    size: u64,
    fetched: bool,
}

pub(super) fn execute(arguments: &PullArgs) -> Result<ExitCode, Error> {
    let configuration = Configuration::read_or_new(arguments.config.as_deref(), true)?;
    let words = match &arguments.references[..] {
        [] => configuration.references(),
        words => words.to_vec(),
    };
    if words.is_empty() {
        return Err(Error::usage(format!("{} names no extractor in a registry", configuration.path.display())).hint(
            "`host pull oci://HOST/NAME:TAG` gets one; `component = \"oci://…\"` under [extractor.NAME] names it",
        ));
    }
    let references = words.iter().map(|word| match shipping::reference(Path::new(word)) {
        Some(reference) => reference,
        None => Err(Error::usage(format!("`{}` is no reference into a registry", text::quoted(word)))
            .hint("a reference is written oci://HOST/NAME:TAG or oci://HOST/NAME@sha256:DIGEST")),
    });
    // So that a slip of the pen gets nothing at all, and asks nobody.
    let references = references.collect::<Result<Vec<_>, _>>()?;
    configuration.trust()?;
    for reference in references {
        let got = get(&configuration, reference, arguments.update)?;
        super::print(&if arguments.json { in_json(&got) } else { in_text(&got) })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn get(configuration: &Configuration, reference: Reference, update: bool) -> Result<Got, Error> {
    let known = configuration.lock()?.of(&reference);
    let Some(tag) = reference.tag_to_resolve() else {
        let digest = shipping::locked(configuration, &reference)?;
        let pulled = shipping::pull(configuration, &reference, digest, None)?;
        return Ok(Got { reference, digest, before: None, size: pulled.layer.size, fetched: pulled.fetched });
    };
    let look_up = || {
        let client = shipping::client(configuration, &reference, Purpose::Pull)?;
        let (digest, manifest) = client.tagged(tag).map_err(shipping::failed)?;
        Ok::<_, Error>((digest, (client, manifest)))
    };
    let (digest, asked) = match known {
        Some(known) if !update => (known, None),
        _ => look_up().map(|(digest, asked)| (digest, Some(asked)))?,
    };
    let pulled = shipping::pull(configuration, &reference, digest, asked)?;
    let before = match known {
        Some(known) if !update => {
            // The tag may be gone, or the registry. What it stood for is there.
            if let Some(now) = look_up().ok().map(|(now, _)| now).filter(|now| *now != known) {
                warn_of(configuration, &reference, known, now);
            }
            None
        }
        // Only now: what nobody signed who has to is not written down.
        _ => configuration.change_lock(|lock| lock.pin(&reference, digest))?.filter(|before| *before != digest),
    };
    Ok(Got { reference, digest, before, size: pulled.layer.size, fetched: pulled.fetched })
}

/// Tell that a tag stands for something else by now.
fn warn_of(configuration: &Configuration, reference: &Reference, known: Digest, now: Digest) {
    let lock = configuration.lock_path();
    let said = format!(
        "warning: {reference} is sha256:{now} by now, and sha256:{known} in {}, which counts\n\
         hint: if that is expected, `host pull --update {reference}` takes it",
        lock.display()
    );
    // Nobody is left to tell that standard error is closed.
    let _ = writeln!(std::io::stderr(), "{}", crate::program::typed(&said));
}

fn in_text(got: &Got) -> String {
    let Got { reference, digest, before, size, fetched } = got;
    let what = if *fetched { format!("pulled, {}", bytesize::ByteSize(*size)) } else { "there already".to_owned() };
    let mut text = format!("{reference}: {what}\n");
    match before {
        Some(before) => text.push_str(&format!("  sha256:{before} was its digest\n  sha256:{digest} is it now\n")),
        None if reference.digest.is_none() => text.push_str(&format!("  sha256:{digest}\n")),
        None => {}
    }
    text
}

fn in_json(got: &Got) -> String {
    let Got { reference, before, size, fetched, .. } = got;
    let digest = |digest: &Digest| format!("sha256:{digest}");
    let object = json!({
        "reference": reference.to_string(),
        "digest": digest(&got.digest),
        "before": before.as_ref().map(digest),
        "size": size,
        "fetched": fetched,
    });
    format!("{object}\n")
}
