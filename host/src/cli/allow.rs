//! `host allow`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::allow::{Offer, Offered, Open, Review};
use crate::config::{self, Component, Configuration, Configured, Flags};
use crate::error::{Error, Kind};
use rules::text;

/// Show what an extractor asks for, and grant it
///
/// The grant is added to host.toml. Of what is granted already, nothing is asked again.
#[derive(Debug, clap::Args)]
pub(super) struct AllowArgs {
    /// The extractor: a WebAssembly component, a reference such as oci://HOST/NAME:TAG, or a name of the configuration
    #[arg(value_name = "EXTRACTOR")]
    extractor: String,
    /// The extractor's identity [default: the component's own name, else its file's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The configuration file [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Grant this origin, beside those that the manifest lists
    #[arg(long, value_name = "ORIGIN")]
    http: Vec<String>,
    /// Grant this source, beside those that the manifest lists
    #[arg(long, value_name = "SOURCE")]
    source: Vec<String>,
    /// Grant a secret, whose value is in env:VARIABLE, file:PATH or credential:NAME, or printed by command:LINE, of
    /// words without quotes; of one that is made of parts, each on its own: SECRET.PART=WHERE
    #[arg(long, value_name = "SECRET=WHERE")]
    secret: Vec<String>,
    /// Grant to this very file only, by its SHA-256
    #[arg(long)]
    pin: bool,
    /// Record the grant without asking
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn execute(arguments: &AllowArgs) -> Result<ExitCode, Error> {
    // Not by the parser, which repeats what it refuses.
    let offered = arguments.secret.iter().map(|word| word.parse::<Offered>()).collect::<Result<Vec<_>, _>>();
    let offered = offered.map_err(Error::usage)?;
    let configuration = Configuration::read_or_new(arguments.config.as_deref(), true)?;
    let named = configuration.extractor(&arguments.extractor, arguments.name.as_deref())?;
    let path = &named.component;
    let package = super::opened("grant anything to", &configuration, path)?;
    let flags = Flags { name: named.name.clone(), config: arguments.config.clone(), ..Flags::default() };
    let component = Component { path, digest: package.digest, manifest: &package.manifest };
    let configured = Configured::resolve(&flags, &configuration, component)?;
    let offered = offered.into_iter();
    let secrets = offered.map(|offered| Offered { from: offered.from.beside(&configured.file), ..offered });
    let offer = Offer {
        http: arguments.http.clone(),
        sources: arguments.source.clone(),
        secrets: secrets.collect(),
        pin: arguments.pin,
    };
    let review = Review::new(component, &configured, &offer)?;
    if review.addition.is_empty() || arguments.yes {
        super::print(&review.text())?;
    } else if !somebody_is_there() {
        super::print(&review.text())?;
        let hint = format!("`{} --yes` grants it without asking", whole(&configured.allow, arguments));
        return Err(Error::usage("there is no terminal to ask at, and nothing was granted").hint(hint));
    } else if !agreed(&review, &configured)? {
        return Err(Error::new(Kind::NotGranted, "nothing was granted"));
    }
    if !review.addition.is_empty() {
        config::record(&configured.file, &configured.name, &review.addition)?;
        super::print(&format!("granted to {} in {}\n", configured.name, configured.file.display()))?;
    }
    match review.open_secrets.first() {
        Some(Open { secret, flags }) => {
            let message = format!("the secret `{secret}` of {} is not granted yet", configured.name);
            let hint = format!(
                "`{} {flags}` grants it, WHERE being env:VARIABLE, file:PATH, credential:NAME or command:LINE",
                configured.allow
            );
            Err(Error::new(Kind::NotGranted, message).hint(hint))
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Whether a person can be asked.
pub(super) fn somebody_is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Show what would be granted, and ask on the terminal, where somebody is; anything but a yes is a no. All of it goes to
/// where the answer comes from.
pub(super) fn agreed(review: &Review, configured: &Configured) -> Result<bool, Error> {
    let question =
        format!("{}Grant this to {} in {}? [y/N] ", review.text(), configured.name, configured.file.display());
    said_yes(&question)
}

/// Ask on the terminal; anything but a yes is a no.
pub(super) fn said_yes(question: &str) -> Result<bool, Error> {
    let (mut output, mut line) = (std::io::stderr(), String::new());
    let asked = output.write_all(question.as_bytes()).and_then(|()| output.flush());
    asked
        .and_then(|()| std::io::stdin().lock().read_line(&mut line))
        .map_err(|error| Error::new(Kind::Failed, format!("cannot ask at the terminal: {error}")))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// The command as it was given, without a yes.
fn whole(allow: &str, arguments: &AllowArgs) -> String {
    let mut command = allow.to_owned();
    let flags = [("--http", &arguments.http), ("--source", &arguments.source)];
    for (flag, values) in flags {
        values.iter().for_each(|value| command.push_str(&format!(" {flag} {}", text::shell(value))));
    }
    for secret in &arguments.secret {
        command.push_str(&format!(" --secret {}", text::shell(secret)));
    }
    if arguments.pin {
        command.push_str(" --pin");
    }
    command
}
