//! The reference's answers, as tables: each line was evaluated by `airbyte-cdk` 7.39.1, and by the libraries that it
//! uses: CPython 3.11, Jinja 3.1.6, dpath 2.2.0, isodate 0.6.1, dateutil 2.9.0 and orjson.

mod answers;
mod hostile;
mod templates;
mod traps;
