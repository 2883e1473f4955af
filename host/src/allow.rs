//! What a component asks for beside what it is granted, in plain words: the difference is what an operator decides on.
//!
//! It decides nothing and writes nothing.

mod secrets;

use crate::config::{Addition, Component, Configured};
use crate::error::Error;
use engine::Manifest;
use rules::budget::Budget;
use rules::domain::Digest;
use rules::name::check_name;
use rules::policy::OriginGrant;
use rules::text;

pub use secrets::{Offered, Open};

/// Longest sentence of a manifest that is quoted, in characters.
const MAX_SENTENCE: usize = 200;
/// Longest word of a manifest that is quoted, in characters.
const MAX_WORD: usize = 60;
/// Most unknown keys that are named.
const MAX_UNKNOWN: usize = 5;

/// What the operator adds of his own accord.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// Origins.
    pub http: Vec<String>,
    /// Sources.
    pub sources: Vec<String>,
    /// Where the values of secrets are.
    pub secrets: Vec<Offered>,
    /// Whether the grants are for this very component only.
    pub pin: bool,
}

/// What would be granted, and what else there is to say.
pub struct Review {
    /// What would be added to what is granted.
    pub addition: Addition,
    /// Secrets that are asked for and of which nobody says where they are.
    pub open_secrets: Vec<Open>,
    /// Who it is, a line for each thing.
    head: Vec<String>,
    /// What the addition opens, a line each.
    new: Vec<String>,
    notes: Vec<String>,
}

impl Review {
    /// Compare what a component asks for, and what is offered to it, with what it is granted.
    pub fn new(component: Component<'_>, configured: &Configured, offer: &Offer) -> Result<Self, Error> {
        let mut review = Self {
            addition: Addition::default(),
            open_secrets: Vec::new(),
            head: head(component, &configured.name),
            new: Vec::new(),
            notes: Vec::new(),
        };
        review.origins(configured, offer)?;
        review.sources(configured, offer)?;
        review.secrets(configured, offer)?;
        review.budgets(configured, component.manifest);
        review.pin(component.digest, configured, offer.pin);
        review.withdrawn(configured);
        if !component.manifest.declared {
            review.notes.push("it has no manifest, so it does not say what it needs".into());
        }
        let unknown = &component.manifest.unknown;
        for key in unknown.iter().take(MAX_UNKNOWN) {
            let key = text::saying(key, MAX_WORD);
            review.notes.push(format!("its manifest has a key that this host does not know: {key}"));
        }
        if unknown.len() > MAX_UNKNOWN {
            let more = (unknown.len() - MAX_UNKNOWN) as u64;
            review.notes.push(format!("and {}", text::counted(more, "more such key")));
        }
        Ok(review)
    }

    /// The whole of it, some lines, each of which is the host's own or goes on with one that is.
    pub fn text(&self) -> String {
        let notes = self.notes.iter().map(|note| format!("  {note}"));
        let asks = if self.new.is_empty() { "It asks for nothing that is not granted." } else { "It asks to" };
        let new = self.new.iter().map(|line| format!("  + {line}"));
        let lines = self.head.iter().cloned().chain(notes).chain([asks.to_owned()]).chain(new);
        lines.map(|line| text::wrapped(&line) + "\n").collect()
    }

    fn origins(&mut self, configured: &Configured, offer: &Offer) -> Result<(), Error> {
        let (asks, granted) = (&configured.asks, &configured.granted);
        let mut wanted = asks.http.clone();
        for text in &offer.http {
            let origin: OriginGrant = text.parse().map_err(Error::usage)?;
            if !asks.takes_origin(&origin) {
                let message =
                    format!("{} does not ask for {origin}, so granting it would open nothing", configured.name);
                return Err(Error::usage(message).hint("`host inspect` shows what it asks for"));
            }
            wanted.push(origin);
        }
        for origin in wanted {
            let text = origin.to_string();
            if granted.http.iter().any(|granted| granted.includes(&origin)) {
                continue;
            }
            if !self.addition.http.contains(&text) {
                let special = origin.special().map(|what| format!(", which is a {what} address")).unwrap_or_default();
                self.new.push(format!("send requests to {text}{special}"));
                self.addition.http.push(text);
            }
        }
        let useful = granted.http.iter().filter(|origin| asks.overlaps_origin(origin));
        let (private, public): (Vec<_>, Vec<_>) = useful.partition(|origin| origin.is_private());
        let public: Vec<String> = public.into_iter().map(ToString::to_string).collect();
        if !public.is_empty() {
            self.notes.push(format!("already granted: requests to {}", public.join(", ")));
        }
        let private = private.into_iter().map(|origin| format!("already granted: {}", told_origin(origin)));
        self.notes.extend(private);
        if asks.any_http {
            self.notes.push("it may use any other origin that you grant by name, with `--http ORIGIN`".into());
        }
        Ok(())
    }

    fn sources(&mut self, configured: &Configured, offer: &Offer) -> Result<(), Error> {
        let (asks, granted, name) = (&configured.asks, &configured.granted, &configured.name);
        for source in &offer.sources {
            check_name(source).map_err(Error::usage)?;
            if !asks.takes_source(source) && source != name {
                let message =
                    format!("{name} does not ask for the source `{source}`, so granting it would open nothing");
                return Err(Error::usage(message).hint("`host inspect` shows what it asks for"));
            }
        }
        let wanted = asks.sources.iter().chain(&offer.sources).filter(|source| *source != name);
        for source in wanted {
            if !granted.sources.contains(source) && !self.addition.sources.contains(source) {
                self.new.push(format!("append files to the source `{source}`"));
                self.addition.sources.push(source.clone());
            }
        }
        let already: Vec<&str> =
            granted.sources.iter().filter(|source| asks.takes_source(source)).map(String::as_str).collect();
        if !already.is_empty() {
            self.notes.push(format!("already granted: appending files to {}", already.join(", ")));
        }
        if asks.any_source {
            self.notes.push("it may use any other source that you grant by name, with `--source SOURCE`".into());
        }
        self.notes.push(format!("always granted: appending files to `{name}`, its own source"));
        Ok(())
    }

    fn budgets(&mut self, configured: &Configured, manifest: &Manifest) {
        let allowed = configured.granted.settings.amounts();
        for budget in Budget::ALL {
            let allowed = allowed[budget as usize];
            if let Some(expected) = manifest.budget.said(budget).filter(|expected| *expected > allowed) {
                let (name, expected_text) = (budget.name(), budget.write(expected));
                self.new.push(format!(
                    "use up to {expected_text} of its budget `{name}`, instead of {}",
                    budget.write(allowed)
                ));
                self.addition.budget.push((budget, expected));
            }
        }
    }

    fn pin(&mut self, digest: Digest, configured: &Configured, pin: bool) {
        match &configured.granted.sha256 {
            Some(_) if configured.fits(digest) => {
                self.notes.push("the grants are pinned to this very component".into())
            }
            Some(_) => {
                self.new.push("have the grants that are pinned to another component".into());
                self.addition.sha256 = Some(digest.to_string());
            }
            None if pin => {
                self.new.push("have the grants for this very component only".into());
                self.addition.sha256 = Some(digest.to_string());
            }
            None => {}
        }
    }

    /// What is granted and not asked for any more.
    fn withdrawn(&mut self, configured: &Configured) {
        let (asks, granted) = (&configured.asks, &configured.granted);
        let http = granted.http.iter().filter(|origin| !asks.overlaps_origin(origin));
        let http = http.map(told_origin);
        let sources = granted.sources.iter().filter(|source| !asks.takes_source(source) && **source != configured.name);
        let sources = sources.map(|source| format!("appending files to {source}"));
        let secrets = granted.secrets.keys().filter(|secret| !asks.takes_secret(secret));
        let secrets = secrets.map(|secret| format!("the secret `{secret}`"));
        for what in http.chain(sources).chain(secrets) {
            self.notes.push(format!("granted, and not asked for: {what}"));
        }
    }
}

/// The component, and what it says of itself.
fn head(component: Component<'_>, name: &str) -> Vec<String> {
    let Component { path, digest, manifest } = component;
    let path = text::shell(&path.display().to_string());
    let version = manifest.version.as_deref().map(version).unwrap_or_default();
    let mut head = vec![format!("{path}: {name}{version}"), format!("  sha256 {digest}")];
    let authors = (!manifest.authors.is_empty()).then(|| manifest.authors.join(", "));
    let said = [
        ("description", &manifest.description),
        ("authors", &authors),
        ("license", &manifest.license),
        ("homepage", &manifest.homepage),
    ];
    for (key, said) in said {
        head.extend(said.as_ref().map(|said| format!("  {key}: {}", text::saying(said, MAX_SENTENCE))));
    }
    head
}

fn told_origin(origin: &OriginGrant) -> String {
    format!("requests to {origin}{}", if origin.is_private() { ", also at private addresses" } else { "" })
}

/// A version as it is where it looks like one, and quoted where it does not.
fn version(version: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte);
    match version.len() <= MAX_WORD && version.bytes().all(plain) {
        true => format!(" {version}"),
        false => format!(" {}", text::saying(version, MAX_WORD)),
    }
}
