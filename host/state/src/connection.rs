//! Opening a database that anybody may have written, and how long its statements may take.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use clock::Stopwatch;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::StateError;

/// How long a statement waits for another process's transaction; ours last milliseconds.
const BUSY: Duration = Duration::from_secs(30);
/// The same once the run has to end.
const BUSY_AT_THE_END: Duration = Duration::from_secs(1);
/// How long a statement may compute once the run has to end.
const COMPUTING_AT_THE_END: Duration = Duration::from_secs(1);
/// How many steps of SQLite's machine go between two looks at that.
const STEPS: i32 = 10_000;
/// Longest value that is read or written, in bytes; a row as a whole has the same limit.
const MAX_VALUE: i32 = 1 << 20;
/// Most memory that SQLite takes for all connections together, in bytes: what is in a database's schema is read whole.
const MAX_HEAP: i64 = 64 << 20;
/// How often a waiting statement looks again.
const PAUSE: Duration = Duration::from_millis(5);

/// Whether the run has to end.
static ENDING: AtomicBool = AtomicBool::new(false);
/// How often anything waited since then.
static PAUSES_AT_THE_END: AtomicU32 = AtomicU32::new(0);

/// The run has to end soon: from now on nothing waits long for another process.
pub fn hurry() {
    ENDING.store(true, Ordering::Relaxed);
}

pub(super) fn wait_for_others(times: i32) -> bool {
    std::thread::sleep(PAUSE);
    if ENDING.load(Ordering::Relaxed) {
        // All statements together, since one after the other may have to wait.
        let paused = PAUSES_AT_THE_END.fetch_add(1, Ordering::Relaxed);
        return PAUSE.saturating_mul(paused) < BUSY_AT_THE_END;
    }
    PAUSE.saturating_mul(times.unsigned_abs()) < BUSY
}

/// Whether whoever asks the state has to come to an end.
pub fn has_to_hurry() -> bool {
    ENDING.load(Ordering::Relaxed)
}

/// Whether a statement has to stop: a database may be made so that one has no end.
fn has_to_stop() -> bool {
    static SINCE: OnceLock<Stopwatch> = OnceLock::new();
    ENDING.load(Ordering::Relaxed) && SINCE.get_or_init(Stopwatch::start).elapsed() > COMPUTING_AT_THE_END
}

/// Open the database, which is as foreign as anything that others may have written: it runs no code of its own, and
/// nothing in it is larger than what the host would write.
pub(super) fn connect(path: &Path, more: OpenFlags) -> Result<Connection, StateError> {
    for side in ["", "-journal", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(side);
        // Opening a pipe would wait for whoever writes into it, and cannot be interrupted.
        if std::fs::symlink_metadata(&name).is_ok_and(|found| !found.is_file()) {
            let name = Path::new(&name).file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Err(StateError::NoFile(name));
        }
    }
    let writing = if more.contains(OpenFlags::SQLITE_OPEN_READ_ONLY) {
        OpenFlags::empty()
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    };
    let flags = writing | OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags | more)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE)?;
    connection.pragma_update(None, "hard_heap_limit", MAX_HEAP)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // The host's own tables have none.
    connection.pragma_update(None, "ignore_check_constraints", true)?;
    // On macOS a sync leaves in the disk's own memory what it does not forbid; elsewhere this says nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.progress_handler(STEPS, Some(has_to_stop))?;
    connection.busy_handler(Some(wait_for_others))?;
    Ok(connection)
}
