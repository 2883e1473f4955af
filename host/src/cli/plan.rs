//! `host plan`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::{Configuration, Named, key_value};
use crate::error::Error;
use crate::shards::{self, Cuts, Order};
use rules::domain::{Step, Window};
use rules::text;

/// Cut a backfill, or the values of a parameter, into shards: runs that an engine starts, as many at once as it likes
///
/// Prints the command of each shard. With `--json` it prints a plan: an object a line with `shard`, `of`, `key` and `argv`.
/// `host run --plan FILE --shard N` runs one shard of it. The same order gives the same plan, always.
#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    /// The extractor: a WebAssembly component, a reference such as oci://HOST/NAME:TAG, or a name of the configuration
    extractor: String,
    /// The days, the end not included, such as 2025-01-01..2026-01-01
    #[arg(long, value_name = "START..END", required_unless_present = "over")]
    backfill: Option<Window>,
    /// How long a shard is: 1d, 1w, 1mo or 1y. Weeks begin on Monday, months and years on their first day
    #[arg(long, value_name = "STEP", default_value = "1d")]
    step: Step,
    /// Cut by the values of a parameter: KEY=VALUE,VALUE,… or KEY=@FILE with a value on each line. With --backfill as well,
    /// there is a shard for each value and step
    #[arg(long, value_name = "KEY=VALUES", value_parser = key_value)]
    over: Option<(String, String)>,
    /// A parameter of the extractor, for each shard
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = key_value)]
    params: Vec<(String, String)>,
    /// The extractor's identity [default: the component's own name, else its file's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The configuration file [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Print one JSON object a line instead of commands
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &PlanArgs) -> Result<ExitCode, Error> {
    let PlanArgs { extractor, backfill, step, over, params, name, .. } = arguments;
    let configuration = Configuration::read(arguments.config.as_deref())?;
    // So that a slip of the pen is found here, and not by each shard.
    let Named { component, .. } = configuration.extractor(extractor, name.as_deref())?;
    let manifest = super::opened("plan", &configuration, &component)?.manifest;
    let mut named = params.iter().chain(over).map(|(key, _)| key);
    if let Some(key) = named.find(|key| manifest.declared && !manifest.params.contains_key(*key)) {
        return Err(Error::usage(format!("{extractor} has no parameter `{}`", text::quoted(key)))
            .hint(format!("`host inspect {}` lists its parameters", text::shell(extractor))));
    }
    let over =
        over.as_ref().map(|(key, given)| Ok::<_, Error>((key.clone(), shards::values(key, given)?))).transpose()?;
    let cuts = Cuts { days: backfill.map(|window| (window, *step)), over };
    let order = Order { extractor: extractor.clone(), name: name.clone(), params: params.clone(), ..Order::default() };
    let shards = shards::cut(&order, &cuts)?;
    match arguments.json {
        true => super::print_with(|output| shards::write_json(&shards, output)),
        false => super::print_with(|output| shards::write_text(&shards, output)),
    }?;
    Ok(ExitCode::SUCCESS)
}
