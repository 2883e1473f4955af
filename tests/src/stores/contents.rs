//! What the objects of a landing zone are, and whether they are in order.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Deref;

use flate2::read::MultiGzDecoder;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// The object that has the state of an extractor.
pub(super) fn state_of(name: &str) -> String {
    format!(".state/{name}.sqlite.gz")
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    MultiGzDecoder::new(packed).read_to_end(&mut content).ok().map(|_| content)
}

fn is_hidden(path: &str) -> bool {
    path.starts_with('.')
}

pub(super) fn landed(objects: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let landed = objects.iter().filter(|(path, _)| !is_hidden(path));
    landed
        .map(|(path, packed)| (path.clone(), unpack(packed).unwrap_or_else(|| panic!("{path} is not whole"))))
        .collect()
}

/// A state, as a database of its own.
pub struct Database {
    connection: Connection,
    _directory: TempDir,
}

impl Deref for Database {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

pub(super) fn database(packed: &[u8]) -> Database {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("state.sqlite");
    std::fs::write(&path, unpack(packed).expect("a whole state")).expect("a file");
    Database { connection: Connection::open(path).expect("a database"), _directory: directory }
}

pub(super) fn wrong(objects: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut found = BTreeMap::new();
    for (path, packed) in objects.iter().filter(|(path, _)| !is_hidden(path)) {
        match unpack(packed) {
            Some(content) => drop(found.insert(path.clone(), (hex(&content), packed.len() as u64))),
            None => wrong.push(format!("{path} is not whole")),
        }
    }
    for (path, packed) in objects.iter().filter(|(path, _)| path.ends_with(".sqlite.gz")) {
        for (file, digest, size) in recorded(&database(packed)) {
            if found.get(&file) != Some(&(digest, size)) {
                wrong.push(format!("{path} records {file}, of which there is {:?}", found.get(&file)));
            }
        }
    }
    wrong
}

/// Path, digest and size of each file that a state knows and that was read.
fn recorded(state: &Connection) -> Vec<(String, String, u64)> {
    let sql = "SELECT path, lower(hex(sha256)), stored_size FROM landed_files WHERE sha256 IS NOT NULL";
    let mut statement = state.prepare(sql).expect(sql);
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    statement.query_map([], row).expect(sql).map(|row| row.expect(sql)).collect()
}

fn hex(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
