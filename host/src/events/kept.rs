//! The log that is kept with a run: its first lines and its last ones, within a bound.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::{Event, Reader};
use crate::console::word;
use rules::domain::Level;
use rules::text;

/// Most bytes of the first lines, and of the last ones.
const HALF: usize = 16 * 1024;
/// Longest line, in characters.
const MAX_LINE: usize = 2000;

/// What was said in a run.
#[derive(Debug, Default)]
pub struct KeptLog(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    first: String,
    last: VecDeque<String>,
    /// Bytes of `last`.
    held: usize,
    /// Lines that are in neither.
    left_out: u64,
}

impl Reader for KeptLog {
    fn read(&self, event: Event<'_>) {
        match event {
            Event::Log { level, message } if level >= Level::Info => {
                self.lines().push(format!("{}: {}\n", word(level), text::cut(message, MAX_LINE)));
            }
            _ => {}
        }
    }
}

impl KeptLog {
    /// All that is kept; nothing where nothing was said.
    pub fn take(&self) -> Option<String> {
        let Lines { first, last, left_out, .. } = std::mem::take(&mut *self.lines());
        if first.is_empty() {
            return None;
        }
        let gap = match left_out {
            0 => String::new(),
            count => format!("[{} left out]\n", text::counted(count, "line")),
        };
        Some(first + &gap + &last.into_iter().collect::<String>())
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn push(&mut self, line: String) {
        if self.last.is_empty() && self.first.len() + line.len() <= HALF {
            return self.first.push_str(&line);
        }
        self.held += line.len();
        self.last.push_back(line);
        while self.held > HALF {
            let Some(oldest) = self.last.pop_front() else { return };
            self.held -= oldest.len();
            self.left_out += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(count: usize, line: &str) -> Option<String> {
        let log = KeptLog::default();
        for number in 0..count {
            log.read(Event::Log { level: Level::Info, message: &format!("{number} {line}") });
        }
        log.take()
    }

    #[test]
    fn a_short_log_is_kept_whole_and_an_empty_one_is_none() {
        assert_eq!(said(0, ""), None);
        assert_eq!(said(2, "x").as_deref(), Some("info: 0 x\ninfo: 1 x\n"));
        let quiet = KeptLog::default();
        quiet.read(Event::Log { level: Level::Debug, message: "GET" });
        assert_eq!(quiet.take(), None);
    }

    #[test]
    fn of_a_long_log_the_beginning_and_the_end_are_kept() {
        let kept = said(10_000, "a line of some length").expect("a log");
        assert!(kept.len() <= 2 * HALF + 40, "{}", kept.len());
        assert!(kept.starts_with("info: 0 a line") && kept.ends_with("info: 9999 a line of some length\n"));
        assert_eq!(kept.matches(" lines left out]").count(), 1);
        let lines = kept.lines().count() - 1;
        assert!(kept.contains(&format!("[{} lines left out]", 10_000 - lines)), "{lines}");
        assert!(said(3, &"x".repeat(100_000)).expect("a log").len() < 7000);
    }
}
