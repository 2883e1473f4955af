//! `host auth`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::config::{Component, Configuration, Configured, Flags};
use crate::error::{Error, Kind};
use crate::program;
use crate::tokens::{self, Failed, Order};
use rules::budget::Time;
use rules::text;

/// How long somebody may take to agree, where nobody says.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Have somebody agree that an extractor gets tokens, in a browser or on another device
///
/// It is for secrets whose `oauth` has the grant `authorization-code` or `device-code`, once they are granted. The token is
/// kept for the runs of this user, and renewed by them; nobody is asked again until the service wants it.
#[derive(Debug, clap::Args)]
pub(super) struct AuthArgs {
    /// The extractor: a WebAssembly component, a reference such as oci://HOST/NAME:TAG, or a name of the configuration
    #[arg(value_name = "EXTRACTOR")]
    extractor: String,
    /// Which of its secrets [default: the one that somebody has to agree to]
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
    /// The extractor's identity [default: the component's own name, else its file's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The configuration file [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// The landing zone of the runs, since one in an object store may keep their tokens [default: data/landing]
    #[arg(long, value_name = "DIR", env = "LANDING_DIR", hide_env_values = true)]
    landing: Option<PathBuf>,
    /// Set a parameter that the places of tokens depend on, instead of the configured one
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = crate::config::key_value)]
    params: Vec<(String, String)>,
    /// The port of this machine that the browser is sent back to, for services that want to know it [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// How long to wait for somebody to agree [default: 10m]
    #[arg(long, value_name = "TIME")]
    wait: Option<Time>,
}

pub(super) fn execute(arguments: &AuthArgs) -> Result<ExitCode, Error> {
    let configuration = Configuration::read(arguments.config.as_deref())?;
    let named = configuration.extractor(&arguments.extractor, arguments.name.as_deref())?;
    let path = &named.component;
    let package = super::opened("ask for tokens of", &configuration, path)?;
    let flags = Flags {
        name: named.name.clone(),
        config: arguments.config.clone(),
        params: arguments.params.clone(),
        ..Flags::default()
    };
    let component = Component { path, digest: package.digest, manifest: &package.manifest };
    let configured = Configured::resolve(&flags, &configuration, component)?;
    let landing = configuration.landing(arguments.landing.as_deref())?;
    let (secret, order) = chosen(arguments, &configured, configured.orders_of(&flags, component, &landing)?)?;
    let patience = arguments.wait.map_or(PATIENCE, |time| time.0);
    let mut untold = Ok(());
    let mut tell = |lines: &str| {
        if untold.is_ok() {
            untold = super::print(&format!("{lines}\n"));
        }
    };
    tokens::ask(&order, arguments.port, patience, &mut tell).map_err(|failed| {
        let reason = program::typed(&failed.to_string()).into_owned();
        let said = Error::new(Kind::Failed, format!("there is no token `{secret}` for {}: {reason}", configured.name));
        match failed {
            Failed::Refused(_) => said,
            _ => said.hint("say the same again in a while"),
        }
    })?;
    untold?;
    if let Some(keep) = &order.keep {
        super::print(&format!("The token `{secret}` of {} is kept in {keep}\n", configured.name))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The secret that somebody has to agree to.
fn chosen(
    arguments: &AuthArgs,
    configured: &Configured,
    orders: std::collections::BTreeMap<String, Order>,
) -> Result<(String, Order), Error> {
    let name = &configured.name;
    let mut all: Vec<(String, Order)> = orders.into_iter().filter(|(_, order)| order.oauth.needs_consent()).collect();
    let names = text::listed(all.iter().map(|(secret, _)| secret.as_str()));
    if let Some(wanted) = &arguments.secret {
        let found = all.iter().position(|(secret, _)| secret == wanted);
        let shown = text::quoted(wanted);
        return found.map(|at| all.swap_remove(at)).ok_or_else(|| {
            let missing = Error::usage(format!("{name} has no granted secret `{shown}` that somebody has to agree to"));
            missing.hint(format!("`{}` grants it", configured.allow))
        });
    }
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            Err(Error::usage(format!("somebody has to agree to {names} of {name}"))
                .hint("say which with `--secret NAME`"))
        }
        (None, _) => Err(Error::usage(format!("{name} has no granted secret that somebody has to agree to")).hint(
            format!("`{}` grants one whose `oauth` has the grant authorization-code or device-code", configured.allow),
        )),
    }
}
