//! Macros that write a formatted line to the run's log.

/// Write a line for the person who looks closely; it takes what `format!` takes.
#[macro_export]
macro_rules! debug {
    ($($argument:tt)+) => { $crate::run::log($crate::run::Level::Debug, &::std::format!($($argument)+)) };
}

/// Write a line that says how the run goes; it takes what `format!` takes.
#[macro_export]
macro_rules! info {
    ($($argument:tt)+) => { $crate::run::log($crate::run::Level::Info, &::std::format!($($argument)+)) };
}

/// Write a line about something that somebody should look at; it takes what `format!` takes.
#[macro_export]
macro_rules! warn {
    ($($argument:tt)+) => { $crate::run::log($crate::run::Level::Warn, &::std::format!($($argument)+)) };
}
