#!/usr/bin/env python3
"""Land URLs as the Python extractor did that `host` grew out of. `cargo bench` compares the two.

    extract.py LANDING SOURCE URL...

With an ETag the file is {source}/{year}/{month}/{etag}.csv.gz. If it exists, the body is not read.
Without one it is {source}/{year}/{date}_{sha256[:8]}.csv.gz. If it exists, nothing is written.
Each run is one row in LANDING/.state.sqlite.

What is as it was: one URL after the other, each body whole in memory, `gzip.compress` at its default level, which
is 9 (`host` uses 6), a temporary file that is renamed, no sync but those of SQLite, and no conditional requests.

What is kinder to this script than it has to be: it needs nothing beyond the standard library, so that it starts as
fast as Python can, and it keeps one connection to each origin open. After a body that it does not read it has to
connect again.
"""

import gzip
import hashlib
import http.client
import os
import sqlite3
import sys
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

TABLE = """
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
)
"""


def utc_now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Connections:
    """One open connection for each origin."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def get(self, url: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        parts = urlsplit(url)
        origin = (parts.scheme, parts.netloc)
        if origin not in self.open:
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            self.open[origin] = kind(parts.netloc, timeout=60)
        connection = self.open[origin]
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"{url}: status {response.status}")
        return connection, response


def write_gzip(path: Path, content: bytes) -> int:
    """Write the file under another name first, so that nobody sees half of it; its size."""
    packed = gzip.compress(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(packed)
    os.replace(temporary, path)
    return len(packed)


def land(connections: Connections, source: Path, url: str) -> int | None:
    """The bytes that were written for a URL; `None` if its content is there already."""
    connection, response = connections.get(url)
    today = datetime.now(timezone.utc)
    etag = response.headers.get("ETag", "").removeprefix("W/").strip('"').replace("/", "_")
    if etag:
        path = source / f"{today:%Y}" / f"{today:%m}" / f"{etag}.csv.gz"
        if path.exists():
            connection.close()
            return None
        return write_gzip(path, response.read())
    content = response.read()
    digest = hashlib.sha256(content).hexdigest()
    path = source / f"{today:%Y}" / f"{today:%Y-%m-%d}_{digest[:8]}.csv.gz"
    return None if path.exists() else write_gzip(path, content)


def main() -> None:
    landing, source, *urls = sys.argv[1:]
    directory = Path(landing)
    directory.mkdir(parents=True, exist_ok=True)
    state = sqlite3.connect(directory / ".state.sqlite")
    state.execute(TABLE)
    started = (source, utc_now())
    run_id = state.execute("INSERT INTO extraction_runs (extractor, started_at) VALUES (?, ?)", started).lastrowid
    state.commit()

    connections = Connections()
    written = skipped = size = 0
    status, message = "success", None
    try:
        for url in urls:
            stored = land(connections, directory / source, url)
            written += stored is not None
            skipped += stored is None
            size += stored or 0
    except Exception as error:
        status, message = "failed", str(error)
    state.execute(
        "UPDATE extraction_runs SET finished_at = ?, status = ?, files_written = ?, files_skipped = ?,"
        " bytes_written = ?, error_message = ? WHERE run_id = ?",
        (utc_now(), status, written, skipped, size, message, run_id),
    )
    state.commit()
    print(f"{status}: {written} new ({size} bytes), {skipped} unchanged")
    if message:
        sys.exit(message)


if __name__ == "__main__":
    main()
