//! `landing:extractor/run`: the run in progress.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use wasmtime::component::{Accessor, HasSelf};

use super::{ENTRY, HostFailed};
use crate::Guest;
use crate::bindings::landing::extractor::{run, zone};
use rules::domain::{Fault, Level};

/// Longest cursor, and longest value, in bytes.
const MAX_CURSOR: usize = 4096;
/// Longest key of a value, in bytes.
const MAX_KEY: usize = 256;
/// Most keys that are given at once.
const MAX_KEYS: usize = 1000;
/// Most random bytes at once.
const MAX_RANDOM: u32 = 64 * 1024;

fn date(date: Date) -> zone::Date {
    zone::Date { year: date.year().unsigned_abs(), month: date.month().unsigned_abs(), day: date.day().unsigned_abs() }
}

impl run::Host for Guest {
    fn name(&mut self) -> wasmtime::Result<String> {
        Ok(self.services.name())
    }

    fn backfill(&mut self) -> wasmtime::Result<Option<run::Window>> {
        let window = self.services.backfill();
        Ok(window.map(|window| run::Window { start: date(window.start), end: date(window.end) }))
    }

    fn started_at(&mut self) -> wasmtime::Result<u64> {
        Ok(self.services.started_at())
    }

    fn param(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.services.param(&name))
    }

    fn params(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.services.params())
    }

    fn has_secret(&mut self, name: String) -> wasmtime::Result<bool> {
        Ok(self.services.has_secret(&name))
    }

    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.services.now())
    }

    fn random_bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        if count > MAX_RANDOM {
            return Err(refused(format!("it asked for {count} random bytes, and the limit is {MAX_RANDOM}")));
        }
        let mut bytes = vec![0; count as usize];
        self.services.randomise(&mut bytes).map_err(HostFailed)?;
        Ok(bytes)
    }

    fn set_value(&mut self, key: String, value: Option<String>) -> wasmtime::Result<()> {
        check_key(&key)?;
        let length = value.as_ref().map_or(0, String::len);
        if length > MAX_CURSOR {
            return Err(refused(format!("a value is {length} bytes long, and the limit is {MAX_CURSOR}")));
        }
        for text in [Some(&key), value.as_ref()].into_iter().flatten() {
            self.services.may_record("value", text).map_err(HostFailed)?;
        }
        let held = self.budgets.hold(key.len() + length + ENTRY)?;
        self.services.set_value(key, value, held);
        Ok(())
    }

    fn cursor(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.services.cursor())
    }

    fn progress(&mut self, done: u64, total: Option<u64>) -> wasmtime::Result<()> {
        self.services.progress(done, total);
        Ok(())
    }

    fn log(&mut self, level: run::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            run::Level::Trace => Level::Trace,
            run::Level::Debug => Level::Debug,
            run::Level::Info => Level::Info,
            run::Level::Warn => Level::Warn,
            run::Level::Error => Level::Error,
        };
        self.log.write(level, &message);
        Ok(())
    }
}

fn refused(reason: String) -> wasmtime::Error {
    HostFailed(Fault::new(reason)).into()
}

fn check_key(key: &str) -> wasmtime::Result<()> {
    match key.len() {
        1..=MAX_KEY => Ok(()),
        length => Err(refused(format!("a key of a value has {length} bytes, and may have 1 to {MAX_KEY}"))),
    }
}

impl<T: 'static> run::HostWithStore<T> for HasSelf<Guest> {
    async fn wait(accessor: &Accessor<T, Self>, milliseconds: u64) -> wasmtime::Result<()> {
        let services = accessor.with(|mut access| Arc::clone(&access.get().services));
        services.wait(Duration::from_millis(milliseconds)).await;
        Ok(())
    }

    async fn value(accessor: &Accessor<T, Self>, key: String) -> wasmtime::Result<Option<String>> {
        check_key(&key)?;
        let services = accessor.with(|mut access| Arc::clone(&access.get().services));
        Ok(services.value(key).await.map_err(HostFailed)?)
    }

    async fn keys(
        accessor: &Accessor<T, Self>,
        prefix: String,
        after: Option<String>,
    ) -> wasmtime::Result<Vec<String>> {
        let services = accessor.with(|mut access| Arc::clone(&access.get().services));
        Ok(services.keys(prefix, after, MAX_KEYS).await.map_err(HostFailed)?)
    }

    async fn checkpoint(accessor: &Accessor<T, Self>, cursor: Option<String>) -> wasmtime::Result<()> {
        let length = cursor.as_ref().map_or(0, String::len);
        if length > MAX_CURSOR {
            return Err(refused(format!("the cursor is {length} bytes long, and the limit is {MAX_CURSOR}")));
        }
        let services = accessor.with(|mut access| Arc::clone(&access.get().services));
        if let Some(cursor) = &cursor {
            services.may_record("cursor", cursor).map_err(HostFailed)?;
        }
        Ok(services.checkpoint(cursor).await.map_err(HostFailed)?)
    }
}
