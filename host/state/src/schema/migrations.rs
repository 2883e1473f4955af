//! The steps from an empty database to the newest one. None is edited once it is released.

/// `extraction_runs` has these ten columns and no others: users query it, and the original may have made it.
pub(super) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE IF NOT EXISTS extraction_runs (
    run_id        INTEGER PRIMARY KEY AUTOINCREMENT,
    extractor     TEXT    NOT NULL,
    started_at    TEXT    NOT NULL,
    finished_at   TEXT,
    status        TEXT    NOT NULL DEFAULT 'running',
    files_written INTEGER NOT NULL DEFAULT 0,
    files_skipped INTEGER NOT NULL DEFAULT 0,
    bytes_written INTEGER NOT NULL DEFAULT 0,
    cursor_value  TEXT,
    error_message TEXT
);

-- Files of a source. Where one was found and not read yet, sha256 is NULL and fingerprint is what its name tells.
CREATE TABLE landed_files (
    path        TEXT PRIMARY KEY,
    source      TEXT NOT NULL,
    sha256      BLOB,
    fingerprint TEXT,
    size        INTEGER,
    stored_size INTEGER NOT NULL,
    url         TEXT,
    run_id      INTEGER
) WITHOUT ROWID;
CREATE INDEX landed_files_by_digest ON landed_files (source, sha256);
CREATE INDEX landed_files_unread ON landed_files (source, fingerprint) WHERE sha256 IS NULL;

-- Sources whose directory was listed once, so that landed_files knows all of it.
CREATE TABLE indexed_sources (
    source TEXT PRIMARY KEY,
    run_id INTEGER
) WITHOUT ROWID;

-- Which extractors append to a source.
CREATE TABLE source_users (
    source    TEXT NOT NULL,
    extractor TEXT NOT NULL,
    PRIMARY KEY (source, extractor)
) WITHOUT ROWID;

-- The validators that came with a resource last, the URL that sent them, and the file that they stand for.
CREATE TABLE validators (
    source        TEXT NOT NULL,
    resource      TEXT NOT NULL,
    url           TEXT NOT NULL,
    etag          BLOB,
    last_modified BLOB,
    path          TEXT NOT NULL,
    PRIMARY KEY (source, resource)
) WITHOUT ROWID;

-- Every entity tag that a resource ever had from a URL, and the file that it stands for.
CREATE TABLE resource_tags (
    source   TEXT NOT NULL,
    resource TEXT NOT NULL,
    url      TEXT NOT NULL,
    etag     BLOB NOT NULL,
    path     TEXT NOT NULL,
    PRIMARY KEY (source, resource, url, etag)
) WITHOUT ROWID;

-- Durable cursors; period is '' for the newest data, else the backfill window.
CREATE TABLE cursors (
    extractor TEXT NOT NULL,
    period    TEXT NOT NULL,
    value     TEXT NOT NULL,
    run_id    INTEGER NOT NULL,
    PRIMARY KEY (extractor, period)
) WITHOUT ROWID;

INSERT INTO cursors (extractor, period, value, run_id)
    SELECT extractor, '', cursor_value, max(run_id) FROM extraction_runs
     WHERE status = 'success' AND cursor_value IS NOT NULL GROUP BY extractor;
",
    "
-- What was used of each budget and what was allowed: a JSON object by the budget's name.
CREATE TABLE run_budgets (
    run_id  INTEGER PRIMARY KEY,
    budgets TEXT NOT NULL
);
",
    "
-- A 200 is recognised by the newest tag alone, which `validators` has.
DROP TABLE resource_tags;

-- Where a redirect led to the URL that sent them, its query is not kept: it may be a signature.
UPDATE validators SET url = substr(url, 1, instr(url, '?') - 1)
 WHERE instr(url, '?') > 0 AND resource <> url AND substr(resource, 1, length(url) + 1) <> url || '#';

-- Whose runs are dead is asked at every start, and does not depend on how many ended.
CREATE INDEX extraction_runs_running ON extraction_runs (extractor) WHERE status = 'running';

-- The window of a run that was a backfill; the others have no row.
CREATE TABLE run_windows (
    run_id INTEGER PRIMARY KEY,
    period TEXT NOT NULL
);
",
    "
-- What extractors keep beside a cursor, of the same extractor and period, written with it.
CREATE TABLE cursor_values (
    extractor TEXT NOT NULL,
    period    TEXT NOT NULL,
    key       TEXT NOT NULL,
    value     TEXT NOT NULL,
    run_id    INTEGER NOT NULL,
    PRIMARY KEY (extractor, period, key)
) WITHOUT ROWID;

-- Of which resource an extractor made files, the validators that it came with, and a digest of component and parameters.
CREATE TABLE derivations (
    source        TEXT NOT NULL,
    extractor     TEXT NOT NULL,
    resource      TEXT NOT NULL,
    url           TEXT NOT NULL,
    etag          BLOB,
    last_modified BLOB,
    maker         BLOB NOT NULL,
    PRIMARY KEY (source, extractor, resource)
) WITHOUT ROWID;

-- The files that were made of it.
CREATE TABLE derived_files (
    source    TEXT NOT NULL,
    extractor TEXT NOT NULL,
    resource  TEXT NOT NULL,
    path      TEXT NOT NULL,
    PRIMARY KEY (source, extractor, resource, path)
) WITHOUT ROWID;
",
    "
-- Every change of what a resource stands for: the files that hold it from then on. What an extractor made of it is apart
-- from what was mirrored, whose extractor is ''.
CREATE TABLE resource_changes (
    source     TEXT    NOT NULL,
    resource   TEXT    NOT NULL,
    extractor  TEXT    NOT NULL,
    change     INTEGER NOT NULL,
    path       TEXT    NOT NULL,
    run_id     INTEGER NOT NULL,
    changed_at TEXT    NOT NULL,
    PRIMARY KEY (source, resource, extractor, change, path)
) WITHOUT ROWID;
CREATE INDEX resource_changes_by_path ON resource_changes (path);

INSERT INTO resource_changes (source, resource, extractor, change, path, run_id, changed_at)
    SELECT v.source, v.resource, '', 1, v.path, coalesce(f.run_id, 0), coalesce(r.started_at, '')
      FROM validators v JOIN landed_files f ON f.path = v.path LEFT JOIN extraction_runs r ON r.run_id = f.run_id;
INSERT INTO resource_changes (source, resource, extractor, change, path, run_id, changed_at)
    SELECT d.source, d.resource, d.extractor, 1, d.path, coalesce(f.run_id, 0), coalesce(r.started_at, '')
      FROM derived_files d JOIN landed_files f ON f.path = d.path LEFT JOIN extraction_runs r ON r.run_id = f.run_id;

-- For readers, and never asked by the host: the files that hold what each resource stands for now, and those that
-- extractors made of nothing that can be asked for again.
CREATE VIEW IF NOT EXISTS current_files AS
    SELECT c.source, c.path, c.resource, c.changed_at AS since, c.run_id, lower(hex(f.sha256)) AS sha256, f.size, f.stored_size
      FROM resource_changes c JOIN landed_files f ON f.path = c.path
     WHERE c.change = (SELECT max(l.change) FROM resource_changes l
                        WHERE l.source = c.source AND l.resource = c.resource AND l.extractor = c.extractor)
    UNION ALL
    SELECT f.source, f.path, NULL, r.started_at, f.run_id, lower(hex(f.sha256)), f.size, f.stored_size
      FROM landed_files f LEFT JOIN extraction_runs r ON r.run_id = f.run_id
     WHERE f.run_id IS NOT NULL AND f.url IS NULL
       AND NOT EXISTS (SELECT 1 FROM resource_changes c WHERE c.path = f.path);

-- Which files a run landed.
CREATE INDEX landed_files_by_run ON landed_files (run_id);

-- What ran, what it was granted, and how it ended: a JSON object.
CREATE TABLE run_details (
    run_id  INTEGER PRIMARY KEY,
    details TEXT NOT NULL
);

-- What was said in a run, where something was.
CREATE TABLE run_logs (
    run_id INTEGER PRIMARY KEY,
    log    TEXT NOT NULL
);

-- The last time that somebody was told of something, and what became of that; run_id is 0 where no run was told of.
CREATE TABLE notices (
    extractor TEXT    NOT NULL,
    event     TEXT    NOT NULL,
    target    TEXT    NOT NULL,
    told_at   TEXT    NOT NULL,
    run_id    INTEGER NOT NULL,
    error     TEXT,
    PRIMARY KEY (extractor, event, target)
) WITHOUT ROWID;
",
    "
-- Contents that were not as expected, the run that met each last, and what would name it if it landed.
CREATE TABLE quarantined (
    path        TEXT PRIMARY KEY,
    source      TEXT NOT NULL,
    sha256      BLOB NOT NULL,
    size        INTEGER NOT NULL,
    stored_size INTEGER NOT NULL,
    day         TEXT NOT NULL,
    etag        BLOB,
    url         TEXT,
    code        TEXT NOT NULL,
    reason      TEXT NOT NULL,
    extractor   TEXT NOT NULL,
    run_id      INTEGER,
    times       INTEGER NOT NULL
) WITHOUT ROWID;
",
    "
-- Files that somebody had erased: what they were, and why. Their content does not land again in their source.
CREATE TABLE erased (
    path        TEXT PRIMARY KEY,
    source      TEXT NOT NULL,
    sha256      BLOB NOT NULL,
    size        INTEGER,
    stored_size INTEGER NOT NULL,
    url         TEXT,
    run_id      INTEGER,
    reason      TEXT NOT NULL,
    erased_at   TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX erased_by_digest ON erased (source, sha256);
",
    "
-- More views for readers, and never asked by the host. The newest run of each extractor that was no backfill, when one
-- succeeded last, and how many failed since.
CREATE VIEW IF NOT EXISTS latest_runs AS
    SELECT r.extractor, r.run_id, r.started_at, r.finished_at, r.status, r.files_written, r.files_skipped, r.bytes_written,
           r.cursor_value, r.error_message, s.started_at AS last_success,
           (SELECT count(*) FROM extraction_runs f
             WHERE f.run_id > coalesce(s.run_id, 0) AND f.extractor = r.extractor AND f.status = 'failed'
               AND f.run_id NOT IN (SELECT run_id FROM run_windows)) AS failures_since
      FROM (SELECT max(run_id) AS newest, max(CASE status WHEN 'success' THEN run_id END) AS success
              FROM extraction_runs WHERE run_id NOT IN (SELECT run_id FROM run_windows) GROUP BY extractor) n
      JOIN extraction_runs r ON r.run_id = n.newest
      LEFT JOIN extraction_runs s ON s.run_id = n.success;

-- What there is of each source, when its last file landed, and when what it holds changed last.
CREATE VIEW IF NOT EXISTS source_totals AS
    SELECT f.source, count(*) AS files, sum(f.size) AS size, sum(f.stored_size) AS stored_size,
           max(r.started_at) AS last_landed,
           (SELECT max(c.changed_at) FROM resource_changes c WHERE c.source = f.source) AS last_change
      FROM landed_files f LEFT JOIN extraction_runs r ON r.run_id = f.run_id GROUP BY f.source;

-- What each extractor did on each day of UTC.
CREATE VIEW IF NOT EXISTS daily_runs AS
    SELECT substr(started_at, 1, 10) AS day, extractor, count(*) AS runs, sum(status = 'failed') AS failed,
           sum(files_written) AS files_written, sum(files_skipped) AS files_skipped, sum(bytes_written) AS bytes_written
      FROM extraction_runs GROUP BY day, extractor;

-- What each resource stood for, from when until when.
CREATE VIEW IF NOT EXISTS resource_history AS
    SELECT c.source, c.resource, nullif(c.path, '') AS path, c.changed_at AS since,
           (SELECT n.changed_at FROM resource_changes n
             WHERE n.source = c.source AND n.resource = c.resource AND n.extractor = c.extractor AND n.change > c.change
             ORDER BY n.change LIMIT 1) AS until,
           c.run_id, lower(hex(f.sha256)) AS sha256, f.size, f.stored_size
      FROM resource_changes c LEFT JOIN landed_files f ON f.path = c.path;
",
    "
-- Who holds the state, where it is an object of an object store; empty on a disk, where locks say so.
CREATE TABLE lease (
    holder   TEXT NOT NULL,
    token    INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    seconds  INTEGER NOT NULL
);
",
];
