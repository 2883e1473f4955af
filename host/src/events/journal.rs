//! Events for systemd's journal, with fields of their own, where standard error leads there.
//!
//! The protocol is systemd's (JOURNAL_NATIVE_PROTOCOL): a datagram of lines `KEY=value`.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

use rustix::fs::fstat;

use super::{Event, Reader};
use crate::console::word;
use rules::domain::Level;

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// Writes to the journal what matters so much, and what cannot be written there to somebody else.
pub struct Journal {
    socket: UnixDatagram,
    extractor: String,
    least: Level,
    otherwise: Arc<dyn Reader>,
}

impl Journal {
    /// The journal, if standard error leads there: systemd says so in JOURNAL_STREAM (systemd.exec(5)).
    pub fn connect(extractor: &str, least: Level, otherwise: Arc<dyn Reader>) -> Option<Self> {
        let said = std::env::var("JOURNAL_STREAM").ok()?;
        let (device, inode) = said.split_once(':')?;
        let stream = fstat(io::stderr()).ok()?;
        let same = device.parse() == Ok(stream.st_dev) && inode.parse() == Ok(stream.st_ino);
        let socket = UnixDatagram::unbound().ok().filter(|_| same)?;
        socket.connect(SOCKET).ok()?;
        // A journal that reads too slowly holds up no run.
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket, extractor: extractor.to_owned(), least, otherwise })
    }
}

impl Reader for Journal {
    fn read(&self, event: Event<'_>) {
        let (level, message) = match event {
            Event::Log { level, message } if level >= self.least => (level, message),
            Event::Untold(message) => (Level::Warn, message),
            _ => return,
        };
        let fields = fields(level, message, &self.extractor);
        if self.socket.send(fields.as_bytes()).is_err() {
            self.otherwise.read(event);
        }
    }
}

/// One entry. No value has a line break in it: a message is one line, and a name has none.
fn fields(level: Level, message: &str, extractor: &str) -> String {
    // As in syslog (RFC 5424, 6.2.1).
    let priority = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    format!(
        "MESSAGE={message}\nPRIORITY={priority}\nSYSLOG_IDENTIFIER=host\nHOST_EXTRACTOR={extractor}\nHOST_LEVEL={}\n",
        word(level)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_the_priority_of_its_level() {
        let text = fields(Level::Warn, "it is slow", "prices");
        assert_eq!(
            text,
            "MESSAGE=it is slow\nPRIORITY=4\nSYSLOG_IDENTIFIER=host\nHOST_EXTRACTOR=prices\nHOST_LEVEL=warning\n"
        );
    }
}
