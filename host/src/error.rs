//! What went wrong, for whoever started the program: a kind, a sentence, and a hint apart from it.

use std::fmt;
use std::io;
use std::path::Path;

use state::StateError;

use crate::program;
use rules::text;

/// The exit codes. `book/src/exit-codes.md` lists them for users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The run failed.
    Failed = 1,
    /// The command line or the configuration is wrong; nothing was started.
    Usage = 2,
    /// The sandbox stopped the extractor: a trap, or a limit.
    Stopped = 3,
    /// Another run of this extractor holds the lock or the lease (`EX_TEMPFAIL` of sysexits.h).
    Locked = 75,
    /// A grant is missing (`EX_NOPERM` of sysexits.h).
    NotGranted = 77,
    /// SIGINT, as shells report it.
    Interrupted = 130,
    /// SIGTERM, as shells report it.
    Terminated = 143,
}

impl Kind {
    /// What the process exits with.
    pub fn exit_code(self) -> u8 {
        self as u8
    }
}

/// An error that ends the program.
#[derive(Debug)]
pub struct Error {
    /// What kind of failure it is.
    pub kind: Kind,
    message: String,
    wrapped: bool,
    hints: Vec<String>,
}

impl Error {
    /// An error of that kind, said in one sentence.
    pub fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string(), wrapped: false, hints: Vec::new() }
    }

    /// Nothing was started, since the command line or the configuration is wrong.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The state database cannot be used.
    pub fn database(error: &StateError, database: &Path) -> Self {
        let shown = database.display();
        Self::new(Kind::Failed, error).hint(match error {
            error if error.is_damage() => {
                "`host repair` sets it aside and builds another from what has landed".to_owned()
            }
            StateError::ReadOnly => format!("make {shown} and its directory writable for the user that runs host"),
            StateError::Busy => format!("see who holds {shown} open, for example with `fuser`"),
            StateError::Newer(_) => format!("run the host that made {shown}, or a later one"),
            StateError::NoFile(_) => {
                "move away what is there in its place; the host makes and removes these files itself".to_owned()
            }
            _ => format!("the database is {shown}"),
        })
    }

    /// Say it on lines that no terminal wraps: it quotes what a component says, which might look like another line of the
    /// host's then.
    pub fn wrapped(mut self) -> Self {
        self.wrapped = true;
        self
    }

    /// The sentence alone.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Say what to do next; several hints may stand.
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hints.push(program::typed(&hint.to_string()).into_owned());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = format!("error: {}", self.message);
        f.write_str(&if self.wrapped { text::wrapped(&line) } else { line })?;
        self.hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for Error {}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        Self::new(Kind::Failed, error)
    }
}

/// Why something was not written to its end.
#[derive(Debug)]
pub enum WriteError {
    /// Nobody takes it.
    Output(io::Error),
    /// There is nothing more to be had.
    Other(Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<StateError> for WriteError {
    fn from(error: StateError) -> Self {
        Self::Other(Error::new(Kind::Failed, error))
    }
}
