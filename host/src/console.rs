//! Standard error while a run goes on: log lines and, on a terminal, a progress bar.

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde_json::json;

use crate::events::{Event, Reader};
use clock::Moment;
use rules::budget::{Budget, Budgets};
use rules::domain::{Level, Outcome, Receipt};
use rules::text;

/// How long the end of a command waits for whoever reads standard error.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much of the log is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors, and no progress.
    Quiet,
    /// Warnings and errors.
    Normal,
    /// What the extractor tells, and each file.
    Verbose,
    /// Each request as well.
    Debug,
}

impl Verbosity {
    /// What a line has to matter to be shown.
    pub(crate) fn least(self) -> Level {
        match self {
            Self::Quiet => Level::Error,
            Self::Normal => Level::Warn,
            Self::Verbose => Level::Info,
            Self::Debug => Level::Trace,
        }
    }
}

impl From<u8> for Verbosity {
    fn from(times: u8) -> Self {
        match times {
            0 => Self::Normal,
            1 => Self::Verbose,
            _ => Self::Debug,
        }
    }
}

/// How a line of the log is written: for people, or as an object with time, level, extractor and message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
#[allow(missing_docs, reason = "the help of a value would take a paragraph for each flag of the command")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Standard error, shared by everything that has something to say.
pub struct Console {
    verbosity: Verbosity,
    format: LogFormat,
    /// Whose log it is, where that is told.
    extractor: Option<String>,
    coloured: bool,
    bar: Option<ProgressBar>,
    /// What counts the bytes that come over the wire.
    budgets: Option<Arc<Budgets>>,
    /// Started with the first line.
    writer: Mutex<Option<Writer>>,
}

/// Writes lines on a thread of its own. Whoever reads them may be slow, or may have stopped reading, and neither the
/// clock nor a signal waits for that. How much can be waiting is bounded by the budget of the log.
struct Writer {
    lines: Sender<String>,
    /// Hears nothing, and ends with the thread.
    written: Receiver<()>,
}

impl Writer {
    fn start() -> std::io::Result<Self> {
        let (lines, waiting) = mpsc::channel::<String>();
        let (done, written) = mpsc::channel();
        std::thread::Builder::new().name("console".into()).spawn(move || {
            for line in waiting {
                // Nobody is left to tell that standard error is closed.
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            drop::<Sender<()>>(done);
        })?;
        Ok(Self { lines, written })
    }

    /// Write what is waiting, for a while.
    fn finish(self) {
        drop(self.lines);
        let _ = self.written.recv_timeout(PATIENCE);
    }
}

impl Console {
    /// A console that shows that much, with a progress bar where standard error is a terminal.
    pub fn new(verbosity: Verbosity) -> Self {
        let bar = (verbosity > Verbosity::Quiet && std::io::stderr().is_terminal()).then(bar);
        let coloured = bar.is_some() && wants_colour();
        Self {
            verbosity,
            format: LogFormat::Text,
            extractor: None,
            coloured,
            bar,
            budgets: None,
            writer: Mutex::default(),
        }
    }

    /// The same, as the log of that extractor, in that format.
    pub fn of(mut self, extractor: &str, format: LogFormat) -> Self {
        self.extractor = Some(extractor.to_owned());
        self.format = format;
        if format == LogFormat::Json {
            // Whoever reads that wants nothing else on standard error.
            self.bar = None;
        }
        self
    }

    /// The same, showing on a terminal how many bytes came over the wire as well, and how fast.
    pub(crate) fn counting(mut self, budgets: &Arc<Budgets>) -> Self {
        self.budgets = Some(Arc::clone(budgets));
        if let Some(bar) = &self.bar {
            bar.set_style(style(SPINNER, self.budgets.as_ref()));
        }
        self
    }

    /// Show a line, where it matters enough.
    fn log(&self, level: Level, message: &str) {
        if level >= self.verbosity.least() {
            self.show(level, message);
        }
    }

    fn show(&self, level: Level, message: &str) {
        match self.format {
            LogFormat::Json => self.line(&self.object(level, message)),
            LogFormat::Text => self.line(&self.text(level, message)),
        }
    }

    fn object(&self, level: Level, message: &str) -> String {
        let time = Moment::now().iso8601();
        json!({ "time": time, "level": word(level), "extractor": self.extractor, "message": message }).to_string()
    }

    /// On a terminal with the extractor's name and in colour. Elsewhere the lines are one extractor's anyway.
    fn text(&self, level: Level, message: &str) -> String {
        let name = self.extractor.as_deref().filter(|_| self.bar.is_some());
        named_line(name, level, message, self.coloured)
    }

    /// Show what became of a content.
    fn landed(&self, receipt: &Receipt) {
        if let Some(bar) = &self.bar {
            bar.set_message(receipt.path.clone());
        }
        let outcome = match receipt.outcome {
            Outcome::Written => "new",
            Outcome::Unchanged => "unchanged",
            Outcome::Erased => "erased",
        };
        self.log(Level::Info, &format!("{outcome} {}", receipt.path));
    }

    /// Show how far the run has come.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            show_progress(bar, done, total, self.budgets.as_ref());
        }
    }

    /// Take the progress bar away, and write what was not written yet.
    pub fn finish(&self) {
        if let Some(writer) = self.writer().take() {
            writer.finish();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(text::wrapped(line)),
            None => {
                let mut writer = self.writer();
                if writer.is_none() {
                    // Without a thread there are no lines, and there is no thread where the machine has nothing left.
                    *writer = Writer::start().ok();
                }
                if let Some(writer) = &*writer {
                    let _ = writer.lines.send(line.to_owned());
                }
            }
        }
    }

    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader for Console {
    fn read(&self, event: Event<'_>) {
        match event {
            Event::Log { level, message } => self.log(level, message),
            Event::Untold(message) => self.show(Level::Warn, message),
            Event::Landed(receipt) => self.landed(receipt),
            Event::Progress { done, total } => self.progress(done, total),
        }
    }
}

/// Whether whoever sits at the terminal has nothing against colour (no-color.org).
pub(crate) fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A line of the log, for people.
pub(crate) fn named_line(name: Option<&str>, level: Level, message: &str, coloured: bool) -> String {
    let word = word(level);
    let name = name.map(|name| format!("{name} ")).unwrap_or_default();
    if !coloured {
        return format!("{name}{word}: {message}");
    }
    let (dimmed, colour) = (Style::new().dimmed(), colour(level));
    format!("{dimmed}{name}{dimmed:#}{colour}{word}{colour:#}: {message}")
}

/// A line after the name of the extractor that it is about, for people.
pub(crate) fn named(name: &str, line: &str, coloured: bool) -> String {
    let dimmed = if coloured { Style::new().dimmed() } else { Style::new() };
    format!("{dimmed}{name} {dimmed:#}{line}")
}

/// The bar of something that goes on.
pub(crate) fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_style(style(SPINNER, None));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Show in a bar how much is done.
pub(crate) fn show_progress(bar: &ProgressBar, done: u64, total: Option<u64>, budgets: Option<&Arc<Budgets>>) {
    match total {
        Some(total) if bar.length() != Some(total) => {
            bar.set_length(total);
            bar.set_style(style(COUNTED, budgets));
        }
        _ => {}
    }
    bar.set_position(done);
}

/// What a level is called in a line.
pub(crate) fn word(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warning",
        Level::Error => "error",
    }
}

fn colour(level: Level) -> Style {
    match level {
        Level::Trace | Level::Debug => Style::new().dimmed(),
        Level::Info => AnsiColor::Green.on_default(),
        Level::Warn => AnsiColor::Yellow.on_default(),
        Level::Error => AnsiColor::Red.on_default(),
    }
}

const SPINNER: &str = "{spinner} {elapsed} {received}{msg}";
const COUNTED: &str = "{bar:30} {pos}/{len} {per_sec} {elapsed} {received}{msg}";

/// What a bar looks like; with bytes and their rate where somebody counts them.
fn style(template: &str, budgets: Option<&Arc<Budgets>>) -> ProgressStyle {
    let budgets = budgets.cloned();
    let received = move |state: &ProgressState, out: &mut dyn fmt::Write| {
        let Some(budgets) = &budgets else { return };
        let bytes = budgets.allowed(Budget::Received).saturating_sub(budgets.left(Budget::Received));
        let rate = (bytes as f64 / state.elapsed().as_secs_f64().max(0.001)) as u64;
        // A terminal takes whatever it is told.
        let _ = write!(out, "{} ({}/s) ", ByteSize(bytes).display().si(), ByteSize(rate).display().si());
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("received", received)
}
