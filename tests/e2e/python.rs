//! What other languages make and read: a Python component, and Python's and DuckDB's readers.
