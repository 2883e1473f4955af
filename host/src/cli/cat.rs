//! `host cat`.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use super::zone::ZoneArgs;
use crate::error::{Error, Kind, WriteError};
use crate::landing::Landing;
use crate::view::View;
use rules::text;
use state::{Listed, StateError, Wanted};

/// Least digits of a digest.
const LEAST: usize = 8;

/// Write the plain content of a landed file to standard output
///
/// What is recorded of the file is compared with what it holds; exit code 1 where that differs.
#[derive(Debug, clap::Args)]
pub(super) struct CatArgs {
    /// The file, by its path below the landing directory, or the first 8 or more digits of its SHA-256
    #[arg(value_name = "PATH|DIGEST")]
    file: String,
    #[command(flatten)]
    zone: ZoneArgs,
}

pub(super) fn execute(arguments: &CatArgs) -> Result<ExitCode, Error> {
    let landing = arguments.zone.landing()?;
    let view = View::of(&landing)?;
    let recorded = find(&view, &landing, &arguments.file)?;
    let path = recorded.as_ref().map_or_else(|| below(&landing, &arguments.file), |file| file.path.clone());
    let shown = text::line(&path);
    if let Some(Listed { reason: Some(reason), erased_at: Some(at), .. }) = &recorded {
        let message = format!("{shown} was erased at {}: {}", text::line(at), text::line(reason));
        return Err(Error::new(Kind::Failed, message).hint("`host files --erased` lists all such files"));
    }
    let unreadable = |error: &dyn std::fmt::Display| Error::new(Kind::Failed, format!("cannot read {shown}: {error}"));
    let nothing = || {
        let error = Error::usage(format!("there is no file {shown} in {}", landing));
        match arguments.file.len() < LEAST && super::files::digest(&arguments.file).is_ok() {
            true => error.hint(format!("if that begins a digest, give at least {LEAST} of its digits")),
            false => error.hint("`host files` lists them"),
        }
    };
    let file = view.zone().read(&path).map_err(|error| unreadable(&error))?.ok_or_else(nothing)?;
    let mut whole = None;
    super::print_with(|output| {
        whole = zone::unpack(file, |piece| output.write_all(piece).map_err(WriteError::from))?;
        Ok::<_, WriteError>(())
    })?;
    let expected = recorded.and_then(|file| file.sha256);
    match whole {
        None => Err(unreadable(&"it is not whole").hint("`host verify --read-data` finds all such files")),
        Some((digest, _)) if expected.is_some_and(|expected| expected != digest.to_string()) => {
            Err(Error::new(Kind::Failed, format!("{shown} holds something else than what is recorded"))
                .hint("`host verify --read-data` finds all such files"))
        }
        Some(_) => Ok(ExitCode::SUCCESS),
    }
}

/// What is recorded of the file that was named; nothing where it is not recorded.
fn find(view: &View, landing: &Landing, word: &str) -> Result<Option<Listed>, Error> {
    let Some(state) = view.state()? else { return Ok(None) };
    let path = below(landing, word);
    let source = Some(path.split('/').next().unwrap_or_default().to_owned());
    let digest = Some(word.to_ascii_lowercase());
    let is_digest = word.len() >= LEAST && super::files::digest(word).is_ok();
    let by_path = Wanted { source, ..Wanted::default() };
    let by_digest = is_digest.then(|| Wanted { digest, ..Wanted::default() });
    let mut found: Vec<Listed> = Vec::new();
    for wanted in [Some(by_path), by_digest].into_iter().flatten() {
        // What is there, and else what was.
        for wanted in [wanted.clone(), Wanted { erased: true, ..wanted }] {
            if !found.is_empty() {
                break;
            }
            let listed = state.listed(&wanted, |file| {
                let other = || found.iter().all(|other| other.sha256 != file.sha256);
                if found.len() < 2 && if wanted.digest.is_some() { other() } else { file.path == path } {
                    found.push(file);
                }
                Ok::<_, StateError>(())
            });
            listed.map_err(|error| Error::new(Kind::Failed, error))?;
        }
    }
    if found.is_empty() && is_digest {
        return Err(Error::usage(format!("no recorded file has a digest that begins with {word}"))
            .hint("`host files --digest DIGEST` looks for one"));
    }
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => Err(Error::usage(format!("several contents have digests that begin with {word}"))
            .hint("give more of its digits")),
    }
}

/// The path below the landing directory, of which the word may begin with that directory.
pub(super) fn below(landing: &Landing, word: &str) -> String {
    match landing {
        Landing::Directory(landing) => {
            let path = Path::new(word);
            path.strip_prefix(landing).unwrap_or(path).display().to_string()
        }
        Landing::Store(place) => {
            let below = word.strip_prefix(&place.address.to_string()).and_then(|rest| rest.strip_prefix('/'));
            below.unwrap_or(word).to_owned()
        }
    }
}
