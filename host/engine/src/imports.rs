//! WIT to domain and back, function by function: conversions and handles, no logic.

mod http;
mod run;
mod zone;

use rules::domain::Fault;

/// What each field, each name of a secret, and each thing of that kind takes beside its texts, in bytes.
const ENTRY: usize = 128;

/// The host failed in a way that the extractor cannot mend: the run ends.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct HostFailed(pub(super) Fault);

/// What to tell of an error, also of one that an extractor made and said nothing of.
fn sentence(message: String, code: &str) -> String {
    match (message.is_empty(), code) {
        (false, _) => message,
        (true, "") => "it failed without a word".to_owned(),
        (true, code) => format!("it failed: {code}"),
    }
}
