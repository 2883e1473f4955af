//! What a component says of itself, read from its bytes without running it.

use std::collections::BTreeMap;

use wasmparser::{ComponentName, ComponentNameSectionReader, Encoding, KnownCustom, Parser, Payload};

use rules::budget::Settings;
use rules::domain::SecretPlace;
use rules::expectation::Expectations;
use rules::oauth::OAuth;
use rules::text;

/// The custom section that holds the manifest, as TOML.
pub(super) const SECTION: &str = "landing:manifest";
/// How deep components and modules may be nested: each level takes memory to read.
const MAX_DEPTH: usize = 100;
/// Largest manifest, in bytes.
const MAX_MANIFEST: usize = 64 * 1024;
/// Longest text in it, in bytes.
const MAX_TEXT: usize = 4096;
/// Longest name of a parameter or secret, in bytes.
const MAX_KEY: usize = 64;
/// Longest text of an error, or of a key that nobody knows, in characters: both quote the manifest.
const MAX_REASON: usize = 300;
/// Most entries of a list or table.
const MAX_ENTRIES: usize = 200;

/// Why a file is no component, or says something unusable of itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is no WebAssembly.
    #[error("it is no WebAssembly component: {0}")]
    NotWasm(String),
    /// It is a core module.
    #[error("it is a core WebAssembly module, not a component")]
    CoreModule,
    /// It is a core module of which no component can be made.
    #[error("{0}")]
    Module(String),
    /// It is machine code that some engine compiled.
    #[error("it is compiled code, not a WebAssembly component; only components are taken")]
    Precompiled,
    /// The manifest is unusable.
    #[error("its manifest is unusable: {0}")]
    Manifest(String),
}

/// What an extractor says of itself, asks for and takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// The name that it goes by where the operator gives none.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// What it extracts, in a sentence.
    pub description: Option<String>,
    /// Who made it.
    pub authors: Vec<String>,
    /// Its licence, as an SPDX expression.
    pub license: Option<String>,
    /// Where to read more.
    pub homepage: Option<String>,
    /// HTTP origins that it asks for; `*` is any that the operator grants.
    pub http: Vec<String>,
    /// Sources that it asks for; `*` is any that the operator grants.
    pub sources: Vec<String>,
    /// Secrets that it asks for, by name.
    #[serde(rename = "secret")]
    pub secrets: BTreeMap<String, SecretAsk>,
    /// The parameters that it takes. A component without a manifest does not say, so that any is passed on.
    #[serde(rename = "param")]
    pub params: BTreeMap<String, Param>,
    /// What it expects to use.
    pub budget: Settings,
    /// What it expects of the contents of its sources.
    pub expect: Expectations,
    /// How it is made of its sources. Only `host build` reads that, from the file; in a component it means nothing.
    pub build: Build,
    /// Whether there is a manifest at all. Without one nobody knows what a component asks for.
    #[serde(skip)]
    pub declared: bool,
    /// Keys that this host does not know.
    #[serde(skip)]
    pub unknown: Vec<String>,
}

/// A secret that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct SecretAsk {
    /// What it is for.
    pub help: String,
    /// Where in a request it goes.
    #[serde(rename = "as")]
    pub place: Option<SecretPlace>,
    /// How it is got, where it is a token.
    pub oauth: Option<OAuth>,
    /// The origins that it goes to.
    pub origins: Vec<String>,
    /// Whether the extractor is of use without it.
    pub optional: bool,
}

/// A parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct Param {
    /// What it is for.
    pub help: String,
    /// Its value where the operator sets none.
    pub default: Option<String>,
}

/// How an extractor is made of its sources.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct Build {
    /// A command line for the shell.
    pub command: String,
    /// The file that it makes, a component or a core module.
    pub file: String,
}

/// Read what a manifest says that is no part of a component yet. Keys that no host knows are refused.
pub fn manifest(text: &str) -> Result<Manifest, ManifestError> {
    let manifest = parse(text.as_bytes())?;
    manifest.without_unknown_keys()?;
    Ok(manifest)
}

impl Manifest {
    /// Refuse it where it has a key that this host does not know.
    pub(super) fn without_unknown_keys(&self) -> Result<(), ManifestError> {
        match self.unknown.first() {
            Some(key) => Err(ManifestError::Manifest(format!("there is no key `{key}`"))),
            None => Ok(()),
        }
    }
}

/// Read what a component says of itself.
pub(super) fn read(component: &[u8]) -> Result<Manifest, ManifestError> {
    let mut manifest: Option<Manifest> = None;
    let (mut name, mut inside) = (None, false);
    for part in parts(component)? {
        match part? {
            (depth, Payload::CustomSection(section)) if section.name() == SECTION => {
                inside |= depth > 1;
                if manifest.is_some() {
                    let whose =
                        if inside { ", and one was put in by its build: change that, and build anew" } else { "" };
                    return Err(ManifestError::Manifest(format!("there are two of them{whose}")));
                }
                manifest = Some(parse(section.data())?);
            }
            (1, Payload::CustomSection(section)) => {
                if let KnownCustom::ComponentName(names) = section.as_known() {
                    name = own_name(names);
                }
            }
            _ => {}
        }
    }
    let mut manifest = manifest.unwrap_or_default();
    manifest.name = manifest.name.or(name);
    Ok(manifest)
}

/// The parts of a component in their order, each with how deep it is nested; 1 is the component's own.
pub(super) fn parts(
    component: &[u8],
) -> Result<impl Iterator<Item = Result<(usize, Payload<'_>), ManifestError>>, ManifestError> {
    kind(component)?;
    let mut depth = 0_usize;
    Ok(Parser::new(0).parse_all(component).map(move |part| {
        let part = part.map_err(|error| ManifestError::NotWasm(text::cut(error.message(), MAX_REASON)))?;
        let at = depth.max(1);
        match part {
            Payload::Version { .. } if depth >= MAX_DEPTH => {
                return Err(ManifestError::NotWasm(format!("components are nested more than {MAX_DEPTH} deep in it")));
            }
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        Ok((at, part))
    }))
}

/// Check that these are a component's bytes, going by their beginning.
fn kind(component: &[u8]) -> Result<(), ManifestError> {
    if wasmtime::Engine::detect_precompiled(component).is_some() {
        return Err(ManifestError::Precompiled);
    }
    if !component.starts_with(b"\0asm") {
        return Err(ManifestError::NotWasm("it does not begin as WebAssembly does".into()));
    }
    match Parser::new(0).parse_all(component).next() {
        Some(Ok(Payload::Version { encoding: Encoding::Module, .. })) => Err(ManifestError::CoreModule),
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(ManifestError::NotWasm(text::cut(error.message(), MAX_REASON))),
        None => Err(ManifestError::NotWasm("it is empty".into())),
    }
}

fn own_name(names: ComponentNameSectionReader<'_>) -> Option<String> {
    names.into_iter().find_map(|name| match name {
        Ok(ComponentName::Component { name, .. }) => Some(name.to_owned()),
        _ => None,
    })
}

fn parse(section: &[u8]) -> Result<Manifest, ManifestError> {
    if section.len() > MAX_MANIFEST {
        let reason = format!("it is {} bytes long, and the limit is {MAX_MANIFEST}", section.len());
        return Err(ManifestError::Manifest(reason));
    }
    let text = std::str::from_utf8(section).map_err(|error| ManifestError::Manifest(error.to_string()))?;
    let unusable = |error: toml::de::Error, key: &str| {
        let line = error.span().map(|span| text::line_number(text, span.start));
        let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        let key = if key.is_empty() || key == "." { String::new() } else { format!("`{}`: ", text::quoted(key)) };
        ManifestError::Manifest(line + &key + &text::cut(error.message(), MAX_REASON))
    };
    let document = toml::Deserializer::parse(text).map_err(|error| unusable(error, ""))?;
    let (mut unknown, mut track) = (Vec::new(), serde_path_to_error::Track::new());
    let note = |path: serde_ignored::Path<'_>| unknown.push(text::cut(&path.to_string(), MAX_REASON));
    let tracked = serde_path_to_error::Deserializer::new(document, &mut track);
    let manifest: Result<Manifest, _> = serde_ignored::deserialize(tracked, note);
    let mut manifest = manifest.map_err(|error| unusable(error, &track.path().to_string()))?;
    manifest.unknown = unknown;
    manifest.declared = true;
    check(&manifest).map_err(ManifestError::Manifest)?;
    Ok(manifest)
}

/// Check that a manifest can be shown to a person: short texts without tricks, and not too many of them.
fn check(manifest: &Manifest) -> Result<(), String> {
    let Manifest { authors, http, sources, secrets, params, .. } = manifest;
    let list = |key: &str, values: &[String]| -> Vec<(String, String)> {
        values.iter().map(|text| (key.to_owned(), text.clone())).collect()
    };
    let one = |key: &str, value: &Option<String>| list(key, value.as_slice());
    let mut texts: Vec<(String, String)> = [
        one("name", &manifest.name),
        one("version", &manifest.version),
        one("description", &manifest.description),
        one("license", &manifest.license),
        one("homepage", &manifest.homepage),
        list("authors", authors),
        list("http", http),
        list("sources", sources),
    ]
    .concat();
    for (name, secret) in secrets {
        check_key("secret", name)?;
        texts.push((format!("secret.{name}.help"), secret.help.clone()));
        // What is signed has lines.
        let place = secret.place.iter().flat_map(|place| place.texts()).map(|text| text.replace(['\n', '\t'], " "));
        texts.extend(place.map(|text| (format!("secret.{name}.as"), text)));
        texts.extend(secret.origins.iter().map(|origin| (format!("secret.{name}.origins"), origin.clone())));
        for (key, text) in secret.oauth.iter().flat_map(OAuth::texts) {
            texts.push((format!("secret.{name}.oauth.{key}"), text));
        }
    }
    for (name, param) in params {
        check_key("param", name)?;
        texts.push((format!("param.{name}.help"), param.help.clone()));
        let default = param.default.as_deref().unwrap_or_default();
        texts.push((format!("param.{name}.default"), default.replace('\n', " ")));
    }
    for (key, text) in [("command", &manifest.build.command), ("file", &manifest.build.file)] {
        texts.push((format!("build.{key}"), text.clone()));
    }
    if let Some(limit) = manifest.budget.request_limit() {
        return Err(format!(
            "`budget.{limit}` is a limit of each request; a manifest asks for budgets of the run only"
        ));
    }
    for (key, count) in [("authors", authors.len()), ("http", http.len()), ("sources", sources.len())] {
        check_count(key, count)?;
    }
    texts.extend(manifest.expect.said().into_iter().map(|(key, text)| (format!("expect.{key}"), text)));
    check_count("expect.source", manifest.expect.source.len())?;
    check_count("secret", secrets.len())?;
    check_count("param", params.len())?;
    for (key, text) in texts {
        if text.len() > MAX_TEXT {
            return Err(format!("`{key}` is {} bytes long, and the limit is {MAX_TEXT}", text.len()));
        }
        if text::is_tricky(&text) {
            return Err(format!("`{key}` holds characters that are not shown, or that speak to a terminal"));
        }
    }
    Ok(())
}

fn check_count(key: &str, count: usize) -> Result<(), String> {
    match count {
        0..=MAX_ENTRIES => Ok(()),
        _ => Err(format!("`{key}` has {count} entries, and the limit is {MAX_ENTRIES}")),
    }
}

/// Names that are typed on a command line: letters, digits, `_` and `-`.
fn check_key(table: &str, name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match (1..=MAX_KEY).contains(&name.len()) && name.bytes().all(plain) {
        true => Ok(()),
        false => Err(format!("`{}` under `{table}` is no name of letters, digits, `_` and `-`", text::quoted(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::section;
    use super::*;

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn with_section(name: &str, data: &[u8]) -> Vec<u8> {
        section::custom(name, data)
    }

    /// A component in a component in a component …, as sections (the component model's binary format, 4).
    fn nested(depth: usize) -> Vec<u8> {
        (0..depth).fold(Vec::new(), |inner, _| {
            let body = [EMPTY_COMPONENT, &inner].concat();
            [&[4][..], &section::leb(body.len()), &body].concat()
        })
    }

    #[test]
    fn a_manifest_is_read_from_its_section() {
        let text =
            "name = \"padel\"\nhttp = [\"https://example.org\"]\n[param.url]\nhelp = \"where\"\ndefault = \"x\"\n";
        let component = [EMPTY_COMPONENT, &with_section(SECTION, text.as_bytes())].concat();
        let manifest = read(&component).expect("a manifest");
        assert_eq!(manifest.name.as_deref(), Some("padel"));
        assert_eq!(manifest.http, ["https://example.org"]);
        assert_eq!(manifest.params["url"], Param { help: "where".into(), default: Some("x".into()) });
    }

    #[test]
    fn a_component_without_a_manifest_takes_any_parameter() {
        assert!(!read(EMPTY_COMPONENT).expect("a component").declared);
    }

    #[test]
    fn all_that_is_asked_for_is_read_and_what_is_unknown_is_kept() {
        let text = "description = \"Größen\"\nhtpp = []\nsources = [\"*\"]\nbudget = { timeout = \"2h\" }\n\
                    [secret.token]\nhelp = \"API token\"\nas = { header = \"X-Key\" }\norigins = [\"https://a.example\"]\n\
                    [param.x]\ndefault = \"a\\nb\"\nkind = 1\n";
        let manifest = parse(text.as_bytes()).expect("a manifest");
        assert_eq!(manifest.unknown, ["htpp", "param.x.kind"]);
        assert_eq!(manifest.secrets["token"].place, Some(SecretPlace::Header("X-Key".into())));
        assert!(manifest.declared && manifest.budget.timeout.is_some());
    }

    #[test]
    fn what_is_unusable_is_named() {
        let section = |data: &[u8]| [EMPTY_COMPONENT, &with_section(SECTION, data)].concat();
        for (bytes, expected) in [
            (b"not wasm".to_vec(), "no WebAssembly component"),
            (Vec::new(), "no WebAssembly component"),
            (b"\0asm\x01\0\0\0".to_vec(), "core WebAssembly module"),
            (section(b"name = 1"), "manifest is unusable"),
            (section(b"\xff"), "manifest is unusable"),
            (section(&[b' '; MAX_MANIFEST + 1]), "the limit is 65536"),
            ([section(b""), with_section(SECTION, b"")].concat(), "two of them"),
            (section(b"name = \"a\"\nname = \"b\""), "duplicate key"),
            (section(b"description = \"all is \\u001b[32mwell\""), "`description` holds characters"),
            (section("description = \"all is \u{202e}llew\"".as_bytes()), "`description` holds characters"),
            (section(b"[expect]\njson = [\"a\", \"\\u001b[2J\"]"), "`expect.json` holds characters"),
            (section(b"[expect.source.x]\nmin-size = \"lots\""), "`lots` is no size"),
            (section(b"[param.\"a b\"]"), "`a b` under `param` is no name"),
            (section(b"[secret.\"\"]"), "`` under `secret` is no name"),
            (section(format!("description = \"{}\"", "x".repeat(5000)).as_bytes()), "the limit is 4096"),
            (section(format!("http = [{}]", "\"*\",".repeat(201)).as_bytes()), "`http` has 201 entries"),
            (section(b"[secret.x]\nas = \"cookie\""), "unknown variant `cookie`"),
            (section(b"[secret.x]\nas = { basic = \"me\\u001b[2J\" }"), "`secret.x.as` holds characters"),
            (
                section("[secret.x]\nas = { hmac = { over = \"\u{202e}\", fields = {} } }".as_bytes()),
                "`secret.x.as` holds characters",
            ),
            (section(b"[secret.x]\nas = { hmac = { over = \"\", feilds = {} } }"), "unknown field `feilds`"),
            (section(b"[budget]\nretries = 0"), "`budget.retries` is a limit of each request"),
            ([EMPTY_COMPONENT, &nested(150)].concat(), "nested more than 100 deep"),
            (section(b"\nname = 1"), "line 2: `name`: invalid type"),
            (section(b"[param.x]\ndefault = 1"), "line 2: `param.x.default`: invalid type"),
            (section(b"[budget]\ntimeout = \"soon\""), "line 2: `budget.timeout`: `soon` is no duration"),
            (section("description = \"\u{2800}\u{fe0f}\"".as_bytes()), "`description` holds characters"),
        ] {
            let error = read(&bytes).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
